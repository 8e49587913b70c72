/* SPDX-License-Identifier: MIT */
/* The IDT: one for all CPUs, made at boot from the list in vectors.def and the discipline chosen.
 * SDM volume 3, 6.10 (IDT), 6.14.1 (gates in 64-bit mode), 6.14.5 (the IST field).
 *
 * It lies among the constants: a write to it faults, from paging_init on. Code that needs another
 * one for a while copies it, alters the copy and loads that. */
#ifndef ISTSTORM_CPU_IDT_H
#define ISTSTORM_CPU_IDT_H

#include <stdbool.h>
#include <stdint.h>

#include "cpu/vectors.h"
#include "cpu/x86.h"

struct gate {
    uint16_t offset_low;
    uint16_t selector;
    uint8_t ist;
    uint8_t type_dpl;               /* P, DPL, type 14: interrupt gate */
    uint16_t offset_middle;
    uint32_t offset_high;
    uint32_t reserved;
};

#define GATE_PRESENT 0x80
#define GATE_INTERRUPT(dpl) (GATE_PRESENT | 0x0e | (dpl) << 5)
#define IDT_BYTES (VECTOR_COUNT * sizeof(struct gate))

/* The one in force. */
extern struct gate idt[VECTOR_COUNT];

/* Makes it. On the BSP, before paging_init and when the discipline has been chosen. */
void idt_make(void);

/* A vector's gate by the lists, with its IST code. Any context. */
struct gate idt_gate(unsigned vector);
uint32_t idt_ist_code(unsigned vector);

/* A copy of the one in force, to be altered. Any context. */
void idt_copy(struct gate copy[VECTOR_COUNT]);

/* Aims a gate at code, with an IST code or 0; and says where it aims. */
void gate_aim(struct gate *gate, const void *code, unsigned ist);
uintptr_t gate_target(const struct gate *gate);

/* Makes a gate present or not: an event whose gate is not becomes a #NP or, while a #GP is
 * delivered, a #DF (SDM volume 3, table 6-5). */
void gate_set_present(struct gate *gate, bool present);

/* This CPU: loads a table. Interrupts off. */
void idt_load(const struct gate table[VECTOR_COUNT]);

/* An exception with no IDT: nor can the #GP or the #DF that follow be delivered, and the processor
 * shuts down (SDM volume 3, 6.15, interrupt 8). */
static inline _Noreturn void idt_lose(void)
{
    struct pseudo_descriptor none = {0, 0};

    __asm__ volatile("lidt %0; int3" : : "m"(none));
    __builtin_unreachable();
}

#endif
