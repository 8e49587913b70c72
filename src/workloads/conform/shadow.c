/* SPDX-License-Identifier: MIT */
/* When an interrupt that waits is let in: the shadows of STI and MOV SS, POPF, and HLT. SDM volume
 * 3, 6.8.1, 6.8.3; volume 2, STI, HLT.
 *
 * The interrupt is a CPU's own IPI, which waits since interrupts are off. */
#include "cpu/x86.h"
#include "smp/apic.h"
#include "workloads/conform/conform.h"

#define OWN_VECTOR 0xf3
#define RESCUE_VECTOR 0xf4
#define LITTLE_WHILE 1000       /* rounds of PAUSE */
#define REP_BYTES 4096
#define REP_TICKS 2000
#define RESCUE_TICKS 2000000    /* of the APIC's timer, undivided */

PROBE(shadow_sti, "sti; nop; shadow_sti_after: nop; cli");
PROBE(shadow_sti_cli, "sti; cli; nop");
PROBE(shadow_sti_hlt, "sti; hlt; shadow_sti_hlt_after: cli");
PROBE(shadow_popf, "push 0x202; popfq; shadow_popf_after: nop; cli");
PROBE(shadow_iret, "mov rax, rsp; push 0x10; push rax; push 0x202; push 8; "
                   "lea rcx, shadow_iret_after[rip]; push rcx; iretq; shadow_iret_after: nop; cli");
PROBE(shadow_mov_cr8, "sti; nop; xor eax, eax; mov cr8, rax; shadow_mov_cr8_after: nop; cli");
PROBE(shadow_mov_ss, "sti; .rept 40; mov eax, ss; mov ss, eax; nop; .endr; cli");
PROBE(shadow_rep, "mov ecx, 4096; sti; nop; shadow_rep_here: rep stosb; mov ecx, 100000; "
                  "1: pause; dec ecx; jnz 1b; cli");
extern char shadow_rep_here[];
USER_PROBE(shadow_user_hlt, "hlt");
USER_PROBE(shadow_user_cli, "cli");
extern char shadow_sti_after[], shadow_sti_hlt_after[], shadow_popf_after[], shadow_iret_after[],
    shadow_mov_cr8_after[];

static void make_pending(void)
{
    apic_send_ipi(this_cpu->apic_id, OWN_VECTOR);
    for (unsigned i = 0; i < LITTLE_WHILE; i++)
        cpu_relax();
}

/* Sees which interrupt came, and where. */
static void see_arrival(struct conform *c, const char *probe)
{
    const struct sandbox_event *e;

    sandbox_run(c->box, probe, 0, 0, 0);
    interrupts_off();
    if (!(e = conform_event(c, OWN_VECTOR)))
        return;
    conform_see_events(c);
    conform_see(c, ", ");
    conform_see_rip(c, e->pushed.rip, probe);
}

static void expect_arrival(struct conform *c, long offset)
{
    conform_expect(c, "vector 0xf3, +%ld", offset);
    make_pending();
}

static void sti(struct conform *c)
{
    expect_arrival(c, shadow_sti_after - shadow_sti);
    see_arrival(c, shadow_sti);
}

static void sti_cli(struct conform *c)
{
    conform_expect(c, "nothing");
    make_pending();
    conform_try(c, shadow_sti_cli, 0, 0);
}

/* The timer ends the HLT where the interrupt was lost: then it is seen too. */
static void sti_hlt(struct conform *c)
{
    expect_arrival(c, shadow_sti_hlt_after - shadow_sti_hlt);
    apic_write(APIC_LVT_TIMER, RESCUE_VECTOR);
    apic_write(APIC_TIMER_INITIAL, RESCUE_TICKS);
    see_arrival(c, shadow_sti_hlt);
    apic_write(APIC_LVT_TIMER, APIC_LVT_MASKED);
}

static void timer_wakes(struct conform *c)
{
    const struct sandbox_event *e;

    conform_expect(c, "vector 0xf4, +%ld", (long)(shadow_sti_hlt_after - shadow_sti_hlt));
    apic_write(APIC_LVT_TIMER, RESCUE_VECTOR);
    apic_write(APIC_TIMER_INITIAL, RESCUE_TICKS);
    sandbox_run(c->box, shadow_sti_hlt, 0, 0, 0);
    interrupts_off();
    if (!(e = conform_event(c, RESCUE_VECTOR)))
        return;
    conform_see_events(c);
    conform_see(c, ", ");
    conform_see_rip(c, e->pushed.rip, shadow_sti_hlt);
}

static void popf(struct conform *c)
{
    expect_arrival(c, shadow_popf_after - shadow_popf);
    see_arrival(c, shadow_popf);
}

/* Unlike a fault's, and unlike one's in a REP: RF would suppress the breakpoint of the instruction
 * that the interrupt came before. */
