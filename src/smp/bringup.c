/* SPDX-License-Identifier: MIT */
/* Starts the processors: SDM volume 3, 8.4.3 and 8.4.4 (the protocol), 10.6.1 (INIT and start-up
 * IPIs). */
#include "smp/bringup.h"

#include <stddef.h>

#include "cpu/clock.h"
#include "cpu/verdict.h"
#include "cpu/features.h"
#include "cpu/hardware/hidden.h"
#include "cpu/inject.h"
#include "cpu/pages.h"
#include "cpu/paging.h"
#include "cpu/percpu.h"
#include "cpu/hardware/thermal.h"
#include "lib/string.h"
#include "smp/apic.h"
#include "smp/calibrate.h"
#include "smp/memory_types.h"
#include "smp/strays.h"

#define INIT_DELAY_US 10000         /* SDM volume 3, 8.4.4.1 */
#define INT3 0xcc

/* The wait after each start-up IPI, in us, before the next goes to the processors that are not
 * alive. The first is the manual's. An AP in system-management mode takes INIT only after its RSM
 * (34.3.1), and a start-up IPI that comes before the INIT is lost. So an SMI on all CPUs loses both
 * of the manual's start-up IPIs. No SMI lasts as long as the second bound, so the third IPI comes
 * after the INIT. A start-up IPI does nothing to an AP that runs already. */
static const uint32_t startup_patience_us[] = {200, 100000, BRINGUP_PATIENCE_MS * 1000};
#define INJECT_APART_S 100          /* inject=clock-apart */

enum life {
    NOT_ASKED,
    STARTING,
    ALIVE,
    ABANDONED
};

extern const char trampoline_start[], trampoline_end[];
extern const char trampoline_hidden[], trampoline_cr3[];
void bringup_ap_main(uint32_t index);       /* called by trampoline.asm alone */

uint32_t bringup_apic_ids[MAX_CPUS];

static uint8_t life[MAX_CPUS];
static const char *ap_error[MAX_CPUS];
static uint32_t types_changed;
static const struct machine_topology *ap_topology;
static void (*ap_enter)(void);

uint32_t bringup_list(const struct machine_topology *topology, uint32_t most)
{
    uint32_t self = apic_read_id(), count = 1;

    bringup_apic_ids[0] = self;
    for (unsigned i = 0; i < topology->cpu_count && count < most && count < MAX_CPUS; i++)
        if (topology->cpus[i].apic_id != self)
            bringup_apic_ids[count++] = topology->cpus[i].apic_id;
    return count;
}

const char *bringup_self(const struct machine_topology *topology, uint32_t index)
{
    const char *wrong = percpu_load(index);

    if (wrong)
        return wrong;
    if (!paging_combines())
        return "the page attribute table";
    if (!hidden_is_shown())
        return "IA32_MISC_ENABLE";
    clock_join();
    if (inject_planted(INJECT_CLOCK_APART) && index == inject_cpu())
        clock_move(-(int64_t)clock_tsc_hz * INJECT_APART_S);
    apic_enable(topology);
    strays_look();
    thermal_enable(apic_has_thermal());
    if (apic_read_id() != bringup_apic_ids[index])
        return "the APIC's id";
    __atomic_store_n(&cpu_at(index)->online, true, __ATOMIC_RELEASE);
    return NULL;
}

static _Noreturn void park(void)
{
    for (;;)
        __asm__ volatile("cli; hlt");
}

/* The first C of an AP, on its own IRQ stack. */
void bringup_ap_main(uint32_t index)
{
    uint8_t expected = STARTING;

    if (!__atomic_compare_exchange_n(&life[index], &expected, ALIVE, false, __ATOMIC_ACQ_REL,
                                     __ATOMIC_ACQUIRE))
        park();
    paging_load();
    if (memory_types_apply())
        __atomic_fetch_add(&types_changed, 1, __ATOMIC_RELAXED);
    const char *wrong = bringup_self(ap_topology, index);
    if (wrong) {
        __atomic_store_n(&ap_error[index], wrong, __ATOMIC_RELEASE);
        park();
    }
    ap_enter();
}

/* Modern processors need no delay after INIT; the manual's 10 ms are for those that came before. */
static uint64_t init_delay_us(void)
{
    bool intel6 = strcmp(cpu_features.vendor, "GenuineIntel") == 0 && cpu_features.family == 6;
    bool amd15 = strcmp(cpu_features.vendor, "AuthenticAMD") == 0 && cpu_features.family >= 15;
    return intel6 || amd15 ? 0 : INIT_DELAY_US;
}

