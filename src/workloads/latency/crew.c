/* SPDX-License-Identifier: MIT */
/* The benchmark's threads, loads, targets and clocks. */
#include "workloads/latency/crew.h"

#include <stddef.h>

#include "cpu/clock.h"
#include "cpu/verdict.h"
#include "cpu/inject.h"
#include "cpu/claim.h"
#include "cpu/late.h"
#include "workloads/latency/marks.h"
#include "cpu/patience.h"
#include "cpu/vectors.h"
#include "cpu/x86.h"
#include "lib/report.h"
#include "sched/thread.h"
#include "smp/apic.h"
#include "workloads/latency/idts.h"
#include "workloads/run/target.h"
#include "workloads/workload.h"

#define BREATH_MS 1000
#define EXCHANGES 1000     /* of the time, to find the offset */
#define EXCHANGES_MS 50    /* fewer where they take longer than this together */
#define MOST_MS 250        /* even where these are too few */
#define ANSWER_MS 10000    /* of silence, before a target is given up */
#define ROUNDS_A_LOOK 65536
#define CACHE_LINE 64
#define OPCODE_HLT 0xf4
#define TOP_BYTES 1024     /* of each stack: what an event writes */
#define BOTTOM_BYTES 128   /* of a thread's stack: thread_info and the end magic */
#define SETTLE_PER_S 50000 /* a target gets this part of a second to halt */
#define LOAD_BYTES (4 << 20) /* more than a core's own caches hold */
#define LOAD_LINES 256       /* written to, between two interrupts */

static struct member {
    struct thread_life life;
    void (*job)(const void *argument);
    const void *argument;
} CPU_TABLE(crew);
static volatile uint8_t load_area[LOAD_BYTES] MAPPED_LATER;
static struct thread *chief;

/* Between the CPU that measures and its target. */
static struct {
    volatile bool stop;
    uint64_t unused[7];
    volatile uint32_t asked; /* for caches or TLB to be made cold, or for the time */
    uint64_t unused2[7];
    volatile uint32_t answered;
    volatile uint64_t tsc;
    uint32_t cpu;
    volatile bool slept;         /* in HLT, when the event came whose mark `service` this is: */
    volatile uint64_t looked_at;
    uint64_t unused3[4];
} with_target __attribute__((aligned(64)));

static void work(void *argument)
{
    struct member *self = argument;

    while (!thread_stopping()) {
        void (*job)(const void *) = __atomic_load_n(&self->job, __ATOMIC_ACQUIRE);
        if (!job) {
            thread_block();
            continue;
        }
        job(self->argument);
        __atomic_store_n(&self->job, NULL, __ATOMIC_RELEASE);
        thread_wake(chief);
    }
}

#define LOAD_CLASS 13
static unsigned load_vector;

static void take_load(struct trap_frame *frame)
{
    (void)frame;
    apic_eoi();
}

bool crew_prepare(void)
{
    return late_map((const void *)load_area, sizeof(load_area));
}

bool crew_start(void)
{
    chief = thread_current();
    load_vector = claim_vector(LOAD_CLASS, "benchmark's load", take_load);
    for (uint32_t i = 0; i < target_count; i++) {
        struct member *member = &crew[target_cpus[i]];
        member->life = thread_run("latency", target_cpus[i], work, member);
        if (!member->life.thread)
            return false;
    }
    return true;
}

void crew_end(void)
{
    for (uint32_t i = 0; i < target_count; i++) {
        struct member *member = &crew[target_cpus[i]];
        if (!member->life.thread)
            continue;
        thread_stop_and_join(member->life);
        member->life.thread = NULL;
    }
}

struct thread *crew_thread(uint32_t cpu)
{
    return crew[cpu].life.thread;
}

void crew_do(uint32_t cpu, void (*job)(const void *argument), const void *argument)
{
    crew[cpu].argument = argument;
    __atomic_store_n(&crew[cpu].job, job, __ATOMIC_RELEASE);
    thread_wake(crew[cpu].life.thread);
}

/* As long as samples come, a measurement may take what it has been given. */
void crew_wait(uint32_t cpu)
{
    struct patience patience = patience_with(cpu);
    uint64_t samples = latency_samples_taken();

    while (__atomic_load_n(&crew[cpu].job, __ATOMIC_ACQUIRE)) {
        if (latency_samples_taken() != samples) {
            samples = latency_samples_taken();
            patience = patience_with(cpu);
        }
        if (patience_is_over(&patience)) {
            check_failed_on(CHECK_ACCOUNT, cpu, THREAD_STACK, 0, "benchmark",
                            "a measurement does not end: a wake-up was lost");
            verdict_fatal();
        }
        thread_block_ms(BREATH_MS);
        workload_breathe();
    }
}

void crew_do_and_wait(uint32_t cpu, void (*job)(const void *argument), const void *argument)
{
    crew_do(cpu, job, argument);
    crew_wait(cpu);
}