static void interrupt_rf(struct conform *c)
{
    conform_expect(c, "RF clear");
    make_pending();
    sandbox_run(c->box, shadow_popf, 0, 0, 0);
    interrupts_off();
    conform_see_rf(c, OWN_VECTOR);
}

static void before_breakpoint(struct conform *c)
{
    conform_expect(c, "vector 0xf3, #DB");
    c->box->hooks[VECTOR_DB] = conform_go_on_past;
    write_dr0((uintptr_t)shadow_popf_after);
    write_dr7(read_dr7() | DR7_LOCAL(0) | DR7_EXECUTE(0));
    make_pending();
    conform_try(c, shadow_popf, 0, 0);
}

static void iret(struct conform *c)
{
    expect_arrival(c, shadow_iret_after - shadow_iret);
    see_arrival(c, shadow_iret);
}

/* CR8 is raised before the interrupt is sent: raised behind it, it may make it spurious (10.9). */
static void mov_cr8(struct conform *c)
{
    write_cr8(15);
    expect_arrival(c, shadow_mov_cr8_after - shadow_mov_cr8);
    see_arrival(c, shadow_mov_cr8);
}

/* The IPI is sent just before, and comes where it comes: but not there. */
static void mov_ss(struct conform *c)
{
    const struct sandbox_event *e;

    conform_expect(c, "vector 0xf3, not behind MOV SS");
    apic_send_ipi(this_cpu->apic_id, OWN_VECTOR);
    sandbox_run(c->box, shadow_mov_ss, 0, 0, 0);
    interrupts_off();
    if (!(e = conform_event(c, OWN_VECTOR)))
        return;
    conform_see_events(c);
    conform_see(c, ", %sbehind MOV SS",
                conform_is_behind_mov_ss(e, shadow_mov_ss, shadow_mov_ss_end) ? "" : "not ");
}

/* The timer's, in the middle of a REP, if it is slow enough. */
static void in_rep(struct conform *c)
{
    const struct sandbox_event *e;

    conform_expect(c, "vector 0xf4, RF set");
    apic_write(APIC_LVT_TIMER, RESCUE_VECTOR);
    apic_write(APIC_TIMER_INITIAL, REP_TICKS);
    sandbox_run(c->box, shadow_rep, (uintptr_t)c->box->scratch, 0, 0);
    interrupts_off();
    if (!(e = conform_event(c, RESCUE_VECTOR)))
        return;
    conform_see_events(c);
    conform_see(c, ", RF %s", e->pushed.rflags & RFLAGS_RF ? "set" : "clear");
    if (e->pushed.rip != (uint64_t)shadow_rep_here || !e->rcx || e->rcx == REP_BYTES)
        conform_skip(c, "the REP was over before the interrupt came");
}

CONFORM_CHECKS(shadow) = {
    {"shadow.sti", "SDM 3A 6.8.1", "STI lets interrupts in after the instruction behind it",
     .run = sti},
    {"shadow.sti-cli", "SDM 2B STI", "between STI and CLI no interrupt comes", .run = sti_cli},
    {"shadow.sti-hlt", "SDM 2B STI", "an interrupt that waits wakes the HLT behind STI", "hang",
     .run = sti_hlt},
    {"shadow.hlt", "SDM 2A HLT", "a timer's interrupt ends HLT, with the RIP behind it", "hang",
     .run = timer_wakes},
    {"shadow.popf", "SDM 2B POPF", "POPF that sets IF lets an interrupt in at once", .run = popf},
    {"shadow.interrupt-rf", "SDM 3B 17.3.1.1",
     "an interrupt between two instructions finds RF clear", .run = interrupt_rf},
    {"shadow.breakpoint", "SDM 3A 6.9",
     "an interrupt comes before the breakpoint of an instruction, which strikes behind it",
     .run = before_breakpoint},
    {"shadow.iret", "SDM 2A IRET", "IRET that sets IF lets an interrupt in at its target",
     .run = iret},
    {"shadow.mov-cr8", "SDM 3A 10.8.6", "a lower CR8 lets an interrupt in at once",
     .run = mov_cr8},
    {"shadow.mov-ss", "SDM 3A 6.8.3", "no interrupt between MOV SS and the next instruction",
     .run = mov_ss},
    {"shadow.rep", "SDM 3B 17.3.1.1", "an interrupt between a REP's iterations finds RF set",
     .run = in_rep},
    {"shadow.hlt-ring3", "SDM 2A HLT", "HLT in ring 3 is #GP(0)", .probe = shadow_user_hlt,
     .user = true, .raises = "#GP(0x0)"},
    {"shadow.cli-ring3", "SDM 2A CLI", "CLI in ring 3 with IOPL 0 is #GP(0)",
     .probe = shadow_user_cli, .user = true, .raises = "#GP(0x0)"},
};
