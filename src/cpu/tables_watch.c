/* SPDX-License-Identifier: MIT */
/* Compares this CPU's registers and tables, and reports a difference: see tables.h. */
#include <stddef.h>

#include "cpu/verdict.h"
#include "cpu/gdt.h"
#include "cpu/idt.h"
#include "cpu/inject.h"
#include "cpu/ist.h"
#include "cpu/syscall.h"
#include "cpu/tables.h"
#include "cpu/x86.h"
#include "lib/string.h"

static bool watched;

static bool registers_are_whole(char *text)
{
    struct pseudo_descriptor gdtr, idtr;
    uint16_t selector;

    __asm__ volatile("sgdt %0" : "=m"(gdtr));
    __asm__ volatile("sidt %0" : "=m"(idtr));
    __asm__ volatile("str %0" : "=r"(selector));
    return tables_same(text, gdtr.base, (uintptr_t)this_cpu->self->gdt, "GDTR's base", 0) &&
           tables_same(text, gdtr.limit, sizeof(this_cpu->gdt) - 1, "GDTR's limit", 0) &&
           tables_same(text, idtr.base, (uintptr_t)idt, "IDTR's base", 0) &&
           tables_same(text, idtr.limit, IDT_BYTES - 1, "IDTR's limit", 0) &&
           tables_same(text, selector, TSS_SELECTOR, "TR", 0);
}

/* Ring 3's GS base waits in KERNEL_GS_BASE: ring 3 can load none. */
static bool msrs_are_whole(char *text)
{
    for (unsigned i = 0; i < SYSCALL_MSRS; i++)
        if (!tables_same(text, read_msr(syscall_msrs[i].msr), syscall_msrs[i].value,
                         syscall_msrs[i].name, 0))
            return false;
    return tables_same(text, read_msr(MSR_EFER), this_cpu->efer, "EFER", 0) &&
           tables_same(text, read_msr(MSR_GS_BASE), (uintptr_t)this_cpu->self, "the GS base", 0) &&
           tables_same(text, read_msr(MSR_KERNEL_GS_BASE), cpu_user_gs_base(cpu_index()),
                       "KERNEL_GS_BASE", 0);
}

/* On a thread's stack, RSP0 is its top. */
static bool rsp0_is_own(char *text)
{
    struct stack_place own = stack_find(read_rsp());

    return own.kind != THREAD_STACK ||
           tables_same(text, this_cpu->tss.rsp[0], own.high, "RSP%u of the TSS", 0);
}

static bool all_is_whole(char *text)
{
    return registers_are_whole(text) && msrs_are_whole(text) && tables_gates_are_whole(text) &&
           tables_area_is_whole(this_cpu->self, text) && rsp0_is_own(text);
}

const char *tables_verify(void)
{
    char *text = this_cpu->self->difference;

    return all_is_whole(text) ? NULL : text;
}

/* Once; but an event that comes in the middle of it, and fails of the same, tells it first. */
static void tell(uint32_t cpu, const char *text)
{
    static bool telling[MAX_CPUS];
    bool *mine = &telling[cpu_index()], in_the_middle = *mine;

    if (!in_the_middle && !strcmp(text, cpu_at(cpu)->difference))
        return;
    __atomic_store_n(mine, true, __ATOMIC_RELAXED);
    memcpy(cpu_at(cpu)->difference, text, DIFFERENCE_BYTES);
    check_failed_on(CHECK_TABLES, cpu, NO_STACK, 0, "tables", "%s is not as it was loaded", text);
    __atomic_store_n(mine, in_the_middle, __ATOMIC_RELAXED);
}

/* The IDT is constant, so write protection is lifted to change a bit. */
static void flip(void *byte)
{
    uint64_t flags = interrupts_save(), cr0 = read_cr0();

    write_cr0(cr0 & ~(uint64_t)CR0_WP);
    *(volatile uint8_t *)byte ^= 1;
    write_cr0(cr0);
    interrupts_restore(flags);
}

/* inject=gate-bit and its like: bits that nothing uses. */
static void plant(void)
{
    static bool planted;

    if (planted || !watched || cpu_index() != inject_cpu())
        return;
    planted = true;
    if (inject_planted(INJECT_GATE_BIT))
        flip(&idt[VECTOR_HV].ist);
    if (inject_planted(INJECT_DESCRIPTOR_BIT))
        flip(&this_cpu->self->gdt[KERNEL_CS / 8]);
    if (inject_planted(INJECT_TSS_BIT))
        flip(&this_cpu->self->tss.io_map_base);
    if (inject_planted(INJECT_MSR_BIT))
        write_msr(MSR_SFMASK, read_msr(MSR_SFMASK) ^ RFLAGS_RF);
}

void tables_look(void)
{
    char text[DIFFERENCE_BYTES];

    plant();
    if (!all_is_whole(text))
        tell(cpu_index(), text);
}

/* Which IDT is loaded is not asked: it may be the one without #GP. */
static void look_for_cause(uint32_t accused)
{
    char text[DIFFERENCE_BYTES];

    if (!msrs_are_whole(text) || !tables_gates_are_whole(text) ||
        !tables_area_is_whole(this_cpu->self, text))
        tell(cpu_index(), text);
    else if (accused < cpu_count && !tables_area_is_whole(cpu_at(accused), text))
        tell(accused, text);
}

void tables_watch(bool on)
{
    watched = on;
    verdict_find_cause = on ? look_for_cause : NULL;
}
