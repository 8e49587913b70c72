/* SPDX-License-Identifier: MIT */
/* The run queues, the tick, sleepers, and how threads wait and are woken. */
#include "sched/schedule.h"

#include <stddef.h>

#include "cpu/above.h"
#include "cpu/claim.h"
#include "cpu/clock.h"
#include "cpu/verdict.h"
#include "cpu/features.h"
#include "cpu/idt.h"
#include "cpu/inject.h"
#include "cpu/irq.h"
#include "cpu/lastword.h"
#include "cpu/late.h"
#include "cpu/nmi.h"
#include "cpu/patience.h"
#include "cpu/softirq.h"
#include "cpu/spinlock.h"
#include "cpu/vectors.h"
#include "sched/end.h"
#include "sched/reaper.h"
#include "sched/softirqd.h"
#include "sched/switch.h"
#include "smp/apic.h"
#include "smp/calibrate.h"
#include "smp/clock_watch.h"
#include "smp/ipi.h"

struct run_queue {
    struct spinlock lock;
    struct thread *first, *last;
    struct thread *sleepers;
    struct thread *idle;
    bool slice_over;                /* of the running thread; touched by this CPU alone */
    uint32_t woken;                 /* counted while a lost wake-up is planted */
    struct thread *exited;          /* has run for the last time; touched by this CPU alone */
    uint32_t chores;                /* CHORE_*; any CPU sets them */
} __attribute__((aligned(64)));

/* Things to do behind the next switch. */
#define CHORE_EXITED 1
#define CHORE_FLUSH 2

#define LOST_WAKE_UP 20             /* which of a CPU's wake-ups inject=lost-wake-up loses */

static void do_nothing(void)
{
}

struct sched_above sched_above = {.tick = do_nothing};

static struct run_queue CPU_TABLE(queues);
static unsigned timer_softirq;      /* wakes the sleepers that are due */

#define TICK_HZ 100
#define TICKS_OF_SILENCE 150        /* fewer than after which a CPU counts as hung */
#define TICKS_EMULATED \
    3200 /* a second, by all CPUs together, before an emulator does little else */
#define TICK_HZ_LEAST 10
/* A tick takes so many thousandths of its round time. QEMU's own timers go off at round times, one
 * every ten ticks. Where two go off together, a race on the host decides which of QEMU's threads
 * handles the second, and a run that counts instructions would not always repeat. */
#define TICK_STRETCH 1037

uint32_t schedule_tick_hz(void)
{
    uint32_t share = TICKS_EMULATED / cpu_count;

    if (!cpu_features.emulated || share >= TICK_HZ)
        return TICK_HZ;
    return share > TICK_HZ_LEAST ? share : TICK_HZ_LEAST;
}

static void append(struct run_queue *queue, struct thread *thread)
{
    thread->next = NULL;
    if (queue->first)
        queue->last->next = thread;
    else
        queue->first = thread;
    queue->last = thread;
}

/* A thread that was woken goes first. Otherwise an answer would wait for the time slices of all
 * others. The tick keeps this fair. */
static void prepend(struct run_queue *queue, struct thread *thread)
{
    thread->next = queue->first;
    if (!queue->first)
        queue->last = thread;
    queue->first = thread;
}

static struct thread *take_next(struct run_queue *queue)
{
    struct thread *thread = queue->first;

    if (!thread)
        return queue->idle;
    queue->first = thread->next;
    return thread;
}

/* A thread whose time slice is over goes last. A thread that only made way for a woken one goes on
 * right after it. */
static struct thread *pick_next(struct run_queue *queue, struct thread *previous)
{
    bool goes_on = previous->state == THREAD_RUNNING && !previous->idle;
    bool over = queue->slice_over;
    struct thread *next;

    queue->slice_over = false;
    if (goes_on)
        previous->state = THREAD_READY;
    if (goes_on && over)
        append(queue, previous);
    next = take_next(queue);
    if (!goes_on || over)
        return next;
    if (next->idle)
        return previous;
    prepend(queue, previous);
    return next;
}

/* A CPU that switches threads is at rest: its nest counter is at its base, interrupts are off, and
 * the thread stands on its own stack, whose bottom is whole. */
static void check_at_rest(const struct thread *thread)
{
    uintptr_t depth = thread_stack(thread) + THREAD_SIZE - read_rsp();

    bool open = read_flags() & RFLAGS_IF;

    if (__builtin_expect(this_cpu->irq_nest == -1 && !open && depth <= THREAD_SIZE &&
                             thread_stack_is_whole(thread),
                         1))
        return;
    if (this_cpu->irq_nest != -1)
        check_failed(CHECK_REST, "switch",
                     "the IRQ nest counter is %d at a switch, not -1: an exit did not lower it",
                     this_cpu->irq_nest);
    else if (open)
        check_failed(CHECK_REST, "switch", "interrupts are on at a switch");
    else if (depth > THREAD_SIZE)
        check_failed(CHECK_STACK, "switch", "thread %s switches on a stack that is not its own",
                     thread->name);
    else
        check_failed(CHECK_FILL, "switch", "thread_info or the end magic of thread %s is damaged",
                     thread->name);
    verdict_fatal();
}

