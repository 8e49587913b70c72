/* SPDX-License-Identifier: MIT */
/* The processor's registers and instructions by name. SDM volume 3, chapters 2 and 4; volume 4 for
 * the MSRs.
 *
 * Any context. The functions are single instructions, and raise the exceptions that the manual
 * says. */
#ifndef ISTSTORM_CPU_X86_H
#define ISTSTORM_CPU_X86_H

#include <stdbool.h>
#include <stdint.h>

#define CR0_PE (1u << 0)
#define CR0_MP (1u << 1)
#define CR0_EM (1u << 2)
#define CR0_TS (1u << 3)
#define CR0_ET (1u << 4)
#define CR0_NE (1u << 5)
#define CR0_WP (1u << 16)
#define CR0_AM (1u << 18)
#define CR0_NW (1u << 29)
#define CR0_CD (1u << 30)
#define CR0_PG (1u << 31)

#define CR4_DE (1u << 3)
#define CR4_PAE (1u << 5)
#define CR4_MCE (1u << 6)
#define CR4_UMIP (1u << 11)
#define CR4_SMEP (1u << 20)
#define CR4_SMAP (1u << 21)

#define RFLAGS_CF (1u << 0)
#define RFLAGS_FIXED (1u << 1)
#define RFLAGS_PF (1u << 2)
#define RFLAGS_AF (1u << 4)
#define RFLAGS_ZF (1u << 6)
#define RFLAGS_SF (1u << 7)
#define RFLAGS_TF (1u << 8)
#define RFLAGS_IF (1u << 9)
#define RFLAGS_DF (1u << 10)
#define RFLAGS_OF (1u << 11)
#define RFLAGS_IOPL (3u << 12)
#define RFLAGS_NT (1u << 14)
#define RFLAGS_RF (1u << 16)
#define RFLAGS_VM (1u << 17)
#define RFLAGS_AC (1u << 18)
#define RFLAGS_ID (1u << 21)
#define RFLAGS_ARITHMETIC \
    (RFLAGS_CF | RFLAGS_PF | RFLAGS_AF | RFLAGS_ZF | RFLAGS_SF | RFLAGS_OF)

#define DR6_B(n) (1u << (n))
#define DR6_BD (1u << 13)
#define DR6_BD (1u << 13)
#define DR6_BS (1u << 14)
#define DR6_REASONS (DR6_B(0) | DR6_B(1) | DR6_B(2) | DR6_B(3) | DR6_BS)
#define DR6_IDLE 0xffff0ff0u
#define DR7_IDLE 0x400u
#define DR7_LOCAL(n) (1u << ((n) * 2))
#define DR7_GLOBAL(n) (2u << ((n) * 2))
#define DR7_GD (1u << 13)
#define DR7_IO(n) (2u << (16 + (n) * 4))
#define DR7_WRITE(n) (1u << (16 + (n) * 4))    /* one byte */
#define DR7_ACCESS8(n) (0xbu << (16 + (n) * 4)) /* R/W = 11, LEN = 10 */
#define DR7_EXECUTE(n) (0u << (16 + (n) * 4))
#define DR7_WRITE8(n) (9u << (16 + (n) * 4)) /* R/W = 01, LEN = 10: eight bytes */

#define MSR_TSC 0x10
#define MSR_APIC_BASE 0x1b
#define APIC_BASE_X2APIC (1u << 10)
#define APIC_BASE_ENABLE (1u << 11)
#define MSR_SMI_COUNT 0x34
#define MSR_BIOS_SIGN_ID 0x8b
#define MSR_MPERF 0xe7
#define MSR_APERF 0xe8
#define MSR_MCG_STATUS 0x17a
#define MSR_THERM_INTERRUPT 0x19b
#define MSR_MISC_ENABLE 0x1a0
#define MSR_PAT 0x277
#define MSR_MC_STATUS(bank) (0x401 + 4 * (bank))
#define MSR_X2APIC(offset) (0x800 + ((offset) >> 4))
#define MSR_EFER 0xc0000080
#define MSR_STAR 0xc0000081
#define MSR_LSTAR 0xc0000082
#define MSR_CSTAR 0xc0000083
#define MSR_SFMASK 0xc0000084
#define MSR_FS_BASE 0xc0000100
#define MSR_GS_BASE 0xc0000101
#define MSR_KERNEL_GS_BASE 0xc0000102

