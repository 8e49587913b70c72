/* SPDX-License-Identifier: MIT */
/* A CPU's GDT, TSS and IDT register, loaded and read back. SDM volume 3, 3.5, 6.10 and 7.2. */
#ifndef ISTSTORM_CPU_GDT_H
#define ISTSTORM_CPU_GDT_H

#include "cpu/percpu.h"

/* Sets up the TSS and GDT words of an area that is not in use yet. */
void gdt_prepare(struct percpu *cpu);

/* This CPU: segments, GS base, TR, then IDTR. Interrupts off, NMIs not yet unmasked at any
 * source. */
void gdt_load(struct percpu *cpu);

/* NULL if this CPU's GDTR, TR, TSS, IDTR and every gate are as the lists say; else what is not. */
const char *gdt_verify(const struct percpu *cpu);

/* This CPU: an IDT whose #GP gate is not present, so that a #GP becomes a #DF (SDM volume 3, table
 * 6-5); or the usual one again. Interrupts off. */
void idt_load_without_gp(bool without);

#endif
