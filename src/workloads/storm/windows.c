/* SPDX-License-Identifier: MIT */
/* The workload `windows`: a #DB, and an NMI right behind it, at the instructions of the entry and
 * exit paths where GS, RSP and the nest counter do not agree yet. SDM volume 3, 6.7.1 (blocked
 * NMIs), 17.3.1.1 (execution breakpoints).
 *
 * An execution breakpoint stops at the instruction. Its handler blocks NMIs (cpu/nmi.h) and sends
 * one, which stays latched until the handler's IRET, and so comes at that very instruction. Both
 * handlers must know their CPU, and name the stack that they interrupted by RSP, whatever the
 * counter says.
 *
 * The entry disciplines that promise it are tried in an NMI's own path too: the #DB's IRET there
 * would let the second NMI in before the first is over.
 *
 * crossings.c brings interrupts where they must not come between two instructions. */
#include <stddef.h>

#include "cpu/backtrace.h"
#include "cpu/discipline.h"
#include "cpu/verdict.h"
#include "cpu/claim.h"
#include "cpu/ist.h"
#include "cpu/late.h"
#include "cpu/nmi.h"
#include "cpu/percpu.h"
#include "cpu/vectors.h"
#include "cpu/x86.h"
#include "sched/thread.h"
#include "sched/user.h"
#include "smp/apic.h"
#include "smp/ipi.h"
#include "workloads/storm/crossings.h"
#include "workloads/run/collisions.h"
#include "workloads/run/events.h"
#include "workloads/workload.h"

static struct tally CPU_TABLE(tallies);

/* entry.asm, repeat.asm, ret.asm, ist.c */
extern char nmi_entry_ret[], nmi_handler[], nmi_handler_repeat[];
extern char nmi_repeat_run[], nmi_repeat_counted[], nmi_repeat_return[];
extern char syscall_entry[], syscall_swapped[], syscall_switched[];
extern char trap_entry[], trap_swapped[];
extern char irq_entry[], irq_swapped[], irq_counted[], irq_back[], leave_swapped[];

#define CLASS 4
static unsigned own_vector;

static bool take_nmi(struct trap_frame *frame);

enum passage {
    BY_INTERRUPT,
    FROM_USER,                      /* by a SYSCALL and an interrupt of ring 3 */
    BY_NMI,                         /* the breakpoint is for once, and the #DB's frame lacks RF */
    BY_NMI_RF,                      /* the same, with RF */
    BY_NMI_EDGE,                    /* without RF, and without another exception inside it */
    BY_NMI_OFF                      /* no breakpoint comes there */
};
#define UNDER(symbol) (1u << DISCIPLINE_##symbol)

static const struct window {
    const char *name;
    const char *address;
    enum passage passage;
    enum stack_kind stack;          /* that RSP is on */
    unsigned disciplines;           /* BY_NMI: where it is safe, a bit each */
} windows[] = {
    {"SYSCALL, ring 3's GS and RSP", syscall_entry, FROM_USER, NO_STACK, 0},
    {"SYSCALL, ring 3's RSP", syscall_swapped, FROM_USER, NO_STACK, 0},
    {"SYSCALL, on the thread's stack", syscall_switched, FROM_USER, THREAD_STACK, 0},
    {"trap, ring 3's GS", trap_entry, FROM_USER, THREAD_STACK, 0},
    {"trap, from ring 3", trap_swapped, FROM_USER, THREAD_STACK, 0},
    {"interrupt, ring 3's GS", irq_entry, FROM_USER, THREAD_STACK, 0},
    {"interrupt, from ring 3", irq_swapped, FROM_USER, THREAD_STACK, 0},
    {"interrupt, counted, from ring 3", irq_counted, FROM_USER, THREAD_STACK, 0},
    {"return to ring 3, ring 3's GS", leave_swapped, FROM_USER, THREAD_STACK, 0},
    {"interrupt, from ring 0", irq_entry, BY_INTERRUPT, THREAD_STACK, 0},
    {"interrupt, counted, RSP not moved", irq_counted, BY_INTERRUPT, THREAD_STACK, 0},
    {"interrupt, RSP back, counter not", irq_back, BY_INTERRUPT, THREAD_STACK, 0},
    {"return to ring 0", leave_swapped, BY_INTERRUPT, THREAD_STACK, 0},
    {"NMI, its level not yet taken", nmi_entry_ret, BY_NMI_EDGE, NMI_STACK, UNDER(RET)},
    {"NMI, its level taken", nmi_handler, BY_NMI, NMI_STACK, UNDER(RET)},
    {"NMI, in its hook, RF", (const char *)take_nmi, BY_NMI_RF, NMI_STACK,
     UNDER(RET) | UNDER(SHIFT)},
    {"NMI, frame copied", nmi_repeat_run, BY_NMI, NMI_STACK, UNDER(REPEAT)},
    {"NMI, no breakpoints yet", nmi_handler_repeat, BY_NMI, NMI_STACK, UNDER(REPEAT)},
    {"NMI, in its hook", (const char *)take_nmi, BY_NMI_OFF, NMI_STACK, UNDER(REPEAT)},
    {"NMI, nothing owed", nmi_repeat_counted, BY_NMI_EDGE, NMI_STACK, UNDER(REPEAT)},
    {"NMI, nothing owed, at IRET", nmi_repeat_return, BY_NMI_EDGE, NMI_STACK, UNDER(REPEAT)},
};
#define WINDOWS (sizeof(windows) / sizeof(windows[0]))

