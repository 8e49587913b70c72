/* SPDX-License-Identifier: MIT */
/* The counters whose rate is known: ACPI's PM timer (ACPI 4.8.2.1), the HPET's (IA-PC HPET
 * Specification 1.0a, 2.3.7), the 8254's channel 0 (Intel 8254 data sheet).
 *
 * Thread context, on the BSP. */
#ifndef ISTSTORM_SMP_COUNTERS_H
#define ISTSTORM_SMP_COUNTERS_H

#include <stdbool.h>
#include <stdint.h>

#include "smp/acpi/acpi.h"

struct counter {
    const char *name;               /* as in the machine record's clock_source */
    uint64_t hz;
    uint32_t mask;                  /* of the bits that count */
    uint32_t (*read)(void);         /* counts up */
    void (*stop)(void);             /* called when it is no longer needed; or NULL */
};

/* Each makes its counter run. False: the machine has none. `hpet` is a table, or NULL. */
bool counter_pm_timer(const struct acpi_fadt_facts *fadt, struct counter *out);
bool counter_hpet(const struct acpi_header *hpet, struct counter *out);

/* The machine may lack it, which shows only by a count that does not move. */
void counter_pit(struct counter *out);

#endif
