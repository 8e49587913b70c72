/* SPDX-License-Identifier: MIT */
/* The list of stacks, and the one question about them: whose stack is this address, which kind, how
 * deep? The reference is the kernel-stacks document of Linux for x86_64; SDM volume 3, 6.14.5 and
 * 7.7.
 *
 * THE THEORY.
 *
 *  - A thread owns its stack (THREAD_SIZE) while it is alive or a zombie.
 *    thread_info lies at its bottom and an end magic above that. Exceptions without an IST code and
 *    system calls run on it.
 *  - Each CPU has one IRQ stack (IRQSTACKSIZE). Software switches to it when the CPU's nest counter
 *    goes from -1 to 0 and stays on it for nested interrupts and for softirqs. Its topmost word is
 *    the back-link: the RSP it came from.
 *  - Events that may come at any instruction, or whose cause may be the stack itself, get a
 *    hardware stack through an IST code: #SS, #DF, NMI, #DB with #BP, #MC. The hardware starts each
 *    such event at TSS.ist[code], whatever is on that stack; so entry.asm lowers TSS.ist[code] by
 *    one level on entry and raises it on exit, and an event that comes in between, with the same
 *    code, gets the level below. Levels of one stack lie next to each other, level 0 on top; below
 *    the last one is a guard page.
 *  - Two windows stay open for an event of the same code: after the hardware's push and before the
 *    adjustment, and after the adjustment back and before the IRET. NMIs are blocked there by the
 *    hardware until an IRET; #DB and #BP are raised by our own instructions, so never there; a true
 *    machine check may come there and cost the frame of an INT 18. See TRICKS.md.
 *
 * WHERE THEY LIE. Each CPU has a window of CPU_WINDOW bytes of addresses, aligned to its size, in
 * the upper half of the address space: its per-CPU area at the bottom, TSS first, then the stacks,
 * each above a guard page that is never mapped. So an IST entry finds its TSS by masking RSP,
 * before it knows whose GS base is loaded; and the CPU, the kind and the level of an address are
 * arithmetic. Thread stacks have a region of their own, a slot each. */
#ifndef ISTSTORM_CPU_STACKS_H
#define ISTSTORM_CPU_STACKS_H

#include <stdbool.h>
#include <stdint.h>

#define PAGE_SIZE 4096
#define THREAD_SIZE (2 * PAGE_SIZE)
#define IRQSTACKSIZE (4 * PAGE_SIZE)
#define EXCEPTION_STKSZ PAGE_SIZE
#define DEBUG_STKSZ (2 * PAGE_SIZE)
#define IST_LEVELS 4
/* Bytes that must stay untouched of every used level, and of thread stacks: room for events that a
 * run has not met, such as a page fault's frame and an oops on top of the deepest handler. */
#define STACK_MARGIN 512

enum stack_kind {
#define STACK(symbol, name, ist, size, levels) symbol##_STACK,
#include "cpu/stacks.def"
#undef STACK
    CPU_STACK_KINDS,
    THREAD_STACK = CPU_STACK_KINDS,
    GUARD_PAGE,             /* in a CPU's window or a thread's slot, but on no stack */
    NO_STACK
};

/* SDM volume 3, 6.14.5: the code that a gate has for its stack; 0 is none. */
enum stack_ist {
#define STACK(symbol, name, ist, size, levels) symbol##_STACK_IST = ist,
#include "cpu/stacks.def"
#undef STACK
    THREAD_STACK_IST = 0
};

/* A sum of powers of two has a bit for each of them only where no two are equal. */
#define STACK(symbol, name, ist, size, levels) +((ist) ? 1u << (ist) : 0)
enum { STACK_IST_SUM = 0
#include "cpu/stacks.def"
};
#undef STACK
#define STACK(symbol, name, ist, size, levels) | ((ist) ? 1u << (ist) : 0)
enum { STACK_IST_BITS = 0
#include "cpu/stacks.def"
};
#undef STACK
_Static_assert((int)STACK_IST_SUM == (int)STACK_IST_BITS, "two stacks claim one IST code");

#define CPU_WINDOW (256 * 1024)
#define PERCPU_SIZE (2 * PAGE_SIZE)
#if __STDC_HOSTED__ /* a unit test has the lower half of the addresses (test/unit/machine.h) */
#define CPU_WINDOWS_BASE 0x200000000000ull
#define THREAD_SLOTS_BASE 0x210000000000ull
#else
#define CPU_WINDOWS_BASE 0xffff800000000000ull
#define THREAD_SLOTS_BASE 0xffff900000000000ull
#endif
#define THREAD_SLOT (2 * THREAD_SIZE)   /* the upper half; the lower is its guard */
#define THREAD_SLOTS 65536
#define MAX_CPUS 1024

/* A CPU's window, as the linker would see it. */
struct cpu_window {
    uint8_t percpu[PERCPU_SIZE];
#define STACK(symbol, name, ist, size, levels)                                                     \
    uint8_t guard_##symbol[PAGE_SIZE];                                                             \
    uint8_t stack_##symbol[(size) * (levels)];
#include "cpu/stacks.def"
#undef STACK
    uint8_t guard_end[PAGE_SIZE];
};
_Static_assert(sizeof(struct cpu_window) <= CPU_WINDOW, "the stacks outgrow a CPU's window");
_Static_assert((CPU_WINDOW & (CPU_WINDOW - 1)) == 0, "entry.asm finds the TSS by masking RSP");

/* Windows that are mapped: those of the CPUs with an index below it. */
extern uint32_t cpu_count;

struct stack_shape {
    const char *name;       /* as in a backtrace: <NMI> <DB[1]> */
    uint32_t offset;        /* of the lowest level in the window */
    uint32_t level_size;    /* bytes */
    uint32_t levels;
    uint32_t ist;           /* IST code, 1 to 7, or 0 */
};
extern const struct stack_shape stack_shapes[CPU_STACK_KINDS];

#define STACK_FILL 0x57ac57ac57ac57acull       /* what has never been pushed to */
#define STACK_END_MAGIC \
    0x1575ac6e9d57ac6eull /* the lowest word of every level, and the word above thread_info */

struct stack_place {
    enum stack_kind kind;
    uint32_t owner;         /* CPU index, or thread slot */
    uint32_t level;
    uintptr_t low, high;    /* of the level */
};

/* Any context. Never touches memory at the address. */
struct stack_place stack_find(uintptr_t address);

/* The stack that RSP stands on, which may be at the very top of an empty one: past its last
 * byte. */
struct stack_place stack_of_rsp(uintptr_t rsp);
const char *stack_name(enum stack_kind kind);

/* An address in words: "the guard page below the NMI stack", "on no stack". */
const char *stack_describe(uintptr_t address);

/* The top of a level of a CPU's stack: what TSS.ist[] holds when the level is the next to be used.
 * Any context. */
uintptr_t stack_top(uint32_t cpu, enum stack_kind kind, uint32_t level);

/* Fills a mapped stack range with the pattern and puts the end magic into its lowest word. */
void stack_fill(uintptr_t low, uintptr_t high);

/* Bytes ever used of a filled range, from its top; the words below are still the pattern. Any
 * context. */
uint32_t stack_used_bytes(uintptr_t low, uintptr_t high);

static inline uintptr_t thread_slot_stack(uint32_t slot)
{
    return THREAD_SLOTS_BASE + (uintptr_t)slot * THREAD_SLOT + THREAD_SIZE;
}

#endif
