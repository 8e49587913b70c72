/* SPDX-License-Identifier: MIT */
/* Cross-CPU calls, and the NMIs that stop a CPU or ask it where it is. SDM volume 3, 10.6. */
#include "smp/ipi.h"

#include <stddef.h>

#include "cpu/above.h"
#include "cpu/clock.h"
#include "cpu/verdict.h"
#include "cpu/claim.h"
#include "cpu/late.h"
#include "cpu/hardware/mce.h"
#include "cpu/oops.h"
#include "cpu/patience.h"
#include "cpu/percpu.h"
#include "cpu/hardware/thermal.h"
#include "cpu/vectors.h"
#include "cpu/x86.h"
#include "lib/format.h"
#include "smp/apic.h"
#include "smp/strays.h"

#define STOP_PATIENCE_MS 2000
#define ASK_PATIENCE_MS 1000
#define ILLEGAL_VECTOR 5            /* below 16 */
#define NO_REGISTER 0x40            /* reserved, table 10-1 */

/* One call at a time for the whole machine. Calls are rare, and a queue would need proofs of its
 * own. */
static struct {
    bool taken;
    bool broken; /* one was never answered, and its late answer would be taken for the next
                    call's */
    void (*function)(void);
    bool asked[MAX_CPUS]; /* until it has answered */
} call;

static uint32_t stopped_by; /* the CPU that ends the run, its index + 1; 0: nobody yet */
static uint32_t stopped;

#define NOT_ANSWERED 1              /* no RIP: ring 0's lie in the image, ring 3's in pages */
static struct whereabouts CPU_TABLE(answers);   /* rip is written last */

void ipi_reschedule(uint32_t cpu)
{
    __atomic_store_n(&cpu_at(cpu)->need_resched, 1, __ATOMIC_RELEASE);
    apic_send_ipi(cpu_at(cpu)->apic_id, VECTOR_RESCHEDULE);
}

/* A CPU that is lost meanwhile will not run the function, so the caller need not wait for it. */
static bool wait_for_answer(uint32_t cpu, void (*pause)(void))
{
    struct patience patience = patience_with(cpu);

    while (__atomic_load_n(&call.asked[cpu], __ATOMIC_ACQUIRE) && !cpu_is_lost(cpu)) {
        if (patience_is_over(&patience))
            return cpu_is_lost(cpu);
        pause();
    }
    return true;
}

bool ipi_call_others(void (*function)(void), void (*pause)(void))
{
    while (__atomic_exchange_n(&call.taken, true, __ATOMIC_ACQUIRE))
        pause(); /* interrupts are on, so this CPU answers the call before */
    uint32_t self = cpu_index();
    if (call.broken) {
        __atomic_store_n(&call.taken, false, __ATOMIC_RELEASE);
        return false;
    }
    call.function = function;
    for (uint32_t cpu = 0; cpu < cpu_count; cpu++) {
        if (cpu == self || !cpu_at(cpu)->online)
            continue;
        __atomic_store_n(&call.asked[cpu], true, __ATOMIC_RELEASE);
        apic_send_ipi(cpu_at(cpu)->apic_id, VECTOR_CALL);
    }
    for (uint32_t cpu = 0; cpu < cpu_count; cpu++)
        call.broken |= !wait_for_answer(cpu, pause);
    __atomic_store_n(&call.taken, false, __ATOMIC_RELEASE);
    return !call.broken;
}

static void call_handler(struct trap_frame *frame)
{
    (void)frame;
    count_event(EVENT_IPI);
    if (__atomic_load_n(&call.asked[cpu_index()], __ATOMIC_ACQUIRE)) {
        call.function();
        __atomic_store_n(&call.asked[cpu_index()], false, __ATOMIC_RELEASE);
    }
    apic_eoi();
}

static void reschedule_handler(struct trap_frame *frame)
{
    (void)frame;
    count_event(EVENT_IPI);
    apic_eoi(); /* need_resched does the rest, on the way out */
}

/* inject=no-reschedule-eoi */
static void unended_handler(struct trap_frame *frame)
{
    (void)frame;
    count_event(EVENT_IPI);
}

/* By bit (SDM volume 3, 10.5.3). */
static const char *const apic_errors[8] = {
    "send checksum", "receive checksum", "nobody accepted what it sent",
    "it accepted no message", "lowest priority not supported", "illegal vector sent",
    "illegal vector received", "illegal register",
};

/* An emulator's APIC may keep errors that have been read. An error that is still there right after
 * the read is reported once. */
static uint32_t take_new_errors(void)
{
    static uint32_t kept[MAX_CPUS];
    uint32_t errors = apic_take_errors(), old = kept[cpu_index()];

    kept[cpu_index()] = errors ? apic_take_errors() : 0;
    return errors & ~old;
}

static void note_apic_errors(void)
{
    uint32_t errors = take_new_errors();
    char text[160] = "";
    size_t used = 0;

    for (unsigned bit = 0; bit < 8; bit++)
        if (errors >> bit & 1)
            used += format(text + used, sizeof(text) - used, "%s%s", used ? ", " : "",
                           apic_errors[bit]);
    if (errors) {
        count_event(EVENT_APIC_ERROR);
        check_failed(CHECK_UNEXPECTED, "APIC error", "APIC error status 0x%x: %s", errors, text);
    }
}

/* inject=apic-error. In x2APIC mode a register that is not there is #GP. */
static void make_apic_error(void)
{
    if (apic_x2apic)
        apic_send_ipi(this_cpu->apic_id, ILLEGAL_VECTOR);
    else
        apic_read(NO_REGISTER);
}

