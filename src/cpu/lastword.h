/* SPDX-License-Identifier: MIT */
/* A record in RAM of the run under way, which a warm reset leaves alone: the next boot finds it and
 * knows that the run before it died, when, and what each CPU did last.
 *
 * It lies at a fixed place that firmware and GRUB were not seen to write to, and is used only where
 * the memory map says that this is memory. What a dying machine leaves may be torn: every part has
 * a checksum, and each CPU writes its two slots in turns. */
#ifndef ISTSTORM_CPU_LASTWORD_H
#define ISTSTORM_CPU_LASTWORD_H

#include <stdbool.h>
#include <stdint.h>

#include "boot/multiboot2.h"
#include "cpu/paging.h"
#include "cpu/stacks.h"

#define LASTWORD_BASE 0x2800000ull  /* 40 MiB */
#define LASTWORD_FRAMES (LASTWORD_BASE + 0x100000)
#define LASTWORD_END (LASTWORD_FRAMES + MAX_CPUS * PAGE_SIZE)

/* The frame for the first page of a CPU's area, where it counts its events: so that a reset leaves
 * the last counts, and counting costs what it costs anywhere. 0: any frame will do. After
 * lastword_find. */
uint64_t lastword_frame(uint32_t cpu);

/* Whether the run before this one died; its record is kept until lastword_begin. One that cannot be
 * believed is ignored, and said to be. On the BSP, before pages_init, with the place mapped. */
bool lastword_find(const struct boot_info *boot);

/* Reports what was found, as a fault of the check `before`. Thread context, before
 * lastword_begin. */
void lastword_report(void);

/* From here on a run is in progress. Once. */
void lastword_begin(uint64_t seed, uint64_t tick_ns);

/* This CPU was here: what it has counted, and since its tick before; what the tick interrupted, and
 * in which thread. In the timer's interrupt. */
void lastword_tick(uint64_t rip, const char *thread);

/* The first fault's text. Any context. */
void lastword_keep_reason(const char *reason);

/* The run has a verdict. Any context. */
void lastword_clear(void);

#endif
