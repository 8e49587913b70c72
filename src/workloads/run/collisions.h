/* SPDX-License-Identifier: MIT */
/* Collisions: how often each event came while another one's handler, entry or exit was running, and
 * at which instructions of the entry code. SDM volume 3, 6.9.
 *
 * A workload's hook says at its start that its event has come, and at its end that it goes; the
 * entry paths know nothing of it. The entries and exits around the hooks are told by RIP. */
#ifndef ISTSTORM_WORKLOADS_RUN_COLLISIONS_H
#define ISTSTORM_WORKLOADS_RUN_COLLISIONS_H

#include <stddef.h>
#include <stdint.h>

#include "cpu/discipline.h"
#include "cpu/frame.h"
#include "cpu/late.h"
#include "cpu/percpu.h"

/* K(F, symbol, name, field of the record). EXIT: the one that interrupts, traps and SYSCALLs
 * share. */
#define COLLISION_KINDS(K, F)                                                                      \
    K(F, THREAD, "thread", in_thread)                                                              \
    K(F, NMI, "NMI", in_nmi)                                                                       \
    K(F, DB, "#DB", in_db)                                                                         \
    K(F, BP, "#BP", in_bp)                                                                         \
    K(F, MC, "#MC", in_mc)                                                                         \
    K(F, SS, "#SS", in_ss)                                                                         \
    K(F, DF, "#DF", in_df)                                                                         \
    K(F, PF, "#PF", in_pf)                                                                         \
    K(F, TRAP, "trap", in_trap)                                                                    \
    K(F, SYSCALL, "SYSCALL", in_syscall)                                                           \
    K(F, HARDIRQ, "hardirq", in_hardirq)                                                           \
    K(F, SOFTIRQ, "softirq", in_softirq)                                                           \
    K(F, SWITCH, "switch", in_switch)                                                              \
    K(F, EXIT, "exit", in_exit)

enum collision {
#define COLLISION_ENUM(F, symbol, name, field) COLLISION_##symbol,
    COLLISION_KINDS(COLLISION_ENUM, )
#undef COLLISION_ENUM
    COLLISION_COUNT
};

/* A CPU's, written by it alone. */
struct collisions {
    uint32_t now;                   /* whose hook runs */
    uint64_t counts[COLLISION_COUNT][COLLISION_COUNT];      /* [the event][in which one] */
} __attribute__((aligned(64)));
extern struct collisions collisions[];

enum collision collision_of_vector(uint32_t vector);

/* The way in or out that RIP stands in, and notes that the event has hit this instruction. */
enum collision collision_in_entry(enum collision event, uint64_t rip, enum collision now);

/* In a hook, first of all. Returns what collision_leave needs. */
static inline enum collision collision_enter(enum collision event, const struct trap_frame *frame)
{
    struct collisions *c = &collisions[this_cpu->index];
    enum collision now = c->now, in = now;

    if (frame->rip - (uint64_t)entry_text_start < (uint64_t)(entry_text_end - entry_text_start))
        in = collision_in_entry(event, frame->rip, now);
    else if (now == COLLISION_THREAD && this_cpu->irq_nest >= (event == COLLISION_HARDIRQ))
        in = COLLISION_HARDIRQ;     /* a tick's, or a message's */
    c->counts[event][in]++;
    c->now = event;
    return now;
}

/* The same of a softirq, which comes between instructions of its CPU's own. */
static inline enum collision collision_enter_softirq(void)
{
    struct collisions *c = &collisions[this_cpu->index];
    enum collision now = c->now;

    c->counts[COLLISION_SOFTIRQ][now]++;
    c->now = COLLISION_SOFTIRQ;
    return now;
}

/* At the hook's end, and before it gives the CPU to another thread. */
static inline void collision_leave(enum collision before)
{
    collisions[this_cpu->index].now = before;
}

/* A record for each event, and a note. Main thread, when nothing storms any more. */
void collisions_report(void);

#endif
