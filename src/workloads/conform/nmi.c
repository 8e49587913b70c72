/* SPDX-License-Identifier: MIT */
/* Non-maskable interrupts: one at a time, one more latched, until IRET. SDM volume 3, 6.7, 6.9.
 *
 * A CPU sends them to itself by its physical APIC id. After a sending it waits a little: the APIC
 * may take its time. */
#include "cpu/x86.h"
#include "smp/apic.h"
#include "workloads/conform/conform.h"

#define LITTLE_WHILE 2000       /* rounds of PAUSE */
#define BURST 5
#define ICR_NMI_COMMAND (1u << 14 | 4u << 8)
#define OWN_VECTOR 0xf3

static void wait(void)
{
    for (unsigned i = 0; i < LITTLE_WHILE; i++)
        cpu_relax();
}

static void send(void)
{
    apic_send_nmi(this_cpu->apic_id);
    wait();
}

/* A probe that is a C function. */
static void run(struct conform *c, void (*function)(void))
{
    sandbox_run(c->box, (const char *)function, 0, 0, 0);
}

PROBE(nmi_int2, "int 2");
USER_PROBE(nmi_user, "int 0x82");
PROBE(nmi_mov_ss, "mov eax, ss; .rept 40; mov ss, eax; nop; .endr");

/* Nested events find RSP where it is. */
static void nest_on_stack(struct conform *c, unsigned vector)
{
    c->box->idt[vector].ist = ON_INTERRUPTED;
}

static void with_vector(void)
{
    apic_send(this_cpu->apic_id, ICR_NMI_COMMAND | 0x77);
    wait();
}

static void ignores_vector(struct conform *c)
{
    conform_expect(c, "NMI");
    run(c, with_vector);
    conform_see_events(c);
}

static void comes_with_interrupts_off(struct conform *c)
{
    conform_expect(c, "NMI");
    run(c, send);
    conform_see_events(c);
}

static void comes_with_rf_clear(struct conform *c)
{
    conform_expect(c, "RF clear");
    run(c, send);
    conform_see_rf(c, VECTOR_NMI);
}

/* In the first one's handler: more of them, which must wait. `mark` is how many events came before
 * the handler ended. */
static enum sandbox_way send_more(struct sandbox *box, struct sandbox_pushed *pushed)
{
    (void)pushed;
    if (box->count > 1)
        return RESUME;
    for (unsigned i = 0; i < BURST; i++)
        send();
    box->mark = box->count;
    return RESUME;
}

static void one_latched(struct conform *c)
{
    conform_expect(c, "1 until IRET, 2 in all");
    nest_on_stack(c, VECTOR_NMI);
    c->box->hooks[VECTOR_NMI] = send_more;
    run(c, send);
    conform_see(c, "%lu until IRET, %u in all", c->box->mark, c->box->count);
}

/* The latched one comes before the instruction that IRET returns to. */
static void latched_comes_at_target(struct conform *c)
{
    const struct sandbox_event *e = c->box->events;

    conform_expect(c, "2 at one RIP");
    nest_on_stack(c, VECTOR_NMI);
    c->box->hooks[VECTOR_NMI] = send_more;
    run(c, send);
    conform_see(c, "%u at %s", c->box->count,
                e[0].pushed.rip == e[1].pushed.rip ? "one RIP" : "two RIPs");
}

static void int2_does_not_block(struct conform *c)
{
    conform_expect(c, "2 until IRET");
    nest_on_stack(c, VECTOR_NMI);
    c->box->hooks[VECTOR_NMI] = send_more;
    sandbox_run(c->box, nmi_int2, 0, 0, 0);
    conform_see(c, "%lu until IRET", c->box->mark < 2 ? c->box->mark : 2);
}

/* A breakpoint in the handler: its IRET unblocks. */
static enum sandbox_way break_inside(struct sandbox *box, struct sandbox_pushed *pushed)
{
    (void)pushed;
    if (box->count > 1)
        return RESUME;
    send();
    __asm__ volatile("int3");
    box->mark = box->count;
    return RESUME;
}

static void inner_iret_unblocks(struct conform *c)
{
    conform_expect(c, "NMI, #BP, NMI, all before the first one's IRET");
    nest_on_stack(c, VECTOR_NMI);
    c->box->hooks[VECTOR_NMI] = break_inside;
    run(c, send);
    conform_see_events(c);
    conform_see(c, ", %s before the first one's IRET", c->box->mark == 3 ? "all" : "not all");
}

/* Its IRET goes to code that is not present, while another one is latched. */
static enum sandbox_way break_iret(struct sandbox *box, struct sandbox_pushed *pushed)
{
    if (box->count > 1)
        return RESUME;
    send();
    pushed->cs = ABSENT_CS;
    return RESUME;
}

