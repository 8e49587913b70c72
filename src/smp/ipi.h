/* SPDX-License-Identifier: MIT */
/* What CPUs ask of each other by interrupt, and what they are stopped and asked by NMI. SDM volume
 * 3, 10.6, 6.7.
 *
 * A CPU is only ever sent an NMI after it is online: then its IST is armed. */
#ifndef ISTSTORM_SMP_IPI_H
#define ISTSTORM_SMP_IPI_H

#include <stdbool.h>
#include <stdint.h>

#include "cpu/frame.h"

/* Takes the vectors and the NMI. Once, before any CPU turns interrupts on. */
void ipi_init(void);

/* Makes a CPU look at its run queue. Any context. */
void ipi_reschedule(uint32_t cpu);

/* Runs a function on every other online CPU, in its interrupt context, and waits until all have,
 * calling `pause` (thread_yield) between looks. Thread context, interrupts on. False: one did not
 * answer, whose patience (cpu/patience.h) is over; no call is possible any more. */
bool ipi_call_others(void (*function)(void), void (*pause)(void));

/* Now and then, on each CPU: errors that its APIC has logged, which are faults. Thread or IRQ
 * context. */
void ipi_poll_apic_errors(void);

/* Takes a CPU that hangs out of the run, and asks it by NMI where it is: it reports its registers
 * and backtrace, and stays in that NMI for ever, so that it cannot come back halfway. `rip` becomes
 * what the NMI found, or 0: not even an NMI was answered within a second. False: another CPU has
 * taken it out. Thread or IRQ context. */
bool ipi_take_out(uint32_t cpu, uint64_t *rip);

#endif
