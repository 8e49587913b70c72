/* SPDX-License-Identifier: MIT */
/* A CPU's GDT and TSS: what they hold, and how they are loaded. SDM volume 3, 3.5 and 7.2. */
#ifndef ISTSTORM_CPU_GDT_H
#define ISTSTORM_CPU_GDT_H

#include "cpu/percpu.h"

/* Sets up the TSS and GDT words of an area that is not in use yet. */
void gdt_prepare(struct percpu *cpu);

/* The bases of FS, and of GS in ring 3, which nothing uses. Each CPU has its own, so that it shows
 * when an entry mixes them up. In ring 3's half: entries tell by the base whose GS it is. */
static inline uint64_t cpu_fs_base(uint32_t cpu)
{
    return 0x0000300000000000ull + ((uint64_t)cpu << 16);
}

static inline uint64_t cpu_user_gs_base(uint32_t cpu)
{
    return 0x0000500000000000ull + ((uint64_t)cpu << 16);
}

/* This CPU: segments, the bases of FS and GS, TR, then IDTR. Interrupts off, NMIs not yet unmasked
 * at any source. */
void gdt_load(struct percpu *cpu);

/* A word of a CPU's GDT as it must be, before LTR has marked its TSS as busy or after it. */
uint64_t gdt_word(const struct percpu *cpu, unsigned word, bool loaded);

#endif