static void flush(uintptr_t low, uintptr_t high)
{
    for (low &= -(uintptr_t)CACHE_LINE; low < high; low += CACHE_LINE)
        flush_line((const void *)low);
}

/* iststorm.ld: what of cpu/, smp/ and sched/ lies in memory, whoever of them an event passes. */
extern const char data_start[], data_end[], entry_rodata_start[], entry_rodata_end[],
    entry_bss_start[], entry_bss_end[];

static void flush_idt(const struct gate *table)
{
    flush((uintptr_t)table, (uintptr_t)(table + VECTOR_COUNT));
}

/* The memory that all CPUs share: handlers, hooks, queues, constants, and each IDT that a
 * measurement loads. */
static void flush_shared_data(void)
{
    flush((uintptr_t)data_start, (uintptr_t)data_end);
    flush((uintptr_t)entry_rodata_start, (uintptr_t)entry_rodata_end);
    flush((uintptr_t)entry_bss_start, (uintptr_t)entry_bss_end);
    for (const struct cpu_table *table = entry_tables_start; table < entry_tables_end; table++)
        flush((uintptr_t)table->start, (uintptr_t)table->start + cpu_count * table->size);
    flush_idt(idt);
    for (unsigned i = 0; i < LATENCY_IDTS; i++)
        flush_idt(latency_idt(i));
}

static uintptr_t at_most(uintptr_t address, uintptr_t limit)
{
    return address < limit ? address : limit;
}

/* A switch to a thread, or from it, reads and writes the thread and both ends of its stack that
 * are in use. */
static void flush_thread(const struct thread *thread, uintptr_t rsp)
{
    uintptr_t stack = thread_stack(thread);

    flush((uintptr_t)thread, (uintptr_t)(thread + 1));
    flush(stack, stack + BOTTOM_BYTES);
    flush(rsp, at_most(rsp + TOP_BYTES / 4, stack + THREAD_SIZE));
}

/* The data that an event on this CPU reads and writes, the marks among it. `taker`: the thread
 * that it wakes or switches to, or NULL. */
static void flush_data(const struct thread *taker)
{
    uintptr_t cpu = (uintptr_t)cpu_at(cpu_index());

    flush_shared_data();
    flush(cpu, cpu + PERCPU_SIZE);
    for (unsigned kind = 0; kind < CPU_STACK_KINDS; kind++)
        flush(stack_top(cpu_index(), kind, 0) - TOP_BYTES, stack_top(cpu_index(), kind, 0));
    flush_thread(thread_current(), read_rsp());
    if (taker)
        flush_thread(taker, taker->rsp);
    __asm__ volatile("mfence" : : : "memory");
}

static void go_cold(const struct measure *m)
{
    if (m->mode == MODE_COLD_DATA)
        flush_data(m->taker);
    else if (m->mode == MODE_COLD_TLB)
        write_cr3(read_cr3()); /* no page is global */
}

/* latency.asm */
void latency_be_busy(const volatile uint32_t *word, uint32_t value, uint64_t service);
void latency_be_halted(const volatile uint32_t *word, uint32_t value, uint64_t service);

/* The RIP that this CPU's last event on that stack interrupted. The processor pushed it: it is
 * behind the instruction that waited. */
static bool has_interrupted_hlt(enum stack_kind stack)
{
    uintptr_t top = stack_top(cpu_index(), stack, 0);
    const struct trap_frame *pushed = (const struct trap_frame *)top - 1;

    if (stack == IRQ_STACK)
        pushed = *((const struct trap_frame **)top - 1); /* the back-link */
    return *(const uint8_t *)(pushed->rip - 1) == OPCODE_HLT;
}

/* Where an event came: whether it found this CPU asleep, which no mark of its handler says, or its
 * way would be longer than that of others. */
static void look_back(const struct measure *m)
{
    uint64_t service = marks.service;
    bool stamped = marks.returned > service;

    if (service == with_target.looked_at)
        return;
    if (!stamped)
        marks.returned = read_tsc_in_order();
    with_target.slept = stamped && has_interrupted_hlt(m->stack);
    with_target.looked_at = service;
}

/* The target of another CPU's events: awake or halted, and cold when it is asked to be. An event
 * can come as soon as it has answered. */
static void be_target(const void *argument)
{
    const struct measure *m = argument;

    while (!with_target.stop) {
        uint32_t asked = with_target.asked;
        uint64_t service = marks.service;
        while (inject_planted(INJECT_SILENT_TARGET)) {
            interrupts_off();
            cpu_relax();
        }
        go_cold(m);
        with_target.tsc = read_tsc_in_order();
        with_target.answered = asked;
        if (m->mode == MODE_HALTED) {
            latency_be_halted(&with_target.asked, asked, with_target.looked_at);
            look_back(m);
        } else {
            latency_be_busy(&with_target.asked, asked, service);
        }
    }
}

/* Writes to memory that all of its kind write to, each from another place on, so that lines go from
 * cache to cache; and interrupts the next of them, which `argument` points to. */
