/* SPDX-License-Identifier: MIT */
/* The local APIC's registers: SDM volume 3, 10.4 (xAPIC), 10.6 (IPIs), 10.12 (x2APIC). */
#include "smp/apic.h"

#include <stddef.h>

#include "cpu/verdict.h"
#include "cpu/features.h"
#include "cpu/paging.h"
#include "cpu/percpu.h"
#include "cpu/vectors.h"
#include "cpu/x86.h"
#include "lib/mmio.h"

#define SVR_ENABLE (1u << 8)
#define LVT_DELIVERY (7u << 8)
#define LVT_SMI (2u << 8)
#define LVT_NMI (4u << 8)
#define LVT_PERIODIC (1u << 17)
#define ICR_PENDING (1u << 12)
#define ICR_NMI (4u << 8)
#define ICR_INIT (5u << 8)
#define ICR_STARTUP (6u << 8)
#define ICR_ASSERT (1u << 14)
#define TIMER_DIVIDE_BY_1 0xb
#define XAPIC_IDS 255           /* 0xff is the broadcast id */
#define ICR_PATIENCE 1000000    /* reads; each takes an uncached access */

bool apic_x2apic;
static volatile uint8_t *const registers = (volatile uint8_t *)APIC_REGISTERS;
static uint32_t firmware_thermal; /* firmware's entry for the thermal interrupt, where that is an
                                     SMI */

uint32_t apic_read(enum apic_register reg)
{
    return apic_x2apic ? (uint32_t)read_msr(MSR_X2APIC(reg)) : mmio_in(registers + reg, 4);
}

void apic_write(enum apic_register reg, uint32_t value)
{
    if (apic_x2apic)
        write_msr(MSR_X2APIC(reg), value);
    else
        mmio_out(registers + reg, 4, value);
}

bool apic_has(enum apic_register first, unsigned vector)
{
    return apic_read(first + vector / 32 * 16) >> vector % 32 & 1;
}

/* x2APIC mode is entered from xAPIC mode alone (10.12.5). */
static void enter_mode(void)
{
    uint64_t base = read_msr(MSR_APIC_BASE) | APIC_BASE_ENABLE;

    write_msr(MSR_APIC_BASE, base);
    if (apic_x2apic)
        write_msr(MSR_APIC_BASE, base | APIC_BASE_X2APIC);
}

const char *apic_init(const struct machine_topology *topology, bool x2apic)
{
    uint64_t base = read_msr(MSR_APIC_BASE);
    bool needed = x2apic;

    if (x2apic && !cpu_features.x2apic)
        return "'apic=x2apic': this CPU has no x2APIC mode";
    for (unsigned i = 0; i < topology->cpu_count; i++)
        needed |= topology->cpus[i].apic_id >= XAPIC_IDS;
    if (!(base & APIC_BASE_ENABLE) && (base & APIC_BASE_X2APIC))
        return "the local APIC is in a state that the manual does not allow";
    apic_x2apic = base & APIC_BASE_X2APIC || (needed && cpu_features.x2apic);
    if (!apic_x2apic && !paging_map(APIC_REGISTERS, topology->lapic_address, PAGE_DEVICE))
        return "no memory to map the local APIC";
    enter_mode();
    return NULL;
}

bool apic_reaches(uint32_t apic_id)
{
    return apic_x2apic || apic_id < XAPIC_IDS;
}

const char *apic_mode(void)
{
    return apic_x2apic ? "x2apic" : "xapic";
}

uint32_t apic_read_id(void)
{
    return apic_x2apic ? apic_read(APIC_ID) : apic_read(APIC_ID) >> 24;
}

/* The MADT names processors by their ACPI uid; all of them have this mask when it names none. */
static bool pin_is_nmi(const struct machine_topology *topology, unsigned lint)
{
    uint32_t uid = MADT_ALL_PROCESSORS;

    for (unsigned i = 0; i < topology->cpu_count; i++)
        if (topology->cpus[i].apic_id == this_cpu->apic_id)
            uid = topology->cpus[i].processor_uid;
    for (unsigned i = 0; i < topology->nmi_count; i++) {
        const struct madt_nmi *nmi = &topology->nmis[i];
        if (nmi->lint == lint &&
            (nmi->processor_uid == uid || nmi->processor_uid == MADT_ALL_PROCESSORS))
            return true;
    }
    return false;
}

static unsigned highest_lvt(void)
{
    return apic_read(APIC_VERSION) >> 16 & 0xff;
}

bool apic_has_thermal(void)
{
    return cpu_features.thermal_monitor && highest_lvt() >= 5 && !firmware_thermal;
}

/* Firmware may keep the thermal interrupt to itself. Only the boot CPU's entry shows it, since INIT
 * has reset the others'. They are given the same entry. */
static uint32_t thermal_entry(void)
{
    uint32_t found = apic_read(APIC_LVT_THERMAL);

    if (this_cpu->index == 0 && (found & LVT_DELIVERY) == LVT_SMI)
        firmware_thermal = found;
    if (firmware_thermal)
        return firmware_thermal;
    return apic_has_thermal() ? VECTOR_THERMAL : APIC_LVT_MASKED;
}

