/* SPDX-License-Identifier: MIT */
/* Interrupts by which CPUs call each other, and NMIs by which one stops another or asks where it
 * is. SDM volume 3, 10.6, 6.7.
 *
 * A CPU is sent NMIs only after it is online, since its IST is loaded then. */
#ifndef ISTSTORM_SMP_IPI_H
#define ISTSTORM_SMP_IPI_H

#include <stdbool.h>
#include <stdint.h>

#include "cpu/frame.h"

/* Makes the claims. Once, before any CPU turns interrupts on. */
void ipi_init(void);

/* Makes a CPU look at its run queue. Any context. */
void ipi_reschedule(uint32_t cpu);

/* Runs a function on every other online CPU, in its interrupt context, and waits until all have,
 * calling `pause` (thread_yield) between looks. Thread context, interrupts on. False: patience with
 * a CPU that did not answer is over (cpu/patience.h), and no call is possible any more. */
bool ipi_call_others(void (*function)(void), void (*pause)(void));

/* Reports errors that this CPU's APIC has logged, as failures. Now and then, on each CPU, in thread
 * or IRQ context. */
void ipi_poll_apic_errors(void);

/* Where an NMI found a CPU. */
struct whereabouts {
    uint64_t rip;                   /* 0: not even an NMI was answered */
    bool open;                      /* interrupts are on */
    unsigned unended;               /* an interrupt that is in service though no handler runs, so
                                       its EOI is missing; 0: there is none */
};

/* This CPU's, in the handler of an NMI. */
struct whereabouts ipi_whereabouts(const struct trap_frame *frame);

/* Takes a hung CPU out of the run, and asks it by NMI where it is. It reports its registers and
 * backtrace, and stays in that NMI for ever, so that it cannot come back halfway. It has a second
 * to answer. False: another CPU has taken it out. Any context. */
bool ipi_take_out(uint32_t cpu, struct whereabouts *found);

#endif
