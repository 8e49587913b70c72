/* SPDX-License-Identifier: MIT */
/* The table of entry disciplines, made from the list in entries.h. */
#include "cpu/entries.h"

#include "cpu/gdt.h"
#include "cpu/trap.h"

/* idt.asm */
#define DECLARE_ENTRY(symbol, name, levels, nmi, breakpoint_ist, about, gives_up)                  \
    extern const struct gate idt_##name[VECTOR_COUNT], idt_##name##_without_gp[VECTOR_COUNT],      \
        idt_##name##_stamped[VECTOR_COUNT], idt_##name##_stamped_without_gp[VECTOR_COUNT];         \
    extern const char stubs_##name[];
ENTRIES(DECLARE_ENTRY)

const struct entry entries[ENTRY_COUNT] = {
#define ENTRY_ROW(symbol, name, levels, nmi, breakpoint_ist, about, gives_up)                      \
    {#name,                                                                                        \
     levels,                                                                                       \
     NMI_##nmi,                                                                                    \
     breakpoint_ist,                                                                               \
     idt_##name,                                                                                   \
     idt_##name##_without_gp,                                                                      \
     idt_##name##_stamped,                                                                         \
     idt_##name##_stamped_without_gp,                                                              \
     stubs_##name},
    ENTRIES(ENTRY_ROW)
#undef ENTRY_ROW
};

const char *const entry_names[ENTRY_COUNT] = {
#define ENTRY_NAME(symbol, name, levels, nmi, breakpoint_ist, about, gives_up) #name,
    ENTRIES(ENTRY_NAME)
#undef ENTRY_NAME
};

const struct entry *entry_chosen = &entries[ENTRY_SHIFT];

static struct nmi_area *nmi_area(uint32_t cpu)
{
    return (struct nmi_area *)stack_top(cpu, NMI_STACK, 0) - 1;
}

void entry_prepare(uint32_t cpu)
{
    if (entry_chosen == &entries[ENTRY_REPEAT])
        nmi_area(cpu)->owed = 0;
}

uint64_t entry_nmis_owed(uint32_t cpu)
{
    return entry_chosen == &entries[ENTRY_REPEAT] ? nmi_area(cpu)->owed : 0;
}

uint32_t entry_ist_code(unsigned vector)
{
    static const uint8_t listed[VECTOR_COUNT] = {
#define LISTED_IST(number, symbol, name, entry, ist, dpl) [number] = ist,
        VECTORS(LISTED_IST)
#undef LISTED_IST
    };

    return vector == VECTOR_BP ? entry_chosen->breakpoint_ist : listed[vector];
}

const char *entry_path_name(const struct entry_path *path)
{
    static const char *const kinds[] = {
        [PATH_IST] = "IST",     [PATH_TRAP] = "trap", [PATH_IRQ] = "hardirq",
        [PATH_SYSCALL] = "SYSCALL", [PATH_EXIT] = "exit", [PATH_SOFTIRQ] = "softirq",
        [PATH_SWITCH] = "switch",
    };

    return path->vector == PATH_ANY_VECTOR ? kinds[path->kind] : vector_name(path->vector);
}
