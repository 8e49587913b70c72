/* SPDX-License-Identifier: MIT */
/* Raises an event with known values in all general registers, in RFLAGS, in the bases of FS and GS
 * and in the words above RSP, and looks behind it whether all of them are whole: check `whole`.
 *
 * A workload raises all its own events in this way. Events from outside hit victims (victim.h), or
 * one of these. No value is like another, nor like any that was used before.
 *
 * Thread context, or the handler of another event; ring 0, unless it says otherwise. */
#ifndef ISTSTORM_WORKLOADS_RUN_KNOWN_H
#define ISTSTORM_WORKLOADS_RUN_KNOWN_H

#include <stdbool.h>
#include <stdint.h>

#include "workloads/run/known_block.h"

/* The code that raises an event, in both rings unless it says otherwise: known.asm. `_after`: the
 * RIP in its frame. */
extern const char known_int3[], known_int3_after[];
extern const char known_trap[];                         /* a software trap: known_traps() */
extern const char known_icebp[], known_icebp_missing[]; /* the result is 1 where it is #UD */
extern const char known_step_end[];                     /* less the NOPs that are stepped first */
extern const char known_execute[], known_execute_target[];
extern const char known_syscall[], known_syscall_step[];    /* ring 3 */
extern const char known_invalid[];                      /* #UD; ring 3 */
extern const char known_machine_check[];                /* INT 18; ring 0 */
extern const char known_int_irq[];                      /* INT of an interrupt's vector; ring 0 */
/* With an operand: an address, or a selector. The fault goes on at known_back. */
extern const char known_write[], known_write_after[];   /* the word, for a data breakpoint */
extern const char known_read[];                         /* #PF, or #GP where it is not canonical */
extern const char known_read_stack[], known_read_stack_faulted[];   /* #SS where it is not */
extern const char known_load_ss[];                      /* #SS where it is not present */
extern const char known_fetch[];                        /* #PF; ring 0 */
extern const char known_back[];

#define STEPS_BESIDE_NOPS 4         /* of known_step_end */
#define STEPS_OF_SYSCALL 10         /* of known_syscall_step */

/* Once, before any event. */
void known_prepare(void);

struct known_event {
    const char *name;               /* for the report */
    const char *trigger;
    uint64_t operand;               /* 0: the trigger has none */
    uint64_t flags;                 /* TF and IF, where the trigger wants them set */
};

/* Raises it on this CPU. Interrupts stay as they are. The trigger's result. */
uint64_t known_raise(const struct known_event *event);

/* Software traps that this CPU has taken out of a ring. */
uint64_t known_traps(unsigned ring);

/* This CPU's interrupt to itself, sent before and let in when all is known. */
void known_interrupt(const char *name, unsigned vector);

/* An NMI to itself, which may come some instructions later. */
void known_nmi(const char *name);

/* Calls a function, which keeps RBX, RBP and R12 to R15 by the ABI. */
void known_call(const char *name, const void *function, uint64_t first, uint64_t second);

/* This CPU's debug registers, which are not switched with threads: a thread that may be preempted
 * has them to itself. False: another one has. Thread context. */
bool known_claim_breakpoints(void);
void known_release_breakpoints(void);

/* For ring 3: fills one that it will see at RSP when it runs known_user; and looks at what it has
 * left there. Behind each event known_user executes SYSCALL, whose frame has known_user_asks as
 * RIP. */
void known_fill_user(struct known *known, const struct known_event *event);
void known_look_user(const struct known *known, const char *name);
void known_set_flags(struct known *known, uint64_t rflags);
#define KNOWN_REGISTER(name) (offsetof(struct trap_frame, name) / sizeof(uint64_t))
extern const char known_user[], known_user_asks[];

#endif
