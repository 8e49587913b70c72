/* SPDX-License-Identifier: MIT */
/* Accesses and instructions that fault, and the error codes that say why. SDM volume 3, 4.7, 6.15;
 * volume 1, 3.3.7.1 (canonical addresses). */
#include "cpu/features.h"
#include "cpu/image.h"
#include "cpu/paging.h"
#include "cpu/x86.h"
#include "workloads/conform/conform.h"
#include "workloads/run/events.h"

#define NOT_MAPPED (THREAD_SLOTS_BASE - 2 * PAGE_SIZE)
#define RESERVED_PAGE (THREAD_SLOTS_BASE - 3 * PAGE_SIZE)
#define RESERVED_ADDRESS_BIT (1ull << 51)

PROBE(memory_read, "mov rax, [rdi]");
PROBE(memory_write, "mov [rdi], rdi");
PROBE(memory_jump, "jmp rdi");
PROBE(memory_read_rbp, "push rbp; mov rbp, rdi; mov rax, [rbp]; pop rbp");
PROBE(memory_read_rsp, "mov rbx, rsp; mov rsp, rdi; mov rax, [rsp]; mov rsp, rbx");
PROBE(memory_push, "mov rbx, rsp; mov rsp, rdi; push rax; mov rsp, rbx");
PROBE(memory_pop, "mov rbx, rsp; mov rsp, rdi; pop rax; mov rsp, rbx");
PROBE(memory_call, "mov rbx, rsp; mov rsp, rdi; call 1f; 1: mov rsp, rbx");
PROBE(memory_ret, "mov rbx, rsp; mov rsp, rdi; ret");
PROBE(memory_misaligned, "push 0x40002; popfq; mov rax, [rdi + 1]; push 2; popfq");
PROBE(memory_idiv, "mov eax, 0x80000000; cdq; mov ecx, -1; idiv ecx");
PROBE(memory_lock, ".byte 0xf0, 0x90");
PROBE(memory_push_cs, ".byte 0x0e");
PROBE(memory_too_long, ".fill 15, 1, 0x66; nop");
PROBE(memory_fninit, "fninit");
USER_PROBE(memory_user_read, "mov rax, [rdi]");
USER_PROBE(memory_user_write, "mov [rdi], rdi");
USER_PROBE(memory_user_jump, "jmp rdi");
USER_PROBE(memory_user_misaligned, "mov rax, [rsp - 15]");

extern char rodata_start[];

static void cr2(struct conform *c)
{
    const struct sandbox_event *e;

    conform_expect(c, "#PF, CR2 0x%lx", (uint64_t)NOT_MAPPED + 0x123);
    sandbox_run(c->box, memory_read, NOT_MAPPED + 0x123, 0, 0);
    if ((e = conform_event(c, VECTOR_PF)))
        conform_see(c, "#PF, CR2 0x%lx", e->cr2);
}

static void write_constant(struct conform *c)
{
    conform_expect(c, "#PF(0x3)");
    conform_try(c, memory_write, (uintptr_t)rodata_start, 0);
}

static void fetch_data(struct conform *c)
{
    conform_expect(c, "#PF(0x11)");
    conform_try(c, memory_jump, (uintptr_t)c->box->scratch, 0);
}

/* In ring 3, at an address of ring 0. */
static void user_try(struct conform *c, const char *probe, const void *address)
{
    sandbox_run_user(c->box, probe, (uintptr_t)address, 0);
    conform_see_events(c);
}

static void user_read(struct conform *c)
{
    conform_expect(c, "#PF(0x5)");
    user_try(c, memory_user_read, c->box->scratch);
}

static void user_write(struct conform *c)
{
    conform_expect(c, "#PF(0x7)");
    user_try(c, memory_user_write, c->box->scratch);
}

static void user_fetch(struct conform *c)
{
    conform_expect(c, "#PF(0x15)");
    user_try(c, memory_user_jump, text_start);
}

static void smap(struct conform *c)
{
    if (!cpu_features.smap) {
        conform_skip(c, "this CPU has no SMAP");
        return;
    }
    conform_expect(c, "#PF(0x1)");
    conform_try(c, memory_read, sandbox_user_stack() - 8, 0);
}

static void smep(struct conform *c)
{
    if (!cpu_features.smep) {
        conform_skip(c, "this CPU has no SMEP");
        return;
    }
    conform_expect(c, "#PF(0x11)");
    conform_try(c, memory_jump, USER_BASE, 0);
}

/* An entry with a physical address that the CPU does not have. */
static void reserved_bit(struct conform *c)
{
    if (cpu_features.physical_bits >= 52) {
        conform_skip(c, "this CPU's physical addresses leave no bit of an entry reserved");
        return;
    }
    conform_expect(c, "#PF(0x9)");
    paging_map(RESERVED_PAGE, RESERVED_ADDRESS_BIT, PAGE_DATA);
    conform_try(c, memory_read, RESERVED_PAGE, 0);
    paging_map(RESERVED_PAGE, 0, 0);
    invalidate_page(RESERVED_PAGE);
}

static void check_alignment(void)
{
    write_cr0(read_cr0() | CR0_AM);
}

static void user_misaligned(struct conform *c)
{
    conform_expect(c, "#AC(0x0)");
    check_alignment();
    sandbox_run_user(c->box, memory_user_misaligned, 0, RFLAGS_AC);
    conform_see_events(c);
}

