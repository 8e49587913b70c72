/* SPDX-License-Identifier: MIT */
/* Debug exceptions: single steps, breakpoints, their flags and their order. SDM volume 3, 17.2,
 * 17.3, 6.8.3, 6.9. */
#include "cpu/x86.h"
#include "smp/apic.h"
#include "workloads/conform/conform.h"

#define SET_TF "pushfq; or qword ptr [rsp], 0x100; popfq; "
#define DR6_STEP (DR6_IDLE | DR6_BS)
#define DR6_OPTIONAL (1u << 11 | 1u << 16)  /* bus locks, RTM: may read as 0 where they exist */

PROBE(debug_step, SET_TF "nop; debug_step_after: nop");
extern char debug_step_after[];
PROBE(debug_step_sti, SET_TF "sti; debug_step_sti_after: cli");
extern char debug_step_sti_after[];
PROBE(debug_step_mov_ss, "mov eax, ss; " SET_TF "mov ss, eax; nop; debug_step_mov_ss_after: nop");
extern char debug_step_mov_ss_after[];
PROBE(debug_step_int, SET_TF "int 0x82; nop; debug_step_int_after: nop");
extern char debug_step_int_after[];
PROBE(debug_step_write, SET_TF "mov [rdi], rdi; debug_step_write_after: nop");
extern char debug_step_write_after[];
PROBE(debug_step_send, SET_TF "mov [rdi], esi; debug_step_send_after: nop; mov ecx, 2000; "
                       "1: pause; dec ecx; jnz 1b");
extern char debug_step_send_after[];
PROBE(debug_step_rep, "mov ecx, 3; " SET_TF "debug_step_rep_here: rep stosb; "
                      "debug_step_rep_after: nop");
extern char debug_step_rep_here[], debug_step_rep_after[];
PROBE(debug_write, "mov [rdi], rdi; debug_write_after: nop");
extern char debug_write_after[];
/* Downwards: not a fast-string operation, which may put the trap off. */
PROBE(debug_rep, "mov ecx, 8; std; debug_rep_here: rep stosb; cld");
extern char debug_rep_here[];
PROBE(debug_nop, "nop");
PROBE(debug_ud, "ud2");
PROBE(debug_int, "int 0x82");
PROBE(debug_out, "xor eax, eax; out 0x80, al; debug_out_after: nop");
extern char debug_out_after[];
PROBE(debug_icebp, ".byte 0xf1");
PROBE(debug_int1, "int 1");
PROBE(debug_gd, "mov rax, dr7");
PROBE(debug_int3_probe, "int3");
PROBE(debug_into, ".byte 0xce");
PROBE(debug_read_dr4, "mov rax, dr4");
PROBE(debug_write_dr5, "mov dr5, rdi");
PROBE(debug_write_dr6, "mov dr6, rdi");
PROBE(debug_write_dr7, "mov dr7, rdi");
/* By IRET with RF set; the second time without. */
PROBE(debug_rf, "mov ebx, 2; mov rax, rsp; push 0x10; push rax; push 0x10002; push 8; "
                "lea rcx, debug_rf_here[rip]; push rcx; iretq; "
                "debug_rf_here: nop; dec ebx; jnz debug_rf_here");
extern char debug_rf_here[];
/* A data breakpoint at RDI, read into SS, and what follows. */
PROBE(debug_ss_nop, "mov ss, [rdi]; nop; debug_ss_nop_after: nop");
extern char debug_ss_nop_after[];
PROBE(debug_ss_int3, "mov ss, [rdi]; int3");
PROBE(debug_ss_int, "mov ss, [rdi]; int 0x82");
PROBE(debug_ss_syscall, "mov ss, [rdi]; syscall");
PROBE(debug_target, "int 0x83");
USER_PROBE(debug_user_icebp, ".byte 0xf1");
USER_PROBE(debug_user_int3, "int3");
USER_PROBE(debug_user_dr, "mov rax, dr7");

static void arm(unsigned n, const void *address, uint32_t control)
{
    if (n == 0)
        write_dr0((uintptr_t)address);
    else
        write_dr1((uintptr_t)address);
    write_dr7(read_dr7() | DR7_LOCAL(n) | control);
}

static enum sandbox_way stop_stepping(struct sandbox *box, struct sandbox_pushed *pushed)
{
    (void)box;
    pushed->rflags &= ~(uint64_t)RFLAGS_TF;
    return RESUME;
}

