/* SPDX-License-Identifier: MIT */
/* Delivery: the frame, where it is pushed, and the state in which the handler begins. SDM
 * volume 3, 6.12 to 6.14. */
#include "cpu/x86.h"
#include "workloads/conform/conform.h"

#define FLAGS_SET (RFLAGS_NT | RFLAGS_AC | RFLAGS_DF | RFLAGS_IF)
#define FLAGS_CLEARED (RFLAGS_TF | RFLAGS_NT | RFLAGS_RF | RFLAGS_VM)

PROBE(deliver_ud, "ud2");
PROBE(deliver_int, "int 0x82");
PROBE(deliver_int_with_flags, "push rdi; popfq; int 0x82; push 2; popfq");
PROBE(deliver_int_unaligned, "sub rsp, 5; int 0x82; add rsp, 5");
PROBE(deliver_de, "xor ecx, ecx; div ecx");
PROBE(deliver_load_ss, "mov ss, edi");
PROBE(deliver_int8, "int 8");
PROBE(deliver_int12, "int 12");
PROBE(deliver_int13, "int 13");
PROBE(deliver_int14, "int 14");
PROBE(deliver_int17, "int 17");
PROBE(deliver_int18, "int 18");
USER_PROBE(deliver_user_int, "int 0x82");
USER_PROBE(deliver_user_ud, "ud2");

/* All that a handler may ask of its frame. */
static void whole_frame(struct conform *c)
{
    const struct sandbox_event *e;

    conform_expect(c, "RIP at the instruction, CS 0x8, SS 0x10, CR2 kept");
    write_cr2(0x1234);
    sandbox_run(c->box, deliver_ud, 0, 0, 0);
    if (!(e = conform_event(c, VECTOR_UD)))
        return;
    if (e->pushed.rip == (uint64_t)deliver_ud)
        conform_see(c, "RIP at the instruction");
    else
        conform_see(c, "RIP 0x%lx", e->pushed.rip);
    conform_see(c, ", CS 0x%lx, SS 0x%lx, CR2 %s", e->pushed.cs, e->pushed.ss,
                e->cr2 == 0x1234 ? "kept" : "changed");
}

static void trap_rip(struct conform *c)
{
    const struct sandbox_event *e;

    conform_expect(c, "RIP behind INT");
    sandbox_run(c->box, deliver_int, 0, 0, 0);
    if ((e = conform_event(c, SANDBOX_OPEN)))
        conform_see(c, e->pushed.rip == (uint64_t)deliver_int_end ? "RIP behind INT" : "RIP 0x%lx",
                    e->pushed.rip);
}

/* With RSP five bytes off, and no IST code: down to 16, then five words. */
static void see_alignment(struct conform *c, enum sandbox_stack stack)
{
    const struct sandbox_event *e;

    conform_expect(c, "40 bytes below a multiple of 16");
    c->box->idt[SANDBOX_OPEN].ist = stack;
    sandbox_run(c->box, deliver_int_unaligned, 0, 0, 0);
    if (!(e = conform_event(c, SANDBOX_OPEN)))
        return;
    if ((e->rsp + 40) % 16 == 0)
        conform_see(c, "40 bytes below a multiple of 16");
    else
        conform_see(c, "RSP 0x%lx", e->rsp);
}

static void same_stack_aligned(struct conform *c)
{
    see_alignment(c, ON_INTERRUPTED);
}

static void ist_aligned(struct conform *c)
{
    c->box->tss.ist[ON_SPARE - 1] -= 3;
    see_alignment(c, ON_SPARE);
}

static void ist_top(struct conform *c)
{
    const struct sandbox_event *e;
    uint64_t top = sandbox_stack_top(c->box, ON_SPARE) - 256;

    conform_expect(c, "TSS.IST7 less 40 bytes");
    c->box->tss.ist[ON_SPARE - 1] = top;
    c->box->idt[SANDBOX_OPEN].ist = ON_SPARE;
    sandbox_run(c->box, deliver_int, 0, 0, 0);
    if ((e = conform_event(c, SANDBOX_OPEN)))
        conform_see(c, "TSS.IST7 less %ld bytes", (long)(top - e->rsp));
}

/* From ring 3, to RSP0; SS is null with the new RPL, which is 0. */
static void ring3_to_rsp0(struct conform *c)
{
    const struct sandbox_event *e;

    conform_expect(c, "RSP0 less 40 bytes, SS 0x0, pushed SS 0x1b, RSP 0x%lx",
                   sandbox_user_stack());
    c->box->idt[SANDBOX_OPEN].ist = ON_INTERRUPTED;
    sandbox_run_user(c->box, deliver_user_int, 0, 0);
    if ((e = conform_event(c, SANDBOX_OPEN)))
        conform_see(c, "RSP0 less %ld bytes, SS 0x%lx, pushed SS 0x%lx, RSP 0x%lx",
                    (long)(c->box->tss.rsp[0] - e->rsp), e->ss, e->pushed.ss, e->pushed.rsp);
}