/* The window that a CPU has its breakpoint at. */
static struct {
    const struct window *window;
    uint64_t interrupts;
    uint64_t debugs, machine_checks, nmis, wrong;
} CPU_TABLE(states);

/* A timer tick may come here too, and may have hit a softirq on the IRQ stack. */
static bool stack_is_right(const struct trap_frame *frame)
{
    struct stack_place place = stack_of_rsp(frame->rsp);
    enum stack_kind expected = states[cpu_index()].window->stack;

    if (place.kind == THREAD_STACK)
        return expected == THREAD_STACK && thread_of_slot(place.owner) == thread_current();
    return place.kind == expected || (place.kind == IRQ_STACK && place.owner == cpu_index());
}

static bool is_by_nmi(const struct window *window)
{
    return window->passage >= BY_NMI;
}

static bool is_at_window(const struct trap_frame *frame)
{
    const struct window *window = states[cpu_index()].window;

    return window && frame->rip == (uint64_t)window->address;
}

static bool take_debug(struct trap_frame *frame)
{
    const struct window *window = states[cpu_index()].window;

    if (!is_at_window(frame) || !(this_cpu->dr6 & DR6_B(0)))
        return false;
    enum collision before = collision_enter(COLLISION_DB, frame);
    states[cpu_index()].debugs++;
    states[cpu_index()].wrong += !stack_is_right(frame);
    if (is_by_nmi(window))
        ist_set_dr7(DR7_IDLE);
    if (!is_by_nmi(window) || window->passage == BY_NMI_RF)
        frame->rflags |= RFLAGS_RF;
    if (window->passage != BY_NMI_EDGE)
        known_raise(&event_machine_check);
    if (is_by_nmi(window) || nmi_block(apic_send_nmi_to_self))
        apic_send_nmi_to_self();             /* latched: our IRET lets it in */
    collision_leave(before);
    return true;
}

/* INT 18 in the #DB's handler: the chain of stacks behind it must name the window's. */
static bool take_machine_check(struct trap_frame *frame)
{
    struct stack_place chain[4];
    unsigned count = backtrace_stacks(chain, 4);

    if (!states[cpu_index()].window || frame_from_user(frame))
        return false;
    states[cpu_index()].machine_checks++;
    states[cpu_index()].wrong += count < 3 || chain[0].kind != MCE_STACK ||
                                 chain[1].kind != DEBUG_STACK ||
                                 (chain[2].kind != states[cpu_index()].window->stack &&
                                  chain[2].kind != IRQ_STACK);
    return true;
}

static bool take_nmi(struct trap_frame *frame)
{
    const struct window *window = states[cpu_index()].window;

    if (!window || (!is_by_nmi(window) && !is_at_window(frame)))
        return false;
    collision_leave(collision_enter(COLLISION_NMI, frame));
    states[cpu_index()].nmis++;
    states[cpu_index()].wrong += is_at_window(frame) && !stack_is_right(frame);
    return true;
}

static void take_interrupt(struct trap_frame *frame)
{
    (void)frame;
    count_event(EVENT_IPI);
    states[cpu_index()].interrupts++;
    apic_eoi();
}

/* Ring 3 asks for an interrupt, which comes when it is back there; then it traps, and leaves. */
static const struct known_event user_syscall = {.name = "SYSCALL", .trigger = known_syscall};
static const struct known_event user_trap = {.name = "software trap", .trigger = known_trap};