/* The one #DB that must have come: its DR6 and RIP. */
static void see_debug(struct conform *c, const char *probe, uint64_t rdi)
{
    const struct sandbox_event *e;

    sandbox_run(c->box, probe, rdi, 0, 0);
    if (!(e = conform_event(c, VECTOR_DB)))
        return;
    conform_see_events(c);
    conform_see(c, ", DR6 0x%lx, ", e->dr6);
    conform_see_rip(c, e->pushed.rip, probe);
}

static void expect_debug(struct conform *c, const char *events, uint32_t dr6, long offset)
{
    conform_expect(c, "%s, DR6 0x%x, +%ld", events, dr6, offset);
}

static void step(struct conform *c)
{
    expect_debug(c, "#DB", DR6_STEP, debug_step_after - debug_step);
    c->box->hooks[VECTOR_DB] = stop_stepping;
    see_debug(c, debug_step, 0);
}

static void step_flags(struct conform *c)
{
    const struct sandbox_event *e;

    conform_expect(c, "TF set and RF clear in the frame, TF clear in the handler");
    c->box->hooks[VECTOR_DB] = stop_stepping;
    sandbox_run(c->box, debug_step, 0, 0, 0);
    if ((e = conform_event(c, VECTOR_DB)))
        conform_see(c, "TF %s and RF %s in the frame, TF %s in the handler",
                    e->pushed.rflags & RFLAGS_TF ? "set" : "clear",
                    e->pushed.rflags & RFLAGS_RF ? "set" : "clear",
                    e->rflags & RFLAGS_TF ? "set" : "clear");
}

static void step_sti(struct conform *c)
{
    expect_debug(c, "#DB", DR6_STEP, debug_step_sti_after - debug_step_sti);
    c->box->hooks[VECTOR_DB] = stop_stepping;
    see_debug(c, debug_step_sti, 0);
}

static void step_mov_ss(struct conform *c)
{
    expect_debug(c, "#DB", DR6_STEP, debug_step_mov_ss_after - debug_step_mov_ss);
    c->box->hooks[VECTOR_DB] = stop_stepping;
    see_debug(c, debug_step_mov_ss, 0);
}

/* The handler runs without TF; IRET sets it again, and the NOP is stepped. */
static void step_int(struct conform *c)
{
    expect_debug(c, "vector 0x82, #DB", DR6_STEP, debug_step_int_after - debug_step_int);
    c->box->hooks[VECTOR_DB] = stop_stepping;
    see_debug(c, debug_step_int, 0);
}

static void step_and_data(struct conform *c)
{
    expect_debug(c, "#DB", DR6_STEP | DR6_B(0), debug_step_write_after - debug_step_write);
    c->box->hooks[VECTOR_DB] = stop_stepping;
    arm(0, c->box->scratch, DR7_WRITE8(0));
    see_debug(c, debug_step_write, (uintptr_t)c->box->scratch);
}

/* The stepped instruction sends an NMI. Where that is pending at once, the #DB comes first, and the
 * NMI at its handler's first instruction; where it takes longer, it comes wherever it does. */
static void step_before_nmi(struct conform *c)
{
    volatile uint32_t *icr = apic_aim(this_cpu->apic_id);
    const struct sandbox_event *step, *nmi;

    if (!icr) {
        conform_skip(c, "x2APIC mode sends by WRMSR");
        return;
    }
    conform_expect(c, "#DB behind the instruction, NMI not before it");
    c->box->hooks[VECTOR_DB] = stop_stepping;
    sandbox_run(c->box, debug_step_send, (uintptr_t)icr, APIC_COMMAND_NMI, 0);
    if (!(step = conform_event(c, VECTOR_DB)) || !(nmi = conform_event(c, VECTOR_NMI)))
        return;
    conform_see(c, "#DB %s the instruction, NMI %sbefore it",
                step->pushed.rip == (uint64_t)debug_step_send_after ? "behind" : "not behind",
                nmi->pushed.rflags & RFLAGS_TF ? "" : "not ");
}

/* RCX and RF after each iteration but the last. */
static enum sandbox_way step_three(struct sandbox *box, struct sandbox_pushed *pushed)
{
    if (box->count == 3)
        pushed->rflags &= ~(uint64_t)RFLAGS_TF;
    return RESUME;
}

