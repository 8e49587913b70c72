/* SPDX-License-Identifier: MIT */
/* The HPET: its counter, and its timers as NMIs to CPUs after a time. IA-PC HPET Specification
 * 1.0a, 2.3. The NMIs come through the I/O APIC, whatever the interrupt flag says. */
#ifndef ISTSTORM_SMP_HPET_H
#define ISTSTORM_SMP_HPET_H

#include <stdbool.h>
#include <stdint.h>

#include "smp/acpi/acpi.h"
#include "smp/acpi/madt.h"

/* Finds the HPET of this table (or NULL), and returns its counter's rate in Hz; 0: there is none,
 * or it does not answer. Thread context. */
uint64_t hpet_find(const struct acpi_header *table);

/* Makes the counter of an HPET that was found run. True: it stood still before. */
bool hpet_run(void);

/* Its counter's lower half. Any context. */
uint32_t hpet_count(void);

/* Takes over the HPET of this table (or NULL), with as many timers as reach an I/O APIC by inputs
 * of their own. NULL, or why it cannot. Thread context, once. */
#define HPET_TIMERS 3
const char *hpet_start(const struct acpi_header *table, const struct machine_topology *topology);
unsigned hpet_timers(void);

/* Starts the timers, or starts them anew. The first CPU gets an NMI after so many milliseconds,
 * some thousands at most, the second after twice that, and so on: one a timer. Any context; one
 * caller at a time. */
void hpet_arm(uint32_t ms, const uint32_t *apic_ids);

/* Stops the timers. Any context. */
void hpet_stop(void);

/* Whether the time of the first NMI is over, and how many have been sent. Any context. */
bool hpet_is_over(void);
unsigned hpet_sent(void);

#endif
