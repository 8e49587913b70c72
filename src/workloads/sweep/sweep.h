/* SPDX-License-Identifier: MIT */
/* The sweep: an event at every instruction boundary of every path into and out of the kernel. Its
 * files share this: sweep.c conducts, paths.c causes a path's event and takes it, probe.c stands at
 * the boundary. SDM volume 3, 6.7.1, 6.9, 17.3.1.1.
 *
 * THE THEORY. Everything happens on one CPU, to itself, one trial after the other; a trial is one
 * path, one boundary, one event.
 *
 *  - The probe is a #DB of its own: in the sweep's copy of the IDT, vector 1 has an IST code that
 *    nothing else uses, so it disturbs no stack. An execution breakpoint at the path's first byte
 *    brings it up, there it moves the breakpoint to the boundary, and there it stands again.
 *  - At the boundary it copies what the interrupted path still needs: its registers, the live part
 *    of each stack, TSS.ist[] and the rest of the per-CPU area. Then it lets the event in, and
 *    leaves its breakpoint armed: the event's IRET comes back to the boundary, and the breakpoint
 *    with it. The event destroyed all that has changed meanwhile. The probe says so, puts the
 *    copies back, and the path goes on as if nothing had come. So an unsafe boundary costs nobody
 *    anything, and one run counts them all.
 *  - An NMI is let in so: the probe blocks NMIs by taking one on its own stack and leaving it
 *    without an IRET, sends another one, which is latched, and its own IRET releases that exactly
 *    at the boundary. NMIs and interrupts come before an execution breakpoint on the instruction
 *    that an IRET returns to, so RF can stay clear (SDM volume 3, table 6-2).
 *  - A path that is entered with NMIs blocked is entered so in truth: there the probe blocks them
 *    again and leaves by POPF and a jump, which unblock nothing. An NMI that is sent there stays
 *    latched until somebody executes an IRET: by itself, that is the path's own.
 *  - A #DB path cannot be entered while vector 1 is the probe's. So the probe, which the path's
 *    single step brings up, hands it on: it pushes the frame where TSS.ist[] says, as the processor
 *    would, and goes to the gate's first instruction. A #DB inside that path is handed on too: the
 *    breakpoint would come again at its boundary inside it, for ever.
 *
 * WHICH BOUNDARIES. Those that the processor itself names: a path is first single-stepped from its
 * first byte to the instruction before which its IRET returns; only the workload's own handler in
 * its middle is stepped over. Then every byte between two boundaries gets an execution breakpoint:
 * one that fires is a boundary that no single step stopped at, and is put in its place. */
#ifndef ISTSTORM_WORKLOADS_SWEEP_SWEEP_H
#define ISTSTORM_WORKLOADS_SWEEP_SWEEP_H

#include <stdbool.h>
#include <stdint.h>

#include "cpu/frame.h"
#include "cpu/stacks.h"
#include "cpu/x86.h"

/* E(symbol, name) */
#define SWEEP_EVENTS(E)                                                                            \
    E(NMI, "nmi")                                                                                  \
    E(DB, "db")                                                                                    \
    E(DB_NMI, "db-nmi")                                                                            \
    E(IRQ, "irq")

enum sweep_event {
#define SWEEP_ENUM(symbol, name) SWEEP_##symbol,
    SWEEP_EVENTS(SWEEP_ENUM)
#undef SWEEP_ENUM
    SWEEP_EVENT_COUNT
};

enum sweep_start {
    START_GATE,             /* the vector's, from the IDT in force */
    START_HANDED_ON,        /* the same, by the probe in place of the processor */
    START_CALL,             /* a function of the kernel */
    START_SYSCALL
};

/* The state of NMIs while a path is under way. */
enum sweep_nmis {
    NMIS_OPEN,
    NMIS_BLOCKED,           /* from its first instruction on */
    IN_NMI,                 /* the same, in an NMI's handler; where another event of it may nest */
    NMIS_REPEAT             /* entry=repeat: another is let in; its boundaries are only listed */
};

struct sweep_path {
    const char *name;
    enum sweep_start start;
    unsigned vector;
    const void *function;           /* START_CALL's */
    enum sweep_nmis nmis;
    void (*cause)(void);            /* once, interrupts off */
    uint32_t ring3_does;            /* SWEEP_DO_..., where cause gives ring 3 a turn; else 0 */
};
struct thread;
extern const struct sweep_path sweep_paths[];
extern const unsigned sweep_path_count;

