/* SPDX-License-Identifier: MIT */
/* The workload `pairs`: every kind of event inside every other, both ways round, on every CPU. SDM
 * volume 3, 6.9 (priorities), 6.14.5 (IST). Linux's kernel-stacks document: "Events with different
 * IST codes can be nested".
 *
 * The outer event is raised in the thread; its handler raises the inner one, waits until it has
 * been handled, and then compares its own frame, word by word, with what it was before. The inner
 * one's handler looks at the chain of stacks behind it: the outer's place must be in it. */
#include <stddef.h>

#include "cpu/backtrace.h"
#include "cpu/discipline.h"
#include "cpu/idt.h"
#include "cpu/verdict.h"
#include "cpu/claim.h"
#include "cpu/ist.h"
#include "cpu/late.h"
#include "cpu/percpu.h"
#include "cpu/softirq.h"
#include "cpu/vectors.h"
#include "cpu/x86.h"
#include "lib/string.h"
#include "sched/thread.h"
#include "smp/apic.h"
#include "smp/ipi.h"
#include "workloads/run/events.h"
#include "workloads/workload.h"

#define PATIENCE 10000000           /* rounds of PAUSE for one's own event */
#define MOST_STACKS 16

/* P(symbol, name) */
#define PAIR_EVENTS(P)                                                                             \
    P(DB, "#DB")                                                                                   \
    P(BP, "#BP")                                                                                   \
    P(NMI, "NMI")                                                                                  \
    P(MC, "#MC")                                                                                   \
    P(SS, "#SS")                                                                                   \
    P(DF, "#DF")                                                                                   \
    P(HARDIRQ, "hardirq")                                                                          \
    P(SOFTIRQ, "softirq")                                                                          \
    P(PF, "#PF")

enum pair_event {
#define PAIR_ENUM(symbol, name) PAIR_##symbol,
    PAIR_EVENTS(PAIR_ENUM)
#undef PAIR_ENUM
    PAIR_COUNT
};

static const char *const names[PAIR_COUNT] = {
#define PAIR_NAME(symbol, name) [PAIR_##symbol] = name,
    PAIR_EVENTS(PAIR_NAME)
#undef PAIR_NAME
};

static struct tally CPU_TABLE(tallies);

/* The inner interrupt is the more urgent one, so that it comes inside the outer. */
#define OUTER_CLASS 4
#define INNER_CLASS 13
static unsigned outer_vector, inner_vector, messenger_vector, softirq;

/* The pair that a CPU is at. */
static struct pair {
    bool active, inside;            /* inside the outer's handler */
    enum pair_event outer, inner;
    uint32_t seen[PAIR_COUNT];
    uint32_t messengers;
    struct stack_place outer_place;
    bool chained;                   /* the inner one found the outer's place behind it */
    uint64_t word;                  /* under a data breakpoint */
} CPU_TABLE(pairs);

static void fail(const struct pair *p, const char *what)
{
    check_failed(CHECK_STACK, names[p->inner], "%s inside %s: %s (%u and %u came)",
                 names[p->inner], names[p->outer], what, p->seen[p->inner], p->seen[p->outer]);
    tallies[cpu_index()].failed++;
}

/* A page fault inside a handler keeps CR2 for the code that the handler interrupted. */
static void raise_page_fault(void)
{
    uint64_t cr2 = read_cr2();

    known_raise(&event_page_fault);
    write_cr2(cr2);
}

static void wait_change(const volatile uint32_t *count, uint32_t before)
{
    for (unsigned rounds = 0; *count == before && rounds < PATIENCE; rounds++)
        cpu_relax();
}

static void interrupt_self(unsigned vector, const volatile uint32_t *count)
{
    uint32_t before = *count;

    known_interrupt("hardirq", vector);
    interrupts_on();
    wait_change(count, before);
    interrupts_off();
}

static bool is_second_nmi(const struct pair *p)
{
    return p->inside && p->outer == PAIR_NMI;
}

static const struct known_event behind_int3 = {.name = "NMI behind INT3", .trigger = known_int3};

/* In an NMI a second one stays latched, until the IRET of a #BP or #PF lets it in: if they return
 * by one, and if it then nests. */
static void raise_nmi(struct pair *p)
{
    uint32_t before = p->seen[PAIR_NMI];

    known_nmi("NMI");
    if (is_second_nmi(p)) {
        known_raise(&behind_int3);
        raise_page_fault();
    }
    if (!is_second_nmi(p) || discipline->nested_nmi == NMI_NESTS)
        wait_change(&p->seen[PAIR_NMI], before);
}