static void step_rep(struct conform *c)
{
    const struct sandbox_event *e = c->box->events;

    conform_expect(c, "3 #DBs: RCX 2 RF 1 here, RCX 1 RF 1 here, RCX 0 RF 0 behind");
    c->box->hooks[VECTOR_DB] = step_three;
    sandbox_run(c->box, debug_step_rep, (uintptr_t)c->box->scratch, 0, 0);
    conform_see(c, "%u #DBs:", c->box->count);
    for (unsigned i = 0; i < c->box->count && i < 3; i++)
        conform_see(c, "%s RCX %lu RF %u %s", i ? "," : "", e[i].rcx,
                    !!(e[i].pushed.rflags & RFLAGS_RF),
                    e[i].pushed.rip == (uint64_t)debug_step_rep_here    ? "here"
                    : e[i].pushed.rip == (uint64_t)debug_step_rep_after ? "behind"
                                                                        : "elsewhere");
}

static void data_write(struct conform *c)
{
    expect_debug(c, "#DB", DR6_IDLE | DR6_B(0), debug_write_after - debug_write);
    arm(0, c->box->scratch, DR7_WRITE8(0));
    see_debug(c, debug_write, (uintptr_t)c->box->scratch);
}

static void data_global(struct conform *c)
{
    expect_debug(c, "#DB", DR6_IDLE | DR6_B(0), debug_write_after - debug_write);
    write_dr0((uintptr_t)c->box->scratch);
    write_dr7(DR7_IDLE | DR7_GLOBAL(0) | DR7_WRITE8(0));
    see_debug(c, debug_write, (uintptr_t)c->box->scratch);
}

static void two_data(struct conform *c)
{
    expect_debug(c, "#DB", DR6_IDLE | DR6_B(0) | DR6_B(1), debug_write_after - debug_write);
    arm(0, c->box->scratch, DR7_WRITE8(0));
    arm(1, (char *)c->box->scratch + 3, DR7_WRITE(1));
    see_debug(c, debug_write, (uintptr_t)c->box->scratch);
}

/* A REP that goes down from the eighth byte: the fifth is reached with three to go. */
static void data_in_rep(struct conform *c)
{
    const struct sandbox_event *e;

    conform_expect(c, "#DB, RCX 3, RF 1, +%ld", (long)(debug_rep_here - debug_rep));
    arm(0, (char *)c->box->scratch + 3, DR7_WRITE(0));
    sandbox_run(c->box, debug_rep, (uintptr_t)c->box->scratch + 7, 0, 0);
    if (!(e = conform_event(c, VECTOR_DB)))
        return;
    conform_see_events(c);
    conform_see(c, ", RCX %lu, RF %u, ", e->rcx, !!(e->pushed.rflags & RFLAGS_RF));
    conform_see_rip(c, e->pushed.rip, debug_rep);
}

static void execute(struct conform *c)
{
    expect_debug(c, "#DB", DR6_IDLE | DR6_B(0), 0);
    c->box->hooks[VECTOR_DB] = conform_go_on_past;
    arm(0, debug_nop, DR7_EXECUTE(0));
    see_debug(c, debug_nop, 0);
}

/* DR6 says what matched, and RF of the frame is the flags': clear. */
static void execute_rf(struct conform *c)
{
    conform_expect(c, "RF clear");
    c->box->hooks[VECTOR_DB] = conform_go_on_past;
    arm(0, debug_nop, DR7_EXECUTE(0));
    sandbox_run(c->box, debug_nop, 0, 0, 0);
    conform_see_rf(c, VECTOR_DB);
}

static void fault_rf(struct conform *c)
{
    conform_expect(c, "RF set");
    sandbox_run(c->box, debug_ud, 0, 0, 0);
    conform_see_rf(c, VECTOR_UD);
}

static void rf_once(struct conform *c)
{
    expect_debug(c, "#DB", DR6_IDLE | DR6_B(0), debug_rf_here - debug_rf);
    c->box->hooks[VECTOR_DB] = conform_go_on_past;
    arm(0, debug_rf_here, DR7_EXECUTE(0));
    see_debug(c, debug_rf, 0);
}

