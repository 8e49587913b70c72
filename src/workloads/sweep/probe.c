/* SPDX-License-Identifier: MIT */
/* The sweep's probe: lists a path's boundaries, stands at one of them, lets an event in there, and
 * says what that destroyed. The theory is sweep.h's. SDM volume 3, 17.2, 17.3.1.1. */
#include <stddef.h>

#include "cpu/discipline.h"
#include "cpu/disciplines/repeat.h"
#include "cpu/idt.h"
#include "cpu/inject.h"
#include "cpu/percpu.h"
#include "cpu/vectors.h"
#include "cpu/x86.h"
#include "lib/format.h"
#include "lib/string.h"
#include "smp/apic.h"
#include "workloads/sweep/sweep.h"
#include "workloads/sweep/words.h"

#define PROBE_IST 6
#define PROBE_STACK_SIZE (2 * PAGE_SIZE)
#define LIVE_STACKS 3               /* most that a path has left something on */
#define LIVE_BYTES 2048             /* most of each, from its RSP up */
#define SETTLE_ROUNDS 16            /* of PAUSE, until what was sent to oneself is pending */
#define MOST_RETURNS 16             /* to a boundary at which what was sent has not come yet */

bool sweep_probe(struct trap_frame *frame, int32_t gs_high);    /* called by sweep.asm alone */

struct sweep_trial sweep_trial;
struct sweep_boundary sweep_boundaries[SWEEP_BOUNDARIES];
unsigned sweep_boundary_count;
static unsigned behind_handler;     /* the first boundary after the workload's own handler */

/* sweep.asm */
extern char sweep_probe_entry[], sweep_block_stub[], sweep_causes[], sweep_causes_end[];

/* The IDT in force, and the probe's; in this order. */
static struct gate tables[2][VECTOR_COUNT] __attribute__((aligned(16)));
enum { TABLE_REAL, TABLE_PROBE };

static uint8_t probe_stack[PROBE_STACK_SIZE] __attribute__((aligned(16)));
static uint64_t nowhere;            /* what a breakpoint that is not wanted is on */
static uint32_t returns, own_passages;
static bool nmi_under_way, area_is_live;    /* under entry=repeat, at the boundary */
static bool unblocked;              /* by an IRET of the probe's, in this trial */

/* The state that the interrupted path still needs. */
static struct snapshot {
    struct trap_frame frame;
    uint64_t gs_base, kernel_gs_base, cr2;
    int32_t gs_high;
    struct percpu percpu;
    struct {
        uintptr_t low;
        uint32_t size;
        uint8_t bytes[LIVE_BYTES];
    } live[LIVE_STACKS];
    uint32_t live_count;
    bool cut;                       /* there is more than fits */
} before;

void sweep_probe_install(void)
{
    idt_copy(tables[TABLE_REAL]);
    idt_copy(tables[TABLE_PROBE]);
    gate_aim(&tables[TABLE_PROBE][VECTOR_DB], sweep_probe_entry, PROBE_IST);
    this_cpu->tss.ist[PROBE_IST - 1] = (uintptr_t)(probe_stack + sizeof(probe_stack));
}

void sweep_forget_boundaries(void)
{
    sweep_boundary_count = behind_handler = 0;
}

void sweep_insert_boundary(unsigned place, struct sweep_boundary boundary)
{
    for (unsigned i = sweep_boundary_count++; i > place; i--)
        sweep_boundaries[i] = sweep_boundaries[i - 1];
    sweep_boundaries[place] = boundary;
    behind_handler += place < behind_handler;
}

void sweep_probe_remove(void)
{
    this_cpu->tss.ist[PROBE_IST - 1] = 0;
}

void sweep_gp_present(bool present)
{
    for (unsigned i = 0; i < 2; i++)
        gate_set_present(&tables[i][VECTOR_GP], present);
}

uint64_t sweep_path_start(const struct sweep_path *path)
{
    switch (path->start) {
    case START_CALL: return (uint64_t)path->function;
    case START_SYSCALL: return read_msr(MSR_LSTAR);
    default: return gate_target(&idt[path->vector]);
    }
}

static void aim_breakpoints(uint64_t first, const uint64_t *rest)
{
    write_dr0(first);
    write_dr1(rest ? rest[0] : (uint64_t)&nowhere);
    write_dr2(rest ? rest[1] : (uint64_t)&nowhere);
    write_dr3(rest ? rest[2] : (uint64_t)&nowhere);
}

