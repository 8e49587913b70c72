/* SPDX-License-Identifier: MIT */
/* SYSCALL, SYSRET, SWAPGS, SYSENTER. SDM volume 2, their pages; volume 3, 5.8.7, 5.8.8. */
#include "cpu/x86.h"
#include "workloads/conform/conform.h"
#include "workloads/run/events.h"

#define OTHER_BASE 0x123456000ull
#define MSR_SYSENTER_CS 0x174

USER_PROBE(syscall_user, "syscall; syscall_user_after: nop");
USER_PROBE(syscall_user_sysret, "sysretq");
USER_PROBE(syscall_user_swapgs, "swapgs");
USER_PROBE(syscall_user_sysenter, "sysenter");
USER_PROBE(syscall_user_int, "int 0x82");
extern char syscall_user_after[];
/* The target of SYSCALL in here. */
PROBE(syscall_target, "int 0x83");
/* To RCX in RDI, with R11 in RSI. */
PROBE(syscall_sysret, "mov rcx, rdi; mov r11, rsi; sysretq");
PROBE(syscall_swapgs, "swapgs");

static enum sandbox_way end(struct sandbox *box, struct sandbox_pushed *pushed)
{
    (void)box;
    (void)pushed;
    return END;
}

/* From ring 3, with these flags: the first event at its target. NULL: it did not come there. */
static const struct sandbox_event *call(struct conform *c, uint64_t rflags)
{
    write_msr(MSR_LSTAR, (uintptr_t)syscall_target);
    c->box->hooks[SANDBOX_CLOSED] = end;
    sandbox_run_user(c->box, syscall_user, 0, rflags);
    return conform_event(c, SANDBOX_CLOSED);
}

static void saves(struct conform *c)
{
    const struct sandbox_event *e;

    conform_expect(c, "RCX behind SYSCALL, R11 0x%x", RFLAGS_FIXED | RFLAGS_DF);
    if ((e = call(c, RFLAGS_DF)))
        conform_see(c, "RCX %s, R11 0x%lx",
                    e->rcx == sandbox_user(syscall_user_after) ? "behind SYSCALL" : "elsewhere",
                    e->r11);
}

static void selectors(struct conform *c)
{
    const struct sandbox_event *e;

    conform_expect(c, "CS 0x%x, SS 0x%x, RSP kept", KERNEL_CS, KERNEL_DS);
    if ((e = call(c, 0)))
        conform_see(c, "CS 0x%lx, SS 0x%lx, RSP %s", e->pushed.cs, e->pushed.ss,
                    e->pushed.rsp == sandbox_user_stack() ? "kept" : "changed");
}

static void mask(struct conform *c)
{
    const struct sandbox_event *e;

    conform_expect(c, "RFLAGS 0x%x", RFLAGS_FIXED | RFLAGS_NT);
    write_msr(MSR_SFMASK, RFLAGS_DF | RFLAGS_AC);
    if ((e = call(c, RFLAGS_DF | RFLAGS_AC | RFLAGS_NT)))
        conform_see(c, "RFLAGS 0x%lx", e->pushed.rflags);
}

/* Unlike other instructions, SYSCALL and SYSRET step by TF as it is behind them. Else a #DB would
 * come in ring 0 while ring 3's RSP and GS are still there. */
static void step(struct conform *c)
{
    conform_expect(c, "vector 0x%x", SANDBOX_CLOSED);
    write_msr(MSR_SFMASK, RFLAGS_TF);
    if (call(c, RFLAGS_TF))
        conform_see_events(c);
}

static void disable(struct conform *c)
{
    (void)c;
    write_msr(MSR_EFER, read_msr(MSR_EFER) & ~(uint64_t)EFER_SCE);
}

static void sysret_selectors(struct conform *c)
{
    const struct sandbox_event *e;

    conform_expect(c, "CS 0x%x, SS 0x%x", USER_CS, USER_DS);
    sandbox_run(c->box, syscall_sysret, sandbox_user(syscall_user_int), RFLAGS_FIXED, 0);
    if ((e = conform_event(c, SANDBOX_OPEN)))
        conform_see(c, "CS 0x%lx, SS 0x%lx", e->pushed.cs, e->pushed.ss);
}

static void sysret_flags(struct conform *c)
{
    const struct sandbox_event *e;
    uint64_t r11 = RFLAGS_RF | RFLAGS_VM | RFLAGS_DF | 1ull << 40 | 1u << 3;

    conform_expect(c, "RFLAGS 0x%x", RFLAGS_FIXED | RFLAGS_DF);
    sandbox_run(c->box, syscall_sysret, sandbox_user(syscall_user_int), r11, 0);
    if ((e = conform_event(c, SANDBOX_OPEN)))
        conform_see(c, "RFLAGS 0x%lx", e->pushed.rflags);
}

