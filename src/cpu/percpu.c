/* SPDX-License-Identifier: MIT */
/* Makes the CPUs' windows: per-CPU areas and stacks, mapped and filled before the CPU that owns
 * them runs. */
#include "cpu/percpu.h"

#include <stddef.h>

#include "cpu/entries.h"
#include "cpu/gdt.h"
#include "cpu/inject.h"
#include "cpu/lastword.h"
#include "cpu/mce.h"
#include "cpu/microcode.h"
#include "cpu/paging.h"
#include "cpu/x86.h"
#include "cpu/syscall.h"
#include "lib/string.h"

uint32_t cpu_count;

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

/* An NMI may come in between, and takes the next place. */
void trace_keep(enum event event)
{
    struct percpu *cpu = cpu_at(this_cpu->index);
    uint32_t place = __atomic_fetch_add(&cpu->traced, 1, __ATOMIC_RELAXED) % TRACE_EVENTS;

    cpu->trace[place] = (struct trace_event){read_tsc(), read_rsp(), event};
}

void percpu_begin(void)
{
    static struct percpu early;

    early.self = &early;
    write_msr(MSR_GS_BASE, (uintptr_t)&early);
}

bool percpu_create(uint32_t count, const uint32_t *apic_ids)
{
    for (uint32_t index = 0; index < count; index++) {
        struct percpu *cpu = cpu_at(index);
        if (!create_area(cpu, index) || !create_stacks(index))
            return false;
        cpu->self = cpu;
        cpu->index = index;
        cpu->apic_id = apic_ids[index];
        cpu->irq_nest = -1;
        cpu->nmi_rare = inject_planted(INJECT_CLOBBER_REGISTER) ||
                        inject_planted(INJECT_CLOBBER_STACK) ||
                        inject_planted(INJECT_STACK_FILL) || inject_planted(INJECT_DEEP_STACK);
        cpu->irq_stack_top = stack_top(index, IRQ_STACK, 0);
        for (unsigned kind = 0; kind < CPU_STACK_KINDS; kind++)
            cpu->ist_next[kind] = cpu->ist_lowest[kind] = stack_top(index, kind, 0);
        entry_prepare(index);
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
    const char *wrong = gdt_verify(cpu);
    if (inject_planted(INJECT_NO_SMAP) && index == inject_cpu())
        write_cr4(read_cr4() & ~(uint64_t)CR4_SMAP);
    if (inject_planted(INJECT_SHARED_NMI_STACK) && index == inject_cpu())
        cpu->tss.ist[stack_shapes[NMI_STACK].ist - 1] = stack_top(0, NMI_STACK, 0);
    return wrong;
}
