/* SPDX-License-Identifier: MIT */
/* The sweep's paths: how each one's event is caused, and who takes it. SDM volume 3, 6.12, 6.15. */
#include <stddef.h>

#include "cpu/claim.h"
#include "cpu/percpu.h"
#include "cpu/softirq.h"
#include "cpu/vectors.h"
#include "cpu/x86.h"
#include "sched/switch.h"
#include "sched/thread.h"
#include "sched/user.h"
#include "smp/apic.h"
#include "workloads/sweep/sweep.h"
#include "workloads/sweep/words.h"

void sweep_registers_came(const uint64_t *registers);   /* called by sweep.asm alone */

/* sweep.asm */
void sweep_cause_trap(void);
void sweep_cause_overflow(void);
void sweep_cause_breakpoint(void);
void sweep_cause_machine_check(void);
void sweep_cause_irq(void);
void sweep_cause_debug(void);
void sweep_cause_nmi(void);
void sweep_cause_stack_fault(void);
void sweep_cause_double_fault(void);
extern char user_sweep[];
extern char sweep_after_stack_fault[], sweep_after_double_fault[];

void sweep_registers_came(const uint64_t *registers)
{
    for (uint64_t n = 0; n < FRAME_REGISTERS; n++)
        if (registers[n] != SWEEP_NOT_CANONICAL + n * SWEEP_REGISTER_STEP) {
            sweep_add_lost(&sweep_trial, "registers, at the end");
            return;
        }
}


static void cause_nmi(void)
{
    sweep_latch_nmi();
    sweep_cause_nmi();
}

/* An NMI, whose handler causes the path's event. */
static void cause_in_nmi(void)
{
    apic_send_nmi_to_self();
    while (!sweep_trial.outer)
        cpu_relax();
}

static void cause_double_fault(void)
{
    sweep_gp_present(false);
    sweep_cause_double_fault();
    sweep_gp_present(true);
}

static unsigned softirq;

static void cause_softirq(void)
{
    softirq_raise(softirq);
    softirq_flush();
    interrupts_off();
}

static void cause_switch(void)
{
    thread_yield();
}

/* The thread in ring 3 and the main thread take turns: what is asked for is 0 when it is done. */
static volatile uint32_t asked_of_ring3;
static struct thread *ring3;
#define MOST_TURNS 64

static void cause_in_ring3(void)
{
    asked_of_ring3 = sweep_trial.path->ring3_does;
    thread_wake(ring3);
    for (unsigned turns = 0; asked_of_ring3 && turns < MOST_TURNS; turns++)
        thread_yield();
}

static void ring3_thread(void *unused)
{
    uint64_t word = 0;

    (void)unused;
    user_enter(user_sweep, &word, sizeof(word));
}

struct thread_life sweep_ring3_run(void)
{
    struct thread_life life = thread_run("ring 3", cpu_index(), ring3_thread, NULL);

    ring3 = life.thread;
    return life;
}