static void ring3_ist(struct conform *c)
{
    const struct sandbox_event *e;

    conform_expect(c, "IST1 less 40 bytes, CS 0x8, SS 0x0, pushed CS 0x23");
    sandbox_run_user(c->box, deliver_user_ud, 0, 0);
    if ((e = conform_event(c, VECTOR_UD)))
        conform_see(c, "IST1 less %ld bytes, CS 0x%lx, SS 0x%lx, pushed CS 0x%lx",
                    (long)(sandbox_stack_top(c->box, ON_FAULT) - e->rsp), e->cs, e->ss,
                    e->pushed.cs);
}

/* Interrupt or trap gate: `type` is the gate's. */
static void see_flags(struct conform *c, uint8_t type, const char *interrupts)
{
    const struct sandbox_event *e;

    conform_expect(c, "IF %s, TF NT RF VM clear, AC and DF kept", interrupts);
    c->box->idt[SANDBOX_OPEN].type_dpl = 0x80 | type;
    sandbox_run(c->box, deliver_int_with_flags, RFLAGS_FIXED | FLAGS_SET, 0, 0);
    if (!(e = conform_event(c, SANDBOX_OPEN)))
        return;
    conform_see(c, "IF %s, TF NT RF VM %s, AC and DF %s", e->rflags & RFLAGS_IF ? "set" : "clear",
                e->rflags & FLAGS_CLEARED ? "set" : "clear",
                (e->rflags & (RFLAGS_AC | RFLAGS_DF)) == (RFLAGS_AC | RFLAGS_DF) ? "kept"
                                                                                 : "changed");
}

static void interrupt_gate(struct conform *c)
{
    see_flags(c, 14, "clear");
}

static void trap_gate(struct conform *c)
{
    see_flags(c, 15, "set");
}

CONFORM_CHECKS(deliver) = {
    {"deliver.frame", "SDM 3A 6.12.1", "a fault's frame has the faulting RIP, and CS and SS",
     .run = whole_frame},
    {"deliver.trap-rip", "SDM 3A 6.12.1", "INT n pushes the RIP of the next instruction",
     .run = trap_rip},
    {"deliver.same-stack-alignment", "SDM 3A 6.14.2",
     "without an IST code RSP is aligned to 16 bytes before SS is pushed",
     .run = same_stack_aligned},
    {"deliver.ist-alignment", "SDM 3A 6.14.2",
     "an IST pointer that is not aligned is aligned to 16 bytes before SS is pushed",
     .run = ist_aligned},
    {"deliver.ist-top", "SDM 3A 6.14.5", "with an IST code the frame is pushed at TSS.IST[code]",
     .run = ist_top},
    {"deliver.rsp0", "SDM 3A 6.14.2, 6.14.4",
     "from ring 3 the frame is pushed at RSP0, and SS is null with RPL 0", .run = ring3_to_rsp0},
    {"deliver.ring3-ist", "SDM 3A 6.14.5", "from ring 3 too an IST code goes before RSP0",
     .run = ring3_ist},
    {"deliver.interrupt-gate", "SDM 3A 6.12.1.3",
     "an interrupt gate clears IF, TF, NT, RF and VM, and nothing else", .run = interrupt_gate},
    {"deliver.trap-gate", "SDM 3A 6.12.1.3", "a trap gate leaves IF, and clears TF, NT, RF and VM",
     .run = trap_gate},
    {"deliver.no-error-code", "SDM 3A 6.13", "#DE pushes no error code",
     .probe = deliver_de, .raises = "#DE"},
    {"deliver.int-8", "SDM 3A 6.4.4, 6.13", "INT 8 pushes no error code", .probe = deliver_int8,
     .raises = "#DF"},
    {"deliver.int-12", "SDM 3A 6.4.4, 6.13", "INT 12 pushes no error code",
     .probe = deliver_int12, .raises = "#SS"},
    {"deliver.int-13", "SDM 3A 6.4.4, 6.13", "INT 13 pushes no error code",
     .probe = deliver_int13, .raises = "#GP"},
    {"deliver.int-14", "SDM 3A 6.4.4, 6.13", "INT 14 pushes no error code",
     .probe = deliver_int14, .raises = "#PF"},
    {"deliver.int-17", "SDM 3A 6.4.4, 6.13", "INT 17 pushes no error code",
     .probe = deliver_int17, .raises = "#AC"},
    {"deliver.int-18", "SDM 3A 6.4.4", "INT 18 raises the vector alone", .probe = deliver_int18,
     .raises = "#MC"},
    {"deliver.rpl-of-ss", "SDM 3A 5.4.1",
     "a selector of the wrong RPL for SS in ring 0 is #GP with the selector",
     .probe = deliver_load_ss, .argument = USER_DS, .raises = "#GP(0x18)"},
};
