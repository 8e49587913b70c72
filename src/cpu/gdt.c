/* SPDX-License-Identifier: MIT */
/* A CPU's GDT, TSS and IDT register: SDM volume 3, 3.4.5 (descriptors), 7.2.3 (TSS descriptor),
 * 6.14.1 (gates). */
#include "cpu/gdt.h"

#include "cpu/entries.h"
#include "cpu/vectors.h"
#include "cpu/x86.h"
#include "lib/string.h"

#define DESCRIPTOR_KERNEL_CODE 0x00209b0000000000ull
#define DESCRIPTOR_KERNEL_DATA 0x0000930000000000ull
#define DESCRIPTOR_USER_DATA 0x0000f30000000000ull
#define DESCRIPTOR_USER_CODE 0x0020fb0000000000ull
#define DESCRIPTOR_PRESENT (1ull << 47)
#define DESCRIPTOR_TSS_AVAILABLE 0x0000890000000000ull
#define STUB_SIZE 16
#define IDT_BYTES (VECTOR_COUNT * sizeof(struct gate))

struct pseudo_descriptor {
    uint16_t limit;
    uint64_t base;
} __attribute__((packed));

#define GATE_INTERRUPT(dpl) (0x8e | (dpl) << 5)

extern const char stubs_external[]; /* idt.asm */

void gdt_prepare(struct percpu *cpu)
{
    uint64_t base = (uintptr_t)&cpu->tss;
    uint64_t limit = sizeof(cpu->tss) - 1;

    memset(&cpu->tss, 0, sizeof(cpu->tss));
    cpu->tss.io_map_base = sizeof(cpu->tss);
    for (unsigned kind = 0; kind < CPU_STACK_KINDS; kind++)
        if (stack_shapes[kind].ist)
            cpu->tss.ist[stack_shapes[kind].ist - 1] = stack_top(cpu->index, kind, 0);

    cpu->gdt[0] = 0;
    cpu->gdt[KERNEL_CS / 8] = DESCRIPTOR_KERNEL_CODE;
    cpu->gdt[KERNEL_DS / 8] = DESCRIPTOR_KERNEL_DATA;
    cpu->gdt[USER_DS / 8] = DESCRIPTOR_USER_DATA;
    cpu->gdt[USER_CS / 8] = DESCRIPTOR_USER_CODE;
    cpu->gdt[ABSENT_SS / 8] = DESCRIPTOR_KERNEL_DATA & ~DESCRIPTOR_PRESENT;
    cpu->gdt[ABSENT_USER_SS / 8] = DESCRIPTOR_USER_DATA & ~DESCRIPTOR_PRESENT;
    cpu->gdt[TSS_SELECTOR / 8] =
        DESCRIPTOR_TSS_AVAILABLE | limit | (base & 0xffffff) << 16 | (base >> 24 & 0xff) << 56;
    cpu->gdt[TSS_SELECTOR / 8 + 1] = base >> 32;
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

void gdt_load_idt(const struct gate *gates)
{
    struct pseudo_descriptor idtr = {IDT_BYTES - 1, (uintptr_t)gates};
    __asm__ volatile("lidt %0" : : "m"(idtr));
}

void idt_load_without_gp(bool without)
{
    gdt_load_idt(without ? entry_chosen->idt_without_gp : entry_chosen->idt);
}

_Noreturn void idt_lose(void)
{
    struct pseudo_descriptor none = {0, 0};

    __asm__ volatile("lidt %0; int3" : : "m"(none));
    __builtin_unreachable();
}

void gdt_load(struct percpu *cpu)
{
    struct pseudo_descriptor gdtr = {sizeof(cpu->gdt) - 1, (uintptr_t)cpu->gdt};

    load_segments(&gdtr);
    write_msr(MSR_GS_BASE, (uintptr_t)cpu);     /* after GS: loading a selector clears the base */
    write_msr(MSR_KERNEL_GS_BASE, 0);
    __asm__ volatile("ltr %w0" : : "r"(TSS_SELECTOR));
    gdt_load_idt(entry_chosen->idt);      /* last: from here on a gate's IST code finds its stack */
}

static uintptr_t stub_of(unsigned vector)
{
    if (vector < VECTOR_FIRST_EXTERNAL)
        return (uintptr_t)entry_chosen->stubs + vector * STUB_SIZE;
    return (uintptr_t)stubs_external + (vector - VECTOR_FIRST_EXTERNAL) * STUB_SIZE;
}

static bool gate_is(unsigned vector, unsigned ist, unsigned dpl)
{
    uintptr_t stub = stub_of(vector);
    const struct gate *gate = &entry_chosen->idt[vector];

    return gate->offset_low == (stub & 0xffff) && gate->offset_middle == (stub >> 16 & 0xffff) &&
           gate->offset_high == stub >> 32 && gate->selector == KERNEL_CS && gate->ist == ist &&
           gate->type_dpl == GATE_INTERRUPT(dpl) && gate->reserved == 0;
}

static const char *verify_gates(void)
{
    static const uint8_t listed_dpl[VECTOR_COUNT] = {
#define LISTED_DPL(number, symbol, name, entry, ist, dpl) [number] = dpl,
        VECTORS(LISTED_DPL)
#undef LISTED_DPL
    };

    for (unsigned vector = 0; vector < VECTOR_COUNT; vector++)
        if (!gate_is(vector, entry_ist_code(vector), listed_dpl[vector]))
            return "a gate of the IDT";
    return NULL;
}

static const char *verify_tss(const struct percpu *cpu)
{
    uint16_t selector;
    __asm__ volatile("str %0" : "=r"(selector));
    if (selector != TSS_SELECTOR)
        return "TR";
    if (cpu->tss.io_map_base != sizeof(cpu->tss))
        return "the TSS's I/O map base";
    for (unsigned kind = 0; kind < CPU_STACK_KINDS; kind++) {
        unsigned ist = stack_shapes[kind].ist;
        if (ist && cpu->tss.ist[ist - 1] != stack_top(cpu->index, kind, 0))
            return "an IST entry of the TSS";
    }
    return NULL;
}

const char *gdt_verify(const struct percpu *cpu)
{
    struct pseudo_descriptor gdtr, idtr;
    const char *wrong = verify_tss(cpu);

    __asm__ volatile("sgdt %0" : "=m"(gdtr));
    __asm__ volatile("sidt %0" : "=m"(idtr));
    if (gdtr.base != (uintptr_t)cpu->gdt || gdtr.limit != sizeof(cpu->gdt) - 1)
        return "GDTR";
    if (idtr.base != (uintptr_t)entry_chosen->idt || idtr.limit != IDT_BYTES - 1)
        return "IDTR";
    if (read_msr(MSR_GS_BASE) != (uintptr_t)cpu)
        return "the GS base";
    return wrong ? wrong : verify_gates();
}