/* The entries that not every APIC has. */
static void enable_rare_entries(void)
{
    if (highest_lvt() >= 4)
        apic_write(APIC_LVT_PERFORMANCE, APIC_LVT_MASKED);
    if (highest_lvt() >= 5)
        apic_write(APIC_LVT_THERMAL, thermal_entry());
    if (highest_lvt() >= 6)
        apic_write(APIC_LVT_CMCI, VECTOR_CMCI);
}

void apic_enable(const struct machine_topology *topology)
{
    enter_mode();
    apic_write(APIC_SVR, SVR_ENABLE | VECTOR_SPURIOUS);
    write_cr8(CR8_NO_EXCEPTIONS);
    apic_write(APIC_LVT_TIMER, APIC_LVT_MASKED | VECTOR_TIMER);
    enable_rare_entries();
    apic_write(APIC_LVT_LINT0, pin_is_nmi(topology, 0) ? LVT_NMI : APIC_LVT_MASKED);
    apic_write(APIC_LVT_LINT1, pin_is_nmi(topology, 1) ? LVT_NMI : APIC_LVT_MASKED);
    apic_write(APIC_LVT_ERROR, VECTOR_APIC_ERROR);
    apic_write(APIC_TIMER_DIVIDE, TIMER_DIVIDE_BY_1);
    apic_take_errors();
}

/* Reported once: each later sending may be lost as well. */
static __attribute__((cold, noinline)) void tell_stuck(void)
{
    static bool told;

    if (!__atomic_exchange_n(&told, true, __ATOMIC_RELAXED))
        check_failed(CHECK_HARDWARE, "APIC", "the ICR's delivery status stays set: what this CPU "
                     "sends does not leave its APIC");
}

/* False: it does not become idle. */
static inline bool icr_is_idle(void)
{
    for (unsigned i = 0; i < ICR_PATIENCE; i++) {
        if (!(mmio_in(registers + APIC_ICR_LOW, 4) & ICR_PENDING))
            return true;
        cpu_relax();
    }
    return false;
}

static inline void write_icr(uint32_t destination, uint32_t command)
{
    mmio_out(registers + APIC_ICR_HIGH, 4, destination << 24);
    mmio_out(registers + APIC_ICR_LOW, 4, command);
}

/* Sends all the same, since the status alone may be wrong. A tail call, so apic_send saves no
 * registers. */
static __attribute__((cold, noinline)) void send_stuck(uint32_t destination, uint32_t command,
                                                       uint64_t flags)
{
    tell_stuck();
    write_icr(destination, command);
    interrupts_restore(flags);
}

/* The xAPIC's ICR takes two writes, and an interrupt handler that sends must not come between them.
 * In x2APIC mode it takes one WRMSR, which is not serialising: the fences make earlier stores
 * visible first (10.12.3). */
void apic_send(uint32_t destination, uint32_t command)
{
    if (apic_x2apic) {
        __asm__ volatile("mfence; lfence" : : : "memory");
        write_msr(MSR_X2APIC(APIC_ICR_LOW), (uint64_t)destination << 32 | command);
        return;
    }
    uint64_t flags = interrupts_save();
    if (__builtin_expect(!icr_is_idle(), 0)) {
        send_stuck(destination, command, flags);
        return;
    }
    write_icr(destination, command);
    interrupts_restore(flags);
}

volatile uint32_t *apic_aim(uint32_t apic_id)
{
    if (apic_x2apic)
        return NULL;
    if (!icr_is_idle())
        tell_stuck();
    apic_write(APIC_ICR_HIGH, apic_id << 24);
    return (volatile uint32_t *)(registers + APIC_ICR_LOW);
}

void apic_send_ipi(uint32_t apic_id, uint8_t vector)
{
    apic_send(apic_id, ICR_ASSERT | vector);
}

void apic_send_nmi(uint32_t apic_id)
{
    apic_send(apic_id, ICR_ASSERT | ICR_NMI);
}

void apic_send_nmi_to_self(void)
{
    apic_send_nmi(this_cpu->apic_id);
}

void apic_send_init(uint32_t apic_id)
{
    apic_send(apic_id, ICR_ASSERT | ICR_INIT);
}

void apic_send_startup(uint32_t apic_id, uint8_t page)
{
    apic_send(apic_id, ICR_ASSERT | ICR_STARTUP | page);
}

void apic_set_counter_nmi(bool on)
{
    if (highest_lvt() >= 4)
        apic_write(APIC_LVT_PERFORMANCE, on ? LVT_NMI : APIC_LVT_MASKED);
}

unsigned apic_in_service(void)
{
    for (unsigned word = VECTOR_COUNT / 32; word-- > 0;) {
        uint32_t bits = apic_read(APIC_ISR + word * 16);
        if (bits)
            return word * 32 + 31 - (unsigned)__builtin_clz(bits);
    }
    return 0;
}

uint32_t apic_take_errors(void)
{
    apic_write(APIC_ESR, 0);
    return apic_read(APIC_ESR);
}

void apic_timer_start(uint32_t initial_count, bool periodic)
{
    uint32_t mode = (periodic ? LVT_PERIODIC : 0) | (initial_count ? 0 : APIC_LVT_MASKED);

    apic_write(APIC_LVT_TIMER, VECTOR_TIMER | mode);
    apic_write(APIC_TIMER_INITIAL, initial_count);
}

uint32_t apic_timer_read(void)
{
    return apic_read(APIC_TIMER_CURRENT);
}
