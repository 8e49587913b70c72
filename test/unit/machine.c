/* SPDX-License-Identifier: MIT */
#include "machine.h"

#include <asm/prctl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#define WEAK __attribute__((weak))

struct hosted hosted;
WEAK uint32_t cpu_count;

void machine_map(uintptr_t low, uintptr_t high)
{
    void *at = mmap((void *)low, high - low, PROT_READ | PROT_WRITE,
                    MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED | MAP_NORESERVE, -1, 0);

    if (at != (void *)low)
        abort();
}

void machine_be(uint32_t cpu)
{
    if (syscall(SYS_arch_prctl, ARCH_SET_GS, cpu_at(cpu)) != 0)
        abort();
}

void machine_make(uint32_t cpus)
{
    hosted = (struct hosted){.interrupts = true};
    machine_map(CPU_WINDOWS_BASE, CPU_WINDOWS_BASE + (uintptr_t)cpus * CPU_WINDOW);
    for (uint32_t index = 0; index < cpus; index++) {
        struct percpu *cpu = cpu_at(index);

        cpu->self = cpu;
        cpu->index = cpu->apic_id = index;
        cpu->irq_nest = -1;
        cpu->online = true;
    }
    cpu_count = cpus;
    machine_be(0);
}

WEAK void interrupts_on(void)
{
    hosted.interrupts = true;
}

WEAK void interrupts_off(void)
{
    hosted.interrupts = false;
    hosted.times_off++;
}

WEAK void interrupts_on_and_halt(void)
{
    hosted.interrupts = true;
}

WEAK uint64_t read_flags(void)
{
    return RFLAGS_FIXED | (hosted.interrupts ? RFLAGS_IF : 0);
}

WEAK void invalidate_page(uintptr_t address)
{
    hosted.invalidated = address;
}

WEAK uint64_t read_cr0(void)
{
    return hosted.cr0;
}

WEAK void write_cr0(uint64_t v)
{
    hosted.cr0 = v;
}

WEAK uint64_t read_cr3(void)
{
    return hosted.cr3;
}

WEAK void write_cr3(uint64_t v)
{
    hosted.cr3 = v;
    hosted.cr3_writes++;
}

WEAK void write_cr8(uint64_t v)
{
    (void)v;
}

WEAK uint64_t read_msr(uint32_t msr)
{
    (void)msr;
    abort();
}

WEAK void write_msr(uint32_t msr, uint64_t value)
{
    (void)msr;
    (void)value;
    abort();
}

WEAK uint64_t read_tsc(void)
{
    return hosted.tsc;
}

WEAK uint64_t read_tsc_in_order(void)
{
    return read_tsc();
}

WEAK void write_back_caches(void)
{
}

/* There is nobody else who could give it back. */
WEAK void spinlock_wait(void *lock);
WEAK void spinlock_wait(void *lock)
{
    (void)lock;
    abort();
}
