/* SPDX-License-Identifier: MIT */
/* Stray interrupts: those that firmware left in service or pending, and those that a device still
 * sends. SDM volume 3, 10.8.3 to 10.8.5.
 *
 * Each is ended and counted, and its vector is reported once a CPU. A stray is no failure by
 * itself. A stray of a level-triggered input comes back for as long as its device asks, so that
 * input is masked. */
#ifndef ISTSTORM_SMP_STRAYS_H
#define ISTSTORM_SMP_STRAYS_H

#include "cpu/frame.h"
#include "smp/acpi/madt.h"

/* Takes every vector that has no claim so far, software traps' too. */
void strays_init(const struct machine_topology *topology);

/* Ends the interrupts that are in service on this CPU, and reports those that are pending, which
 * come when interrupts are on. The APIC is enabled; interrupts off. */
void strays_look(void);

/* The report has begun: reports the strays that the boot CPU has met before. Thread context. */
void strays_open_report(void);

/* On every CPU: from here on no interrupt comes on a software trap's vector, since workloads claim
 * these. Thread context; `pause` is thread_yield. */
void strays_leave_traps(void (*pause)(void));

/* For an interrupt's handler that finds the interrupt is not its own. Sends the EOI. */
void strays_take(struct trap_frame *frame);

#endif
