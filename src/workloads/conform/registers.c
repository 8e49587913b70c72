/* SPDX-License-Identifier: MIT */
/* Writes of control registers, MSRs and table registers that must fault. SDM volume 3, 2.2, 2.5,
 * 4.1; volume 2, MOV CR, WRMSR, LTR; volume 4.
 *
 * A value that a machine takes all the same is put back; where that may be too late, the check
 * says so. */
#include "cpu/features.h"
#include "cpu/x86.h"
#include "workloads/conform/conform.h"
#include "workloads/run/events.h"

#define MSR_SYSENTER_ESP 0x175
#define MSR_SYSENTER_EIP 0x176
#define NO_SUCH_MSR 0xbad00000
#define CR4_LA57 (1u << 12)
#define EFER_RESERVED (1u << 9)

PROBE(registers_cr0, "mov cr0, rdi");
PROBE(registers_cr1, "mov rax, cr1");
PROBE(registers_cr3, "mov cr3, rdi");
PROBE(registers_cr4, "mov cr4, rdi");
PROBE(registers_cr8, "mov cr8, rdi");
PROBE(registers_rdmsr, "mov ecx, edi; rdmsr");
PROBE(registers_wrmsr, "mov ecx, edi; mov eax, esi; mov rdx, rsi; shr rdx, 32; wrmsr");
PROBE(registers_ltr, "ltr di");
PROBE(registers_lidt, "sub rsp, 16; mov word ptr [rsp], 0xfff; mov [rsp + 2], rdi; lidt [rsp]; "
                      "add rsp, 16");
PROBE(registers_lgdt, "sub rsp, 16; mov word ptr [rsp], 0xff; mov [rsp + 2], rdi; lgdt [rsp]; "
                      "add rsp, 16");
PROBE(registers_invlpg, "invlpg [rdi]");
USER_PROBE(registers_user_cr0, "mov rax, cr0");
USER_PROBE(registers_user_rdmsr, "mov ecx, 0xc0000080; rdmsr");
USER_PROBE(registers_user_lidt, "lidt [rsp - 16]");
USER_PROBE(registers_user_invlpg, "invlpg [rsp - 16]");
USER_PROBE(registers_user_in, "in al, 0x80");
USER_PROBE(registers_user_sidt, "sidt [rsp - 16]");

static void expect_gp(struct conform *c, const char *probe, uint64_t rdi, uint64_t rsi)
{
    conform_expect(c, "#GP(0x0)");
    conform_try(c, probe, rdi, rsi);
}

static void cr0_pg_alone(struct conform *c)
{
    expect_gp(c, registers_cr0, read_cr0() & ~(uint64_t)CR0_PE, 0);
}

static void cr0_no_pg(struct conform *c)
{
    expect_gp(c, registers_cr0, read_cr0() & ~(uint64_t)CR0_PG, 0);
}

static void cr0_nw_alone(struct conform *c)
{
    expect_gp(c, registers_cr0, (read_cr0() | CR0_NW) & ~(uint64_t)CR0_CD, 0);
}

static void cr0_high(struct conform *c)
{
    expect_gp(c, registers_cr0, read_cr0() | 1ull << 32, 0);
}

static void cr3_reserved(struct conform *c)
{
    if (cpu_features.physical_bits >= 52) {
        conform_skip(c, "this CPU's physical addresses leave no bit of CR3 reserved");
        return;
    }
    expect_gp(c, registers_cr3, read_cr3() | 1ull << 51, 0);
}

static void cr4_no_pae(struct conform *c)
{
    expect_gp(c, registers_cr4, read_cr4() & ~(uint64_t)CR4_PAE, 0);
}

static void cr4_la57(struct conform *c)
{
    expect_gp(c, registers_cr4, read_cr4() ^ CR4_LA57, 0);
}

static void cr4_high(struct conform *c)
{
    expect_gp(c, registers_cr4, read_cr4() | 1ull << 40, 0);
}

static void efer_lme(struct conform *c)
{
    expect_gp(c, registers_wrmsr, MSR_EFER, read_msr(MSR_EFER) & ~(uint64_t)EFER_LME);
}

static void efer_reserved(struct conform *c)
{
    expect_gp(c, registers_wrmsr, MSR_EFER, read_msr(MSR_EFER) | EFER_RESERVED);
}

static void no_such_msr(struct conform *c)
{
    expect_gp(c, registers_wrmsr, NO_SUCH_MSR, 0);
}