#define EFER_SCE (1u << 0)
#define EFER_LME (1u << 8)
#define EFER_NXE (1u << 11)

/* Page table entries (SDM volume 3, 4.5.4). */
#define PTE_PRESENT (1ull << 0)
#define PTE_WRITE (1ull << 1)
#define PTE_USER (1ull << 2)
#define PTE_WRITE_THROUGH (1ull << 3)
#define PTE_CACHE_DISABLE (1ull << 4)
#define PTE_LARGE (1ull << 7)
#define PTE_NO_EXECUTE (1ull << 63)
#define PTE_ADDRESS 0x000ffffffffff000ull

/* Page fault error code (SDM volume 3, 4.7). */
#define PF_PRESENT (1u << 0)
#define PF_WRITE (1u << 1)
#define PF_USER (1u << 2)
#define PF_FETCH (1u << 4)

static inline uint64_t read_cr2(void)
{
    uint64_t v;
    __asm__ volatile("mov %%cr2, %0" : "=r"(v));
    return v;
}
static inline uint64_t read_cr4(void)
{
    uint64_t v;
    __asm__ volatile("mov %%cr4, %0" : "=r"(v));
    return v;
}
static inline uint64_t read_dr6(void)
{
    uint64_t v;
    __asm__ volatile("mov %%dr6, %0" : "=r"(v));
    return v;
}
static inline uint64_t read_dr7(void)
{
    uint64_t v;
    __asm__ volatile("mov %%dr7, %0" : "=r"(v));
    return v;
}
static inline void write_cr2(uint64_t v)
{
    __asm__ volatile("mov %0, %%cr2" : : "r"(v) : "memory");
}
static inline void write_cr4(uint64_t v)
{
    __asm__ volatile("mov %0, %%cr4" : : "r"(v) : "memory");
}
static inline void write_dr0(uint64_t v)
{
    __asm__ volatile("mov %0, %%dr0" : : "r"(v) : "memory");
}
static inline void write_dr1(uint64_t v)
{
    __asm__ volatile("mov %0, %%dr1" : : "r"(v) : "memory");
}
static inline void write_dr2(uint64_t v)
{
    __asm__ volatile("mov %0, %%dr2" : : "r"(v) : "memory");
}
static inline void write_dr3(uint64_t v)
{
    __asm__ volatile("mov %0, %%dr3" : : "r"(v) : "memory");
}
static inline void write_dr6(uint64_t v)
{
    __asm__ volatile("mov %0, %%dr6" : : "r"(v) : "memory");
}
static inline void write_dr7(uint64_t v)
{
    __asm__ volatile("mov %0, %%dr7" : : "r"(v) : "memory");
}

#if __STDC_HOSTED__
/* In a unit test these are the machine (test/unit/machine.h). */
void interrupts_off(void);
void interrupts_on(void);
void interrupts_on_and_halt(void);
void invalidate_page(uintptr_t address);
uint64_t read_cr0(void);
uint64_t read_cr3(void);
uint64_t read_flags(void);
uint64_t read_msr(uint32_t msr);
uint64_t read_tsc(void);
uint64_t read_tsc_in_order(void);
void write_back_caches(void);
void write_cr0(uint64_t v);
void write_cr3(uint64_t v);
void write_cr8(uint64_t v);
void write_msr(uint32_t msr, uint64_t value);
#else
static inline void interrupts_on(void) { __asm__ volatile("sti" : : : "memory"); }
static inline void interrupts_off(void) { __asm__ volatile("cli" : : : "memory"); }