static void user_misaligned_no_ac(struct conform *c)
{
    conform_expect(c, "nothing");
    check_alignment();
    sandbox_run_user(c->box, memory_user_misaligned, 0, 0);
    conform_see_events(c);
}

static void kernel_misaligned(struct conform *c)
{
    conform_expect(c, "nothing");
    check_alignment();
    conform_try(c, memory_misaligned, (uintptr_t)c->box->scratch, 0);
}

static void switch_fpu_off(struct conform *c)
{
    (void)c;
    write_cr0((read_cr0() | CR0_TS) & ~(uint64_t)CR0_EM);
}

CONFORM_CHECKS(memory) = {
    {"memory.non-canonical", "SDM 1 3.3.7.1", "an access that is not canonical is #GP(0)",
     .probe = memory_read, .argument = NOT_CANONICAL, .raises = "#GP(0x0)"},
    {"memory.non-canonical-jump", "SDM 2A JMP", "a jump to what is not canonical is #GP(0)",
     .probe = memory_jump, .argument = NOT_CANONICAL, .raises = "#GP(0x0)"},
    {"memory.non-canonical-rbp", "SDM 1 3.3.7.1", "through RBP it is #SS(0)",
     .probe = memory_read_rbp, .argument = NOT_CANONICAL, .raises = "#SS(0x0)"},
    {"memory.non-canonical-rsp", "SDM 1 3.3.7.1", "through RSP it is #SS(0)",
     .probe = memory_read_rsp, .argument = NOT_CANONICAL, .raises = "#SS(0x0)"},
    {"memory.non-canonical-push", "SDM 2B PUSH", "a PUSH that is not canonical is #SS(0)",
     .probe = memory_push, .argument = NOT_CANONICAL + 64, .raises = "#SS(0x0)"},
    {"memory.non-canonical-pop", "SDM 2B POP", "a POP that is not canonical is #SS(0)",
     .probe = memory_pop, .argument = NOT_CANONICAL, .raises = "#SS(0x0)"},
    {"memory.non-canonical-call", "SDM 2A CALL", "a CALL that pushes there is #SS(0)",
     .probe = memory_call, .argument = NOT_CANONICAL + 64, .raises = "#SS(0x0)"},
    {"memory.non-canonical-ret", "SDM 2B RET", "a RET that pops from there is #SS(0)",
     .probe = memory_ret, .argument = NOT_CANONICAL, .raises = "#SS(0x0)"},
    {"memory.read", "SDM 3A 4.7", "a read of what is not mapped: #PF with an error code of 0",
     .probe = memory_read, .argument = NOT_MAPPED, .raises = "#PF(0x0)"},
    {"memory.write", "SDM 3A 4.7", "a write of what is not mapped: W/R",
     .probe = memory_write, .argument = NOT_MAPPED, .raises = "#PF(0x2)"},
    {"memory.write-constant", "SDM 3A 4.6", "with CR0.WP a write of read-only: W/R and P",
     .run = write_constant},
    {"memory.fetch-data", "SDM 3A 4.6", "a fetch from no-execute: I/D and P", .run = fetch_data},
    {"memory.user-read", "SDM 3A 4.6", "ring 3 reads ring 0's: U/S and P", .run = user_read},
    {"memory.user-write", "SDM 3A 4.6", "ring 3 writes ring 0's: U/S, W/R and P",
     .run = user_write},
    {"memory.user-fetch", "SDM 3A 4.6", "ring 3 fetches ring 0's: I/D, U/S and P",
     .run = user_fetch},
    {"memory.smap", "SDM 3A 4.6.1", "ring 0 reads ring 3's with SMAP: P", .run = smap},
    {"memory.smep", "SDM 3A 4.6.1", "ring 0 fetches ring 3's with SMEP: I/D and P", .run = smep},
    {"memory.reserved-bit", "SDM 3A 4.7", "an entry with a reserved bit: RSVD and P",
     .run = reserved_bit},
    {"memory.cr2", "SDM 3A 6.15, interrupt 14", "CR2 has the address, to the byte", .run = cr2},
    {"memory.alignment", "SDM 3A 6.15, interrupt 17",
     "with CR0.AM and AC a misaligned access in ring 3 is #AC(0)", .run = user_misaligned},
    {"memory.alignment-no-ac", "SDM 3A 6.15, interrupt 17", "without AC it is none",
     .run = user_misaligned_no_ac},
    {"memory.alignment-ring0", "SDM 3A 6.15, interrupt 17", "in ring 0 it is none, AC or not",
     .run = kernel_misaligned},
    {"memory.idiv", "SDM 2A IDIV", "a quotient that is too large is #DE", .probe = memory_idiv,
     .raises = "#DE"},
    {"memory.lock", "SDM 2A LOCK", "LOCK where it may not stand is #UD", .probe = memory_lock,
     .raises = "#UD"},
    {"memory.push-cs", "SDM 2B PUSH", "PUSH CS is #UD in 64-bit mode", .probe = memory_push_cs,
     .raises = "#UD"},
    {"memory.too-long", "SDM 2A 2.3.11", "an instruction of sixteen bytes is #GP(0)",
     .probe = memory_too_long, .raises = "#GP(0x0)"},
    {"memory.fpu-off", "SDM 3A 6.15, interrupt 7", "with CR0.TS an x87 instruction is #NM",
     .probe = memory_fninit, .prepare = switch_fpu_off, .raises = "#NM"},
};
