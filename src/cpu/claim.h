/* SPDX-License-Identifier: MIT */
/* Claims: the one way to be called when an exception, an interrupt, a softirq or SYSCALL comes.
 *
 * A room claims what it wants by its own name, on the BSP, before the event can come. A claim that
 * cannot be had ends the run and names both claimants: a hook that is lost without a word would let
 * its check pass for ever. */
#ifndef ISTSTORM_CPU_CLAIM_H
#define ISTSTORM_CPU_CLAIM_H

#include <stdbool.h>

#include "cpu/frame.h"

/* An exception, or the NMI. The hooks of a vector are asked in the order of their claims, until one
 * returns true: the event was its own, and the frame says how to go on. A hook runs on the event's
 * own stack with interrupts off, takes no lock, and prints through the report alone. An exception
 * that no hook takes is unexpected; an NMI that none takes is foreign (cpu/nmi_owner.h). */
void claim_exception(unsigned vector, const char *name, bool (*hook)(struct trap_frame *frame));
#define EXCEPTIONS 32
#define HOOKS_A_VECTOR 4

/* Takes a claim back. The exception must not come meanwhile. */
void release_exception(unsigned vector, bool (*hook)(struct trap_frame *frame));

/* From now on every NMI goes to this hook alone, and its answer is ignored: the shortest path, for
 * a measurement. NULL restores the other hooks. Any CPU, thread context. */
void claim_every_nmi(bool (*hook)(struct trap_frame *frame));

/* An external interrupt, on any vector of a priority class: SDM volume 3, 10.8.3 (vector / 16).
 * Returns the vector. The handler runs with interrupts off, and sends the EOI. */
unsigned claim_vector(unsigned class, const char *name, void (*handler)(struct trap_frame *frame));

/* The same, on the given vector, for a number that an instruction (INT n) or the hardware fixes.
 * INT needs no EOI. */
void claim_this_vector(unsigned vector, const char *name,
                       void (*handler)(struct trap_frame *frame));

/* Gives this handler to every vector from VECTOR_FIRST_EXTERNAL on that has no claim. They stay
 * free to be claimed. */
void claim_other_vectors(void (*handler)(struct trap_frame *frame));

bool vector_is_claimed(unsigned vector);

/* A softirq (cpu/softirq.h). Returns its number. The handler runs on the CPU that raised it, in
 * softirq context: it must not sleep. */
unsigned claim_softirq(const char *name, void (*handler)(unsigned softirq));

/* SYSCALL, with a frame as an interrupt would have left it, on the thread's stack with interrupts
 * off. */
void claim_syscall(const char *name, void (*handler)(struct trap_frame *frame));

/* The name of a vector's claimant, or the vector's own, as "#PF"; "reserved" for those without. Any
 * context. */
const char *vector_name(unsigned vector);

/* An oops: no one has claimed this vector. */
_Noreturn void vector_unexpected(struct trap_frame *frame);

/* For the entries' handlers alone. */
extern bool (*exception_hooks[EXCEPTIONS][HOOKS_A_VECTOR + 1])(struct trap_frame *frame);
extern bool (*nmi_hook)(struct trap_frame *frame);
extern void (*vector_handlers[])(struct trap_frame *frame);
extern void (*syscall_hook)(struct trap_frame *frame);
bool hooks_take_rest(struct trap_frame *frame);

/* Asks the hooks of an exception. False: no one expected it. */
static inline bool hooks_take(unsigned vector, struct trap_frame *frame)
{
    return exception_hooks[vector][0](frame) || hooks_take_rest(frame);
}

/* Goes on where the linker's list of fix-ups says that this faulting instruction may; false if it
 * is not in the list. An entry: the instruction's address, the address to go on at, in section
 * .fixups. */
bool fixup_apply(struct trap_frame *frame);

#endif