static void load(const void *argument)
{
    const struct percpu *next = cpu_at(*(const uint32_t *)argument);
    uint32_t at = LOAD_BYTES / MAX_CPUS * cpu_index();

    while (!with_target.stop) {
        for (unsigned i = 0; i < LOAD_LINES; i++, at += CACHE_LINE)
            load_area[at % LOAD_BYTES]++;
        apic_send_ipi(next->apic_id, load_vector);
        cpu_relax();
    }
}

static uint32_t surrounding[MAX_CPUS], surrounding_count;

static void surround_with(uint32_t cpu, void (*job)(const void *argument), const void *argument)
{
    surrounding[surrounding_count++] = cpu;
    crew_do(cpu, job, argument);
}

static void load_others(const struct measure *m)
{
    static uint32_t others[MAX_CPUS];
    uint32_t count = 0;

    for (uint32_t i = 0; i < target_count; i++)
        if (target_cpus[i] != m->from && target_cpus[i] != m->to)
            others[count++] = target_cpus[i];
    for (uint32_t i = 0; i < count; i++)
        surround_with(others[i], load, &others[(i + 1) % count]);
}

void crew_surround(const struct measure *m)
{
    surrounding_count = 0;
    with_target.stop = false;
    with_target.cpu = m->to;
    with_target.asked = with_target.answered = 0;
    with_target.looked_at = marks.service;
    if (latency_target_stamps(m))
        surround_with(m->to, be_target, m);
    if (m->mode == MODE_LOADED)
        load_others(m);
}

void crew_release(void)
{
    with_target.stop = true;
    with_target.asked++;
    for (uint32_t i = 0; i < surrounding_count; i++)
        crew_wait(surrounding[i]);
    surrounding_count = 0;
}

static _Noreturn void tell_silent_target(void)
{
    check_failed_on(CHECK_ALIVE, with_target.cpu, NO_STACK, 0, "benchmark",
                    "it has not answered CPU %u for %u ms", cpu_index(), ANSWER_MS);
    verdict_fatal();
}

static bool has_answered(void)
{
    return with_target.answered == with_target.asked;
}

/* Both times are the target's. */
static bool has_returned(void)
{
    return marks.returned > marks.service;
}

static bool has_looked_back(void)
{
    return with_target.looked_at == marks.service;
}

/* Interrupts may be off, and then this CPU does not tick. A CPU that still ticks blames the target
 * and not this CPU, and no other CPU may be left to find that the target hangs. */
static void wait_until(bool (*target_has)(void))
{
    uint64_t end = 0;

    for (uint32_t rounds = 1; !target_has(); rounds++) {
        cpu_relax();
        if (rounds % ROUNDS_A_LOOK)
            continue;
        this_cpu->blocked_by = cpu_at(with_target.cpu);
        if (!end)
            end = clock_ms() + ANSWER_MS;
        else if (clock_ms() > end)
            tell_silent_target();
    }
    this_cpu->blocked_by = NULL;
}

static void ask_target(void)
{
    with_target.asked++;
    wait_until(has_answered);
}

void crew_await_target(const struct measure *m)
{
    if (latency_target_stamps(m))
        ask_target();
}

void crew_prepare_sample(const struct measure *m)
{
    if (m->mode == MODE_HALTED) {
        uint64_t end = read_tsc() + clock_tsc_hz / SETTLE_PER_S;
        while (read_tsc() < end)
            cpu_relax_rarely();
    } else if (m->mode == MODE_COLD_DATA || m->mode == MODE_COLD_TLB) {
        crew_await_target(m);
    }
    go_cold(m);
}

bool crew_await_return(const struct measure *m)
{
    if (!latency_target_stamps(m) || !marks.done)
        return true;
    wait_until(has_returned);
    if (m->mode != MODE_HALTED)
        return true;
    wait_until(has_looked_back);
    return with_target.slept;
}

static struct clock_offset measured;

static bool is_enough(uint64_t start_ms)
{
    uint64_t ms = clock_ms() - start_ms;
    bool few = measured.exchanges < OFFSET_FEWEST_EXCHANGES;

    return measured.exchanges >= EXCHANGES || ms >= (few ? MOST_MS : EXCHANGES_MS);
}

static void exchange(const void *argument)
{
    uint64_t start_ms = clock_ms();

    (void)argument;
    measured = offset_unknown();
    do {
        uint64_t flags = interrupts_save();
        uint64_t asked = read_tsc_in_order();
        ask_target();
        uint64_t answered = read_tsc_in_order();
        interrupts_restore(flags);
        offset_add(&measured, asked, with_target.tsc, answered);
    } while (!is_enough(start_ms));
}

struct clock_offset crew_measure_offset(uint32_t from, uint32_t to)
{
    struct measure m = {.from = from, .to = to, .mode = MODE_WARM, .stack = IRQ_STACK};

    crew_surround(&m);
    crew_do_and_wait(from, exchange, NULL);
    crew_release();
    return measured;
}
