/* SPDX-License-Identifier: MIT */
/* Makes the CPUs' windows: per-CPU areas and stacks, mapped and filled before the CPU that owns
 * them runs. */
#include "cpu/percpu.h"

#include <stddef.h>

#include "cpu/discipline.h"
#include "cpu/gdt.h"
#include "cpu/inject.h"
#include "cpu/lastword.h"
#include "cpu/late.h"
#include "cpu/hardware/lfence.h"
#include "cpu/hardware/mce.h"
#include "cpu/hardware/microcode.h"
#include "cpu/paging.h"
#include "cpu/hardware/smi.h"
#include "cpu/tables.h"
#include "cpu/x86.h"
#include "cpu/syscall.h"
#include "lib/string.h"

static bool create_stacks(uint32_t index)
{
    for (unsigned kind = 0; kind < CPU_STACK_KINDS; kind++) {
        const struct stack_shape *shape = &stack_shapes[kind];
        uintptr_t high = stack_top(index, kind, 0);
        if (!paging_map_new(high - shape->level_size * shape->levels, high, PAGE_DATA))
            return false;
        for (uint32_t level = 0; level < shape->levels; level++)
            stack_fill(stack_top(index, kind, level) - shape->level_size,
                       stack_top(index, kind, level));
    }
    return true;
}

static bool create_area(struct percpu *cpu, uint32_t index)
{
    uintptr_t low = (uintptr_t)cpu, rest = low;
    uint64_t kept = lastword_frame(index);

    if (kept && paging_map(low, kept, PAGE_DATA)) {
        memset(cpu, 0, PAGE_SIZE);
        rest += PAGE_SIZE;
    }
    return paging_map_new(rest, low + PERCPU_SIZE, PAGE_DATA);
}

void percpu_begin(void)
{
    static struct percpu early;

    early.self = &early;
    write_msr(MSR_GS_BASE, (uintptr_t)&early);
}

bool percpu_create(uint32_t count, const uint32_t *apic_ids)
{
    if (!late_create(count))
        return false;
    for (uint32_t index = 0; index < count; index++) {
        struct percpu *cpu = cpu_at(index);
        if (!create_area(cpu, index) || !create_stacks(index))
            return false;
        cpu->self = cpu;
        cpu->index = index;
        cpu->apic_id = apic_ids[index];
        cpu->irq_nest = -1;
        cpu->irq_stack_top = stack_top(index, IRQ_STACK, 0);
        for (unsigned kind = 0; kind < CPU_STACK_KINDS; kind++)
            cpu->ist_next[kind] = cpu->ist_lowest[kind] = stack_top(index, kind, 0);
        if (discipline->prepare)
            discipline->prepare(index);
        gdt_prepare(cpu);
        cpu_count = index + 1;
    }
    return true;
}

const char *percpu_load(uint32_t index)
{
    struct percpu *cpu = cpu_at(index);

    gdt_load(cpu);
    syscall_enable();
    mce_enable();
    microcode_read();
    lfence_serialise();
    smi_poll();
    this_cpu->efer = read_msr(MSR_EFER);
    const char *wrong = tables_verify();
    if (inject_planted(INJECT_NO_SMAP) && index == inject_cpu())
        write_cr4(read_cr4() & ~(uint64_t)CR4_SMAP);
    if (inject_planted(INJECT_MAPPED_GUARD) && index == inject_cpu()) {
        uintptr_t end = stack_top(index, NMI_STACK, IST_LEVELS);
        paging_map_new(end - PAGE_SIZE, end, PAGE_DATA);
    }
    if (inject_planted(INJECT_SHARED_NMI_STACK) && index == inject_cpu())
        cpu->tss.ist[stack_shapes[NMI_STACK].ist - 1] = stack_top(0, NMI_STACK, 0);
    return wrong;
}
