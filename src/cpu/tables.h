/* SPDX-License-Identifier: MIT */
/* Compares the tables that the processor reads on its ways into the kernel with those that were
 * loaded: IDT, GDT, TSS, their registers, and the MSRs of SYSCALL and GS. SDM volume 3, 2.4, 3.5,
 * 5.8.8, 6.11, 7.2.
 *
 * A bit that flips in one of them shows late, or as something else, or never where nothing uses it.
 * So each CPU compares its own at bring-up, and again and again during the run. */
#ifndef ISTSTORM_CPU_TABLES_H
#define ISTSTORM_CPU_TABLES_H

#include <stdbool.h>

#include "cpu/percpu.h"

/* Compares this CPU's. NULL, or the first difference in words, which lie in the per-CPU area. No
 * IST event is under way, and the IDT is the usual one. */
const char *tables_verify(void);

/* The same; a difference is a failure of the check `tables`, once. */
void tables_look(void);

/* On: the tables are compared before the run's first failure is reported, since they may be its
 * cause. Off while other tables are loaded on purpose. */
void tables_watch(bool on);

/* Compare the parts in memory: every gate of the IDT, and the GDT and TSS of a CPU's area. False:
 * the first difference is in `text`, of DIFFERENCE_BYTES. Any context. */
bool tables_gates_are_whole(char *text);
bool tables_area_is_whole(const struct percpu *cpu, char *text);

/* True: they are equal. Else `text` says which differ; `what` has a place for the index. */
bool tables_same(char *text, uint64_t found, uint64_t loaded, const char *what, unsigned index);

#endif