/* A base that is taken is put back at once. */
static void non_canonical(struct conform *c, uint32_t msr)
{
    uint64_t before = read_msr(msr);

    expect_gp(c, registers_wrmsr, msr, NOT_CANONICAL);
    write_msr(msr, before);
}

static void fs_base(struct conform *c) { non_canonical(c, MSR_FS_BASE); }
static void kernel_gs_base(struct conform *c) { non_canonical(c, MSR_KERNEL_GS_BASE); }
static void lstar(struct conform *c) { non_canonical(c, MSR_LSTAR); }
static void cstar(struct conform *c) { non_canonical(c, MSR_CSTAR); }
static void sysenter_esp(struct conform *c) { non_canonical(c, MSR_SYSENTER_ESP); }
static void sysenter_eip(struct conform *c) { non_canonical(c, MSR_SYSENTER_EIP); }

/* The handlers use GS of no kind, so that this one too can be put back. */
static void gs_base(struct conform *c)
{
    uint64_t before = read_msr(MSR_GS_BASE);

    conform_expect(c, "#GP(0x0)");
    sandbox_run(c->box, registers_wrmsr, MSR_GS_BASE, NOT_CANONICAL, 0);
    write_msr(MSR_GS_BASE, before);
    conform_see_events(c);
}

static void pat(struct conform *c)
{
    uint64_t before = read_msr(MSR_PAT);

    expect_gp(c, registers_wrmsr, MSR_PAT, (before & ~0xffull << 56) | 2ull << 56);
    write_msr(MSR_PAT, before);
}

/* A value that clears what is there, but not by zeros. */
static void mc_status(struct conform *c)
{
    if (!cpu_features.mca || conform_amd()) {
        conform_skip(c, "Intel's machine-check architecture alone has this rule");
        return;
    }
    expect_gp(c, registers_wrmsr, MSR_MC_STATUS(1), 1);
    write_msr(MSR_MC_STATUS(1), 0);
}

static void apic_base_reserved(struct conform *c)
{
    uint64_t before = read_msr(MSR_APIC_BASE);

    expect_gp(c, registers_wrmsr, MSR_APIC_BASE, before | 1);
    write_msr(MSR_APIC_BASE, before);
}

static void far_table(struct conform *c, const char *probe)
{
    expect_gp(c, probe, NOT_CANONICAL, 0);
}

static void lidt(struct conform *c) { far_table(c, registers_lidt); }
static void lgdt(struct conform *c) { far_table(c, registers_lgdt); }

static void needs_umip(struct conform *c)
{
    if (!cpu_features.umip)
        conform_skip(c, "this CPU has no UMIP");
}

