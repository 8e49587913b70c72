/* SPDX-License-Identifier: MIT */
/* The status page on the screen: what a run is at, for people who stand before the machine; and its
 * verdict, in large letters that stay. */
#ifndef ISTSTORM_WORKLOADS_RUN_STATUS_H
#define ISTSTORM_WORKLOADS_RUN_STATUS_H

#include <stdbool.h>
#include <stdint.h>

struct status_progress {
    const char *phase;
    uint64_t time_ms;
    uint64_t total_ms;              /* 0: it ends by itself */
    uint64_t pass, passes;          /* the first is pass 0 */
};

/* The machine and the run that the page is about. Texts are NULL where they are not known. */
struct status_machine {
    const char *version, *firmware;
    const char *mac, *ip, *system_vendor, *system_product, *system_serial;
    const char *cmdline;
    uint64_t cpus_online, seed;
};

/* Keeps the machine, and does not copy it. Once, before the others. */
void status_prepare(const struct status_machine *machine);

/* Draws the page anew when the last one is a second old, and nobody else has the consoles just now;
 * says whether it did. Main thread. */
bool status_refresh(const struct status_progress *progress);

#endif
