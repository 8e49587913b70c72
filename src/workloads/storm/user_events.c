/* SPDX-License-Identifier: MIT */
/* Ring 3's events that come back. SDM volume 3, 6.12.1.3 (gates that ring 3 may use), 17.2; volume
 * 2, SYSCALL (IA32_FMASK clears flags, and R11 has them all). */
#include "workloads/storm/user_events.h"

#include <stddef.h>

#include "cpu/verdict.h"
#include "cpu/features.h"
#include "cpu/claim.h"
#include "cpu/late.h"
#include "cpu/percpu.h"
#include "cpu/vectors.h"
#include "cpu/x86.h"
#include "sched/thread.h"
#include "sched/user.h"
#include "smp/apic.h"
#include "workloads/run/events.h"
#include "workloads/run/victim.h"

#define NOPS 5
#define ASKED_CLASS 4

static unsigned asked_vector;       /* of the interrupt that a thread asks for */

enum needs {
    NOTHING,
    ONLY_THESE_FLAGS,               /* of `flags`, with no other by chance */
    AN_INTERRUPT,                   /* sent to itself in the kernel: it comes when IRET lets it */
    ICEBP,                          /* some emulators do not have it */
    EXECUTION_BREAKPOINT,
    DATA_BREAKPOINT
};

/* The counts that a row's event must reach: so many of a vector, and so many SYSCALLs. `resume`:
 * where its fault goes on. */