static void execute_before_fault(struct conform *c)
{
    expect_debug(c, "#DB, #UD", DR6_IDLE | DR6_B(0), 0);
    c->box->hooks[VECTOR_DB] = conform_go_on_past;
    arm(0, debug_ud, DR7_EXECUTE(0));
    see_debug(c, debug_ud, 0);
}

/* The breakpoint's handler is told before the one whose first instruction it is at. */
static void execute_at_handler(struct conform *c)
{
    conform_expect(c, "#DB, vector 0x82");
    c->box->hooks[VECTOR_DB] = conform_go_on_past;
    arm(0, sandbox_stub(SANDBOX_OPEN), DR7_EXECUTE(0));
    conform_try(c, debug_int, 0, 0);
}

/* The pushed SS is the first word below the stack's top. */
static void data_on_frame(struct conform *c)
{
    conform_expect(c, "#DB, vector 0x82, the #DB at the handler's first instruction");
    arm(0, (void *)(sandbox_stack_top(c->box, ON_INTERRUPT) - 8), DR7_WRITE8(0));
    conform_try(c, debug_int, 0, 0);
    conform_see(c, ", the #DB %s",
                c->box->events[0].pushed.rip == (uintptr_t)sandbox_stub(SANDBOX_OPEN)
                    ? "at the handler's first instruction"
                    : "elsewhere");
}

static void enable_de(struct conform *c)
{
    (void)c;
    write_cr4(read_cr4() | CR4_DE);
}

static void io(struct conform *c)
{
    expect_debug(c, "#DB", DR6_IDLE | DR6_B(0), debug_out_after - debug_out);
    enable_de(c);
    arm(0, (void *)0x80, DR7_IO(0));
    see_debug(c, debug_out, 0);
}

static void accumulates(struct conform *c)
{
    expect_debug(c, "#DB", DR6_STEP | DR6_B(0), debug_write_after - debug_write);
    write_dr6(DR6_STEP);
    arm(0, c->box->scratch, DR7_WRITE8(0));
    see_debug(c, debug_write, (uintptr_t)c->box->scratch);
}

static void general_detect(struct conform *c)
{
    const struct sandbox_event *e;

    conform_expect(c, "#DB, DR6 0x%x, GD clear, +0", DR6_IDLE | DR6_BD);
    write_dr7(DR7_IDLE | DR7_GD);
    sandbox_run(c->box, debug_gd, 0, 0, 0);
    if (!(e = conform_event(c, VECTOR_DB)))
        return;
    conform_see_events(c);
    conform_see(c, ", DR6 0x%lx, GD %s, ", e->dr6, e->dr7 & DR7_GD ? "set" : "clear");
    conform_see_rip(c, e->pushed.rip, debug_gd);
}

static void icebp(struct conform *c)
{
    expect_debug(c, "#DB", DR6_IDLE, debug_icebp_end - debug_icebp);
    see_debug(c, debug_icebp, 0);
}

static void int_1(struct conform *c)
{
    expect_debug(c, "#DB", DR6_IDLE, debug_int1_end - debug_int1);
    see_debug(c, debug_int1, 0);
}

static void user_icebp(struct conform *c)
{
    const struct sandbox_event *e;

    conform_expect(c, "#DB, DR6 0x%x", DR6_IDLE);
    sandbox_run_user(c->box, debug_user_icebp, 0, 0);
    if (!(e = conform_event(c, VECTOR_DB)))
        return;
    conform_see_events(c);
    conform_see(c, ", DR6 0x%lx", e->dr6);
}

static void int3_rip(struct conform *c)
{
    const struct sandbox_event *e;

    conform_expect(c, "#BP, +1");
    sandbox_run(c->box, debug_int3_probe, 0, 0, 0);
    if (!(e = conform_event(c, VECTOR_BP)))
        return;
    conform_see_events(c);
    conform_see(c, ", ");
    conform_see_rip(c, e->pushed.rip, debug_int3_probe);
}

static void dr6_reads(struct conform *c)
{
    uint64_t mask = ~(uint64_t)DR6_OPTIONAL;

    conform_expect(c, "0x%lx of 0, 0x%lx of all ones", DR6_IDLE & mask,
                   (DR6_IDLE | 0xe00f) & mask);
    write_dr6(0);
    conform_see(c, "0x%lx of 0, ", read_dr6() & mask);
    write_dr6(0xffffffff);
    conform_see(c, "0x%lx of all ones", read_dr6() & mask);
}

