/* SPDX-License-Identifier: MIT */
/* A CPU's GDT and TSS: SDM volume 3, 3.4.5 (descriptors), 7.2.3 (TSS descriptor). */
#include "cpu/gdt.h"

#include "cpu/idt.h"
#include "cpu/x86.h"
#include "lib/string.h"

#define DESCRIPTOR_KERNEL_CODE 0x00209b0000000000ull
#define DESCRIPTOR_KERNEL_DATA 0x0000930000000000ull
#define DESCRIPTOR_USER_DATA 0x0000f30000000000ull
#define DESCRIPTOR_USER_CODE 0x0020fb0000000000ull
#define DESCRIPTOR_PRESENT (1ull << 47)
#define DESCRIPTOR_TSS_AVAILABLE 0x0000890000000000ull
#define DESCRIPTOR_TSS_BUSY 0x00008b0000000000ull     /* from LTR on */

static const uint64_t descriptors[GDT_WORDS] = {
    [KERNEL_CS / 8] = DESCRIPTOR_KERNEL_CODE,
    [KERNEL_DS / 8] = DESCRIPTOR_KERNEL_DATA,
    [USER_DS / 8] = DESCRIPTOR_USER_DATA,
    [USER_CS / 8] = DESCRIPTOR_USER_CODE,
    [ABSENT_SS / 8] = DESCRIPTOR_KERNEL_DATA & ~DESCRIPTOR_PRESENT,
    [ABSENT_USER_SS / 8] = DESCRIPTOR_USER_DATA & ~DESCRIPTOR_PRESENT,
};

uint64_t gdt_word(const struct percpu *cpu, unsigned word, bool loaded)
{
    uint64_t base = (uintptr_t)&cpu->tss, limit = sizeof(cpu->tss) - 1;

    if (word == TSS_SELECTOR / 8)
        return (loaded ? DESCRIPTOR_TSS_BUSY : DESCRIPTOR_TSS_AVAILABLE) | limit |
               (base & 0xffffff) << 16 | (base >> 24 & 0xff) << 56;
    return word == TSS_SELECTOR / 8 + 1 ? base >> 32 : descriptors[word];
}

void gdt_prepare(struct percpu *cpu)
{
    memset(&cpu->tss, 0, sizeof(cpu->tss));
    cpu->tss.io_map_base = sizeof(cpu->tss);
    for (unsigned kind = 0; kind < CPU_STACK_KINDS; kind++)
        if (stack_shapes[kind].ist)
            cpu->tss.ist[stack_shapes[kind].ist - 1] = stack_top(cpu->index, kind, 0);
    for (unsigned word = 0; word < GDT_WORDS; word++)
        cpu->gdt[word] = gdt_word(cpu, word, false);
}

static void load_segments(const struct pseudo_descriptor *gdtr)
{
    __asm__ volatile("lgdt %0\n\t"
                     "mov %w2, %%ss\n\t"
                     "mov %w2, %%ds\n\t"
                     "mov %w2, %%es\n\t"
                     "mov %w3, %%fs\n\t"
                     "mov %w3, %%gs\n\t"
                     "pushq %1\n\t"             /* CS changes by a far return alone */
                     "leaq 1f(%%rip), %%rax\n\t"
                     "pushq %%rax\n\t"
                     "lretq\n"
                     "1:"
                     :
                     : "m"(*gdtr), "i"(KERNEL_CS), "r"(KERNEL_DS), "r"(0)
                     : "rax", "memory");
}

void gdt_load(struct percpu *cpu)
{
    struct pseudo_descriptor gdtr = {sizeof(cpu->gdt) - 1, (uintptr_t)cpu->gdt};

    load_segments(&gdtr);
    write_msr(MSR_GS_BASE, (uintptr_t)cpu);     /* after GS: loading a selector clears the base */
    write_msr(MSR_FS_BASE, cpu_fs_base(cpu->index));
    write_msr(MSR_KERNEL_GS_BASE, cpu_user_gs_base(cpu->index));
    __asm__ volatile("ltr %w0" : : "r"(TSS_SELECTOR));
    idt_load(idt);          /* last: from here on a gate's IST code finds its stack */
}
