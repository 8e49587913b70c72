/* SPDX-License-Identifier: MIT */
/* Events from one CPU to another: IPIs, NMIs, INIT and start-up. SDM volume 3, 8.4, 10.6, 6.7.
 *
 * The other CPU is in a sandbox of its own, where its part of the check runs. */
#include "cpu/x86.h"
#include "smp/apic.h"
#include "workloads/conform/conform.h"

#define OWN_VECTOR 0xf3
#define PATIENCE 200000             /* rounds of PAUSE for what another CPU does */
#define LITTLE_WHILE 2000
#define SOME_PAGE 0x9f              /* that a start-up IPI would send it to */
#define ICR_INIT_DEASSERT (1u << 15 | 5u << 8)
#define ICR_OTHERS (3u << 18)
#define ICR_ASSERT (1u << 14)
#define ICR_LOGICAL (1u << 11)
#define FLAT_MODEL 0xffffffffu
#define OTHER_BIT 0x40              /* the other's, in the flat model */

PROBE(smp_halt, "hlt; smp_halt_after: nop");
extern char smp_halt_after[];

static void wait(unsigned rounds)
{
    while (rounds--)
        cpu_relax();
}

/* Until the other has taken so many events; or patience is over. */
static void wait_for_events(struct conform *c, unsigned count)
{
    unsigned *taken = &c->other->count;

    for (unsigned i = 0; i < PATIENCE && __atomic_load_n(taken, __ATOMIC_ACQUIRE) < count; i++)
        cpu_relax();
    wait(LITTLE_WHILE);
}

static void see_others_events(struct conform *c)
{
    struct conform other = {.box = c->other};

    conform_see_events(&other);
    conform_see(c, "%s", other.seen);
}

/* The other's part: it waits until it is released, with interrupts off or on. */
static void stand_by(struct sandbox *box)
{
    while (!conform_released())
        cpu_relax();
    (void)box;
}

static void stand_by_open(struct sandbox *box)
{
    interrupts_on();
    stand_by(box);
    interrupts_off();
}

static void halt(struct sandbox *box)
{
    sandbox_run(box, smp_halt, 0, 0, 0);
    stand_by(box);
}

/* Counts, as a sign of life. */
static void count(struct sandbox *box)
{
    while (!conform_released()) {
        __atomic_fetch_add(&box->mark, 1, __ATOMIC_RELAXED);
        cpu_relax();
    }
}

static void logical(struct sandbox *box)
{
    uint32_t ldr = apic_read(APIC_LDR), dfr = apic_x2apic ? 0 : apic_read(APIC_DFR);

    if (!apic_x2apic) {
        apic_write(APIC_DFR, FLAT_MODEL);
        apic_write(APIC_LDR, (uint32_t)OTHER_BIT << 24);
    }
    box->mark = apic_x2apic ? ldr : OTHER_BIT;
    stand_by_open(box);
    if (!apic_x2apic) {
        apic_write(APIC_LDR, ldr);
        apic_write(APIC_DFR, dfr);
    }
}

static void nmi(struct conform *c)
{
    conform_expect(c, "NMI");
    apic_send_nmi(c->other_apic_id);
    wait_for_events(c, 1);
    see_others_events(c);
}

static void ipi(struct conform *c)
{
    conform_expect(c, "vector 0xf3");
    apic_send_ipi(c->other_apic_id, OWN_VECTOR);
    wait_for_events(c, 1);
    see_others_events(c);
}

static void nmi_ends_halt(struct conform *c)
{
    const struct sandbox_event *e = c->other->events;

    conform_expect(c, "NMI, behind HLT");
    wait(LITTLE_WHILE);                 /* until it halts, most likely */
    apic_send_nmi(c->other_apic_id);
    wait_for_events(c, 1);
    see_others_events(c);
    conform_see(c, ", %s HLT", e->pushed.rip == (uint64_t)smp_halt_after ? "behind" : "not behind");
}

static void logical_destination(struct conform *c)
{
    conform_expect(c, "vector 0xf3");
    for (unsigned i = 0; i < PATIENCE && !__atomic_load_n(&c->other->mark, __ATOMIC_ACQUIRE); i++)
        cpu_relax();
    apic_send(c->other->mark, ICR_ASSERT | ICR_LOGICAL | OWN_VECTOR);
    wait_for_events(c, 1);
    see_others_events(c);
}

/* All others would take it: there may be no third. */
static void all_but_self(struct conform *c)
{
    if (cpu_count != 2) {
        conform_skip(c, "there are CPUs that do not expect it");
        return;
    }
    conform_expect(c, "the other vector 0xf3, self nothing");
    apic_send(0, ICR_ASSERT | ICR_OTHERS | OWN_VECTOR);
    wait_for_events(c, 1);
    conform_see(c, "the other ");
    see_others_events(c);
    interrupts_on();
    wait(LITTLE_WHILE);
    interrupts_off();
    conform_see(c, ", self ");
    conform_see_events(c);
}

/* It counted before, and must count on. */
static void see_life(struct conform *c, void (*send)(uint32_t apic_id))
{
    uint64_t before;

    conform_expect(c, "it runs on");
    wait(LITTLE_WHILE);
    send(c->other_apic_id);
    wait(LITTLE_WHILE);
    before = __atomic_load_n(&c->other->mark, __ATOMIC_RELAXED);
    for (unsigned i = 0; i < PATIENCE; i++) {
        if (__atomic_load_n(&c->other->mark, __ATOMIC_RELAXED) > before + 1) {
            conform_see(c, "it runs on");
            return;
        }
        cpu_relax();
    }
    conform_see(c, "it stands");
}

static void send_startup(uint32_t apic_id)
{
    apic_send_startup(apic_id, SOME_PAGE);
}

static void send_deassert(uint32_t apic_id)
{
    apic_send(apic_id, ICR_INIT_DEASSERT);
}

static void startup_ignored(struct conform *c)
{
    see_life(c, send_startup);
}

static void deassert_ignored(struct conform *c)
{
    if (apic_x2apic)
        conform_skip(c, "x2APIC mode has no level");
    else
        see_life(c, send_deassert);
}

CONFORM_CHECKS(smp) = {
    {"smp.nmi", "SDM 3A 10.6.1", "an NMI by physical id reaches another CPU",
     .run = nmi, .partner = stand_by},
    {"smp.ipi", "SDM 3A 10.6.1", "an IPI by physical id reaches another CPU",
     .run = ipi, .partner = stand_by_open},
    {"smp.logical", "SDM 3A 10.6.2.2", "an IPI by logical destination reaches another CPU",
     .run = logical_destination, .partner = logical},
    {"smp.all-but-self", "SDM 3A 10.6.1", "the shorthand for all but self leaves self out",
     .run = all_but_self, .partner = stand_by_open},
    {"smp.nmi-ends-halt", "SDM 2A HLT", "an NMI ends HLT with interrupts off", "hang",
     .run = nmi_ends_halt, .partner = halt},
    {"smp.startup-ignored", "SDM 3A 8.4.2, 10.6.1",
     "a start-up IPI to a CPU that does not wait for one is ignored", "kill",
     .run = startup_ignored, .partner = count},
    {"smp.init-deassert", "SDM 3A 10.6.1", "an INIT's de-assertion does nothing", "kill",
     .run = deassert_ignored, .partner = count},
};
