/* SPDX-License-Identifier: MIT */
/* Compares the tables in memory: see tables.h. Each entry is computed anew from the lists that it
 * was made from, since a copy could have changed with it. */
#include "cpu/tables.h"

#include <stddef.h>

#include "cpu/gdt.h"
#include "cpu/idt.h"
#include "lib/format.h"

bool tables_same(char *text, uint64_t found, uint64_t loaded, const char *what, unsigned index)
{
    size_t used;

    if (found == loaded)
        return true;
    used = format(text, DIFFERENCE_BYTES, what, index);
    format(text + used, DIFFERENCE_BYTES - used, " (0x%lx, not 0x%lx)", found, loaded);
    return false;
}

static bool gate_is_whole(char *text, unsigned vector)
{
    const struct gate *gate = &idt[vector];
    struct gate made = idt_gate(vector);

    return tables_same(text, gate_target(gate), gate_target(&made), "the offset of IDT gate %u",
                       vector) &&
           tables_same(text, gate->selector, made.selector, "the selector of IDT gate %u",
                       vector) &&
           tables_same(text, gate->ist, made.ist, "the IST field of IDT gate %u", vector) &&
           tables_same(text, gate->type_dpl, made.type_dpl, "P, DPL and type of IDT gate %u",
                       vector) &&
           tables_same(text, gate->reserved, 0, "the reserved word of IDT gate %u", vector);
}

bool tables_gates_are_whole(char *text)
{
    for (unsigned vector = 0; vector < VECTOR_COUNT; vector++)
        if (!gate_is_whole(text, vector))
            return false;
    return true;
}

/* RSP0 is a thread's stack, an empty one's top; and there is none before the first thread. */
static bool rsp0_is_whole(char *text, const struct tss *tss)
{
    uint64_t rsp0 = tss->rsp[0];
    struct stack_place place = stack_find(rsp0 - 1);

    return rsp0 == 0 || (place.kind == THREAD_STACK && place.high == rsp0) ||
           tables_same(text, rsp0, (rsp0 | (THREAD_SIZE - 1)) + 1, "RSP%u of the TSS", 0);
}

/* The top of any of the stack's levels. The event on it checks which level (cpu/ist.c). */
static bool ist_is_whole(char *text, const struct percpu *cpu, enum stack_kind kind)
{
    unsigned code = stack_shapes[kind].ist;
    uint64_t top = stack_top(cpu->index, kind, 0), below = top - cpu->tss.ist[code - 1];

    return (below % stack_shapes[kind].level_size == 0 &&
            below / stack_shapes[kind].level_size <= stack_shapes[kind].levels) ||
           tables_same(text, cpu->tss.ist[code - 1], top, "TSS.ist[%u]", code - 1);
}

static bool tss_is_whole(char *text, const struct percpu *cpu)
{
    const struct tss *tss = &cpu->tss;
    unsigned used = 0;

    for (unsigned kind = 0; kind < CPU_STACK_KINDS; kind++) {
        if (stack_shapes[kind].ist && !ist_is_whole(text, cpu, kind))
            return false;
        used |= 1u << stack_shapes[kind].ist;
    }
    for (unsigned code = 1; code <= IST_SLOTS; code++)
        if (!(used >> code & 1) &&
            !tables_same(text, tss->ist[code - 1], 0, "TSS.ist[%u]", code - 1))
            return false;
    return rsp0_is_whole(text, tss) && tables_same(text, tss->rsp[1], 0, "RSP%u of the TSS", 1) &&
           tables_same(text, tss->rsp[2], 0, "RSP%u of the TSS", 2) &&
           tables_same(text, tss->reserved0, 0, "reserved word %u of the TSS", 0) &&
           tables_same(text, tss->reserved1, 0, "reserved word %u of the TSS", 1) &&
           tables_same(text, tss->reserved2, 0, "reserved word %u of the TSS", 2) &&
           tables_same(text, tss->reserved3, 0, "reserved word %u of the TSS", 3) &&
           tables_same(text, tss->io_map_base, sizeof(*tss), "the I/O map base of the TSS", 0);
}

bool tables_area_is_whole(const struct percpu *cpu, char *text)
{
    for (unsigned word = 0; word < GDT_WORDS; word++)
        if (!tables_same(text, cpu->gdt[word], gdt_word(cpu, word, true), "word %u of the GDT",
                         word))
            return false;
    return tss_is_whole(text, cpu);
}