#define DR7_ARMED                                                                                  \
    (DR7_IDLE | DR7_LOCAL(0) | DR7_LOCAL(1) | DR7_LOCAL(2) | DR7_LOCAL(3) | DR7_EXECUTE(0) |       \
     DR7_EXECUTE(1) | DR7_EXECUTE(2) | DR7_EXECUTE(3))

void sweep_arm(struct sweep_trial *trial)
{
    trial->start = sweep_path_start(trial->path);
    trial->phase = PHASE_START;
    returns = own_passages = 0;
    unblocked = false;
    idt_load(tables[TABLE_PROBE]);
    write_dr6(DR6_IDLE);
    aim_breakpoints(trial->start, NULL);
    write_dr7(DR7_ARMED);
}

void sweep_disarm(void)
{
    write_dr7(DR7_IDLE);
    write_dr6(DR6_IDLE);
    idt_load(idt);
    sweep_trial.phase = PHASE_OFF;
}

static void settle(void)
{
    for (unsigned i = 0; i < SETTLE_ROUNDS; i++)
        cpu_relax();
}

/* NMIs are blocked from here on. */
static void block_nmis(void)
{
    struct gate kept = tables[TABLE_REAL][VECTOR_NMI];

    for (unsigned i = 0; i < 2; i++)
        gate_aim(&tables[i][VECTOR_NMI], sweep_block_stub, 0);
    if (!sweep_block_nmis(apic_send_nmi_to_self))
        sweep_add_lost(&sweep_trial, "the NMI that was to block others did not come");
    tables[TABLE_REAL][VECTOR_NMI] = tables[TABLE_PROBE][VECTOR_NMI] = kept;
}

void sweep_latch_nmi(void)
{
    block_nmis();
    apic_send_nmi_to_self();
    settle();
}

void sweep_add_lost(struct sweep_trial *trial, const char *what)
{
    size_t length = strlen(trial->lost);

    format(trial->lost + length, sizeof(trial->lost) - length, "%s%s", length ? ", " : "", what);
}

static void add_lost_index(const char *what, uint32_t index)
{
    char text[32];

    format(text, sizeof(text), what, index);
    sweep_add_lost(&sweep_trial, text);
}

/* As the processor would deliver a #DB, on the stack that TSS.ist[] says (6.14.2, 6.14.5). */
static void hand_on(struct trap_frame *frame)
{
    const struct gate *gate = &tables[TABLE_REAL][VECTOR_DB];
    uint64_t *frame_end = (uint64_t *)(gate->ist ? this_cpu->tss.ist[gate->ist - 1]
                                                 : (frame->rsp & ~15ull));
    uint64_t *pushed = frame_end - 5;

    memcpy(pushed, &frame->rip, 5 * sizeof(*pushed));
    frame->rip = gate_target(gate);
    frame->cs = KERNEL_CS;
    frame->rsp = (uintptr_t)pushed;
    frame->ss = KERNEL_DS;
    frame->rflags &= ~(uint64_t)(RFLAGS_TF | RFLAGS_IF | RFLAGS_RF | RFLAGS_NT);
}

/* The frame at RSP when a path has just begun. */
static uint64_t where_it_returns(const struct sweep_path *path, const struct trap_frame *frame)
{
    const uint64_t *top = (const uint64_t *)frame->rsp;
    if (path->start == START_SYSCALL)
        return frame->rcx;
    bool error_code =
        path->start == START_GATE && path->vector < 32 && path->vector != VECTOR_MC &&
        (VECTORS_WITH_ERROR_CODE >> path->vector & 1);

    return top[error_code ? 1 : 0];
}

static bool has_returned(const struct sweep_trial *t, const struct trap_frame *frame)
{
    return frame->rip == t->resume ||
           (frame->rip >= (uint64_t)sweep_causes && frame->rip < (uint64_t)sweep_causes_end);
}

extern char nmi_entry_repeat[], nmi_repeat_run[];           /* repeat.asm */
extern char nmi_repeat_counted[], nmi_repeat_return[];

/* entry=repeat: from when an NMI's run is owed until its IRET, another one leaves word in the area
 * at the NMI stack's top, and comes back without having been handled. */