static void dr7_reads(struct conform *c)
{
    conform_expect(c, "0x400");
    write_dr7(0);
    conform_see(c, "0x%lx", read_dr7());
}

/* MOV SS whose operand has a breakpoint: the #DB is held until the next instruction is over. */
static void hold_debug(struct conform *c, const char *probe)
{
    *c->box->scratch = KERNEL_DS;
    arm(0, c->box->scratch, DR7_ACCESS8(0));
    see_debug(c, probe, (uintptr_t)c->box->scratch);
}

static void held_over_nop(struct conform *c)
{
    expect_debug(c, "#DB", DR6_IDLE | DR6_B(0), debug_ss_nop_after - debug_ss_nop);
    hold_debug(c, debug_ss_nop);
}

/* ... which is then in the handler of what the next instruction raised. */
static void expect_in_handler(struct conform *c, const char *vector)
{
    conform_expect(c, "#DB, %s, DR6 0x%x, %s's handler", vector, DR6_IDLE | DR6_B(0), vector);
}

static void held_over_int3(struct conform *c)
{
    expect_in_handler(c, "#BP");
    hold_debug(c, debug_ss_int3);
}

static void held_over_int(struct conform *c)
{
    expect_in_handler(c, "vector 0x82");
    hold_debug(c, debug_ss_int);
}

static enum sandbox_way end(struct sandbox *box, struct sandbox_pushed *pushed)
{
    (void)box;
    (void)pushed;
    return END;
}

static void held_over_syscall(struct conform *c)
{
    conform_expect(c, "#DB, vector 0x83, the #DB at SYSCALL's target");
    write_msr(MSR_LSTAR, (uintptr_t)debug_target);
    c->box->hooks[SANDBOX_CLOSED] = end;
    *c->box->scratch = KERNEL_DS;
    arm(0, c->box->scratch, DR7_ACCESS8(0));
    conform_try(c, debug_ss_syscall, (uintptr_t)c->box->scratch, 0);
    conform_see(c, ", the #DB %s",
                c->box->events[0].pushed.rip == (uint64_t)debug_target ? "at SYSCALL's target"
                                                                       : "elsewhere");
}

