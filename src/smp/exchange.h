/* SPDX-License-Identifier: MIT */
/* Two CPUs exchange their times: one asks by an interrupt, the other answers. SDM volume 3, 10.6,
 * 17.17.
 *
 * The question is also a fence. When the answer has come, the other CPU has taken all that this
 * CPU's APIC sent it before, NMIs too: messages from one APIC to another keep their order, and an
 * NMI goes before an interrupt. */
#ifndef ISTSTORM_SMP_EXCHANGE_H
#define ISTSTORM_SMP_EXCHANGE_H

#include <stdbool.h>
#include <stdint.h>

/* Times, in cycles of each CPU's own clock (clock_cycles). */
struct exchange {
    int64_t asked;                  /* this CPU's */
    int64_t answered;               /* the other's */
    int64_t back;                   /* this CPU's */
};

/* Waits for the answer, calling `pause` (thread_yield) between looks. Thread context, interrupts
 * on. False: patience with that CPU is over (cpu/patience.h), or it is lost. */
bool exchange_times(uint32_t cpu, void (*pause)(void), struct exchange *exchange);

/* The same, and the other CPU moves its clock by so many cycles. */
bool exchange_move_clock(uint32_t cpu, int64_t cycles, void (*pause)(void));

/* Claims the vector. Once, before any CPU turns interrupts on. */
void exchange_init(void);

#endif