static bool finds_nmi_under_way(const struct trap_frame *frame)
{
    return discipline_nmis_owed(cpu_index()) || (frame->rip >= (uint64_t)nmi_repeat_counted &&
                                            frame->rip <= (uint64_t)nmi_repeat_return);
}

/* The frame in the area is needed until it has been copied. From then on, not what is written there
 * is looked at, but what comes of it. */
static bool is_area_live(const struct trap_frame *frame)
{
    return !nmi_under_way || (frame->rip >= (uint64_t)nmi_entry_repeat &&
                              frame->rip < (uint64_t)nmi_repeat_run);
}

static bool is_ist_stack(uint64_t rsp)
{
    enum stack_kind kind = stack_of_rsp(rsp).kind;

    return kind < CPU_STACK_KINDS && stack_shapes[kind].ist;
}

/* Live are, of each stack that the path has stood on so far, the words from its last RSP up; but of
 * an IST event's none when it has left it, as the event in an NMI does before its RET. */
static void note_live_stack(uint64_t rsp)
{
    struct stack_place place = stack_of_rsp(rsp);
    uint32_t i = 0;

    if (place.kind > THREAD_STACK)
        return;
    while (i < before.live_count && (before.live[i].low < place.low ||
                                     before.live[i].low > place.high))
        i++;
    if (i > 0 && i == before.live_count && is_ist_stack(before.live[i - 1].low))
        i = --before.live_count;
    if (i == LIVE_STACKS) {
        before.cut = true;
        return;
    }
    if (i == before.live_count)
        before.live_count++;
    if (place.kind == NMI_STACK && !area_is_live)
        place.high -= sizeof(struct nmi_area);
    uint64_t size = place.high > rsp ? place.high - rsp : 0;
    before.live[i].low = rsp;
    before.live[i].size = size < LIVE_BYTES ? size : LIVE_BYTES;
    before.cut |= size > LIVE_BYTES;
}

static void copy_what_is_needed(struct sweep_trial *t, const struct trap_frame *frame,
                                int32_t gs_high)
{
    before.frame = *frame;
    before.gs_high = gs_high;
    before.gs_base = read_msr(MSR_GS_BASE);
    before.kernel_gs_base = read_msr(MSR_KERNEL_GS_BASE);
    before.cr2 = read_cr2();
    memcpy(&before.percpu, cpu_at(cpu_index()), sizeof(before.percpu));
    before.live_count = 0;
    before.cut = false;
    nmi_under_way = finds_nmi_under_way(frame);
    area_is_live = is_area_live(frame);
    for (const struct sweep_boundary *b = sweep_boundaries; b <= t->at; b++)
        note_live_stack(b->rsp);
    for (uint32_t i = 0; i < before.live_count; i++)
        memcpy(before.live[i].bytes, (const void *)before.live[i].low, before.live[i].size);
    if (before.cut)
        sweep_add_lost(t, "the probe: more is live than it keeps");
}

/* C's own count of levels (ist.c) follows TSS.ist[] some instructions later on entry, and precedes
 * it on exit. An event that comes in between is no fault of the discipline: the count is brought in
 * line for it, and put back. */
static void bring_levels_in_line(struct sweep_trial *t)
{
    for (unsigned kind = 0; kind < CPU_STACK_KINDS; kind++) {
        if (!stack_shapes[kind].ist)
            continue;
        uint64_t next = this_cpu->tss.ist[stack_shapes[kind].ist - 1];
        t->lags |= this_cpu->ist_next[kind] != next;
        this_cpu->ist_next[kind] = next;
    }
}

static void compare_registers(struct sweep_trial *t, const struct trap_frame *frame,
                              int32_t gs_high)
{
    uint64_t flags = (frame->rflags ^ before.frame.rflags) & ~(uint64_t)(RFLAGS_RF | RFLAGS_TF);

    if (memcmp(frame->registers, before.frame.registers, sizeof(frame->registers)) ||
        frame->rsp != before.frame.rsp || frame->cs != before.frame.cs ||
        frame->ss != before.frame.ss || flags)
        sweep_add_lost(t, "registers");
    if (gs_high >> 31 != before.gs_high >> 31 || read_msr(MSR_GS_BASE) != before.gs_base ||
        read_msr(MSR_KERNEL_GS_BASE) != before.kernel_gs_base)
        sweep_add_lost(t, "GS");
    if (read_cr2() != before.cr2)
        sweep_add_lost(t, "CR2");
}