const struct sweep_path sweep_paths[] = {
    {"nmi", START_GATE, VECTOR_NMI, NULL, NMIS_BLOCKED, cause_nmi, 0},
    {"db", START_HANDED_ON, VECTOR_DB, NULL, NMIS_OPEN, sweep_cause_debug, 0},
    {"bp", START_GATE, VECTOR_BP, NULL, NMIS_OPEN, sweep_cause_breakpoint, 0},
    {"mc", START_GATE, VECTOR_MC, NULL, NMIS_OPEN, sweep_cause_machine_check, 0},
    {"ss", START_GATE, VECTOR_SS, NULL, NMIS_OPEN, sweep_cause_stack_fault, 0},
    {"df", START_GATE, VECTOR_DF, NULL, NMIS_OPEN, cause_double_fault, 0},
    {"trap", START_GATE, VECTOR_SWEEP, NULL, NMIS_OPEN, sweep_cause_trap, 0},
    {"of", START_GATE, VECTOR_OF, NULL, NMIS_OPEN, sweep_cause_overflow, 0},
    {"irq", START_GATE, VECTOR_SWEEP_IRQ, NULL, NMIS_OPEN, sweep_cause_irq, 0},
    {"irq-nested", START_GATE, VECTOR_SWEEP_INNER, NULL, NMIS_OPEN, sweep_cause_irq, 0},
    {"irq-softirq", START_GATE, VECTOR_SWEEP_IRQ, NULL, NMIS_OPEN, sweep_cause_irq, 0},
    {"softirq", START_CALL, 0, softirq_run_pending, NMIS_OPEN, cause_softirq, 0},
    {"switch", START_CALL, 0, switch_to, NMIS_OPEN, cause_switch, 0},
    {"nmi-user", START_GATE, VECTOR_NMI, NULL, NMIS_BLOCKED, cause_in_ring3, SWEEP_DO_NOTHING},
    {"bp-user", START_GATE, VECTOR_BP, NULL, NMIS_OPEN, cause_in_ring3, SWEEP_DO_BREAKPOINT},
    {"db-user", START_HANDED_ON, VECTOR_DB, NULL, NMIS_OPEN, cause_in_ring3, SWEEP_DO_STEP},
    {"of-user", START_GATE, VECTOR_OF, NULL, NMIS_OPEN, cause_in_ring3, SWEEP_DO_OVERFLOW},
    {"trap-user", START_GATE, VECTOR_SWEEP, NULL, NMIS_OPEN, cause_in_ring3, SWEEP_DO_TRAP},
    {"irq-user", START_GATE, VECTOR_SWEEP_IRQ, NULL, NMIS_OPEN, cause_in_ring3, SWEEP_DO_NOTHING},
    {"syscall", START_SYSCALL, 0, NULL, NMIS_OPEN, cause_in_ring3, SWEEP_DO_CALL},
    {"nmi-again", START_GATE, VECTOR_NMI, NULL, NMIS_REPEAT, cause_nmi, 0},
    {"bp-in-nmi", START_GATE, VECTOR_BP, NULL, IN_NMI, cause_in_nmi, 0},
    {"mc-in-nmi", START_GATE, VECTOR_MC, NULL, IN_NMI, cause_in_nmi, 0},
    {"of-in-nmi", START_GATE, VECTOR_OF, NULL, IN_NMI, cause_in_nmi, 0},
};
const unsigned sweep_path_count = sizeof(sweep_paths) / sizeof(sweep_paths[0]);

static bool is_path(const char *name)
{
    const struct sweep_path *path = sweep_trial.path;

    return sweep_trial.phase != PHASE_OFF && __builtin_strcmp(path->name, name) == 0;
}

/* Of the vectors that are not let in: all are the path's own. */
static bool take_own(struct trap_frame *frame)
{
    (void)frame;
    if (sweep_trial.phase == PHASE_OFF)
        return false;
    sweep_trial.outer++;
    return true;
}

static bool take_stack_fault(struct trap_frame *frame)
{
    if (!take_own(frame))
        return false;
    frame->rip = (uint64_t)sweep_after_stack_fault;
    return true;
}

static bool take_double_fault(struct trap_frame *frame)
{
    if (!take_own(frame))
        return false;
    frame->rip = (uint64_t)sweep_after_double_fault;
    return true;
}

static void take_trap(struct trap_frame *frame)
{
    take_own(frame);
}

static bool take_debug(struct trap_frame *frame)
{
    struct sweep_trial *t = &sweep_trial;

    if (t->phase == PHASE_OFF)
        return false;
    if (sweep_is_inner(frame)) {
        t->debugs++;
        if (!(this_cpu->dr6 & (DR6_B(0) | SWEEP_DR6_HANDED_ON)))
            sweep_add_lost(t, "the inner #DB's DR6");
        sweep_inner_debug(frame);
        return true;
    }
    t->outer++;
    frame->rflags &= ~(uint64_t)RFLAGS_TF;
    if ((t->event == SWEEP_DB || t->event == SWEEP_DB_NMI) && t->debugs &&
        !(this_cpu->dr6 & DR6_BS))
        sweep_add_lost(t, "DR6");
    return true;
}

static void cause_by_int(unsigned vector)
{
    switch (vector) {
    case VECTOR_BP: __asm__ volatile("int3" : : : "memory"); break;
    case VECTOR_MC: __asm__ volatile("int %0" : : "i"(VECTOR_MC) : "memory"); break;
    default: __asm__ volatile("int %0" : : "i"(VECTOR_OF) : "memory"); break;
    }
}

/* By the IRET of a #BP. */
static void let_another_in(void)
{
    apic_send_nmi_to_self();
    cause_by_int(VECTOR_BP);
}