/* Raises one in whatever context this is, and lets it in. */
static void raise_event(struct pair *p, enum pair_event event)
{
    uint64_t flags = interrupts_save();

    switch (event) {
    case PAIR_DB: event_data_breakpoint(&p->word); break;
    case PAIR_BP: known_raise(&event_int3); break;
    case PAIR_NMI: raise_nmi(p); break;
    case PAIR_MC: known_raise(&event_machine_check); break;
    case PAIR_SS: known_raise(&event_absent_ss); break;
    case PAIR_DF: event_double_fault(); break;
    case PAIR_PF: raise_page_fault(); break;
    case PAIR_HARDIRQ:
        interrupt_self(p->inside ? inner_vector : outer_vector, &p->seen[event]);
        break;
    case PAIR_SOFTIRQ:
        softirq_raise(softirq);
        interrupt_self(messenger_vector, &p->messengers);
        break;
    default: break;
    }
    interrupts_restore(flags);
}

/* A softirq waits for the outermost interrupt's exit: inside a hardirq or a softirq it is put off;
 * and so may an NMI be inside an NMI. */
static bool is_put_off(const struct pair *p)
{
    if (p->inner == PAIR_NMI && p->outer == PAIR_NMI)
        return discipline->nested_nmi == NMI_WAITS;
    return p->inner == PAIR_SOFTIRQ && (p->outer == PAIR_HARDIRQ || p->outer == PAIR_SOFTIRQ);
}

/* Events of one IST code, of which the entry discipline allows but one at a time. */
static bool is_forbidden(enum pair_event outer, enum pair_event inner)
{
    static const unsigned vectors[PAIR_COUNT] = {
        [PAIR_DB] = VECTOR_DB, [PAIR_BP] = VECTOR_BP, [PAIR_NMI] = VECTOR_NMI,
        [PAIR_MC] = VECTOR_MC, [PAIR_SS] = VECTOR_SS, [PAIR_DF] = VECTOR_DF,
    };
    uint32_t ist = idt_ist_code(vectors[outer]);

    if (outer == PAIR_NMI && inner == PAIR_NMI)
        return discipline->nested_nmi == NMI_IS_FATAL;
    return ist && ist == idt_ist_code(vectors[inner]) && discipline->levels < 2;
}

static bool same_place(const struct stack_place *a, const struct stack_place *b)
{
    return a->kind == b->kind && a->level == b->level && a->owner == b->owner;
}

/* An outer handler on its thread's stack that lets interrupts in may be preempted, and the inner
 * interrupt then comes to another thread. */
static bool outer_is_preempted(const struct pair *p)
{
    return p->outer_place.kind == THREAD_STACK &&
           p->outer_place.low != thread_stack(thread_current());
}

static void look_at_chain(struct pair *p)
{
    struct stack_place chain[MOST_STACKS];
    unsigned count = backtrace_stacks(chain, MOST_STACKS);

    p->chained |= outer_is_preempted(p);
    for (unsigned i = 0; i < count; i++)
        p->chained |= same_place(&chain[i], &p->outer_place);
}

/* The frame, and the registers that events write beside it. */
struct context {
    struct trap_frame frame;
    uint64_t cr2, dr6, dr7;
};

static struct context context_of(const struct trap_frame *frame)
{
    struct context context;

    memset(&context, 0, sizeof(context));
    if (frame)
        context.frame = *frame;
    context.cr2 = read_cr2();
    context.dr6 = read_dr6();
    context.dr7 = read_dr7();
    return context;
}

static bool is_whole(const struct context *before, const struct trap_frame *frame)
{
    struct context now = context_of(frame);

    return memcmp(before, &now, sizeof(now)) == 0;
}

static void be_outer(struct pair *p, const struct trap_frame *frame)
{
    struct context before = context_of(frame);

    p->inside = true;
    p->outer_place = stack_find(read_rsp());
    raise_event(p, p->inner);
    if (!is_whole(&before, frame))
        fail(p, "the outer frame, CR2, DR6 or DR7 changed");
    p->inside = false;
}

static void be_inner(struct pair *p, const struct trap_frame *frame)
{
    struct context before = context_of(frame);

    look_at_chain(p);
    if (is_second_nmi(p) && is_put_off(p))
        fail(p, "it came before the outer one was over");
    if (!is_whole(&before, frame))
        fail(p, "the inner frame, CR2, DR6 or DR7 changed");
}