struct sweep_boundary {
    uint64_t rip, rsp;
    uint32_t pass;                  /* of those with this RIP on the path: 1 is the first */
    bool interruptible;             /* IF is set */
};

#define SWEEP_BOUNDARIES 512        /* most of a path */
#define SWEEP_PROOFS 3              /* bytes that are probed at once */

enum sweep_phase {
    PHASE_OFF,
    PHASE_START,                    /* until the path's first byte */
    PHASE_STEP,                     /* from boundary to boundary */
    PHASE_STEP_OVER,                /* in the workload's own handler, until it returns */
    PHASE_SEEK,                     /* until the boundary */
    PHASE_PROVE,                    /* breakpoints between boundaries: none must fire */
    PHASE_INSIDE,                   /* the event is let in, and must come back to the boundary */
    PHASE_LATCH,                    /* before the IRET of a #DB that was handed on */
    PHASE_OVER
};

/* A #DB that the probe hands on has BD in DR6, which no breakpoint sets or clears (17.2.3). */
#define SWEEP_DR6_HANDED_ON DR6_BD

/* How the boundary is reached. */
enum sweep_method { METHOD_LIST, METHOD_BREAKPOINT, METHOD_STEP, METHOD_PROVE };

struct sweep_trial {
    const struct sweep_path *path;
    const struct sweep_boundary *at;
    enum sweep_method method;
    enum sweep_event event;
    uint64_t start, resume;         /* the path's first byte; where it returns to */
    uint64_t between[SWEEP_PROOFS]; /* METHOD_PROVE's bytes */

    /* The outcome. */
    volatile enum sweep_phase phase;
    uint32_t passes;                /* of the boundary's RIP */
    uint32_t outer, nmis, debugs, interrupts;   /* the path's event; those let in */
    bool reached, came_back;        /* the boundary; after the event */
    bool lags;                      /* C counts levels otherwise than TSS.ist[] there */
    bool held;                      /* the NMI came when the path was over */
    bool inner_wrong;               /* its frame was not what was interrupted */
    struct sweep_boundary missed;   /* METHOD_PROVE: one that the list lacks; pass 0 for none */
    char lost[256];                 /* "" for nothing */
};
extern struct sweep_trial sweep_trial;

/* The path's boundaries, in the order in which they come. */
extern struct sweep_boundary sweep_boundaries[SWEEP_BOUNDARIES];
extern unsigned sweep_boundary_count;
void sweep_forget_boundaries(void);
void sweep_insert_boundary(unsigned place, struct sweep_boundary boundary);

/* Readies the copies of the IDT and the probe's stack on this CPU, and takes them back. */
void sweep_probe_install(void);
void sweep_probe_remove(void);

/* Where the path begins, in the IDT in force. */
uint64_t sweep_path_start(const struct sweep_path *path);

/* Makes #GP a #DF, or not, in both IDTs. */
void sweep_gp_present(bool present);

/* With an NMI that is on its way: NMIs are blocked, and it is latched. */
void sweep_latch_nmi(void);

/* Around one trial, interrupts off: arms what the method needs, and disarms. */
void sweep_arm(struct sweep_trial *trial);
void sweep_disarm(void);

/* For a handler: whether this is the event that was let in, and not the path's own. */
bool sweep_is_inner(const struct trap_frame *frame);

/* For the handler of such a #DB, at its end. */
void sweep_inner_debug(struct trap_frame *frame);
void sweep_add_lost(struct sweep_trial *trial, const char *what);

/* Takes over the handlers of all paths' events. Once. */
void sweep_take_over(void);

/* Runs a thread in ring 3, for the paths that need one. */
struct thread_life sweep_ring3_run(void);

/* Whether RIP is the first instruction of one of these. */
bool sweep_is_handler(uint64_t rip);

/* sweep.asm: takes an NMI that `send` sends on the stack in use, and comes back with NMIs blocked;
 * vector 2 must lead to sweep_block_stub. False: it did not come. */
bool sweep_block_nmis(void (*send)(void));

#endif