/* One that is neither the path's own nor comes at the boundary was held back until the path was
 * over. */
static bool take_nmi(struct trap_frame *frame)
{
    struct sweep_trial *t = &sweep_trial;

    if (t->phase == PHASE_OFF)
        return false;
    if (t->phase == PHASE_START) {
        cause_by_int(t->path->vector);
    } else if (sweep_is_inner(frame)) {
        t->nmis++;
    } else if (t->path->nmis && !t->outer) {
        t->outer++;
        if (is_path("nmi-again"))
            let_another_in();
    } else {
        t->nmis++;
        t->held = true;
    }
    return true;
}

static void take_interrupt(struct trap_frame *frame)
{
    (void)frame;
    sweep_trial.outer++;
    if (is_path("irq-nested"))
        __asm__ volatile("int %0" : : "i"(VECTOR_SWEEP_INNER) : "memory");
    if (is_path("irq-softirq"))
        softirq_raise(softirq);
    if (sweep_trial.path->ring3_does)
        apic_eoi();                 /* the others' came by INT */
}

/* Also the path's own, where that is a nested one: then no APIC has sent it. */
static void take_inner_interrupt(struct trap_frame *frame)
{
    if (sweep_is_inner(frame)) {
        sweep_trial.interrupts++;
        apic_eoi();
    }
}

static void take_softirq(unsigned number)
{
    (void)number;
    if (sweep_trial.phase != PHASE_OFF)
        sweep_trial.outer++;
}

/* All but what SYSCALL takes: RAX, RCX, R11. */
static void look_at_registers(const struct trap_frame *frame)
{
    const uint64_t *taken[] = {&frame->rax, &frame->rcx, &frame->r11};

    for (uint64_t n = 0; n < FRAME_REGISTERS; n++) {
        const uint64_t *here = &frame->registers[n];
        if (here != taken[0] && here != taken[1] && here != taken[2] &&
            *here != SWEEP_NOT_CANONICAL + n * SWEEP_REGISTER_STEP) {
            sweep_add_lost(&sweep_trial, "ring 3's registers");
            return;
        }
    }
}

/* The last path's turn is over, and the next one's begins when the main thread says so. An event
 * that it sends or latches comes when ring 3 is back. */
static void give_ring3_its_turn(struct trap_frame *frame)
{
    look_at_registers(frame);
    asked_of_ring3 = 0;
    while (!asked_of_ring3 && !thread_stopping())
        thread_block();
    if (thread_stopping())
        thread_exit();
    frame->rax = asked_of_ring3;
    if (asked_of_ring3 != SWEEP_DO_NOTHING)
        return;
    if (sweep_trial.path->nmis)
        sweep_latch_nmi();
    else
        apic_send_ipi(this_cpu->apic_id, VECTOR_SWEEP_IRQ);
}

static void take_syscall(struct trap_frame *frame)
{
    if (frame->rax == SWEEP_CALLS)
        sweep_trial.outer++;
    else
        give_ring3_its_turn(frame);
}

void sweep_take_over(void)
{
    claim_syscall("sweep", take_syscall);
    claim_exception(VECTOR_DB, "sweep", take_debug);
    claim_exception(VECTOR_BP, "sweep", take_own);
    claim_exception(VECTOR_OF, "sweep", take_own);
    claim_exception(VECTOR_MC, "sweep", take_own);
    claim_exception(VECTOR_SS, "sweep", take_stack_fault);
    claim_exception(VECTOR_DF, "sweep", take_double_fault);
    claim_this_vector(VECTOR_SWEEP, "sweep", take_trap);
    claim_exception(VECTOR_NMI, "sweep", take_nmi);
    claim_this_vector(VECTOR_SWEEP_IRQ, "sweep", take_interrupt);
    claim_this_vector(VECTOR_SWEEP_INNER, "sweep's inner", take_inner_interrupt);
    softirq = claim_softirq("sweep", take_softirq);
}

bool sweep_is_handler(uint64_t rip)
{
    const void *const handlers[] = {take_debug, take_own, take_stack_fault, take_double_fault,
                                    take_trap, nmi_hook, take_interrupt, take_inner_interrupt,
                                    take_softirq, take_syscall};

    for (unsigned i = 0; i < sizeof(handlers) / sizeof(handlers[0]); i++)
        if (rip == (uint64_t)handlers[i])
            return true;
    return false;
}