static void take_syscall(struct trap_frame *frame)
{
    uintptr_t at = user_stack_address(sizeof(struct known));
    struct known known;

    if (frame->rip != user_address(known_user_asks)) {
        apic_send_ipi(this_cpu->apic_id, own_vector);
        return;
    }
    if (!user_read(&known, at, sizeof(known)))
        thread_exit();
    bool has_trapped = known.trigger == user_address(user_trap.trigger);
    known_look_user(&known, has_trapped ? user_trap.name : user_syscall.name);
    if (has_trapped)
        thread_exit();
    known_fill_user(&known, &user_trap);
    user_write(at, &known, sizeof(known));
}

static void prepare(void)
{
    claim_exception(VECTOR_DB, "windows", take_debug);
    claim_exception(VECTOR_MC, "windows", take_machine_check);
    claim_exception(VECTOR_NMI, "windows", take_nmi);
    claim_syscall("windows", take_syscall);
    own_vector = claim_vector(CLASS, "windows", take_interrupt);
    crossings_prepare(own_vector);
}

static void enter(void *unused)
{
    struct known known;

    (void)unused;
    known_fill_user(&known, &user_syscall);
    user_enter(known_user, &known, sizeof(known));
}

static bool pass_from_user(void)
{
    struct thread_life life = thread_run("windows", cpu_index(), enter, NULL);

    return life.thread && thread_join(life);
}

static bool pass(const struct window *window)
{
    uint32_t cpu = cpu_index();
    uint64_t interrupts = states[cpu].interrupts;

    if (is_by_nmi(window)) {
        known_nmi("NMI");
        return workload_wait_change(&states[cpu].nmis, 0, cpu);
    }
    if (window->passage == BY_INTERRUPT)
        known_interrupt("interrupt", own_vector);
    else if (!pass_from_user())
        return false;
    return workload_wait_change(&states[cpu].interrupts, interrupts, cpu);
}

/* The NMI that came this way, besides those that were sent at the window; and whether the second
 * could come no earlier than the first one's end. */
static bool nmis_are_right(const struct window *window, uint64_t given_up)
{
    bool gives_up = window->passage == BY_NMI_RF && discipline == &discipline_ret;

    return states[cpu_index()].nmis == states[cpu_index()].debugs + is_by_nmi(window) &&
           this_cpu->nmi_blocks_given_up - given_up == gives_up;
}

static void try_window(const struct window *window)
{
    uint32_t cpu = cpu_index();
    uint64_t given_up = this_cpu->nmi_blocks_given_up;
    struct tally *tally = &tallies[cpu];

    states[cpu].debugs = states[cpu].machine_checks = 0;
    states[cpu].nmis = states[cpu].wrong = 0;
    states[cpu].window = window;
    write_dr0((uint64_t)window->address);
    write_dr7(DR7_IDLE | DR7_LOCAL(0) | DR7_EXECUTE(0));
    bool passed = pass(window);
    write_dr7(DR7_IDLE);
    states[cpu].window = NULL;
    tally->sent += states[cpu].debugs + is_by_nmi(window);
    tally->received += states[cpu].nmis;
    if (passed && !states[cpu].debugs == (window->passage == BY_NMI_OFF) &&
        nmis_are_right(window, given_up) &&
        states[cpu].machine_checks == (window->passage != BY_NMI_EDGE) * states[cpu].debugs &&
        !states[cpu].wrong)
        return;
    check_failed_on(CHECK_STACK, cpu, window->stack, 0, "window",
                    "%s: %lu #DB, %lu NMIs, %lu with a wrong stack", window->name,
                    states[cpu].debugs, states[cpu].nmis, states[cpu].wrong);
    tally->failed++;
}

static bool is_promised(const struct window *window)
{
    return !is_by_nmi(window) || window->disciplines >> discipline_number & 1;
}

static void all_windows(struct random *random)
{
    (void)random;
    for (unsigned i = 0; i < WINDOWS; i++)
        if (is_promised(&windows[i]))
            try_window(&windows[i]);
    crossings_try(&tallies[cpu_index()]);
}

WORKLOAD(windows_storm) = {
    .name = "windows",
    .about = "#DB, NMI and interrupts where GS, RSP or the counter is not right, or a lock held",
    .alone = true,
    .prepare = prepare,
    .probe = all_windows,
    .turn = all_windows,
    .tallies = tallies,
};