static void compare_percpu(struct sweep_trial *t)
{
    struct percpu *now = cpu_at(cpu_index());
    const struct percpu *then = &before.percpu;

    for (unsigned i = 0; i < IST_SLOTS; i++) {
        if (now->tss.ist[i] != then->tss.ist[i])
            add_lost_index("TSS.ist[%u]", i);
        now->tss.ist[i] = then->tss.ist[i];
    }
    if (now->tss.rsp[0] != then->tss.rsp[0])
        sweep_add_lost(t, "RSP0");
    if (now->irq_nest != then->irq_nest)
        sweep_add_lost(t, "the nest counter");
    if (now->softirq_pending != then->softirq_pending)
        sweep_add_lost(t, "pending softirqs");
    if (now->user_rsp != then->user_rsp)
        sweep_add_lost(t, "ring 3's RSP");
    now->tss.rsp[0] = then->tss.rsp[0];
    now->irq_nest = then->irq_nest;
    now->softirq_pending = then->softirq_pending;
    now->user_rsp = then->user_rsp;
    memcpy(now->ist_next, then->ist_next, sizeof(now->ist_next));
}

/* By its distance from the end of its stack: where an IST event's frame ends. */
static void name_word(struct sweep_trial *t, uintptr_t address)
{
    static const char *const hardware[] = {"SS", "RSP", "RFLAGS", "CS", "RIP", "error code",
                                           "vector"};
    static const char *const registers[FRAME_REGISTERS] = {FRAME_REGISTER_NAMES};
    struct stack_place place = stack_find(address);
    unsigned word = (place.high - 8 - address) / 8;

    if (place.kind >= CPU_STACK_KINDS || !stack_shapes[place.kind].ist)
        sweep_add_lost(t, stack_name(place.kind));
    else if (word < 7)
        sweep_add_lost(t, hardware[word]);
    else if (word < 7 + FRAME_REGISTERS)
        sweep_add_lost(t, registers[FRAME_REGISTERS - 1 - (word - 7)]);
    else
        add_lost_index("word %u", word);
}

#define MOST_WORDS 8

static void compare_live_stacks(struct sweep_trial *t)
{
    unsigned words = 0;

    for (uint32_t i = 0; i < before.live_count; i++) {
        uint64_t *now = (uint64_t *)before.live[i].low;
        const uint64_t *then = (const uint64_t *)before.live[i].bytes;
        for (uint32_t w = before.live[i].size / 8; w-- > 0;)
            if (now[w] != then[w] && words++ < MOST_WORDS)
                name_word(t, (uintptr_t)&now[w]);
        memcpy(now, then, before.live[i].size);
    }
    if (words > MOST_WORDS)
        add_lost_index("and %u words more", words - MOST_WORDS);
}

/* By the breakpoint that the probe itself came by. On #DB's own path that would come again at the
 * same boundary inside the #DB, for ever: so there this one is handed on too. */
static void let_debug_in(const struct sweep_trial *t, struct trap_frame *frame)
{
    if (t->path->start != START_HANDED_ON) {
        idt_load(tables[TABLE_REAL]);
        return;
    }
    write_dr6(read_dr6() | SWEEP_DR6_HANDED_ON);
    hand_on(frame);
}

/* At the boundary, for the first time: the event is let in. */
static bool visit(struct sweep_trial *t, struct trap_frame *frame, int32_t gs_high)
{
    t->reached = true;
    t->phase = PHASE_INSIDE;
    while (inject_planted(INJECT_HUNG_TRIAL) && !t->path->nmis)
        cpu_relax();
    frame->rflags &= ~(uint64_t)(RFLAGS_RF | RFLAGS_TF);
    copy_what_is_needed(t, frame, gs_high);
    aim_breakpoints(t->at->rip, NULL);
    if (t->path->nmis && unblocked)
        block_nmis();
    if (t->event != SWEEP_NMI || !t->path->nmis)
        bring_levels_in_line(t);
    if (t->event == SWEEP_NMI && !t->path->nmis)
        sweep_latch_nmi();
    else if (t->event == SWEEP_NMI)
        apic_send_nmi_to_self();
    else if (t->event == SWEEP_IRQ)
        apic_send_ipi(this_cpu->apic_id, VECTOR_SWEEP_INNER);
    else
        let_debug_in(t, frame);
    settle();
    return t->path->nmis;
}