/* Unblocked by the IRET that faults, it comes before the fault's handler has done anything; not
 * unblocked, behind it. */
static void faulting_iret(struct conform *c)
{
    if (conform_amd()) {
        conform_skip(c, "AMD's manual does not say");
        return;
    }
    conform_expect(c, "NMI, NMI, #NP(0x48)");
    c->box->hooks[VECTOR_NMI] = break_iret;
    run(c, send);
    conform_see_events(c);
}

/* Both pending when the first one's IRET has turned interrupts on. */
static enum sandbox_way send_both(struct sandbox *box, struct sandbox_pushed *pushed)
{
    if (box->count > 1)
        return RESUME;
    apic_send_ipi(this_cpu->apic_id, OWN_VECTOR);
    send();
    box->mark = pushed->rip;
    pushed->rflags |= RFLAGS_IF;
    return RESUME;
}

static void before_interrupts(struct conform *c)
{
    const struct sandbox_event *e = c->box->events;

    conform_expect(c, "NMI, NMI, vector 0xf3, the second at the IRET's target");
    c->box->hooks[VECTOR_NMI] = send_both;
    run(c, send);
    interrupts_off();
    conform_see_events(c);
    conform_see(c, ", the second %s", e[1].pushed.rip == c->box->mark ? "at the IRET's target"
                                                                     : "elsewhere");
}

/* Its IRET goes to ring 3, where the latched one finds it. */
static enum sandbox_way go_to_ring3(struct sandbox *box, struct sandbox_pushed *pushed)
{
    if (box->count > 1)
        return RESUME;
    send();
    *pushed = (struct sandbox_pushed){.rip = sandbox_user(nmi_user),
                                      .cs = USER_CS,
                                      .rflags = RFLAGS_FIXED,
                                      .rsp = sandbox_user_stack(),
                                      .ss = USER_DS};
    return RESUME;
}

static void latched_for_ring3(struct conform *c)
{
    const struct sandbox_event *e = c->box->events;

    conform_expect(c, "NMI, NMI, vector 0x82, the second at ring 3's first instruction");
    c->box->hooks[VECTOR_NMI] = go_to_ring3;
    run(c, send);
    conform_see_events(c);
    conform_see(c, ", the second %s",
                e[1].pushed.cs == USER_CS && e[1].pushed.rip == sandbox_user(nmi_user)
                    ? "at ring 3's first instruction"
                    : "elsewhere");
}

/* Interrupt after interrupt may come, but not where a NOP has an SS to protect it. */
static void not_behind_mov_ss(struct conform *c)
{
    const struct sandbox_event *e;

    conform_expect(c, "NMI, not behind MOV SS");
    apic_send_nmi(this_cpu->apic_id);
    sandbox_run(c->box, nmi_mov_ss, 0, 0, 0);
    wait();
    if (!(e = conform_event(c, VECTOR_NMI)))
        return;
    conform_see(c, "NMI, %sbehind MOV SS",
                conform_is_behind_mov_ss(e, nmi_mov_ss, nmi_mov_ss_end) ? "" : "not ");
}

CONFORM_CHECKS(nmi) = {
    {"nmi.not-masked", "SDM 3A 6.7", "an NMI comes although IF is clear",
     .run = comes_with_interrupts_off},
    {"nmi.rf", "SDM 3B 17.3.1.1", "an NMI between two instructions finds RF clear",
     .run = comes_with_rf_clear},
    {"nmi.vector-ignored", "SDM 3A 10.6.1", "the ICR's vector means nothing to an NMI",
     .run = ignores_vector},
    {"nmi.one-latched", "SDM 3A 6.7.1",
     "until IRET no further NMI is delivered, and of several one is kept", .run = one_latched},
    {"nmi.latched-at-target", "SDM 3A 6.7.1",
     "a latched NMI comes before the instruction that IRET returns to",
     .run = latched_comes_at_target},
    {"nmi.int-2", "SDM 3A 6.3.3, 6.7.1", "INT 2 does not block NMIs", .run = int2_does_not_block},
    {"nmi.inner-iret", "SDM 3A 6.7.1", "the IRET of a handler inside an NMI's unblocks NMIs",
     .run = inner_iret_unblocks},
    {"nmi.faulting-iret", "SDM 3A 6.7.1", "an IRET that faults has unblocked NMIs all the same",
     .run = faulting_iret},
    {"nmi.before-interrupts", "SDM 3A 6.9", "of an NMI and an interrupt the NMI is taken first",
     .run = before_interrupts},
    {"nmi.latched-for-ring3", "SDM 3A 6.7.1",
     "a latched NMI comes in ring 3 where IRET returns there", .run = latched_for_ring3},
    {"nmi.mov-ss", "SDM 3A 6.8.3", "an NMI is not taken between MOV SS and the next instruction",
     .run = not_behind_mov_ss},
};