CONFORM_CHECKS(debug) = {
    {"debug.step", "SDM 3B 17.3.1.4", "TF traps after the instruction behind POPF, and sets BS",
     .run = step},
    {"debug.step-flags", "SDM 3B 17.3.1.4", "a step's frame has TF and no RF; the handler no TF",
     .run = step_flags},
    {"debug.step-sti", "SDM 3A 6.8.1", "STI's shadow does not hold a step's #DB",
     .run = step_sti},
    {"debug.step-mov-ss", "SDM 3A 6.8.3", "a step's #DB is not taken behind MOV SS",
     .run = step_mov_ss},
    {"debug.step-int", "SDM 3B 17.3.1.4", "a stepped INT n clears TF before its handler begins",
     .run = step_int},
    {"debug.step-before-nmi", "SDM 3A 6.9, table 6-2",
     "a step's #DB is taken before an NMI that came with its instruction", .run = step_before_nmi},
    {"debug.step-and-data", "SDM 3A 6.9, 3B 17.2.3",
     "a step and a data breakpoint of one instruction are one #DB, with both bits",
     .run = step_and_data},
    {"debug.step-rep", "SDM 3B 17.3.1.1",
     "a stepped REP traps after each iteration, with RF set after all but the last",
     .run = step_rep},
    {"debug.data", "SDM 3B 17.3.1.2", "a data breakpoint traps behind the instruction",
     .run = data_write},
    {"debug.data-global", "SDM 3B 17.2.4", "a breakpoint that is enabled globally is one",
     .run = data_global},
    {"debug.two-data", "SDM 3B 17.2.3", "two data breakpoints of one write are one #DB",
     .run = two_data},
    {"debug.data-in-rep", "SDM 3B 17.3.1.1, 17.3.1.2",
     "a data breakpoint in a REP traps after its iteration, with RF set", .run = data_in_rep},
    {"debug.execute", "SDM 3B 17.3.1.1", "an instruction breakpoint faults before it",
     .run = execute},
    {"debug.execute-rf", "SDM 3B 17.3.1.1", "an instruction breakpoint's frame has RF as it was",
     .run = execute_rf},
    {"debug.fault-rf", "SDM 3B 17.3.1.1", "any other fault's frame has RF set", .run = fault_rf},
    {"debug.rf-once", "SDM 3B 17.3.1.1",
     "IRET with RF skips an instruction breakpoint, once", .run = rf_once},
    {"debug.execute-first", "SDM 3A 6.9", "an instruction breakpoint comes before the fault",
     .run = execute_before_fault},
    {"debug.execute-handler", "SDM 3B 17.3.1.1",
     "an instruction breakpoint at a handler's first instruction comes before it",
     .run = execute_at_handler},
    {"debug.data-on-frame", "SDM 3B 17.3.1.2",
     "a data breakpoint on a word of a pushed frame traps at the handler's first instruction",
     "kill",
     .run = data_on_frame},
    {"debug.io", "SDM 3B 17.2.4", "an I/O breakpoint, with CR4.DE, traps behind OUT", .run = io},
    {"debug.dr6-sticky", "SDM 3B 17.2.3", "a #DB does not clear DR6.BS of an earlier one",
     .run = accumulates},
    {"debug.general-detect", "SDM 3B 17.2.4",
     "with DR7.GD set MOV of DR7 faults, with BD set and GD clear", "hang", .run = general_detect},
    {"debug.icebp", "SDM 3A 6.15, interrupt 1", "INT1 is #DB and leaves DR6 alone", .run = icebp},
    {"debug.icebp-ring3", "SDM 3A 6.12.1.3", "INT1 of ring 3 asks for no privilege",
     .run = user_icebp},
    {"debug.int-1", "SDM 3A 6.4.4", "INT 1 in two bytes leaves DR6 alone", .run = int_1},
    {"debug.int3", "SDM 3A 6.15, interrupt 3", "INT3 pushes the RIP behind it", .run = int3_rip},
    {"debug.int3-ring3", "SDM 3A 6.12.1.3", "INT3 of ring 3 goes through a gate of DPL 3",
     .probe = debug_user_int3, .user = true, .raises = "#BP"},
    {"debug.into", "SDM 2A INTO", "INTO is #UD in 64-bit mode", .probe = debug_into,
     .raises = "#UD"},
    {"debug.dr4", "SDM 3B 17.2.2", "with CR4.DE set a read of DR4 is #UD", .probe = debug_read_dr4,
     .prepare = enable_de, .raises = "#UD"},
    {"debug.dr5", "SDM 3B 17.2.2", "with CR4.DE set a write of DR5 is #UD",
     .probe = debug_write_dr5, .prepare = enable_de, .raises = "#UD"},
    {"debug.dr6-high", "SDM 3B 17.2.6", "a write of DR6's upper half is #GP(0)",
     .probe = debug_write_dr6, .argument = 1ull << 32, .raises = "#GP(0x0)"},
    {"debug.dr7-high", "SDM 3B 17.2.6", "a write of DR7's upper half is #GP(0)",
     .probe = debug_write_dr7, .argument = 1ull << 32, .raises = "#GP(0x0)"},
    {"debug.dr6-reserved", "SDM 3B 17.2.3", "DR6's reserved bits read as they must",
     .run = dr6_reads},
    {"debug.dr7-reserved", "SDM 3B 17.2.4", "DR7's bit 10 reads as 1, its other reserved bits as 0",
     .run = dr7_reads},
    {"debug.dr-ring3", "SDM 2B MOV DR", "MOV of a debug register in ring 3 is #GP(0)",
     .probe = debug_user_dr, .user = true, .raises = "#GP(0x0)"},
    {"debug.mov-ss-nop", "SDM 3A 6.8.3",
     "a data breakpoint of MOV SS is held until the next instruction is over",
     .run = held_over_nop},
    {"debug.mov-ss-int3", "SDM 3A 6.8.3",
     "a data breakpoint of MOV SS is held over INT3, into its handler", .run = held_over_int3},
    {"debug.mov-ss-int", "SDM 3A 6.8.3",
     "a data breakpoint of MOV SS is held over INT n, into its handler", .run = held_over_int},
    {"debug.mov-ss-syscall", "SDM 3A 6.8.3",
     "a data breakpoint of MOV SS is held over SYSCALL, into its target",
     .run = held_over_syscall},
};