static const struct user_event {
    struct known_event event;
    unsigned vector, count, syscalls;
    enum needs needs;
    const char *resume;
    unsigned or_vector;             /* of emulators; or 0 */
} events[] = {
#define TRAPS(name, trigger, vector) {{name, trigger, 0, 0}, vector, 1, 0, NOTHING, NULL, 0}
#define FAULTS(name, trigger, operand, vector)    \
    {{name, trigger, operand, 0}, vector, 1, 0, NOTHING, known_back, 0}
#define SYSCALL_WITH(flag)    \
    {{"SYSCALL with " #flag, known_syscall, 0, RFLAGS_##flag}, 0, 0, 1, ONLY_THESE_FLAGS, NULL, 0}
    TRAPS("INT3", known_int3, VECTOR_BP),
    TRAPS("software trap", known_trap, VECTOR_SOFTWARE),
    {{"ICEBP", known_icebp, 0, 0}, VECTOR_DB, 1, 0, ICEBP, known_icebp_missing, VECTOR_UD},
    {{"single step", known_step_end - NOPS, 0, RFLAGS_TF}, VECTOR_DB, NOPS + STEPS_BESIDE_NOPS, 0,
     NOTHING, NULL, 0},
    {{"execution breakpoint", known_execute, 0, 0}, VECTOR_DB, 1, 0, EXECUTION_BREAKPOINT, NULL, 0},
    {{"data breakpoint", known_write, 0, 0}, VECTOR_DB, 1, 0, DATA_BREAKPOINT, NULL, 0},
    FAULTS("#UD", known_invalid, 0, VECTOR_UD),
    FAULTS("#PF", known_read, NOT_PRESENT, VECTOR_PF),
    FAULTS("#GP", known_read, NOT_CANONICAL, VECTOR_GP),
    FAULTS("absent SS", known_load_ss, ABSENT_USER_SS, VECTOR_SS),
    {{"non-canonical RBP", known_read_stack, NOT_CANONICAL, 0}, VECTOR_SS, 1, 0, NOTHING,
     known_read_stack_faulted, VECTOR_GP},
    {{"SYSCALL", known_syscall, 0, 0}, 0, 0, 1, NOTHING, NULL, 0},
    {{"SYSCALL with TF", known_syscall_step, 0, RFLAGS_TF}, VECTOR_DB, STEPS_OF_SYSCALL, 1, NOTHING,
     NULL, 0},
    SYSCALL_WITH(CF), SYSCALL_WITH(PF), SYSCALL_WITH(AF), SYSCALL_WITH(ZF), SYSCALL_WITH(SF),
    SYSCALL_WITH(DF), SYSCALL_WITH(OF), SYSCALL_WITH(NT), SYSCALL_WITH(AC), SYSCALL_WITH(ID),
    {{"interrupt", known_syscall, 0, 0}, 0, 1, 1, AN_INTERRUPT, NULL, 0},
};
#define EVENTS_OF_USER (sizeof(events) / sizeof(events[0]))

extern char syscall_entry[];

static bool no_icebp[MAX_CPUS];
static struct user_events *CPU_TABLE(asked);    /* who has the interrupt that is asked for */

/* The event that the current thread raises; NULL for any other thread. */
static struct user_events *of_current_thread(void)
{
    struct thread *thread = thread_current();

    return thread->entry == user_events_enter ? thread->argument : NULL;
}

/* The same, of an event that came in ring 3. */
static struct user_events *current(const struct trap_frame *frame)
{
    return frame_from_user(frame) ? of_current_thread() : NULL;
}

/* SYSCALL's mask clears TF, so its step never comes. Bochs delivers it in the kernel, before the
 * entry's first instruction. */
static bool is_step_into_kernel(const struct trap_frame *frame)
{
    const struct user_events *run = of_current_thread();

    return cpu_features.emulated && frame->vector == VECTOR_DB &&
           frame->rip == (uint64_t)syscall_entry && run && run->now->event.flags & RFLAGS_TF;
}

/* A breakpoint is a fault, too: without RF it would come again, for ever (SDM volume 3,
 * 17.3.1.1). */
static bool take(struct trap_frame *frame)
{
    struct user_events *run = current(frame);
    const struct user_event *now = run ? run->now : NULL;
    bool excused = now && now->or_vector == frame->vector && cpu_features.emulated;

    if (is_step_into_kernel(frame))
        return true;
    if (!now || (frame->vector != now->vector && !excused))
        return false;
    victim_check_entry(frame, run->event.name);
    run->seen++;
    if (now->needs == EXECUTION_BREAKPOINT)
        frame->rflags |= RFLAGS_RF;
    if (!now->resume || (now->needs == ICEBP && !excused))
        return true;
    frame->rip = user_address(now->resume);
    frame->rflags &= ~(uint64_t)RFLAGS_RF;
    return true;
}

/* A tick that is pending, too, comes first, and another thread may have the CPU behind it: so the
 * interrupt counts for the thread that asked for it, whichever it finds. */
static void take_interrupt(struct trap_frame *frame)
{
    struct user_events *run = asked[this_cpu->index];

    count_event(EVENT_IPI);
    if (run)
        run->seen++;
    if (run && run == current(frame))
        victim_check_entry(frame, run->event.name);
    apic_eoi();
}

void user_events_prepare(void)
{
    static const unsigned vectors[] = {VECTOR_DB, VECTOR_BP, VECTOR_UD,
                                       VECTOR_PF, VECTOR_GP, VECTOR_SS};

    for (unsigned i = 0; i < sizeof(vectors) / sizeof(vectors[0]); i++)
        claim_exception(vectors[i], "user", take);
    asked_vector = claim_vector(ASKED_CLASS, "user", take_interrupt);
}

/* A word that ring 3 has no other use for. */
static uintptr_t watched_word(void)
{
    return user_stack_address(sizeof(struct known)) + offsetof(struct known, found.registers);
}

static void arm(const struct user_event *now)
{
    if (now->needs == EXECUTION_BREAKPOINT) {
        write_dr0(user_address(known_execute_target));
        write_dr7(DR7_IDLE | DR7_LOCAL(0) | DR7_EXECUTE(0));
    }
    if (now->needs == DATA_BREAKPOINT) {
        write_dr1(watched_word());
        write_dr7(DR7_IDLE | DR7_LOCAL(1) | DR7_WRITE8(1));
    }
}

static bool needs_breakpoints(const struct user_event *now)
{
    return now->needs == EXECUTION_BREAKPOINT || now->needs == DATA_BREAKPOINT;
}

/* Two threads that ask for the interrupt at once could get one for both. */
static bool claim_interrupt(struct user_events *run)
{
    if (asked[cpu_index()])
        return false;
    asked[cpu_index()] = run;
    return true;
}

static void disarm(const struct user_event *now)
{
    if (now->needs == AN_INTERRUPT)
        asked[cpu_index()] = NULL;
    if (!needs_breakpoints(now))
        return;
    write_dr7(DR7_IDLE);
    known_release_breakpoints();
}

static bool can_be_raised(const struct user_event *now, struct user_events *run)
{
    if (now->needs == ICEBP && no_icebp[cpu_index()])
        return false;
    if (now->needs == AN_INTERRUPT)
        return claim_interrupt(run);
    return !needs_breakpoints(now) || known_claim_breakpoints();
}

/* Where each is to be raised once, nobody else has the breakpoints. */
static const struct user_event *choose(struct user_events *run)
{
    const struct user_event *next;

    if (run->each)
        next = &events[run->raised];
    else
        next = &events[random_below(run->random, EVENTS_OF_USER)];
    while (!can_be_raised(next, run))
        next = next + 1 < events + EVENTS_OF_USER ? next + 1 : events;
    return next;
}

static void prepare(struct user_events *run, const struct user_event *now)
{
    run->now = now;
    run->event = now->event;
    if (now->needs == DATA_BREAKPOINT)
        run->event.operand = watched_word();
    known_fill_user(&run->known, &run->event);
    if (now->needs == ONLY_THESE_FLAGS)
        known_set_flags(&run->known, RFLAGS_FIXED | RFLAGS_IF | run->event.flags);
    run->raised++;
    run->syscalls = run->seen = 0;
    run->traps_before = known_traps(3);
    run->irqs_before = this_cpu->events[EVENT_IRQ];
}

/* Some emulators set RF in the frame of an interrupt, which swallows the breakpoint of the
 * instruction that it came before. */
static bool is_swallowed(const struct user_events *run)
{
    return run->now->needs == EXECUTION_BREAKPOINT && !run->seen &&
           this_cpu->events[EVENT_IRQ] != run->irqs_before;
}

static void verify(struct user_events *run)
{
    const struct user_event *now = run->now;
    uint64_t answer = run->known.registers[KNOWN_REGISTER(rdi)] + 1;

    known_look_user(&run->known, run->event.name);
    if (now->vector == VECTOR_SOFTWARE)
        run->seen = known_traps(3) - run->traps_before;
    if (now->needs == ICEBP)
        no_icebp[cpu_index()] = run->known.result;
    if (run->seen == now->count && run->syscalls == now->syscalls &&
        (!now->syscalls || run->known.result == answer))
        return;
    if (is_swallowed(run))
        return;
    run->failed++;
    check_failed(CHECK_ACCOUNT, run->event.name,
                 "ring 3: %lu of vector %u, not %u; %lu SYSCALLs, not %u; result 0x%lx", run->seen,
                 now->needs == AN_INTERRUPT ? asked_vector : now->vector, now->count,
                 run->syscalls, now->syscalls, run->known.result);
}

/* It is back from one: to the next. False: that was the last. */
static bool go_on(struct user_events *run)
{
    uintptr_t at = user_stack_address(sizeof(run->known));

    disarm(run->now);
    if (!user_read(&run->known, at, sizeof(run->known)))
        return false;
    verify(run);
    if (run->raised == (run->each ? EVENTS_OF_USER : run->wanted))
        return false;
    prepare(run, choose(run));
    user_write(at, &run->known, sizeof(run->known));
    arm(run->now);
    return true;
}

bool user_events_take_syscall(struct trap_frame *frame)
{
    struct user_events *run = current(frame);

    if (!run)
        return false;
    victim_check_entry(frame, run->event.name);
    if (frame->rip == user_address(known_user_asks))
        return go_on(run);
    run->syscalls++;
    if (run->now->needs == AN_INTERRUPT)
        apic_send_ipi(this_cpu->apic_id, asked_vector);
    frame->rax = frame->rdi + 1;
    return true;
}

void user_events_enter(void *events_of_thread)
{
    struct user_events *run = events_of_thread;

    prepare(run, &events[0]);           /* which needs nothing of what go_on arms */
    user_enter(known_user, &run->known, sizeof(run->known));
}
