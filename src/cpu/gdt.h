/* SPDX-License-Identifier: MIT */
/* A CPU's GDT, TSS and IDT register, loaded and read back. SDM volume 3, 3.5, 6.10 and 7.2. */
#ifndef ISTSTORM_CPU_GDT_H
#define ISTSTORM_CPU_GDT_H

#include "cpu/percpu.h"
#include "cpu/vectors.h"

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

struct gate {
    uint16_t offset_low;
    uint16_t selector;
    uint8_t ist;
    uint8_t type_dpl;               /* P, DPL, type 14: interrupt gate */
    uint16_t offset_middle;
    uint32_t offset_high;
    uint32_t reserved;
};

/* The IDTs are entries.h's. These the benchmark loads on the CPU that it measures: with a gate of
 * VECTOR_BENCH that does nothing but come and go, without an IST slot, with one, and with one that
 * is adjusted as IST_ENTRY does. */
extern const struct gate idt_bare[VECTOR_COUNT], idt_bare_ist[VECTOR_COUNT],
    idt_adjusted[VECTOR_COUNT];

/* This CPU's IDT. Interrupts off. */
void gdt_load_idt(const struct gate *table);

/* An exception with no IDT: nor can the #GP or the #DF that follow be delivered, and the processor
 * shuts down (SDM volume 3, 6.15, interrupt 8). */
_Noreturn void idt_lose(void);

#endif