void ipi_poll_apic_errors(void)
{
    uint64_t flags = interrupts_save();

    if (inject_planted(INJECT_APIC_ERROR) && cpu_index() == inject_cpu())
        make_apic_error();
    note_apic_errors();
    interrupts_restore(flags);
}

static void apic_error_handler(struct trap_frame *frame)
{
    (void)frame;
    note_apic_errors();
    apic_eoi();
}

static void cmci_handler(struct trap_frame *frame)
{
    (void)frame;
    count_event(EVENT_CMCI);
    mce_on_cmci();
    apic_eoi();
}

static void thermal_handler(struct trap_frame *frame)
{
    (void)frame;
    count_event(EVENT_THERMAL);
    thermal_poll();
    apic_eoi();
}

/* No EOI: a spurious interrupt sets no ISR bit (SDM volume 3, 10.9). An 8259's spurious interrupt
 * sets none either. An interrupt that did set a bit is a device's. */
static void spurious_handler(struct trap_frame *frame)
{
    if (apic_has(APIC_ISR, frame->vector))
        strays_take(frame);
    else
        count_event(EVENT_SPURIOUS);
}

static _Noreturn void park(void)
{
    for (;;)
        __asm__ volatile("cli; hlt");
}

struct whereabouts ipi_whereabouts(const struct trap_frame *frame)
{
    return (struct whereabouts){.rip = frame->rip,
                                .open = frame->rflags & RFLAGS_IF,
                                .unended = this_cpu->irq_nest < 0 ? apic_in_service() : 0};
}

/* Reports nothing when it is too late: the verdict may be out. */
static _Noreturn void answer(struct whereabouts *to, const struct trap_frame *frame)
{
    struct whereabouts here = ipi_whereabouts(frame);

    if (__atomic_load_n(&to->rip, __ATOMIC_ACQUIRE) == NOT_ANSWERED)
        oops_report_frame(frame);
    to->open = here.open;
    to->unended = here.unended;
    __atomic_store_n(&to->rip, here.rip, __ATOMIC_RELEASE);
    park();
}

/* The flag is cleared before the requests are read, since a CPU that asks sets it last. */
static void nmi_asked(struct trap_frame *frame)
{
    uint32_t self = this_cpu->index, ender = __atomic_load_n(&stopped_by, __ATOMIC_ACQUIRE);

    this_cpu->nmi_asked = false;
    if (cpu_is_lost(self))
        answer(&answers[self], frame);
    if (ender != 0 && ender != self + 1) {
        __atomic_fetch_add(&stopped, 1, __ATOMIC_RELEASE);
        park();
    }
}

static void ask_by_nmi(uint32_t cpu)
{
    __atomic_store_n(&cpu_at(cpu)->nmi_asked, true, __ATOMIC_RELAXED);
    __atomic_store_n(&cpu_at(cpu)->nmi_rare, true, __ATOMIC_RELEASE);
    apic_send_nmi(cpu_at(cpu)->apic_id);
}

/* The CPU is marked lost before it is asked, so that it stays in the NMI whenever that comes. */
bool ipi_take_out(uint32_t cpu, struct whereabouts *found)
{
    uint64_t *rip = &answers[cpu].rip, unanswered = NOT_ANSWERED;
    uint64_t end = clock_ms() + ASK_PATIENCE_MS;

    if (!__atomic_exchange_n(&cpu_at(cpu)->online, false, __ATOMIC_ACQ_REL))
        return false;
    __atomic_store_n(rip, NOT_ANSWERED, __ATOMIC_RELAXED);
    __atomic_store_n(&cpu_at(cpu)->lost, true, __ATOMIC_RELEASE);
    ask_by_nmi(cpu);
    while (__atomic_load_n(rip, __ATOMIC_ACQUIRE) == NOT_ANSWERED && clock_ms() < end)
        cpu_relax_rarely();
    *found = (struct whereabouts){0};
    if (!__atomic_compare_exchange_n(rip, &unanswered, 0, false, __ATOMIC_ACQ_REL,
                                     __ATOMIC_ACQUIRE))
        *found = answers[cpu];
    return true;
}

/* Called at the end of a run that cannot go on, from any context. An NMI stops neither a dead CPU
 * nor one that is in an NMI. So the wait is bounded, and the console is seized after it all the
 * same. */
static void stop_others(void)
{
    uint32_t others = 0;
    uint64_t end = clock_ms() + STOP_PATIENCE_MS;

    __atomic_store_n(&stopped_by, cpu_index() + 1, __ATOMIC_RELEASE);
    for (uint32_t cpu = 0; cpu < cpu_count; cpu++) {
        if (cpu == cpu_index() || !cpu_at(cpu)->online)
            continue;
        others++;
        ask_by_nmi(cpu);
    }
    while (__atomic_load_n(&stopped, __ATOMIC_ACQUIRE) < others && clock_ms() < end)
        cpu_relax_rarely();
}

void ipi_init(void)
{
    claim_this_vector(VECTOR_RESCHEDULE, "reschedule",
                      inject_planted(INJECT_NO_RESCHEDULE_EOI) ? unended_handler
                                                               : reschedule_handler);
    claim_this_vector(VECTOR_CALL, "call", call_handler);
    claim_this_vector(VECTOR_APIC_ERROR, "APIC error", apic_error_handler);
    claim_this_vector(VECTOR_SPURIOUS, "spurious", spurious_handler);
    claim_this_vector(VECTOR_CMCI, "CMCI", cmci_handler);
    claim_this_vector(VECTOR_THERMAL, "thermal", thermal_handler);
    for (unsigned input = 0; input < 16; input++)
        claim_this_vector(VECTOR_PIC_FIRST + input, "PIC", spurious_handler);
    cpu_above.answer_nmi = nmi_asked;
    cpu_above.stop_others = stop_others;
}
