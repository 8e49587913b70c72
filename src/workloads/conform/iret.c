/* SPDX-License-Identifier: MIT */
/* The checks and changes of IRET. SDM volume 2, IRET; volume 3, 6.12.1, 6.14.3. */
#include "cpu/features.h"
#include "cpu/x86.h"
#include "workloads/conform/conform.h"
#include "workloads/run/events.h"

/* To its own end, with CS in EDI and SS in ESI. */
PROBE(iret_to, "mov rax, rsp; push rsi; push rax; push 2; push rdi; lea rcx, iret_to_end[rip]; "
               "push rcx; iretq");
/* To RDX, within ring 0. */
PROBE(iret_rip, "mov rax, rsp; push 0x10; push rax; push 2; push 8; push rdx; iretq");
/* With NT set. */
PROBE(iret_nt, "mov rax, rsp; push 0x10; push rax; push 2; push 8; lea rcx, iret_nt_end[rip]; "
               "push rcx; push 0x4002; popfq; iretq");
/* With flags in RDI, which are then seen by INT. */
PROBE(iret_flags, "mov rax, rsp; push 0x10; push rax; push rdi; push 8; lea rcx, 1f[rip]; "
                  "push rcx; iretq; 1: int 0x82; push 2; popfq");
/* Ring 3, with flags in RDI. */
USER_PROBE(iret_user_flags, "mov rax, rsp; push 0x1b; push rax; push rdi; push 0x23; "
                            "lea rcx, 1f[rip]; push rcx; iretq; 1: int 0x82");
USER_PROBE(iret_user_inward, "mov rax, rsp; push 0x10; push rax; push 2; push 8; "
                             "lea rcx, 1f[rip]; push rcx; iretq; 1: nop");
USER_PROBE(iret_user_ds, "mov ecx, ds; int 0x82");

static void see_load(struct conform *c, uint64_t cs, uint64_t ss)
{
    sandbox_run(c->box, iret_to, cs, ss, 0);
    conform_see_events(c);
}

static void to_null_ss(struct conform *c)
{
    conform_expect(c, "nothing");
    see_load(c, KERNEL_CS, 0);
    __asm__ volatile("mov %w0, %%ss" : : "r"(KERNEL_DS));
}

static void to_user_null_ss(struct conform *c)
{
    conform_expect(c, "#GP(0x0)");
    see_load(c, USER_CS, 3);
}

static void to_user_absent_ss(struct conform *c)
{
    conform_expect(c, "#SS(0x40)");
    see_load(c, USER_CS, ABSENT_USER_SS);
}

static void to_user_kernel_ss(struct conform *c)
{
    conform_expect(c, "#GP(0x10)");
    see_load(c, USER_CS, KERNEL_DS | 3);
}

static void to_read_only_ss(struct conform *c)
{
    conform_expect(c, "#GP(0x60)");
    see_load(c, KERNEL_CS, READ_ONLY_DS);
}

static void to_absent_user_cs(struct conform *c)
{
    conform_expect(c, "#NP(0x50)");
    see_load(c, ABSENT_USER_CS, USER_DS);
}

static void non_canonical(struct conform *c)
{
    const struct sandbox_event *e;

    conform_expect(c, "#GP(0x0) in ring 0 at IRET");
    sandbox_run(c->box, iret_rip, 0, 0, NOT_CANONICAL);
    if (!(e = conform_event(c, VECTOR_GP)))
        return;
    conform_see(c, "#GP(0x%lx) in ring %lu at ", e->error_code, e->pushed.cs & 3);
    if (e->pushed.rip == (uint64_t)iret_rip_end - 2)
        conform_see(c, "IRET");
    else
        conform_see(c, "0x%lx", e->pushed.rip);
}

/* RSP must be the same as before the IRET, so that it can be tried again. */
static void keeps_rsp(struct conform *c)
{
    const struct sandbox_event *e;

    conform_expect(c, "RSP at the frame, RIP at IRET");
    sandbox_run(c->box, iret_to, ABSENT_CS, KERNEL_DS, 0);
    if (!(e = conform_event(c, VECTOR_NP)))
        return;
    conform_see(c, "RSP %s, RIP %s",
                *(uint64_t *)e->pushed.rsp == (uint64_t)iret_to_end ? "at the frame" : "moved",
                e->pushed.rip == (uint64_t)iret_to_end - 2 ? "at IRET" : "elsewhere");
}

static void see_flags(struct conform *c, uint64_t mask)
{
    const struct sandbox_event *e = conform_event(c, SANDBOX_OPEN);

    if (e)
        conform_see(c, "RFLAGS 0x%lx", e->pushed.rflags & mask);
}

static void ignores_vm(struct conform *c)
{
    conform_expect(c, "RFLAGS 0x0");
    sandbox_run(c->box, iret_flags, RFLAGS_FIXED | RFLAGS_VM, 0, 0);
    see_flags(c, RFLAGS_VM);
}