/* Every handler comes here. False: nobody asked for it. */
static bool arrive(enum pair_event event, const struct trap_frame *frame)
{
    struct pair *p = &pairs[cpu_index()];

    if (!p->active)
        return false;
    p->seen[event]++;
    if (event == p->outer && !p->inside && p->seen[event] == 1)
        be_outer(p, frame);
    else if (event == p->inner)
        be_inner(p, frame);
    return true;
}

static bool take_debug(struct trap_frame *frame)
{
    return arrive(PAIR_DB, frame);
}

static bool take_breakpoint(struct trap_frame *frame)
{
    return arrive(PAIR_BP, frame);
}

static bool take_machine_check(struct trap_frame *frame)
{
    return arrive(PAIR_MC, frame);
}

static bool take_stack_fault(struct trap_frame *frame)
{
    return arrive(PAIR_SS, frame) && fixup_apply(frame);
}

static bool take_double_fault(struct trap_frame *frame)
{
    return arrive(PAIR_DF, frame) && fixup_apply(frame);
}

static bool take_page_fault(struct trap_frame *frame)
{
    return arrive(PAIR_PF, frame) && fixup_apply(frame);
}

static bool take_nmi(struct trap_frame *frame)
{
    const struct pair *p = &pairs[cpu_index()];

    return arrive(PAIR_NMI, frame) && (p->outer == PAIR_NMI || p->inner == PAIR_NMI);
}

static void take_softirq(unsigned number)
{
    (void)number;
    arrive(PAIR_SOFTIRQ, NULL);
}

static void take_interrupt(struct trap_frame *frame)
{
    count_event(EVENT_IPI);
    arrive(PAIR_HARDIRQ, frame);
    apic_eoi();
}

/* Brings nothing but the exit of an interrupt, at which softirqs run. */
static void take_messenger(struct trap_frame *frame)
{
    (void)frame;
    count_event(EVENT_IPI);
    pairs[cpu_index()].messengers++;
    apic_eoi();
}

static void prepare(void)
{
    claim_exception(VECTOR_DB, "pairs", take_debug);
    claim_exception(VECTOR_BP, "pairs", take_breakpoint);
    claim_exception(VECTOR_MC, "pairs", take_machine_check);
    claim_exception(VECTOR_SS, "pairs", take_stack_fault);
    claim_exception(VECTOR_DF, "pairs", take_double_fault);
    claim_exception(VECTOR_PF, "pairs", take_page_fault);
    claim_exception(VECTOR_NMI, "pairs", take_nmi);
    softirq = claim_softirq("pairs", take_softirq);
    outer_vector = claim_vector(OUTER_CLASS, "pairs", take_interrupt);
    inner_vector = claim_vector(INNER_CLASS, "pairs", take_interrupt);
    messenger_vector = claim_vector(INNER_CLASS, "pairs", take_messenger);
}

static void verify(const struct pair *p)
{
    uint32_t inner = p->outer == p->inner ? 2 : 1;

    if (p->seen[p->outer] < 1)
        fail(p, "the outer event did not come");
    else if (p->seen[p->inner] != inner)
        fail(p, "the inner event was not handled exactly once");
    else if (!p->chained && !is_put_off(p))
        fail(p, "the outer's stack is not in the chain behind the inner event");
}

static void try_pair(enum pair_event outer, enum pair_event inner)
{
    struct pair *p = &pairs[cpu_index()];
    struct tally *tally = &tallies[cpu_index()];

    *p = (struct pair){.active = true, .outer = outer, .inner = inner};
    tally->sent += 2;
    raise_event(p, outer);
    if (is_put_off(p))
        softirq_flush();
    p->active = false;
    tally->received += p->seen[outer] + (outer == inner ? 0 : p->seen[inner]);
    verify(p);
}

static void all_pairs(struct random *random)
{
    (void)random;
    for (unsigned outer = 0; outer < PAIR_COUNT; outer++)
        for (unsigned inner = 0; inner < PAIR_COUNT; inner++)
            if (!is_forbidden(outer, inner))
                try_pair(outer, inner);
}

WORKLOAD(pairs_storm) = {
    .name = "pairs",
    .about = "every event inside every other",
    .alone = true,
    .prepare = prepare,
    .probe = all_pairs,
    .turn = all_pairs,
    .tallies = tallies,
};
