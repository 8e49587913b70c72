/* SPDX-License-Identifier: MIT */
/* Coverage: which instructions of the entry code an NMI, an interrupt and a #DB have hit, that is,
 * came before. A long run shows so what it has tried, and what not. */
#ifndef ISTSTORM_WORKLOADS_RUN_COVERAGE_H
#define ISTSTORM_WORKLOADS_RUN_COVERAGE_H

#include <stdint.h>

enum covered_by { COVERED_BY_NMI, COVERED_BY_IRQ, COVERED_BY_DB, COVERED_BY_COUNT };

/* An event of this kind came when RIP was that of the entry code. In its hook. */
void coverage_note(enum covered_by by, uint64_t rip);

/* A record for each path of the discipline in force, and a note. Main thread, when nothing storms
 * any more. */
void coverage_report(void);

#endif