static bool has_come(const struct sweep_trial *t)
{
    switch (t->event) {
    case SWEEP_DB: return t->debugs;
    case SWEEP_IRQ: return t->interrupts;
    default: return t->nmis;
    }
}

/* An exit's SWAPGS is executed by who came from ring 3's GS: the path, and not what is let in
 * before it, which finds the kernel's. */
static bool is_swapgs(uint64_t rip)
{
    const uint8_t *code = (const uint8_t *)rip;

    return code[0] == 0x0f && code[1] == 0x01 && code[2] == 0xf8;
}

static bool is_untouched(const struct trap_frame *frame)
{
    bool untouched = frame->rsp == before.frame.rsp;

    for (uint32_t i = 0; i < before.live_count; i++)
        untouched &= !memcmp((const void *)before.live[i].low, before.live[i].bytes,
                             before.live[i].size);
    return untouched;
}

/* Whether the event that was let in goes through the boundary itself, and has just come to it: on
 * its way in; and on its way out, if the boundary is behind the handler. Its frame is somewhere
 * else, or where the path's was. */
static bool is_own_passage(const struct sweep_trial *t, const struct trap_frame *frame)
{
    bool debugs = t->path->start == START_HANDED_ON && t->event != SWEEP_NMI;
    bool nmis = t->path->vector == VECTOR_NMI && t->event == SWEEP_DB_NMI && !nmi_under_way;
    bool twice = t->at - sweep_boundaries >= behind_handler && !is_swapgs(t->at->rip) &&
                 (nmis || t->event == SWEEP_DB);

    if (!(debugs || nmis) || is_untouched(frame))
        return false;
    return !has_come(t) || (twice && own_passages++ == 0);
}

/* And for the second: the event has come and gone, or stays latched. */
static bool come_back(struct sweep_trial *t, struct trap_frame *frame, int32_t gs_high)
{
    bool held = t->path->nmis && !t->nmis && t->event != SWEEP_DB;

    if (frame->rip != t->at->rip) {
        sweep_add_lost(t, "the way back");
    } else if (is_own_passage(t, frame)) {
        frame->rflags |= RFLAGS_RF;
        return false;
    } else if (!held && !has_come(t) && returns++ < MOST_RETURNS) {
        settle();
        return false;
    }
    t->came_back = true;
    t->phase = PHASE_OVER;
    compare_registers(t, frame, gs_high);
    compare_percpu(t);
    compare_live_stacks(t);
    aim_breakpoints((uint64_t)&nowhere, NULL);
    return held;
}

static struct sweep_boundary boundary_of(const struct trap_frame *frame)
{
    return (struct sweep_boundary){.rip = frame->rip, .rsp = frame->rsp, .pass = 1,
                                   .interruptible = frame->rflags & RFLAGS_IF};
}

static void list(const struct trap_frame *frame)
{
    struct sweep_boundary *b = &sweep_boundaries[sweep_boundary_count];

    if (sweep_boundary_count == SWEEP_BOUNDARIES)
        return;
    *b = boundary_of(frame);
    for (unsigned i = 0; i < sweep_boundary_count; i++)
        b->pass += sweep_boundaries[i].rip == frame->rip;
    sweep_boundary_count++;
}

/* One boundary further, by single step. */
static bool step(struct sweep_trial *t, struct trap_frame *frame, int32_t gs_high)
{
    if (t->phase == PHASE_STEP_OVER && !behind_handler)
        behind_handler = sweep_boundary_count;
    t->phase = PHASE_STEP;
    frame->rflags |= RFLAGS_TF | RFLAGS_RF;
    aim_breakpoints((uint64_t)&nowhere, NULL);
    if (has_returned(t, frame)) {
        frame->rflags &= ~(uint64_t)RFLAGS_TF;
        t->phase = PHASE_OVER;
    } else if (sweep_is_handler(frame->rip)) {
        frame->rflags &= ~(uint64_t)RFLAGS_TF;
        aim_breakpoints(*(const uint64_t *)frame->rsp, NULL);
        t->phase = PHASE_STEP_OVER;
    } else if (t->method == METHOD_LIST) {
        list(frame);
    } else if (frame->rip == t->at->rip && ++t->passes == t->at->pass) {
        return visit(t, frame, gs_high);
    }
    return false;
}

static bool seek(struct sweep_trial *t, struct trap_frame *frame, int32_t gs_high)
{
    if (++t->passes == t->at->pass)
        return visit(t, frame, gs_high);
    frame->rflags |= RFLAGS_RF;
    return false;
}