CONFORM_CHECKS(registers) = {
    {"registers.cr0-pg-without-pe", "SDM 2B MOV CR", "CR0.PG with PE clear is #GP(0)", "kill",
     .run = cr0_pg_alone},
    {"registers.cr0-no-pg", "SDM 2B MOV CR", "in 64-bit mode CR0.PG cannot be cleared: #GP(0)",
     "kill", .run = cr0_no_pg},
    {"registers.cr0-nw-without-cd", "SDM 2B MOV CR", "CR0.NW with CD clear is #GP(0)",
     .run = cr0_nw_alone},
    {"registers.cr0-high", "SDM 2B MOV CR", "a bit of CR0's upper half is #GP(0)",
     .run = cr0_high},
    {"registers.cr1", "SDM 2B MOV CR", "CR1 is #UD", .probe = registers_cr1, .raises = "#UD"},
    {"registers.cr3-reserved", "SDM 2B MOV CR", "a bit past the physical addresses is #GP(0)",
     "hang", .run = cr3_reserved},
    {"registers.cr4-no-pae", "SDM 2B MOV CR", "in 64-bit mode CR4.PAE cannot be cleared: #GP(0)",
     "kill", .run = cr4_no_pae},
    {"registers.cr4-la57", "SDM 2B MOV CR", "in 64-bit mode CR4.LA57 cannot be changed: #GP(0)",
     "kill", .run = cr4_la57},
    {"registers.cr4-high", "SDM 2B MOV CR", "a reserved bit of CR4 is #GP(0)", "hang",
     .run = cr4_high},
    {"registers.cr8-high", "SDM 2B MOV CR", "a bit past CR8's four is #GP(0)",
     .probe = registers_cr8, .argument = 0x10, .raises = "#GP(0x0)"},
    {"registers.efer-lme", "SDM 3A 2.2.1", "with paging on a change of EFER.LME is #GP(0)", "kill",
     .run = efer_lme},
    {"registers.efer-reserved", "SDM 3A 2.2.1", "a reserved bit of EFER is #GP(0)",
     .run = efer_reserved},
    {"registers.rdmsr-unknown", "SDM 2B RDMSR", "a read of an MSR that is not there is #GP(0)",
     .probe = registers_rdmsr, .argument = NO_SUCH_MSR, .raises = "#GP(0x0)"},
    {"registers.wrmsr-unknown", "SDM 2D WRMSR", "a write of an MSR that is not there is #GP(0)",
     .run = no_such_msr},
    {"registers.fs-base", "SDM 2D WRMSR", "an FS base that is not canonical is #GP(0)",
     .run = fs_base},
    {"registers.gs-base", "SDM 2D WRMSR", "a GS base that is not canonical is #GP(0)",
     .run = gs_base},
    {"registers.kernel-gs-base", "SDM 2D WRMSR",
     "a KERNEL_GS_BASE that is not canonical is #GP(0)", .run = kernel_gs_base},
    {"registers.lstar", "SDM 2D WRMSR", "an LSTAR that is not canonical is #GP(0)", .run = lstar},
    {"registers.cstar", "SDM 2D WRMSR", "a CSTAR that is not canonical is #GP(0)", .run = cstar},
    {"registers.sysenter-esp", "SDM 2D WRMSR", "a SYSENTER_ESP not canonical is #GP(0)",
     .run = sysenter_esp},
    {"registers.sysenter-eip", "SDM 2D WRMSR", "a SYSENTER_EIP not canonical is #GP(0)",
     .run = sysenter_eip},
    {"registers.pat", "SDM 3A 11.12.2", "a memory type of PAT that is reserved is #GP(0)",
     .run = pat},
    {"registers.mc-status", "SDM 3B 15.3.2.2", "only zeros may be written to a bank's status",
     .run = mc_status},
    {"registers.apic-base", "SDM 3A 10.4.4", "a reserved bit of APIC_BASE is #GP(0)",
     .run = apic_base_reserved},
    {"registers.ltr-busy", "SDM 2A LTR", "a TSS that is busy is #GP(selector)",
     .probe = registers_ltr, .argument = TSS_SELECTOR, .raises = "#GP(0x28)"},
    {"registers.ltr-null", "SDM 2A LTR", "a null selector for TR is #GP(0)",
     .probe = registers_ltr, .argument = 0, .raises = "#GP(0x0)"},
    {"registers.ltr-data", "SDM 2A LTR", "a data segment for TR is #GP(selector)",
     .probe = registers_ltr, .argument = KERNEL_DS, .raises = "#GP(0x10)"},
    {"registers.lidt", "SDM 2A LIDT", "an IDT base that is not canonical is #GP(0)", "kill",
     .run = lidt},
    {"registers.lgdt", "SDM 2A LGDT", "a GDT base that is not canonical is #GP(0)", "kill",
     .run = lgdt},
    {"registers.invlpg", "SDM 2A INVLPG", "an address that is not canonical does nothing",
     .probe = registers_invlpg, .argument = NOT_CANONICAL, .raises = "nothing"},
    {"registers.cr0-ring3", "SDM 2B MOV CR", "MOV of CR0 in ring 3 is #GP(0)",
     .probe = registers_user_cr0, .user = true, .raises = "#GP(0x0)"},
    {"registers.rdmsr-ring3", "SDM 2B RDMSR", "RDMSR in ring 3 is #GP(0)",
     .probe = registers_user_rdmsr, .user = true, .raises = "#GP(0x0)"},
    {"registers.lidt-ring3", "SDM 2A LIDT", "LIDT in ring 3 is #GP(0)",
     .probe = registers_user_lidt, .user = true, .raises = "#GP(0x0)"},
    {"registers.invlpg-ring3", "SDM 2A INVLPG", "INVLPG in ring 3 is #GP(0)",
     .probe = registers_user_invlpg, .user = true, .raises = "#GP(0x0)"},
    {"registers.in-ring3", "SDM 2A IN", "IN in ring 3, past the TSS's I/O map, is #GP(0)",
     .probe = registers_user_in, .user = true, .raises = "#GP(0x0)"},
    {"registers.umip", "SDM 2B SIDT", "with CR4.UMIP set SIDT in ring 3 is #GP(0)",
     .probe = registers_user_sidt, .user = true, .prepare = needs_umip, .raises = "#GP(0x0)"},
};
