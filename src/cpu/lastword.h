/* SPDX-License-Identifier: MIT */
/* A record in RAM of the run under way. A warm reset leaves it alone, so the next boot learns from
 * it that the run before died, when, and what each CPU did last.
 *
 * It lies at a fixed place that firmware and GRUB were not seen to write to, and is used only where
 * the memory map calls that memory available. A dying machine may leave a torn record, so every
 * part has a checksum, and each CPU writes its two slots in turns. */
#ifndef ISTSTORM_CPU_LASTWORD_H
#define ISTSTORM_CPU_LASTWORD_H

#include <stdbool.h>
#include <stdint.h>

#include "cpu/paging.h"
#include "cpu/stacks.h"
#include "lib/memory_map.h"

#define LASTWORD_BASE 0x2800000ull  /* 40 MiB */
#define LASTWORD_FRAMES (LASTWORD_BASE + 0x100000)
#define LASTWORD_END (LASTWORD_FRAMES + MAX_CPUS * PAGE_SIZE)

/* The frame for the first page of a CPU's area, where it counts its events: so that a reset leaves
 * the last counts, and counting costs what it costs anywhere. 0: any frame will do. After
 * lastword_find. */
uint64_t lastword_frame(uint32_t cpu);

/* True: the run before this one died. Its record is kept until lastword_begin. A record that is
 * damaged or another build's is ignored, with a note. On the BSP, before pages_init, with the place
 * mapped. */
bool lastword_find(const struct memory_map *map);

/* Reports the record that was found, as a failure of the check `before`. Thread context, before
 * lastword_begin. */
void lastword_report(void);

/* A run begins. Once. */
void lastword_begin(uint64_t seed, uint64_t tick_ns);

/* Records this CPU's counts, now and at its tick before, and the instruction and thread that the
 * tick interrupted. In the timer's interrupt. */
void lastword_tick(uint64_t rip, const char *thread);

/* Records the first failure's text. Any context. */
void lastword_keep_reason(const char *reason);

/* The verdict has left the machine: drops the record. Any context. */
void lastword_clear(void);

#endif