/* Before the IRET of a #DB that was handed on: an NMI is latched, and the probe's IRET stands for
 * that one. Sooner, the probe's own IRET inside the #DB would release it. */
static bool latch_at_iret(struct sweep_trial *t, struct trap_frame *frame)
{
    sweep_latch_nmi();
    memcpy(&frame->rip, (const void *)frame->rsp, 5 * sizeof(uint64_t));
    frame->rflags &= ~(uint64_t)RFLAGS_RF;
    aim_breakpoints(t->at->rip, NULL);
    t->phase = PHASE_INSIDE;
    return false;
}

/* At the path's first byte. */
static bool begin(struct sweep_trial *t, struct trap_frame *frame, int32_t gs_high)
{
    t->resume = where_it_returns(t->path, frame);
    if (t->method == METHOD_LIST || t->method == METHOD_STEP)
        return step(t, frame, gs_high);
    frame->rflags |= RFLAGS_RF;
    if (t->method == METHOD_PROVE) {
        aim_breakpoints(t->resume, t->between);
        t->phase = PHASE_PROVE;
        return false;
    }
    aim_breakpoints(t->at->rip, NULL);
    t->phase = PHASE_SEEK;
    return frame->rip == t->at->rip ? seek(t, frame, gs_high) : false;
}

/* A boundary that the list lacks, or the path's end: what follows may share its code. */
static void find_missed(struct sweep_trial *t, struct trap_frame *frame)
{
    frame->rflags |= RFLAGS_RF;
    if (frame->rip != t->resume) {
        if (!t->missed.pass)
            t->missed = boundary_of(frame);     /* the others' turn comes after this one */
        return;
    }
    aim_breakpoints((uint64_t)&nowhere, NULL);
    t->phase = PHASE_OVER;
}

bool sweep_probe(struct trap_frame *frame, int32_t gs_high)
{
    struct sweep_trial *t = &sweep_trial;
    uint64_t dr7 = read_dr7(), dr6 = read_dr6();
    uint64_t own = DR6_B(0) | DR6_B(1) | DR6_B(2) | DR6_B(3);
    bool without_iret = false;

    write_dr7(DR7_IDLE);
    if (t->phase == PHASE_STEP)
        own |= DR6_BS;
    write_dr6(dr6 & ~own);
    if (t->phase == PHASE_START && t->path->start == START_HANDED_ON)
        hand_on(frame);
    switch (t->phase) {
    case PHASE_START: without_iret = begin(t, frame, gs_high); break;
    case PHASE_STEP:
    case PHASE_STEP_OVER: without_iret = step(t, frame, gs_high); break;
    case PHASE_SEEK: without_iret = seek(t, frame, gs_high); break;
    case PHASE_INSIDE: without_iret = come_back(t, frame, gs_high); break;
    case PHASE_LATCH: without_iret = latch_at_iret(t, frame); break;
    case PHASE_PROVE: find_missed(t, frame); break;
    default: frame->rflags &= ~(uint64_t)RFLAGS_TF; break;
    }
    unblocked |= !without_iret;
    write_dr7(t->phase == PHASE_INSIDE || t->phase == PHASE_STEP_OVER ? DR7_ARMED : dr7);
    return without_iret;
}

bool sweep_is_inner(const struct trap_frame *frame)
{
    const struct sweep_trial *t = &sweep_trial;

    if (t->phase != PHASE_INSIDE || frame->rip != t->at->rip)
        return false;
    if (memcmp(frame->registers, before.frame.registers, sizeof(frame->registers)) ||
        frame->rsp != before.frame.rsp)
        sweep_trial.inner_wrong = true;
    return true;
}

void sweep_inner_debug(struct trap_frame *frame)
{
    frame->rflags &= ~(uint64_t)RFLAGS_RF;
    idt_load(tables[TABLE_PROBE]);
    if (sweep_trial.event == SWEEP_DB)
        return;
    if (sweep_trial.path->start == START_HANDED_ON) {
        aim_breakpoints(sweep_boundaries[sweep_boundary_count - 1].rip, NULL);
        sweep_trial.phase = PHASE_LATCH;
        return;
    }
    if (sweep_trial.path->nmis)
        apic_send_nmi_to_self();
    else
        sweep_latch_nmi();
    settle();
}