void schedule(void)
{
    struct run_queue *queue = &queues[cpu_index()];
    struct thread *previous = this_cpu->current;

    check_at_rest(previous);
    uint64_t flags = spinlock_take(&queue->lock);
    this_cpu->need_resched = 0;
    struct thread *next = pick_next(queue, previous);
    next->state = THREAD_RUNNING;
    spinlock_release(&queue->lock, flags);
    if (next == previous)
        return;
    if (previous->state == THREAD_ZOMBIE) {
        queue->exited = previous;
        __atomic_fetch_or(&queue->chores, CHORE_EXITED, __ATOMIC_RELAXED);
    }
    count_event(EVENT_SWITCH);
    this_cpu->current = next;
    this_cpu->tss.rsp[0] = thread_stack(next) + THREAD_SIZE;
    switch_to(&previous->rsp, next->rsp);
    schedule_finish_switch();
}

static void do_chores(struct run_queue *queue)
{
    uint32_t chores = __atomic_exchange_n(&queue->chores, 0, __ATOMIC_ACQUIRE);

    if (chores & CHORE_EXITED)
        reaper_take(queue->exited);
    if (chores & CHORE_FLUSH)
        reaper_flush();
}

/* Runs on the new thread's stack, so the old one is no longer in use. */
void schedule_finish_switch(void)
{
    struct run_queue *queue = &queues[cpu_index()];

    if (__builtin_expect(__atomic_load_n(&queue->chores, __ATOMIC_RELAXED), 0))
        do_chores(queue);
}

void schedule_flush_soon(uint32_t cpu)
{
    __atomic_fetch_or(&queues[cpu].chores, CHORE_FLUSH, __ATOMIC_RELEASE);
}

static void wait(enum thread_state state, uint64_t wake_ms)
{
    uint64_t flags = interrupts_save();
    struct thread *self = this_cpu->current;
    struct run_queue *queue = &queues[self->cpu];
    uint64_t locked = spinlock_take(&queue->lock);

    if (self->wake_pending) {
        self->wake_pending = false;
        spinlock_release(&queue->lock, locked);
        interrupts_restore(flags);
        return;
    }
    self->state = state;
    self->wake_ms = wake_ms;
    if (state == THREAD_ASLEEP) {
        self->next = queue->sleepers;
        queue->sleepers = self;
    }
    spinlock_release(&queue->lock, locked);
    schedule();
    interrupts_restore(flags);
}

void thread_block(void)
{
    wait(THREAD_BLOCKED, 0);
}

void thread_block_ms(uint64_t ms)
{
    wait(THREAD_ASLEEP, clock_ms() + ms);
}

/* A wake-up that was meant for something else does not end the sleep. */
void thread_sleep_ms(uint64_t ms)
{
    uint64_t end = clock_ms() + ms;

    for (uint64_t now = clock_ms(); now < end; now = clock_ms())
        thread_block_ms(end - now);
}

void thread_yield(void)
{
    uint64_t flags = interrupts_save();
    struct run_queue *queue = &queues[cpu_index()];
    bool alone = !queue->first;

    queue->slice_over = true;
    schedule();
    interrupts_restore(flags);
    if (alone)
        cpu_relax(); /* an emulator may have to let the other CPU run that this one waits for */
}

_Noreturn void thread_exit(void)
{
    interrupts_off();
    this_cpu->current->state = THREAD_ZOMBIE;
    schedule();
    __builtin_unreachable();
}

static void remove_sleeper(struct run_queue *queue, struct thread *thread)
{
    struct thread **link = &queue->sleepers;

    while (*link && *link != thread)
        link = &(*link)->next;
    if (*link)
        *link = thread->next;
}

/* The queue's lock is held. True: the thread was waiting. */
static bool make_ready(struct run_queue *queue, struct thread *thread)
{
    if (thread->state != THREAD_BLOCKED && thread->state != THREAD_ASLEEP) {
        thread->wake_pending = thread->state == THREAD_RUNNING || thread->state == THREAD_READY;
        return false;
    }
    if (thread->state == THREAD_ASLEEP)
        remove_sleeper(queue, thread);
    thread->state = THREAD_READY;
    if (inject_planted(INJECT_LOST_WAKE_UP) && thread->cpu == inject_cpu() &&
        ++queue->woken == LOST_WAKE_UP)
        return false;
    prepend(queue, thread);
    return true;
}

void thread_wake(struct thread *thread)
{
    struct run_queue *queue = &queues[thread->cpu];
    uint64_t flags = spinlock_take(&queue->lock);
    bool woken = make_ready(queue, thread);

    spinlock_release(&queue->lock, flags);
    if (!woken)
        return;
    if (thread->cpu == cpu_index())
        this_cpu->need_resched = 1;
    else
        ipi_reschedule(thread->cpu);
}

static bool any_due(const struct run_queue *queue, uint64_t now)
{
    for (const struct thread *t = queue->sleepers; t; t = t->next)
        if (t->wake_ms <= now)
            return true;
    return false;
}