/* STI takes effect after the next instruction, so nothing comes between it and HLT (SDM volume 2,
 * STI). */
static inline void interrupts_on_and_halt(void) { __asm__ volatile("sti; hlt" : : : "memory"); }

static inline uint64_t read_flags(void)
{
    uint64_t flags;
    __asm__ volatile("pushfq; popq %0" : "=r"(flags) : : "memory");
    return flags;
}

static inline void invalidate_page(uintptr_t address)
{
    __asm__ volatile("invlpg (%0)" : : "r"(address) : "memory");
}

static inline uint64_t read_cr0(void)
{
    uint64_t v;
    __asm__ volatile("mov %%cr0, %0" : "=r"(v));
    return v;
}
static inline uint64_t read_cr3(void)
{
    uint64_t v;
    __asm__ volatile("mov %%cr3, %0" : "=r"(v));
    return v;
}
static inline void write_cr0(uint64_t v)
{
    __asm__ volatile("mov %0, %%cr0" : : "r"(v) : "memory");
}
static inline void write_cr3(uint64_t v)
{
    __asm__ volatile("mov %0, %%cr3" : : "r"(v) : "memory");
}
static inline void write_cr8(uint64_t v)
{
    __asm__ volatile("mov %0, %%cr8" : : "r"(v) : "memory");
}

static inline uint64_t read_msr(uint32_t msr)
{
    uint32_t low, high;
    __asm__ volatile("rdmsr" : "=a"(low), "=d"(high) : "c"(msr));
    return (uint64_t)high << 32 | low;
}

static inline void write_msr(uint32_t msr, uint64_t value)
{
    __asm__ volatile("wrmsr"
                     :
                     : "c"(msr), "a"((uint32_t)value), "d"((uint32_t)(value >> 32))
                     : "memory");
}

static inline uint64_t read_tsc(void)
{
    uint32_t low, high;
    __asm__ volatile("rdtsc" : "=a"(low), "=d"(high) : : "memory");
    return (uint64_t)high << 32 | low;
}

/* The time at which all earlier instructions are done (SDM volume 2, RDTSC). The same instructions
 * as STAMP's (marks.inc), so that a pair of either costs the same. */
static inline uint64_t read_tsc_in_order(void)
{
    uint64_t time;
    __asm__ volatile("lfence\n\t"
                     "rdtsc\n\t"
                     "shl $32, %%rdx\n\t"
                     "or %%rdx, %%rax"
                     : "=a"(time)
                     :
                     : "rdx", "cc", "memory");
    return time;
}

static inline void write_back_caches(void)
{
    __asm__ volatile("wbinvd" : : : "memory");
}
#endif

static inline void flush_line(const void *address)
{
    __asm__ volatile("clflush (%0)" : : "r"(address) : "memory");
}

/* Interrupts off; what they were, for interrupts_restore. */
static inline uint64_t interrupts_save(void)
{
    uint64_t flags = read_flags();
    interrupts_off();
    return flags;
}

static inline void interrupts_restore(uint64_t flags)
{
    if (flags & RFLAGS_IF)
        interrupts_on();
}

static inline void cpu_relax(void) { __builtin_ia32_pause(); }

/* For a wait that may be long: some empty rounds to each PAUSE. A multi-threaded emulator takes a
 * global lock for a PAUSE, which the other CPU needs, too. A deterministic one lets no other CPU
 * run without a PAUSE. */
static inline void cpu_relax_rarely(void)
{
    for (unsigned i = 0; i < 200; i++)
        __asm__ volatile("");
    cpu_relax();
}

static inline uintptr_t read_rsp(void)
{
    uintptr_t rsp;
    __asm__ volatile("mov %%rsp, %0" : "=r"(rsp));
    return rsp;
}

/* The operand of LGDT, LIDT, SGDT and SIDT. */
struct pseudo_descriptor {
    uint16_t limit;
    uint64_t base;
} __attribute__((packed));

#endif
