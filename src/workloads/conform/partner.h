/* SPDX-License-Identifier: MIT */
/* A second CPU that takes part in a check, in a sandbox of its own. Main thread. */
#ifndef ISTSTORM_WORKLOADS_CONFORM_PARTNER_H
#define ISTSTORM_WORKLOADS_CONFORM_PARTNER_H

#include "workloads/conform/conform.h"

/* Starts it, and waits until it stands in its sandbox; fills c->other and c->other_apic_id. NULL,
 * or why it cannot be; partner_late when it was started, and may still come. */
const char *partner_start(struct conform *c, void (*part)(struct sandbox *box));
extern const char partner_late[];

/* Lets its part come to an end: conform_released() is true there. Any context. */
void partner_release(void);

/* Waits for that. False: it does not answer any more. */
bool partner_end(void);

#endif