static void send_startups(uint8_t page)
{
    for (uint32_t cpu = 1; cpu < cpu_count; cpu++) {
        if (__atomic_load_n(&life[cpu], __ATOMIC_ACQUIRE) != STARTING)
            continue;
        if (inject_planted(INJECT_LATE_AP) && cpu == inject_cpu())
            continue;
        apic_take_errors();
        apic_send_startup(bringup_apic_ids[cpu], page);
    }
}

static void send_inits(void)
{
    for (uint32_t cpu = 1; cpu < cpu_count; cpu++) {
        if (!apic_reaches(bringup_apic_ids[cpu]))
            continue;
        life[cpu] = STARTING;
        apic_send_init(bringup_apic_ids[cpu]);
    }
    delay_us(init_delay_us());
}

static uint64_t copy_trampoline(void)
{
    uint64_t page = pages_find_low();

    if (page) {
        memset((void *)page, INT3, PAGE_SIZE);
        memcpy((void *)page, trampoline_start, trampoline_end - trampoline_start);
        memcpy((void *)(page + (trampoline_hidden - trampoline_start)), &hidden_bits,
               sizeof(hidden_bits));
        *(uint32_t *)(page + (trampoline_cr3 - trampoline_start)) = (uint32_t)paging_root;
        paging_map(page, page,
                   PTE_PRESENT | PTE_WRITE); /* executable, for the APs' step into paging */
    }
    return page;
}

static bool settled(uint32_t cpu)
{
    return cpu_at(cpu)->online || __atomic_load_n(&ap_error[cpu], __ATOMIC_ACQUIRE);
}

static bool wait_for_all(uint64_t patience_us)
{
    uint64_t end = read_tsc() + patience_us * (clock_tsc_hz / 1000000);

    for (uint32_t cpu = 1; cpu < cpu_count; cpu++)
        while (!settled(cpu)) {
            if (read_tsc() > end)
                return false;
            cpu_relax_rarely();
        }
    return true;
}

static void report_missing(uint32_t cpu)
{
    uint8_t expected = STARTING;
    const char *why = ap_error[cpu];

    if (why)
        check_failed_on(CHECK_BRINGUP, cpu, NO_STACK, 0, "start-up",
                        "APIC id %u: %s is not as it was loaded", bringup_apic_ids[cpu], why);
    else if (!apic_reaches(bringup_apic_ids[cpu]))
        check_failed_on(CHECK_BRINGUP, cpu, NO_STACK, 0, "start-up",
                        "APIC id %u needs x2APIC, which this CPU lacks", bringup_apic_ids[cpu]);
    else if (__atomic_compare_exchange_n(&life[cpu], &expected, ABANDONED, false, __ATOMIC_ACQ_REL,
                                         __ATOMIC_ACQUIRE))
        check_failed_on(CHECK_BRINGUP, cpu, NO_STACK, 0, "start-up", "APIC id %u did not come up",
                        bringup_apic_ids[cpu]);
    else
        check_failed_on(CHECK_BRINGUP, cpu, NO_STACK, 0, "start-up",
                        "APIC id %u is alive, but did not come online", bringup_apic_ids[cpu]);
}

struct bringup_result bringup_start(const struct machine_topology *topology, void (*enter)(void))
{
    struct bringup_result result = {0};

    memory_types_read();
    ap_topology = topology;
    ap_enter = enter;
    send_inits();
    uint64_t page = copy_trampoline();
    uint64_t first = read_tsc();
    for (unsigned i = 0; i < sizeof(startup_patience_us) / sizeof(startup_patience_us[0]); i++) {
        send_startups(page / PAGE_SIZE);
        if (wait_for_all(startup_patience_us[i]))
            break;
    }
    result.us = (read_tsc() - first) / (clock_tsc_hz / 1000000);
    for (uint32_t cpu = 0; cpu < cpu_count; cpu++) {
        if (cpu_at(cpu)->online)
            continue;
        result.missing++;
        report_missing(cpu);
    }
    result.online = cpu_count - result.missing;
    result.types_changed = types_changed;
    if (page && !result.missing)
        paging_map(page, page, PAGE_DATA);      /* a latecomer may still need it as it is */
    return result;
}
