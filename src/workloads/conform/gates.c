/* SPDX-License-Identifier: MIT */
/* The processor's checks on the way through a gate, and their error codes. SDM volume 3, 6.10 to
 * 6.14; volume 2, INT n. */
#include "cpu/x86.h"
#include "workloads/conform/conform.h"
#include "workloads/run/events.h"

#define NOT_MAPPED (THREAD_SLOTS_BASE - 2 * PAGE_SIZE)
#define TASK_GATE 0x85
#define FREE_VECTOR 0xf0
#define UP_TO_IST6 (offsetof(struct tss, ist[6]) - 1)

PROBE(gates_open, "int 0x82");
PROBE(gates_free, "int 0xf0");
PROBE(gates_ud, "ud2");
PROBE(gates_int13, "int 13");
USER_PROBE(gates_user_open, "int 0x82");
USER_PROBE(gates_user_closed, "int 0x83");
USER_PROBE(gates_user_int3, "int3");
USER_PROBE(gates_user_int1, "int 1");
USER_PROBE(gates_user_ud, "ud2");

static void close_int3(struct conform *c)
{
    c->box->idt[VECTOR_BP].type_dpl &= ~0x60;
}

static void no_open_gate(struct conform *c)
{
    c->box->idt[SANDBOX_OPEN].type_dpl &= ~0x80;
}

static void no_ud_gate(struct conform *c)
{
    c->box->idt[VECTOR_UD].type_dpl &= ~0x80;
}

static void no_gp_gate(struct conform *c)
{
    c->box->idt[VECTOR_GP].type_dpl &= ~0x80;
}

static void short_idt(struct conform *c)
{
    struct {
        uint16_t limit;
        uint64_t base;
    } __attribute__((packed)) idtr = {FREE_VECTOR * 16 - 1, (uintptr_t)c->box->idt};

    __asm__ volatile("lidt %0" : : "m"(idtr));
}

static void task_gate(struct conform *c)
{
    c->box->idt[SANDBOX_OPEN].type_dpl = TASK_GATE;
}

static void null_selector(struct conform *c)
{
    c->box->idt[SANDBOX_OPEN].selector = 0;
}

static void data_selector(struct conform *c)
{
    c->box->idt[SANDBOX_OPEN].selector = KERNEL_DS;
}

static void user_code_selector(struct conform *c)
{
    c->box->idt[SANDBOX_OPEN].selector = USER_CS;
}

static void absent_selector(struct conform *c)
{
    c->box->idt[SANDBOX_OPEN].selector = ABSENT_CS;
}

static void wide_selector(struct conform *c)
{
    c->box->idt[SANDBOX_OPEN].selector = WIDE_CS;
}

static void beyond_selector(struct conform *c)
{
    c->box->idt[SANDBOX_OPEN].selector = BEYOND_GDT;
}

static void far_handler(struct conform *c)
{
    c->box->idt[SANDBOX_OPEN].offset_high = NOT_CANONICAL >> 32;
}

static void far_ud_handler(struct conform *c)
{
    c->box->idt[VECTOR_UD].offset_high = NOT_CANONICAL >> 32;
}

static void spare_stack(struct conform *c, uint64_t top)
{
    c->box->idt[SANDBOX_OPEN].ist = ON_SPARE;
    c->box->tss.ist[ON_SPARE - 1] = top;
}

static void far_ist(struct conform *c)
{
    spare_stack(c, NOT_CANONICAL);
}

static void unmapped_ist(struct conform *c)
{
    spare_stack(c, NOT_MAPPED + PAGE_SIZE);
}

static void use_rsp0(struct conform *c, uint64_t rsp0)
{
    c->box->idt[SANDBOX_OPEN].ist = ON_INTERRUPTED;
    c->box->tss.rsp[0] = rsp0;
}

static void far_rsp0(struct conform *c)
{
    use_rsp0(c, NOT_CANONICAL);
}

static void unmapped_rsp0(struct conform *c)
{
    use_rsp0(c, NOT_MAPPED + PAGE_SIZE);
}

/* The limit is read when TR is loaded. */
static void short_tss(struct conform *c)
{
    uint64_t *descriptor = &c->box->gdt[TSS_SELECTOR / 8];

    c->box->idt[SANDBOX_OPEN].ist = ON_SPARE;
    *descriptor = (*descriptor & ~(0xffffull | 2ull << 40)) | UP_TO_IST6;
    __asm__ volatile("ltr %w0" : : "r"(TSS_SELECTOR));
}