static void loads_nt(struct conform *c)
{
    conform_expect(c, "RFLAGS 0x%x", RFLAGS_NT | RFLAGS_AC | RFLAGS_DF);
    sandbox_run(c->box, iret_flags, RFLAGS_FIXED | RFLAGS_NT | RFLAGS_AC | RFLAGS_DF, 0, 0);
    see_flags(c, RFLAGS_NT | RFLAGS_AC | RFLAGS_DF);
}

/* Where IRET's reads are taken for ring 0's, SMAP would hide what else is tried. */
static void lift_smap(struct conform *c)
{
    (void)c;
    write_cr4(read_cr4() & ~(uint64_t)CR4_SMAP);
}

/* IOPL is 0, so ring 3 may change neither. */
static void user_keeps_if(struct conform *c)
{
    conform_expect(c, "RFLAGS 0x0");
    lift_smap(c);
    sandbox_run_user(c->box, iret_user_flags, RFLAGS_FIXED | RFLAGS_IF | RFLAGS_IOPL, 0);
    see_flags(c, RFLAGS_IF | RFLAGS_IOPL);
}

static void needs_smap(struct conform *c)
{
    if (!cpu_features.smap)
        conform_skip(c, "this CPU has no SMAP");
}

/* DS holds ring 0's data segment, which ring 3 may not have. */
static void clears_ds(struct conform *c)
{
    const struct sandbox_event *e;

    conform_expect(c, "DS 0x0");
    __asm__ volatile("mov %w0, %%ds" : : "r"(KERNEL_DS));
    sandbox_run_user(c->box, iret_user_ds, 0, 0);
    __asm__ volatile("mov %w0, %%ds" : : "r"(KERNEL_DS));
    if ((e = conform_event(c, SANDBOX_OPEN)))
        conform_see(c, "DS 0x%lx", e->rcx & 0xffff);
}

CONFORM_CHECKS(iret) = {
    {"iret.absent-cs", "SDM 2A IRET", "to code that is not present: #NP(selector)",
     .probe = iret_to, .argument = ABSENT_CS, .raises = "#NP(0x48)"},
    {"iret.absent-user-cs", "SDM 2A IRET", "to ring 3's code that is not present: #NP(selector)",
     .run = to_absent_user_cs},
    {"iret.null-cs", "SDM 2A IRET", "to a null selector: #GP(0)",
     .probe = iret_to, .argument = 0, .raises = "#GP(0x0)"},
    {"iret.data-cs", "SDM 2A IRET", "to a data segment as code: #GP(selector)",
     .probe = iret_to, .argument = KERNEL_DS, .raises = "#GP(0x10)"},
    {"iret.beyond-gdt", "SDM 2A IRET", "to a selector beyond the GDT's limit: #GP(selector)",
     .probe = iret_to, .argument = BEYOND_GDT, .raises = "#GP(0x68)"},
    {"iret.null-ss", "SDM 3A 6.14.3", "to ring 0 with a null SS: allowed in 64-bit mode",
     .run = to_null_ss},
    {"iret.user-null-ss", "SDM 2A IRET", "to ring 3 with a null SS: #GP(0)",
     .run = to_user_null_ss},
    {"iret.user-absent-ss", "SDM 2A IRET, Operation",
     "to ring 3 with an SS not present: #SS(selector)",
     .run = to_user_absent_ss},
    {"iret.user-kernel-ss", "SDM 2A IRET", "to ring 3 with an SS of DPL 0: #GP(selector)",
     .run = to_user_kernel_ss},
    {"iret.read-only-ss", "SDM 2A IRET", "with an SS that is read-only: #GP(selector)",
     .run = to_read_only_ss},
    {"iret.inward", "SDM 2A IRET", "from ring 3 to ring 0: #GP(selector)",
     .probe = iret_user_inward, .user = true, .prepare = lift_smap, .raises = "#GP(0x8)"},
    {"iret.user-smap", "SDM 3A 4.6.1", "in ring 3 its reads of the frame are ring 3's, not SMAP's",
     .probe = iret_user_flags, .argument = RFLAGS_FIXED, .user = true, .prepare = needs_smap,
     .raises = "vector 0x82"},
    {"iret.nested-task", "SDM 2A IRET", "with NT set in 64-bit mode: #GP(0)",
     .probe = iret_nt, .raises = "#GP(0x0)"},
    {"iret.non-canonical", "SDM 2A IRET", "to a RIP that is not canonical: #GP(0) at the IRET",
     .run = non_canonical},
    {"iret.fault-keeps-rsp", "SDM 3A 6.5", "one that faults leaves RSP at its frame",
     .run = keeps_rsp},
    {"iret.no-virtual-8086", "SDM 2A IRET", "VM in the frame is ignored in 64-bit mode",
     .run = ignores_vm},
    {"iret.loads-flags", "SDM 2A IRET", "NT, AC and DF are loaded from the frame",
     .run = loads_nt},
    {"iret.user-flags", "SDM 2A IRET", "in ring 3 with IOPL 0 it changes neither IF nor IOPL",
     .run = user_keeps_if},
    {"iret.clears-segments", "SDM 2A IRET", "to ring 3 it makes a DS of DPL 0 null",
     .run = clears_ds},
};