static void wake_due(unsigned softirq)
{
    struct run_queue *queue = &queues[cpu_index()];
    uint64_t now = clock_ms(), flags = spinlock_take(&queue->lock);

    (void)softirq;
    for (struct thread *t = queue->sleepers, *next; t; t = next) {
        next = t->next;
        if (t->wake_ms <= now)
            make_ready(queue, t);
    }
    this_cpu->need_resched = 1;
    spinlock_release(&queue->lock, flags);
}

/* inject=triple-fault: the first CPU ticks on for a while, so that the record shows which CPU fell
 * silent. */
static void die_first(void)
{
    uint64_t end = cpu_ticks(0) + TICKS_OF_SILENCE;

    while (cpu_index() != 0 && cpu_ticks(0) < end)
        cpu_relax_rarely();
    idt_lose();
}

static _Noreturn void hang(void)
{
    for (;;)
        cpu_relax();
}

/* inject=hung-cpu and its like: the CPU goes wrong in a tick, after a second. */
static void go_wrong(void)
{
    bool due = this_cpu->events[EVENT_TICK] > schedule_tick_hz();
    bool here = due && cpu_index() == inject_cpu();

    if (inject_planted(INJECT_HUNG_CPU) && here)
        hang();
    if (inject_planted(INJECT_HUNG_BOOT_CPU) && due && cpu_index() == 0)
        hang();
    if (inject_planted(INJECT_HUNG_PAIR) && due && cpu_index() - inject_cpu() < 2)
        hang();
    if (inject_planted(INJECT_HUNG_HOLDER) && here) {
        spinlock_take(&queues[0].lock);
        hang();
    }
    if (inject_planted(INJECT_DEAF_CPU) && here && nmi_block(apic_send_nmi_to_self))
        hang();
    if (inject_planted(INJECT_HUNG_ALL) && due) {
        if (here)
            nmi_block(apic_send_nmi_to_self);
        hang();
    }
    if (inject_planted(INJECT_STOPPED_TIMERS) && due)
        apic_timer_start(0, false);
    if (inject_planted(INJECT_TRIPLE_FAULT) && here)
        die_first();
    if (inject_planted(INJECT_DIES_TELLING) && here)
        __builtin_trap();
}

static void tick_handler(struct trap_frame *frame)
{
    struct run_queue *queue = &queues[cpu_index()];
    uint64_t flags = spinlock_take(&queue->lock);

    count_event(EVENT_TICK);
    if (any_due(queue, clock_ms()))
        softirq_raise(timer_softirq);
    spinlock_release(&queue->lock, flags);
    go_wrong();
    queue->slice_over = true;
    this_cpu->need_resched = 1;
    reaper_tick();
    clock_check_tick();
    sched_above.tick();
    lastword_tick(frame->rip, this_cpu->current->name);
    apic_eoi();
}

/* The outermost interrupt is over, and RSP is back on the interrupted stack. Only a thread's stack
 * may be switched away from: an interrupt that was let into an IST handler returns to the
 * handler. */
static void preempt(struct trap_frame *frame)
{
    if (stack_find((uintptr_t)frame).kind == THREAD_STACK)
        schedule();
}

static void idle(void *argument)
{
    (void)argument;
    for (;;) {
        interrupts_off();
        if (this_cpu->need_resched)
            schedule();
        else
            interrupts_on_and_halt();
    }
}

uint32_t schedule_softirqs(void)
{
    return 1u << timer_softirq;
}

bool schedule_init(void)
{
    thread_init();
    timer_softirq = claim_softirq("timer", wake_due);
    claim_this_vector(VECTOR_TIMER, "timer", tick_handler);
    cpu_above.preempt = preempt;
    end_init();
    for (uint32_t cpu = 0; cpu < cpu_count; cpu++) {
        struct thread *thread = thread_create("idle", cpu, idle, NULL);
        if (!thread || !softirqd_create(cpu))
            return false;
        thread->idle = true;
        queues[cpu].idle = thread;
    }
    return reaper_create();
}

void schedule_start_ticks(void)
{
    apic_timer_start(calibrated_apic_hz / schedule_tick_hz() / 1000 * TICK_STRETCH, true);
}

static _Noreturn void enter(void)
{
    struct thread *first = queues[cpu_index()].idle;
    uint64_t nowhere;

    first->state = THREAD_RUNNING;
    this_cpu->current = first;
    this_cpu->tss.rsp[0] = thread_stack(first) + THREAD_SIZE;
    switch_to(&nowhere, first->rsp);
    __builtin_unreachable();
}

_Noreturn void schedule_enter(void)
{
    schedule_start_ticks();
    enter();
}

_Noreturn void schedule_start(void (*first)(void *argument))
{
    struct thread *thread = thread_create("main", 0, first, NULL);

    if (!thread) {
        check_failed_on(CHECK_UNEXPECTED, 0, NO_STACK, 0, "start", "no memory for the main thread");
        verdict_fatal();
    }
    thread_wake(thread);
    enter();
}
