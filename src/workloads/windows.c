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
 * Under the entry disciplines that promise it, likewise in an NMI's own path, where the #DB's IRET
 * would let the second NMI in before the first is over. */
#include <stddef.h>

#include "cpu/backtrace.h"
#include "cpu/entries.h"
#include "cpu/fault.h"
#include "cpu/hooks.h"
#include "cpu/irq.h"
#include "cpu/ist.h"
#include "cpu/nmi.h"
#include "cpu/percpu.h"
#include "cpu/syscall.h"
#include "cpu/trap.h"
#include "cpu/vectors.h"
#include "cpu/x86.h"
#include "sched/thread.h"
#include "sched/user.h"
#include "smp/apic.h"
#include "smp/ipi.h"
#include "workloads/user_words.h"
#include "workloads/workload.h"

static struct tally tallies[MAX_CPUS];

/* entry.asm, entry_repeat.asm, ist.c */
extern char nmi_entry[], nmi_handler[], nmi_handler_repeat[];
extern char nmi_repeat_run[], nmi_repeat_counted[], nmi_repeat_return[];
extern char syscall_entry[], syscall_swapped[], syscall_switched[];
extern char trap_entry[], trap_swapped[];
extern char irq_entry[], irq_swapped[], irq_counted[], irq_back[], leave_swapped[];
extern char user_interrupted[];             /* user.asm */

static void take_nmi(struct trap_frame *frame);

enum passage {
    BY_INTERRUPT,
    FROM_USER,                      /* by a SYSCALL and an interrupt of ring 3 */
    BY_NMI,                         /* the breakpoint is for once, and the #DB's frame lacks RF */
    BY_NMI_RF,                      /* likewise, with RF */
    BY_NMI_EDGE,                    /* likewise without, and without another exception inside it */
    BY_NMI_OFF                      /* no breakpoint comes there */
};
#define UNDER(symbol) (1u << ENTRY_##symbol)

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
    {"NMI, its level not yet taken", nmi_entry, BY_NMI_EDGE, NMI_STACK, UNDER(RET)},
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
} states[MAX_CPUS];

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
    states[cpu_index()].debugs++;
    states[cpu_index()].wrong += !stack_is_right(frame);
    if (is_by_nmi(window))
        ist_set_dr7(DR7_IDLE);
    if (!is_by_nmi(window) || window->passage == BY_NMI_RF)
        frame->rflags |= RFLAGS_RF;
    if (window->passage != BY_NMI_EDGE)
        __asm__ volatile("int %0" : : "i"(VECTOR_MC) : "memory");
    if (is_by_nmi(window) || nmi_block(apic_send_nmi_to_self))
        apic_send_nmi_to_self();             /* latched: our IRET lets it in */
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

static void take_nmi(struct trap_frame *frame)
{
    const struct window *window = states[cpu_index()].window;

    if (!window || (!is_by_nmi(window) && !is_at_window(frame))) {
        nmis_unexplained[cpu_index()]++;
        return;
    }
    states[cpu_index()].nmis++;
    states[cpu_index()].wrong += is_at_window(frame) && !stack_is_right(frame);
}

static void take_interrupt(struct trap_frame *frame)
{
    (void)frame;
    count_event(EVENT_IPI);
    states[cpu_index()].interrupts++;
    apic_eoi();
}

/* Ring 3 asks for an interrupt, which comes when it is back there; then it leaves. */
static void take_syscall(struct trap_frame *frame)
{
    if (frame->rax == 0)
        thread_exit();
    apic_send_ipi(this_cpu->apic_id, VECTOR_PAIR_OUTER);
}

/* Nothing to do but to come and go. */
static void take_trap(struct trap_frame *frame)
{
    (void)frame;
}

static void prepare(void)
{
    hook_add(VECTOR_DB, take_debug);
    hook_add(VECTOR_MC, take_machine_check);
    nmi_hook = take_nmi;
    syscall_hook = take_syscall;
    trap_set_handler(VECTOR_WINDOW, take_trap);
    irq_set_handler(VECTOR_PAIR_OUTER, take_interrupt);
}

static void enter(void *unused)
{
    struct user_words words = {0};

    (void)unused;
    user_enter(user_interrupted, &words, sizeof(words));
}

static bool pass_from_user(void)
{
    struct thread *thread = thread_create("windows", cpu_index(), enter, NULL);
    uint64_t generation;

    if (!thread)
        return false;
    generation = thread->generation;
    thread_wake(thread);
    return thread_join(thread, generation);
}

static bool pass(const struct window *window)
{
    uint32_t cpu = cpu_index();
    uint64_t interrupts = states[cpu].interrupts;

    if (is_by_nmi(window)) {
        apic_send_nmi_to_self();
        return workload_wait_change(&states[cpu].nmis, 0, cpu);
    }
    if (window->passage == BY_INTERRUPT)
        apic_send_ipi(this_cpu->apic_id, VECTOR_PAIR_OUTER);
    else if (!pass_from_user())
        return false;
    return workload_wait_change(&states[cpu].interrupts, interrupts, cpu);
}

/* The NMI that came this way, besides those that were sent at the window; and whether the second
 * could come no earlier than the first one's end. */
static bool nmis_are_right(const struct window *window, uint64_t given_up)
{
    bool gives_up = window->passage == BY_NMI_RF && entry_chosen == &entries[ENTRY_RET];

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
    struct fault_place place = {cpu, window->stack, 0, "window"};
    fault_report(CHECK_STACK, &place, "%s: %lu #DB, %lu NMIs, %lu with a wrong stack", window->name,
                 states[cpu].debugs, states[cpu].nmis, states[cpu].wrong);
    tally->failed++;
}

static bool is_promised(const struct window *window)
{
    return !is_by_nmi(window) || window->disciplines >> (entry_chosen - entries) & 1;
}

static void all_windows(struct random *random)
{
    (void)random;
    for (unsigned i = 0; i < WINDOWS; i++)
        if (is_promised(&windows[i]))
            try_window(&windows[i]);
}

static void run(void *random)
{
    while (!thread_stopping())
        all_windows(random);
}

WORKLOAD(windows_storm) = {
    .name = "windows",
    .about = "#DB and NMI at the instructions where GS, RSP and the counter disagree",
    .alone = true,
    .prepare = prepare,
    .probe = all_windows,
    .thread = run,
    .tallies = tallies,
};
