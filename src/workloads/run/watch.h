/* SPDX-License-Identifier: MIT */
/* Watches that every CPU moves: the CPU before it does, and where none moves, a timer that needs no
 * CPU. The check `alive`. */
#ifndef ISTSTORM_WORKLOADS_RUN_WATCH_H
#define ISTSTORM_WORKLOADS_RUN_WATCH_H

#include <stddef.h>

#include "cpu/frame.h"
#include "smp/acpi/acpi.h"
#include "smp/ipi.h"
#include "smp/acpi/madt.h"

/* From every timer tick: do the timers of the CPUs after this one still tick? One that hangs is
 * told, and the run goes on without it; without the main thread's CPU it ends. */
void watch_tick(void);

/* From here on the report of a hang has the run's position, in words that `position` writes in any
 * context; NULL: it has none. Thread context. */
void watch_with_position(void (*position)(char *out, size_t size));

/* Before the workloads make their claims, since its hook must be asked before theirs whether an NMI
 * is the timer's: from here on the HPET (its table, or NULL) or the
 * performance counters watch over all CPUs together. Notes say what they cannot see. Thread
 * context, once. */
void watch_all(const struct acpi_header *hpet, const struct machine_topology *topology);

/* From every timer tick. */
void watch_all_tick(void);

/* For who has an IDT of its own: whether an NMI that came is the watch's. NMI context; `cpu` is
 * this one, whose GS base may be anything. */
enum watch_answer {
    WATCH_NOT_MINE,
    WATCH_MINE,                     /* and no more is to be done about it */
    WATCH_HUNG                      /* no CPU has ticked for long: watch_tell_hung */
};
enum watch_answer watch_take_nmi(uint32_t cpu);

/* Asks each CPU where it is, reports that, and ends the run. In the handler of an NMI that found
 * this CPU there. */
_Noreturn void watch_tell_hung(const struct trap_frame *frame);

/* Where an NMI found a CPU, and what the run was at, in words. Any context. */
#define WATCH_TEXT 200
void watch_describe(const struct whereabouts *found, char *out, size_t size);

/* The CPU whose lock or answer this one waits for, or itself. Any context. */
uint32_t watch_whom(uint32_t cpu);

#endif
