/* SPDX-License-Identifier: MIT */
/* Makes the IDT and its copies: see idt.h. SDM volume 3, 6.10, 6.14.1. */
#include "cpu/idt.h"

#include "cpu/discipline.h"
#include "cpu/gdt.h"
#include "cpu/stacks.h"
#include "lib/string.h"

/* Of no section that the compiler knows as writable: iststorm.ld puts it among the constants. */
struct gate idt[VECTOR_COUNT] __attribute__((section(".idt"), aligned(16)));

extern const char stubs_external[]; /* idt.asm */

static const uint8_t ist_codes[VECTOR_COUNT] = {
#define VECTOR(number, symbol, name, entry, handler, stack, dpl) [number] = stack##_STACK_IST,
#include "cpu/vectors.def"
#undef VECTOR
};

/* The least privilege that may INT it. */
static const uint8_t privileges[VECTOR_COUNT] = {
    [VECTOR_FIRST_TRAP ... VECTOR_LAST_TRAP] = 3,
#define VECTOR(number, symbol, name, entry, handler, stack, dpl) [number] = dpl,
#include "cpu/vectors.def"
#undef VECTOR
};

uint32_t idt_ist_code(unsigned vector)
{
    bool none = vector == VECTOR_BP && !discipline->breakpoint_has_ist;

    return none ? 0 : ist_codes[vector];
}

static const char *stub_of(unsigned vector)
{
    if (vector < VECTOR_FIRST_EXTERNAL)
        return discipline->stubs + vector * STUB_SIZE;
    return stubs_external + (vector - VECTOR_FIRST_EXTERNAL) * STUB_SIZE;
}

struct gate idt_gate(unsigned vector)
{
    struct gate gate = {.selector = KERNEL_CS, .type_dpl = GATE_INTERRUPT(privileges[vector])};

    gate_aim(&gate, stub_of(vector), idt_ist_code(vector));
    return gate;
}

void idt_make(void)
{
    for (unsigned vector = 0; vector < VECTOR_COUNT; vector++)
        idt[vector] = idt_gate(vector);
}

void idt_copy(struct gate copy[VECTOR_COUNT])
{
    memcpy(copy, idt, sizeof(idt));
}

void gate_aim(struct gate *gate, const void *code, unsigned ist)
{
    uintptr_t address = (uintptr_t)code;

    gate->offset_low = address;
    gate->offset_middle = address >> 16;
    gate->offset_high = address >> 32;
    gate->ist = ist;
}

uintptr_t gate_target(const struct gate *gate)
{
    return gate->offset_low | (uintptr_t)gate->offset_middle << 16 |
           (uintptr_t)gate->offset_high << 32;
}

void gate_set_present(struct gate *gate, bool present)
{
    gate->type_dpl = (gate->type_dpl & ~GATE_PRESENT) | (present ? GATE_PRESENT : 0);
}

void idt_load(const struct gate table[VECTOR_COUNT])
{
    struct pseudo_descriptor idtr = {IDT_BYTES - 1, (uintptr_t)table};

    __asm__ volatile("lidt %0" : : "m"(idtr));
}
