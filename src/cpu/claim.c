/* SPDX-License-Identifier: MIT */
/* The lists of claims, and of instructions that may fault: see claim.h. */
#include "cpu/claim.h"

#include <stddef.h>

#include "cpu/nmi_owner.h"
#include "cpu/oops.h"
#include "cpu/softirq.h"
#include "cpu/vectors.h"
#include "cpu/verdict.h"
#include "cpu/x86.h"

#define VECTORS_A_CLASS 16

/* The first hook of a vector is never empty, so that the handlers need not look; the last always
 * is, and ends the list. */
static bool no_hook(struct trap_frame *frame)
{
    (void)frame;
    return false;
}

bool (*exception_hooks[EXCEPTIONS][HOOKS_A_VECTOR + 1])(struct trap_frame *frame) = {
    [0 ... EXCEPTIONS - 1] = {[0 ... HOOKS_A_VECTOR] = no_hook}};

static bool ask_nmi_hooks(struct trap_frame *frame)
{
    if (!hooks_take(VECTOR_NMI, frame))
        nmi_take_foreign();
    return true;
}

bool (*nmi_hook)(struct trap_frame *frame) = ask_nmi_hooks;

_Noreturn void vector_unexpected(struct trap_frame *frame)
{
    oops(frame, "no handler claimed interrupt %lu: a device or a CPU sent a vector that is not in "
                "use; it came", frame->vector);
}

void (*vector_handlers[VECTOR_COUNT])(struct trap_frame *frame) = {
    [0 ... VECTOR_COUNT - 1] = vector_unexpected};

static void unexpected_syscall(struct trap_frame *frame)
{
    oops(frame, "no hook expects SYSCALL: code in ring 3 is wrong or damaged; it came");
}

void (*syscall_hook)(struct trap_frame *frame) = unexpected_syscall;

void (*softirq_handlers[SOFTIRQ_COUNT])(unsigned softirq);

static const char *vector_claimants[VECTOR_COUNT], *syscall_claimant;

static const char *const listed_names[VECTOR_COUNT] = {
#define VECTOR(number, symbol, name, entry, handler, stack, dpl) [number] = name,
#include "cpu/vectors.def"
#undef VECTOR
};

const char *vector_name(unsigned vector)
{
    if (vector == VECTOR_SYSCALL)
        return "SYSCALL";
    if (vector >= VECTOR_COUNT)
        return "reserved";
    if (vector_claimants[vector])
        return vector_claimants[vector];
    return listed_names[vector] ? listed_names[vector] : "reserved";
}

/* A claim that cannot be had. */
#define END_RUN(...)                                                                               \
    do {                                                                                           \
        check_failed(CHECK_UNEXPECTED, "claim", __VA_ARGS__);                                      \
        verdict_fatal();                                                                           \
    } while (0)

void claim_exception(unsigned vector, const char *name, bool (*hook)(struct trap_frame *frame))
{
    unsigned i = 0;

    while (i < HOOKS_A_VECTOR && exception_hooks[vector][i] != no_hook)
        i++;
    if (i == HOOKS_A_VECTOR)
        END_RUN("%s has %u hooks already: there is no room for one more, of %s",
                vector_name(vector), HOOKS_A_VECTOR, name);
    exception_hooks[vector][i] = hook;
}

void release_exception(unsigned vector, bool (*hook)(struct trap_frame *frame))
{
    bool (**at)(struct trap_frame *frame) = exception_hooks[vector];

    while (*at != hook && *at != no_hook)
        at++;
    for (; *at != no_hook; at++)
        at[0] = at[1];
}

void claim_every_nmi(bool (*hook)(struct trap_frame *frame))
{
    nmi_hook = hook ? hook : ask_nmi_hooks;
}

bool vector_is_claimed(unsigned vector)
{
    return vector_claimants[vector] != NULL;
}

void claim_this_vector(unsigned vector, const char *name,
                       void (*handler)(struct trap_frame *frame))
{
    if (vector_is_claimed(vector))
        END_RUN("vector %u is claimed by %s: %s cannot have it, too", vector,
                vector_claimants[vector], name);
    vector_claimants[vector] = name;
    vector_handlers[vector] = handler;
}

unsigned claim_vector(unsigned class, const char *name, void (*handler)(struct trap_frame *frame))
{
    unsigned vector = class * VECTORS_A_CLASS;

    while (vector < (class + 1) * VECTORS_A_CLASS && vector_is_claimed(vector))
        vector++;
    if (vector == (class + 1) * VECTORS_A_CLASS)
        END_RUN("all vectors of priority class %u are claimed: none is left for %s", class, name);
    claim_this_vector(vector, name, handler);
    return vector;
}

void claim_other_vectors(void (*handler)(struct trap_frame *frame))
{
    for (unsigned vector = VECTOR_FIRST_EXTERNAL; vector < VECTOR_COUNT; vector++)
        if (!vector_is_claimed(vector))
            vector_handlers[vector] = handler;
}

unsigned claim_softirq(const char *name, void (*handler)(unsigned softirq))
{
    unsigned softirq = 0;

    while (softirq < SOFTIRQ_COUNT && softirq_handlers[softirq])
        softirq++;
    if (softirq == SOFTIRQ_COUNT)
        END_RUN("all %u softirqs are claimed: none is left for %s", SOFTIRQ_COUNT, name);
    softirq_handlers[softirq] = handler;
    return softirq;
}

void claim_syscall(const char *name, void (*handler)(struct trap_frame *frame))
{
    if (syscall_claimant)
        END_RUN("SYSCALL is claimed by %s: %s cannot have it, too", syscall_claimant, name);
    syscall_claimant = name;
    syscall_hook = handler;
}

struct fixup {
    uint64_t fault_rip, resume_rip;
};
extern const struct fixup fixups_start[], fixups_end[];

bool fixup_apply(struct trap_frame *frame)
{
    if (frame_from_user(frame))
        return false;
    for (const struct fixup *f = fixups_start; f < fixups_end; f++) {
        if (frame->rip == f->fault_rip) {
            frame->rip = f->resume_rip;
            frame->rflags &= ~RFLAGS_RF;    /* it was the faulting instruction's */
            return true;
        }
    }
    return false;
}

bool hooks_take_rest(struct trap_frame *frame)
{
    for (unsigned i = 1; exception_hooks[frame->vector][i] != no_hook; i++)
        if (exception_hooks[frame->vector][i](frame))
            return true;
    return false;
}