CONFORM_CHECKS(gates) = {
    {"gates.dpl", "SDM 3A 6.12.1.3", "INT n of ring 3 through a gate of DPL 0 is #GP(n, IDT)",
     .probe = gates_user_closed, .user = true, .raises = "#GP(0x41a)"},
    {"gates.dpl-int3", "SDM 3A 6.12.1.3", "INT3 of ring 3 is checked against the gate's DPL too",
     .probe = gates_user_int3, .user = true, .prepare = close_int3, .raises = "#GP(0x1a)"},
    {"gates.dpl-int-1", "SDM 3A 6.12.1.3", "INT 1, in two bytes, is checked against the gate's DPL",
     .probe = gates_user_int1, .user = true, .raises = "#GP(0xa)"},
    {"gates.dpl-exception", "SDM 3A 6.12.1.3", "an exception of ring 3 ignores the gate's DPL",
     .probe = gates_user_ud, .user = true, .raises = "#UD"},
    {"gates.not-present", "SDM 3A 6.13, 6.15",
     "INT n through a gate that is not present is #NP(n, IDT), with EXT clear",
     .probe = gates_open, .prepare = no_open_gate, .raises = "#NP(0x412)"},
    {"gates.not-present-exception", "SDM 3A 6.13, 6.15",
     "an exception through a gate that is not present is #NP(vector, IDT, EXT)",
     .probe = gates_ud, .prepare = no_ud_gate, .raises = "#NP(0x33)"},
    {"gates.int13-is-benign", "SDM 3A 6.15, interrupt 8",
     "INT 13 through a gate that is not present is #NP: software raises no contributory exception",
     .probe = gates_int13, .prepare = no_gp_gate, .raises = "#NP(0x6a)"},
    {"gates.limit", "SDM 3A 6.10, 6.13", "INT n beyond the IDT's limit is #GP(n, IDT)",
     .probe = gates_free, .prepare = short_idt, .raises = "#GP(0x782)"},
    {"gates.type", "SDM 3A 6.14.1", "a task gate in the IDT is #GP(n, IDT) in 64-bit mode",
     .probe = gates_open, .prepare = task_gate, .raises = "#GP(0x412)"},
    {"gates.null-selector", "SDM 2A INT n", "a gate with a null selector is #GP(0)",
     .probe = gates_open, .prepare = null_selector, .raises = "#GP(0x0)"},
    {"gates.data-selector", "SDM 2A INT n", "a gate whose selector is of data is #GP(selector)",
     .probe = gates_open, .prepare = data_selector, .raises = "#GP(0x10)"},
    {"gates.outer-code", "SDM 2A INT n",
     "a gate to code of an outer ring is #GP(selector)",
     .probe = gates_open, .prepare = user_code_selector, .raises = "#GP(0x20)"},
    {"gates.absent-code", "SDM 2A INT n", "a gate to code that is not present is #NP(selector)",
     .probe = gates_open, .prepare = absent_selector, .raises = "#NP(0x48)"},
    {"gates.wide-code", "SDM 3A 6.14.1", "a gate to code with L and D both set is #GP(selector)",
     .probe = gates_open, .prepare = wide_selector, .raises = "#GP(0x58)"},
    {"gates.beyond-gdt", "SDM 2A INT n", "a gate with a selector beyond the GDT is #GP(selector)",
     .probe = gates_open, .prepare = beyond_selector, .raises = "#GP(0x68)"},
    {"gates.non-canonical-handler", "SDM 2A INT n",
     "INT n to a handler that is not canonical is #GP(0)",
     .probe = gates_open, .prepare = far_handler, .raises = "#GP(0x0)"},
    {"gates.non-canonical-handler-ext", "SDM 3A 6.13",
     "an exception whose handler is not canonical is #GP(EXT)",
     .probe = gates_ud, .prepare = far_ud_handler, .raises = "#GP(0x1)"},
    {"gates.non-canonical-ist", "SDM 2A INT n", "INT n to an IST pointer not canonical is #SS(0)",
     .probe = gates_open, .prepare = far_ist, .raises = "#SS(0x0)"},
    {"gates.unmapped-ist", "SDM 3A 6.15, table 6-5",
     "INT n to an IST stack that is not mapped is a plain #PF of a write by ring 0",
     .probe = gates_open, .prepare = unmapped_ist, .raises = "#PF(0x2)"},
    {"gates.non-canonical-rsp0", "SDM 2A INT n",
     "INT n of ring 3 to an RSP0 that is not canonical is #SS(0)",
     .probe = gates_user_open, .user = true, .prepare = far_rsp0, .raises = "#SS(0x0)"},
    {"gates.unmapped-rsp0", "SDM 3A 6.15, table 6-5",
     "INT n of ring 3 to an RSP0 that is not mapped is a plain #PF of a write by ring 0",
     .probe = gates_user_open, .user = true, .prepare = unmapped_rsp0, .raises = "#PF(0x2)"},
    {"gates.tss-limit", "SDM 3A 6.14.5, 6.15", "an IST entry beyond the TSS's limit is #TS(TR)",
     .probe = gates_open, .prepare = short_tss, .raises = "#TS(0x28)"},
};
