/* SPDX-License-Identifier: MIT */
/* A second exception while the first is delivered: handled after it, or a double fault. SDM volume
 * 3, 6.15, interrupt 8, table 6-5.
 *
 * The first one's gate decides the second: not present is #NP, which is contributory; an IST code
 * whose stack is not mapped is #PF. */
#include "cpu/x86.h"
#include "smp/apic.h"
#include "workloads/conform/conform.h"
#include "workloads/run/events.h"

#define NOT_MAPPED (THREAD_SLOTS_BASE - 2 * PAGE_SIZE)
#define LITTLE_WHILE 2000       /* rounds of PAUSE */
#define NOT_MAPPED_STACK (THREAD_SLOTS_BASE - PAGE_SIZE)

PROBE(pairs_ud, "ud2");
PROBE(pairs_de, "xor ecx, ecx; div ecx");
PROBE(pairs_read, "mov rax, [rdi]");
PROBE(pairs_load_ss, "mov ss, edi");
PROBE(pairs_load_ds, "mov ds, edi");
PROBE(pairs_ltr, "ltr di");
PROBE(pairs_step, "pushfq; or qword ptr [rsp], 0x100; popfq; nop; pushfq; "
                  "and qword ptr [rsp], ~0x100; popfq");

static void absent(struct conform *c, unsigned vector)
{
    c->box->idt[vector].type_dpl &= ~0x80;
}

static void unmapped(struct conform *c, unsigned vector)
{
    c->box->idt[vector].ist = ON_SPARE;
    c->box->tss.ist[ON_SPARE - 1] = NOT_MAPPED_STACK;
}

static void absent_ud(struct conform *c) { absent(c, VECTOR_UD); }
static void absent_db(struct conform *c) { absent(c, VECTOR_DB); }
static void absent_de(struct conform *c) { absent(c, VECTOR_DE); }
static void absent_gp(struct conform *c) { absent(c, VECTOR_GP); }
static void absent_ss(struct conform *c) { absent(c, VECTOR_SS); }
static void absent_pf(struct conform *c) { absent(c, VECTOR_PF); }
static void absent_np(struct conform *c) { absent(c, VECTOR_NP); }
static void unmapped_ud(struct conform *c) { unmapped(c, VECTOR_UD); }
static void unmapped_gp(struct conform *c) { unmapped(c, VECTOR_GP); }
static void unmapped_ss(struct conform *c) { unmapped(c, VECTOR_SS); }
static void unmapped_de(struct conform *c) { unmapped(c, VECTOR_DE); }
static void unmapped_pf(struct conform *c) { unmapped(c, VECTOR_PF); }

static void see_cr2(struct conform *c)
{
    const struct sandbox_event *e;

    sandbox_run(c->box, pairs_read, NOT_MAPPED, 0, 0);
    if ((e = conform_event(c, VECTOR_DF)))
        conform_see(c, "#DF, CR2 0x%lx", e->cr2);
}

/* The second #PF is the push of SS, below the aligned top. */
static void second_cr2(struct conform *c)
{
    unmapped(c, VECTOR_PF);
    conform_expect(c, "#DF, CR2 0x%lx", (uint64_t)NOT_MAPPED_STACK - 8);
    see_cr2(c);
}

static void first_cr2(struct conform *c)
{
    absent(c, VECTOR_PF);
    conform_expect(c, "#DF, CR2 0x%lx", (uint64_t)NOT_MAPPED);
    see_cr2(c);
}

static enum sandbox_way fault_inside(struct sandbox *box, struct sandbox_pushed *pushed)
{
    (void)box;
    (void)pushed;
    (void)*(const volatile uint8_t *)NOT_MAPPED;
    return END;
}

static enum sandbox_way nmi_inside(struct sandbox *box, struct sandbox_pushed *pushed)
{
    (void)box;
    (void)pushed;
    apic_send_nmi(this_cpu->apic_id);
    for (unsigned i = 0; i < LITTLE_WHILE; i++)
        cpu_relax();
    return END;
}

static void inside_double_fault(struct conform *c, sandbox_hook *hook, const char *then)
{
    conform_expect(c, "#DF(0x0), %s", then);
    absent(c, VECTOR_GP);
    c->box->hooks[VECTOR_DF] = hook;
    conform_try(c, pairs_read, NOT_CANONICAL, 0);
}

