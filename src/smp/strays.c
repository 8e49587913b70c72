/* SPDX-License-Identifier: MIT */
/* Ends, counts and reports stray interrupts: see strays.h. */
#include "smp/strays.h"

#include <stdbool.h>

#include "cpu/claim.h"
#include "cpu/percpu.h"
#include "cpu/vectors.h"
#include "cpu/x86.h"
#include "lib/report.h"
#include "smp/apic.h"
#include "smp/ioapic.h"
#include "smp/ipi.h"

/* clang-format off */
#define STRAY_IRQ_FIELDS(FIELD) \
    FIELD(number, cpu, "index of the CPU that took it") \
    FIELD(number, vector, "the interrupt vector") \
    FIELD(text, found, "in service or pending, left over from before; came; or masked") \
    FIELD(signed, gsi, "masked: the I/O APIC input that came back without end; else left out")
REPORT_RECORD(stray_irq, "a vector that nobody asked for, when a CPU meets it first",
              STRAY_IRQ_FIELDS)
/* clang-format on */

#define RETURNS_MOST 100            /* of a level-triggered input, before it is masked */

enum found {
    NOT_FOUND,
    IN_SERVICE,
    PENDING,
    CAME,
    MASKED
};

static const struct machine_topology *machine;
static uint32_t returns[VECTOR_COUNT];
static bool report_is_open;
static uint8_t found_before[VECTOR_COUNT];  /* only the boot CPU runs before the report begins */

static void report(unsigned vector, enum found found, int64_t gsi)
{
    static const char *const names[] = {[IN_SERVICE] = "in service", [PENDING] = "pending",
                                        [CAME] = "came", [MASKED] = "masked"};

    report_stray_irq(&(struct report_stray_irq){
        .cpu = cpu_index(), .vector = vector, .found = names[found], .gsi = gsi});
}

/* Each vector once a CPU. */
static void tell(unsigned vector, enum found found)
{
    uint32_t *told = &this_cpu->self->strays_told[vector / 32], bit = 1u << vector % 32;

    if (*told & bit)
        return;
    *told |= bit;
    if (report_is_open)
        report(vector, found, REPORT_UNKNOWN);
    else
        found_before[vector] = found;
}

void strays_open_report(void)
{
    uint64_t flags = interrupts_save();

    report_is_open = true;
    for (unsigned vector = 0; vector < VECTOR_COUNT; vector++)
        if (found_before[vector])
            report(vector, found_before[vector], REPORT_UNKNOWN);
    interrupts_restore(flags);
}

/* An EOI ends the most urgent interrupt: the highest vector. */
static void end_what_is_in_service(void)
{
    for (unsigned vector = VECTOR_COUNT; vector-- > 0;)
        if (apic_has(APIC_ISR, vector)) {
            count_event(EVENT_STRAY);
            tell(vector, IN_SERVICE);
            apic_eoi();
        }
}

/* A claimed vector is no stray, since another CPU may send it by now. On the boot CPU, which is
 * first, all are strays. A vector below VECTOR_FIRST_EXTERNAL never comes: TPR holds it back. */
void strays_look(void)
{
    end_what_is_in_service();
    for (unsigned vector = 0; vector < VECTOR_COUNT; vector++)
        if (apic_has(APIC_IRR, vector) &&
            (cpu_index() == 0 || !vector_is_claimed(vector))) {
            if (vector < VECTOR_FIRST_EXTERNAL)
                count_event(EVENT_STRAY);
            tell(vector, PENDING);
        }
}

/* The input is masked before the EOI, or the interrupt would be back by then. */
static void mask_if_it_returns(unsigned vector)
{
    int64_t gsi;

    if (!apic_has(APIC_TMR, vector) ||
        __atomic_add_fetch(&returns[vector], 1, __ATOMIC_RELAXED) % RETURNS_MOST)
        return;
    gsi = ioapic_mask_vector(machine, vector);
    if (gsi >= 0)
        report(vector, MASKED, gsi);
}

/* An interrupt that is not in service did not come through the APIC: an INT has raised it, which is
 * a failure. */
void strays_take(struct trap_frame *frame)
{
    unsigned vector = frame->vector;

    if (!apic_has(APIC_ISR, vector))
        vector_unexpected(frame);
    count_event(EVENT_STRAY);
    tell(vector, CAME);
    mask_if_it_returns(vector);
    apic_eoi();
}

void strays_init(const struct machine_topology *topology)
{
    machine = topology;
    claim_other_vectors(strays_take);
}

static void leave_traps(void)
{
    write_cr8(CR8_NO_TRAPS);
}

void strays_leave_traps(void (*pause)(void))
{
    leave_traps();
    ipi_call_others(leave_traps, pause);
}