static void sysret_step(struct conform *c)
{
    const struct sandbox_event *e;

    conform_expect(c, "#DB where SYSRET went to");
    c->box->hooks[VECTOR_DB] = end;
    sandbox_run(c->box, syscall_sysret, sandbox_user(syscall_user_int), RFLAGS_FIXED | RFLAGS_TF,
                0);
    if (!(e = conform_event(c, VECTOR_DB)))
        return;
    conform_see_events(c);
    conform_see(c, " %s", e->pushed.rip == sandbox_user(syscall_user_int) ? "where SYSRET went to"
                                                                          : "elsewhere");
}

/* Intel's checks before it leaves ring 0, AMD's when ring 3 fetches. */
static void sysret_non_canonical(struct conform *c)
{
    const struct sandbox_event *e;

    conform_expect(c, "#GP(0x0) in ring %d", conform_amd() ? 3 : 0);
    sandbox_run(c->box, syscall_sysret, NOT_CANONICAL, RFLAGS_FIXED, 0);
    if (!(e = conform_event(c, VECTOR_GP)))
        return;
    conform_see_events(c);
    conform_see(c, " in ring %lu", e->pushed.cs & 3);
}

static void swapgs(struct conform *c)
{
    uint64_t gs = read_msr(MSR_GS_BASE), other;

    conform_expect(c, "GS base and KERNEL_GS_BASE exchanged");
    write_msr(MSR_KERNEL_GS_BASE, OTHER_BASE);
    sandbox_run(c->box, syscall_swapgs, 0, 0, 0);
    other = read_msr(MSR_GS_BASE);
    __asm__ volatile("swapgs");
    conform_see(c, "GS base and KERNEL_GS_BASE %s",
                other == OTHER_BASE && read_msr(MSR_GS_BASE) == gs ? "exchanged" : "not exchanged");
}

/* With no code segment for it. */
static void no_sysenter(struct conform *c)
{
    (void)c;
    write_msr(MSR_SYSENTER_CS, 0);
}

CONFORM_CHECKS(syscall) = {
    {"syscall.saves", "SDM 2B SYSCALL", "RCX has the RIP behind it, R11 the flags", .run = saves},
    {"syscall.selectors", "SDM 2B SYSCALL", "CS and SS come from STAR, RSP stays",
     .run = selectors},
    {"syscall.mask", "SDM 2B SYSCALL", "the flags of FMASK, and no others, are cleared",
     .run = mask},
    {"syscall.step", "SDM 2B SYSCALL; XSA-204",
     "with TF set before it and masked by FMASK, no #DB comes", .run = step},
    {"syscall.disabled", "SDM 2B SYSCALL", "with EFER.SCE clear it is #UD",
     .probe = syscall_user, .user = true, .prepare = disable, .raises = "#UD"},
    {"syscall.sysret-selectors", "SDM 2B SYSRET", "CS and SS come from STAR, with RPL 3",
     .run = sysret_selectors},
    {"syscall.sysret-flags", "SDM 2B SYSRET", "of R11, RF, VM and reserved bits are not loaded",
     .run = sysret_flags},
    {"syscall.sysret-step", "SDM 2B SYSRET; XSA-204",
     "with TF in R11, #DB comes before the first instruction of ring 3", .run = sysret_step},
    {"syscall.sysret-non-canonical", "SDM 2B SYSRET; APM 3 SYSRET",
     "to a RIP that is not canonical: #GP(0), of ring 0 by Intel, of ring 3 by AMD",
     .run = sysret_non_canonical},
    {"syscall.sysret-ring3", "SDM 2B SYSRET", "in ring 3 it is #GP(0)",
     .probe = syscall_user_sysret, .user = true, .raises = "#GP(0x0)"},
    {"syscall.swapgs", "SDM 2B SWAPGS", "it exchanges the bases of GS", .run = swapgs},
    {"syscall.swapgs-ring3", "SDM 2B SWAPGS", "in ring 3 it is #GP(0)",
     .probe = syscall_user_swapgs, .user = true, .raises = "#GP(0x0)"},
    {"syscall.sysenter", "SDM 2B SYSENTER; APM 3 SYSENTER",
     "with SYSENTER_CS 0 it is #GP(0) by Intel; in long mode #UD by AMD",
     .probe = syscall_user_sysenter, .user = true, .prepare = no_sysenter, .raises = "#GP(0x0)",
     .raises_amd = "#UD"},
};