static void page_fault_in_double_fault(struct conform *c)
{
    inside_double_fault(c, fault_inside, "#PF(0x0)");
}

static void nmi_in_double_fault(struct conform *c)
{
    inside_double_fault(c, nmi_inside, "NMI");
}

/* In place of the #DF the processor stops, which nothing in here can see. */
static void shutdown(struct conform *c)
{
    conform_expect(c, "shutdown");
    absent(c, VECTOR_GP);
    absent(c, VECTOR_DF);
    sandbox_run(c->box, pairs_read, NOT_CANONICAL, 0, 0);
    conform_see(c, "alive after ");
    conform_see_events(c);
}

CONFORM_CHECKS(pairs) = {
    {"pairs.benign-contributory", "SDM 3A table 6-5", "#UD then #NP: #NP alone",
     .probe = pairs_ud, .prepare = absent_ud, .raises = "#NP(0x33)"},
    {"pairs.debug-contributory", "SDM 3A table 6-5", "#DB then #NP: #NP alone",
     .probe = pairs_step, .prepare = absent_db, .raises = "#NP(0xb)"},
    {"pairs.benign-page-fault", "SDM 3A table 6-5", "#UD then #PF: #PF alone",
     .probe = pairs_ud, .prepare = unmapped_ud, .raises = "#PF(0x2)"},
    {"pairs.de-np", "SDM 3A table 6-5", "#DE then #NP: #DF(0)",
     .probe = pairs_de, .prepare = absent_de, .raises = "#DF(0x0)"},
    {"pairs.gp-np", "SDM 3A table 6-5", "#GP then #NP: #DF(0)",
     .probe = pairs_read, .argument = NOT_CANONICAL, .prepare = absent_gp, .raises = "#DF(0x0)"},
    {"pairs.ss-np", "SDM 3A table 6-5", "#SS then #NP: #DF(0)",
     .probe = pairs_load_ss, .argument = ABSENT_SS, .prepare = absent_ss, .raises = "#DF(0x0)"},
    {"pairs.np-np", "SDM 3A table 6-5", "#NP then #NP: #DF(0)",
     .probe = pairs_load_ds, .argument = ABSENT_SS, .prepare = absent_np, .raises = "#DF(0x0)"},
    {"pairs.de-pf", "SDM 3A table 6-5", "#DE then #PF: #PF alone",
     .probe = pairs_de, .prepare = unmapped_de, .raises = "#PF(0x2)"},
    {"pairs.gp-pf", "SDM 3A table 6-5", "#GP then #PF: #PF alone",
     .probe = pairs_read, .argument = NOT_CANONICAL, .prepare = unmapped_gp, .raises = "#PF(0x2)"},
    {"pairs.ss-pf", "SDM 3A table 6-5", "#SS then #PF: #PF alone",
     .probe = pairs_load_ss, .argument = ABSENT_SS, .prepare = unmapped_ss, .raises = "#PF(0x2)"},
    {"pairs.pf-np", "SDM 3A table 6-5", "#PF then #NP: #DF(0)",
     .probe = pairs_read, .argument = NOT_MAPPED, .prepare = absent_pf, .raises = "#DF(0x0)"},
    {"pairs.pf-pf", "SDM 3A table 6-5", "#PF then #PF: #DF(0)",
     .probe = pairs_read, .argument = NOT_MAPPED, .prepare = unmapped_pf, .raises = "#DF(0x0)"},
    {"pairs.cr2-of-second", "SDM 3A 6.15, interrupt 8", "#PF then #PF: CR2 is the second one's",
     .run = second_cr2},
    {"pairs.cr2-of-first", "SDM 3A 6.15, interrupt 14", "#PF then #NP: CR2 is still the #PF's",
     .run = first_cr2},
    {"pairs.pf-in-df", "SDM 3A 6.15, interrupt 8", "in a #DF's handler a #PF is a plain #PF",
     .run = page_fault_in_double_fault},
    {"pairs.nmi-in-df", "SDM 3A 6.7", "in a #DF's handler an NMI comes",
     .run = nmi_in_double_fault},
    {"pairs.shutdown", "SDM 3A 6.15, interrupt 8",
     "a third exception while #DF is delivered must shut the processor down", "shut down",
     .run = shutdown},
};
