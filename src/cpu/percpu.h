/* SPDX-License-Identifier: MIT */
/* The per-CPU area: the bottom of each CPU's window (stacks.h), addressed through GS. SDM volume 3,
 * 7.7 (the TSS).
 *
 * The TSS comes first, so that an IST entry reaches it by masking RSP. A field is written by its
 * own CPU only, unless it says otherwise; other CPUs may read. Rooms above this one keep their own
 * per-CPU data, indexed by cpu_index(). */
#ifndef ISTSTORM_CPU_PERCPU_H
#define ISTSTORM_CPU_PERCPU_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "cpu/inject.h"
#include "cpu/stacks.h"

#define IST_SLOTS 7
#define DIFFERENCE_BYTES 96         /* room for one in words (cpu/tables.h) */

struct tss {
    uint32_t reserved0;
    uint64_t rsp[3];
    uint64_t reserved1;
    uint64_t ist[IST_SLOTS];        /* ist[0] is IST code 1 */
    uint64_t reserved2;
    uint16_t reserved3;
    uint16_t io_map_base;
} __attribute__((packed));
_Static_assert(sizeof(struct tss) == 104, "SDM volume 3, figure 7-11");

/* Selectors. SYSRET wants user data below user code, and both above a common base (SDM volume 3,
 * 5.8.8). */
enum selector {
    KERNEL_CS = 0x08,
    KERNEL_DS = 0x10,
    USER_DS = 0x1b,
    USER_CS = 0x23,
    TSS_SELECTOR = 0x28,
    ABSENT_SS = 0x38,               /* a data segment that is not present: loading it is #SS */
    ABSENT_USER_SS = 0x43,
    GDT_WORDS = 9
};

/* The counted events, a line each: E(symbol, name in the report). */
#define EVENTS(E)                                                                                  \
    E(IRQ, irqs)                                                                                   \
    E(IPI, ipis)                                                                                   \
    E(NMI, nmis)                                                                                   \
    E(DEBUG, debugs)                                                                               \
    E(BREAKPOINT, breakpoints)                                                                     \
    E(MACHINE_CHECK, machine_checks)                                                               \
    E(CORRECTED_ERROR, corrected_errors)                                                           \
    E(STACK_FAULT, stack_faults)                                                                   \
    E(DOUBLE_FAULT, double_faults)                                                               \
    E(SOFTIRQ, softirqs)                                                                           \
    E(SWITCH, switches)                                                                            \
    E(TICK, ticks)                                                                                 \
    E(CMCI, cmcis)                                                                                 \
    E(THERMAL, thermal_irqs)                                                                       \
    E(APIC_ERROR, apic_errors)                                                                     \
    E(SPURIOUS, spurious)                                                                          \
    E(STRAY, stray_irqs)

enum event {
#define EVENT_ENUM(symbol, name) EVENT_##symbol,
    EVENTS(EVENT_ENUM)
#undef EVENT_ENUM
    EVENT_KINDS
};

struct thread;

struct percpu {
    struct tss tss;
    struct percpu *self;
    uint32_t index;                 /* dense, ours */
    uint32_t apic_id;               /* 32-bit, sparse, the machine's; never an array index */

    int32_t irq_nest;               /* -1: no interrupt; n: n within the first */
    int32_t softirq_pending;        /* a bit a softirq; negative: the softirq thread has them */
    uint64_t irq_stack_top;
    uint8_t need_resched;           /* written by other CPUs too */
    bool nmi_asked;                 /* by another CPU, to stop or to say where it is (smp/ipi.c) */
    bool nmi_rare;                  /* nmi_asked or nmi_resume is set, or was */
    bool online;                    /* takes part in the run */
    bool lost; /* hung, and taken out by another CPU (smp/ipi.h): no longer online, for good */
    bool console_quiet; /* this CPU is where the console must not be drained (NMI, #MC, #DF,
                           scheduler) */
    uintptr_t ist_next[CPU_STACK_KINDS];    /* where each hardware stack's next frame must end, kept
                                               apart from TSS.ist[] */
    uintptr_t ist_lowest[CPU_STACK_KINDS];  /* the lowest that this has been */

    uint64_t clock_epoch, clock_last; /* the TSC when time began, and what clock_cycles said last */
    uint64_t clock_stepped;         /* cycles that its TSC stepped back by, in all */
    struct percpu *blocked_by;      /* whose lock or answer this CPU waits for, for long */
    struct thread *current;
    uint64_t nmi_resume;            /* RSP of who blocks NMIs (cpu/nmi.h), or 0 */
    uint64_t dr6;                   /* of the last #DB, for its hooks */
    uint64_t nmi_blocks_given_up;   /* entry=ret: by the IRET of what interrupted an NMI */
    uint64_t dr7_in_nmi, dr7_in_debug; /* entry=repeat: DR7 as it will be after these handlers */
    uint64_t user_rsp;              /* where SYSCALL's entry keeps RSP for two instructions */
    uint64_t events[EVENT_KINDS];
    uint64_t gdt[GDT_WORDS];
    uint32_t nmis_expected;         /* sent, or about to be (cpu/nmi_owner.h); written by others */
    uint32_t strays_told[8];        /* vectors, a bit each (smp/strays.c) */
    uint64_t efer;                  /* as it was loaded */
    char difference[DIFFERENCE_BYTES]; /* what tables_look has told last */
};
_Static_assert(sizeof(struct percpu) <= PERCPU_SIZE, "the per-CPU area outgrows its pages");
_Static_assert(offsetof(struct percpu, gdt) <= PAGE_SIZE, "events are on the page that is kept");

/* This CPU's area. A member access is one instruction; `++` too, so it is whole against interrupts
 * of this CPU. */
#define this_cpu ((__seg_gs struct percpu *)0)

static inline struct percpu *cpu_at(uint32_t index)
{
    return (struct percpu *)(CPU_WINDOWS_BASE + (uintptr_t)index * CPU_WINDOW);
}

static inline uint32_t cpu_index(void)
{
    return this_cpu->index;
}

/* Whether the run goes on without this CPU; then nothing is sent to it, nor waited for. Any
 * context. */
static inline bool cpu_is_lost(uint32_t index)
{
    return __atomic_load_n(&cpu_at(index)->lost, __ATOMIC_ACQUIRE);
}

/* The CPU on which a planted fault strikes, of those that take part. */
static inline uint32_t inject_cpu(void)
{
    return cpu_count > 1 ? 1 : 0;
}

/* One instruction: whole against this CPU's own interrupts. Any context. */
static inline __attribute__((always_inline)) void count_event(const enum event event)
{
    this_cpu->events[event]++;
}

/* Gives the BSP an area for the time until percpu_load: an index, and a name for the locks that it
 * takes. First of all. */
void percpu_begin(void);

/* Maps and fills the windows of `count` CPUs and sets up their areas, index 0 to count - 1, and
 * maps the tables that have an element a CPU (late.h). Thread context, once, by the BSP. False: not
 * enough memory. */
bool percpu_create(uint32_t count, const uint32_t *apic_ids);

/* Loads this CPU's GS base, GDT, TSS and IDT, in the order that lets no IST gate be reached before
 * LTR, and compares what it has loaded (cpu/tables.h). NULL, or what differs. Interrupts off. */
const char *percpu_load(uint32_t index);

#endif
