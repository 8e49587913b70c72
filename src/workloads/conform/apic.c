/* SPDX-License-Identifier: MIT */
/* The local APIC: priorities, in-service and request bits, errors, the local vector table, IPIs to
 * oneself. SDM volume 3, chapter 10. */
#include "cpu/clock.h"
#include "cpu/features.h"
#include "cpu/x86.h"
#include "smp/apic.h"
#include "workloads/conform/conform.h"

#define LOW 0x73                    /* vectors, each in a class of its own */
#define MIDDLE 0xa3
#define SAME_CLASS 0xaf             /* as MIDDLE */
#define HIGH 0xf3
#define LITTLE_WHILE 2000           /* rounds of PAUSE */
#define TIMER_TICKS 1000
#define TIMER_PATIENCE_NS 20000000
#define ICR_SELF (1u << 18)
#define ICR_ASSERT (1u << 14)
#define ICR_LOGICAL (1u << 11)
#define ICR_PENDING (1u << 12)
#define ICR_NMI (4u << 8)
#define SVR_ENABLE (1u << 8)
#define ESR_SEND_ILLEGAL 0x20
#define ESR_RECEIVE_ILLEGAL 0x40
#define ESR_ILLEGAL_REGISTER 0x80
#define RESERVED_REGISTER 0x40
#define FLAT_MODEL 0xffffffffu

PROBE(apic_open, "sti; nop; nop; cli");
PROBE(apic_rdmsr, "mov ecx, edi; rdmsr");
PROBE(apic_wrmsr, "mov ecx, edi; mov eax, esi; mov rdx, rsi; shr rdx, 32; wrmsr");

static void wait(void)
{
    for (unsigned i = 0; i < LITTLE_WHILE; i++)
        cpu_relax();
}

static void send(uint8_t vector)
{
    apic_send_ipi(this_cpu->apic_id, vector);
    wait();
}

/* Lets in what waits. */
static void open(struct conform *c)
{
    sandbox_run(c->box, apic_open, 0, 0, 0);
    interrupts_off();
}

static void open_and_see(struct conform *c)
{
    open(c);
    conform_see_events(c);
}

static void self_ipi(struct conform *c)
{
    conform_expect(c, "vector 0xf3");
    send(HIGH);
    open_and_see(c);
}

static void shorthand(struct conform *c)
{
    conform_expect(c, "vector 0xf3");
    apic_send(0, ICR_ASSERT | ICR_SELF | HIGH);
    wait();
    open_and_see(c);
}

static void delivery_status(struct conform *c)
{
    if (apic_x2apic) {
        conform_skip(c, "x2APIC mode has no delivery status");
        return;
    }
    conform_expect(c, "idle");
    send(HIGH);
    conform_see(c, apic_read(APIC_ICR_LOW) & ICR_PENDING ? "pending" : "idle");
}

static void request_bit(struct conform *c)
{
    conform_expect(c, "IRR 1, ISR 0");
    send(HIGH);
    conform_see(c, "IRR %u, ISR %u", apic_has(APIC_IRR, HIGH), apic_has(APIC_ISR, HIGH));
}

/* In the handler: what the APIC's registers say, before and behind the EOI. */
static enum sandbox_way look(struct sandbox *box, struct sandbox_pushed *pushed)
{
    uint8_t vector = box->events[box->count - 1].vector;

    (void)pushed;
    box->scratch[0] = apic_has(APIC_IRR, vector);
    box->scratch[1] = apic_has(APIC_ISR, vector);
    box->scratch[2] = apic_has(APIC_TMR, vector);
    box->scratch[3] = apic_read(APIC_PPR);
    apic_eoi();
    box->scratch[4] = apic_has(APIC_ISR, vector);
    return RESUME;
}

static void service_bits(struct conform *c)
{
    conform_expect(c, "IRR 0, ISR 1, TMR 0; ISR 0 after EOI");
    c->box->hooks[HIGH] = look;
    send(HIGH);
    open(c);
    conform_see(c, "IRR %lu, ISR %lu, TMR %lu; ISR %lu after EOI", c->box->scratch[0],
                c->box->scratch[1], c->box->scratch[2], c->box->scratch[4]);
}

static void ppr_in_service(struct conform *c)
{
    conform_expect(c, "PPR 0xa0");
    c->box->hooks[MIDDLE] = look;
    send(MIDDLE);
    open(c);
    conform_see(c, "PPR 0x%lx", c->box->scratch[3]);
}

static void ppr_of_tpr(struct conform *c)
{
    conform_expect(c, "PPR 0x35");
    apic_write(APIC_TPR, 0x35);
    conform_see(c, "PPR 0x%x", apic_read(APIC_PPR));
}

static void cr8_to_tpr(struct conform *c)
{
    conform_expect(c, "TPR 0x90");
    apic_write(APIC_TPR, 0x35);
    write_cr8(9);
    conform_see(c, "TPR 0x%x", apic_read(APIC_TPR));
}

static void tpr_to_cr8(struct conform *c)
{
    uint64_t cr8;

    conform_expect(c, "CR8 0xa");
    apic_write(APIC_TPR, 0xa5);
    __asm__ volatile("mov %%cr8, %0" : "=r"(cr8));
    conform_see(c, "CR8 0x%lx", cr8);
}

/* The TPR is raised before the interrupt is sent: raised behind it, it may make it spurious. */
static void tpr_blocks(struct conform *c)
{
    conform_expect(c, "nothing, then vector 0xa3");
    apic_write(APIC_TPR, 0xa0);
    send(MIDDLE);
    open_and_see(c);
    apic_write(APIC_TPR, 0x9f);
    wait();
    conform_see(c, ", then ");
    open_and_see(c);
}

static void order(struct conform *c)
{
    conform_expect(c, "vector 0xf3, vector 0xa3, vector 0x73");
    send(MIDDLE);
    send(LOW);
    send(HIGH);
    open_and_see(c);
}

/* Lets others in before the EOI; `mark` is how many have come by then. */
static enum sandbox_way let_in(struct sandbox *box, struct sandbox_pushed *pushed)
{
    (void)pushed;
    if (box->count > 1) {
        apic_eoi();
        return RESUME;
    }
    send(box->scratch[0]);
    __asm__ volatile("sti; nop; nop; cli" : : : "memory");
    box->mark = box->count;
    box->scratch[1] = apic_has(APIC_ISR, MIDDLE);
    apic_eoi();
    box->scratch[2] = apic_has(APIC_ISR, MIDDLE);
    return RESUME;
}

static void nest(struct conform *c, uint8_t inner)
{
    for (unsigned vector = MIDDLE & 0xf0; vector < VECTOR_COUNT; vector++)
        c->box->idt[vector].ist = ON_INTERRUPTED;
    c->box->hooks[MIDDLE] = let_in;
    c->box->scratch[0] = inner;
    send(MIDDLE);
    open(c);
}

static void higher_nests(struct conform *c)
{
    conform_expect(c, "2 before the EOI, vector 0xa3, vector 0xf3");
    nest(c, HIGH);
    conform_see(c, "%lu before the EOI, ", c->box->mark);
    conform_see_events(c);
}

static void same_class_waits(struct conform *c)
{
    conform_expect(c, "1 before the EOI, vector 0xa3, vector 0xaf");
    nest(c, SAME_CLASS);
    conform_see(c, "%lu before the EOI, ", c->box->mark);
    conform_see_events(c);
}

static void eoi_order(struct conform *c)
{
    conform_expect(c, "ISR of the outer 1 after the inner's EOI, 0 after its own");
    nest(c, HIGH);
    conform_see(c, "ISR of the outer %lu after the inner's EOI, %lu after its own",
                c->box->scratch[1], c->box->scratch[2]);
}

/* More of the same while it is served. */
static enum sandbox_way send_same(struct sandbox *box, struct sandbox_pushed *pushed)
{
    (void)pushed;
    for (unsigned i = 0; box->count == 1 && i < 3; i++)
        send(MIDDLE);
    apic_eoi();
    return RESUME;
}

static void one_more_latched(struct conform *c)
{
    conform_expect(c, "vector 0xa3, vector 0xa3");
    c->box->hooks[MIDDLE] = send_same;
    send(MIDDLE);
    open_and_see(c);
}

static void spare_eoi(struct conform *c)
{
    conform_expect(c, "vector 0xf3");
    apic_eoi();
    send(HIGH);
    open_and_see(c);
}

static void see_error(struct conform *c, uint32_t wanted)
{
    conform_see(c, apic_take_errors() & wanted ? "set" : "clear");
}

static void send_illegal(struct conform *c)
{
    conform_expect(c, "set");
    apic_write(APIC_LVT_ERROR, APIC_LVT_MASKED);
    apic_take_errors();
    send(15);
    see_error(c, ESR_SEND_ILLEGAL);
}

/* 16 to 31 are exceptions', which to the APIC is all the same. */
static void sixteen_is_legal(struct conform *c)
{
    conform_expect(c, "clear, vector 0x10 requested");
    apic_write(APIC_LVT_ERROR, APIC_LVT_MASKED);
    apic_take_errors();
    send(16);
    see_error(c, ESR_SEND_ILLEGAL | ESR_RECEIVE_ILLEGAL);
    conform_see(c, ", vector 0x10 %srequested", apic_has(APIC_IRR, 16) ? "" : "not ");
}

/* Runs the timer out, and gives the interrupt the time that an emulator's other thread may take. */
static void start_timer(uint32_t entry)
{
    uint64_t end = clock_ns() + TIMER_PATIENCE_NS;

    apic_write(APIC_LVT_TIMER, entry);
    apic_write(APIC_TIMER_INITIAL, TIMER_TICKS);
    while (clock_ns() < end && !apic_has(APIC_IRR, HIGH))
        wait();
    apic_write(APIC_LVT_TIMER, APIC_LVT_MASKED);
}

static void receive_illegal(struct conform *c)
{
    conform_expect(c, "set");
    apic_write(APIC_LVT_ERROR, APIC_LVT_MASKED);
    apic_take_errors();
    start_timer(15);
    see_error(c, ESR_RECEIVE_ILLEGAL);
}

static void illegal_register(struct conform *c)
{
    if (apic_x2apic) {
        conform_skip(c, "x2APIC mode has no such error");
        return;
    }
    conform_expect(c, "set");
    apic_write(APIC_LVT_ERROR, APIC_LVT_MASKED);
    apic_take_errors();
    (void)apic_read(RESERVED_REGISTER);
    see_error(c, ESR_ILLEGAL_REGISTER);
}

static void esr_latches(struct conform *c)
{
    conform_expect(c, "0x0 before the write, then not");
    apic_write(APIC_LVT_ERROR, APIC_LVT_MASKED);
    apic_take_errors();
    send(15);
    conform_see(c, "0x%x before the write, then ", apic_read(APIC_ESR));
    conform_see(c, apic_take_errors() ? "not" : "0 too");
}

static void error_interrupt(struct conform *c)
{
    conform_expect(c, "vector 0xf3");
    apic_take_errors();
    apic_write(APIC_LVT_ERROR, HIGH);
    send(15);
    apic_write(APIC_LVT_ERROR, APIC_LVT_MASKED);
    open_and_see(c);
}

static void timer_once(struct conform *c)
{
    conform_expect(c, "vector 0xf3");
    start_timer(HIGH);
    open_and_see(c);
}

static void timer_masked(struct conform *c)
{
    conform_expect(c, "IRR 0, nothing");
    start_timer(APIC_LVT_MASKED | HIGH);
    conform_see(c, "IRR %u, ", apic_has(APIC_IRR, HIGH));
    open_and_see(c);
}

static void switch_off(void)
{
    apic_write(APIC_SVR, apic_read(APIC_SVR) & ~SVR_ENABLE);
}

static void disabled_masks(struct conform *c)
{
    conform_expect(c, "masked, and stays so");
    apic_write(APIC_LVT_TIMER, HIGH);
    switch_off();
    conform_see(c, apic_read(APIC_LVT_TIMER) & APIC_LVT_MASKED ? "masked" : "not masked");
    apic_write(APIC_LVT_TIMER, HIGH);
    conform_see(c, apic_read(APIC_LVT_TIMER) & APIC_LVT_MASKED ? ", and stays so"
                                                               : ", and can be unmasked");
}

static void disabled_takes_nmi(struct conform *c)
{
    conform_expect(c, "NMI");
    switch_off();
    apic_send_nmi(this_cpu->apic_id);
    wait();
    conform_see_events(c);
}

static uint32_t cpuid_apic_id(void)
{
    uint32_t a = 1, b, d;

    if (cpu_features.max_leaf >= 11 && apic_x2apic) {
        uint32_t leaf = 11, sub = 0;
        __asm__("cpuid" : "+a"(leaf), "=b"(b), "+c"(sub), "=d"(d));
        return d;
    }
    __asm__("cpuid" : "+a"(a), "=b"(b), "=d"(d) : : "ecx");
    return b >> 24;
}

/* Firmware may write another id to an xAPIC, and then lists that one. */
static void own_id(struct conform *c)
{
    uint32_t id = apic_read_id();

    if (!apic_x2apic && id != cpuid_apic_id() && id == this_cpu->apic_id) {
        conform_skip(c, "firmware has changed the id");
        return;
    }
    conform_expect(c, "id %u", cpuid_apic_id());
    conform_see(c, "id %u", id);
}

/* In the flat model a bit of the LDR is a CPU. */
static void logical_flat(struct conform *c)
{
    uint32_t ldr = apic_read(APIC_LDR), dfr;

    if (apic_x2apic) {
        conform_skip(c, "x2APIC mode has no flat model");
        return;
    }
    conform_expect(c, "vector 0xa3");
    dfr = apic_read(APIC_DFR);
    apic_write(APIC_DFR, FLAT_MODEL);
    apic_write(APIC_LDR, 0x40u << 24);
    apic_send(0x40, ICR_ASSERT | ICR_LOGICAL | MIDDLE);
    apic_send(0x20, ICR_ASSERT | ICR_LOGICAL | LOW);
    wait();
    open_and_see(c);
    apic_write(APIC_LDR, ldr);
    apic_write(APIC_DFR, dfr);
}

static void logical_nmi(struct conform *c)
{
    uint32_t ldr = apic_read(APIC_LDR);

    conform_expect(c, "NMI");
    if (apic_x2apic) {
        apic_send(ldr, ICR_ASSERT | ICR_LOGICAL | ICR_NMI);
        wait();
    } else {
        apic_write(APIC_LDR, 0x40u << 24);
        apic_send(0x40, ICR_ASSERT | ICR_LOGICAL | ICR_NMI);
        wait();
        apic_write(APIC_LDR, ldr);
    }
    conform_see_events(c);
}

/* The rules of x2APIC mode, for a machine that is in it; and what its MSRs do outside of it. */
static void needs_x2apic(struct conform *c)
{
    if (!apic_x2apic)
        conform_skip(c, "the APIC is not in x2APIC mode");
}

static void write_x2apic(struct conform *c, uint32_t offset, uint64_t value)
{
    needs_x2apic(c);
    if (c->skipped)
        return;
    conform_expect(c, "#GP(0x0)");
    conform_try(c, apic_wrmsr, MSR_X2APIC(offset), value);
}

static void x2apic_id(struct conform *c) { write_x2apic(c, APIC_ID, 0); }
static void x2apic_dfr(struct conform *c) { write_x2apic(c, APIC_DFR, 0); }
static void x2apic_eoi(struct conform *c) { write_x2apic(c, APIC_EOI, 1); }
static void x2apic_esr(struct conform *c) { write_x2apic(c, APIC_ESR, 1); }
static void x2apic_tpr(struct conform *c) { write_x2apic(c, APIC_TPR, 0x100); }

static void x2apic_self_ipi(struct conform *c)
{
    needs_x2apic(c);
    if (c->skipped)
        return;
    conform_expect(c, "vector 0xf3");
    sandbox_run(c->box, apic_wrmsr, MSR_X2APIC(APIC_SELF_IPI), HIGH, 0);
    wait();
    open_and_see(c);
}

static void x2apic_msr_outside(struct conform *c)
{
    if (apic_x2apic) {
        conform_skip(c, "the APIC is in x2APIC mode");
        return;
    }
    conform_expect(c, "#GP(0x0)");
    conform_try(c, apic_rdmsr, MSR_X2APIC(APIC_ID), 0);
}

CONFORM_CHECKS(apic) = {
    {"apic.self-ipi", "SDM 3A 10.6.1", "an IPI to oneself by physical id comes", .run = self_ipi},
    {"apic.shorthand", "SDM 3A 10.6.1", "one by the self shorthand comes", .run = shorthand},
    {"apic.delivery-status", "SDM 3A 10.6.1", "what was sent is not pending in the ICR for ever",
     .run = delivery_status},
    {"apic.irr", "SDM 3A 10.8.4", "one that waits is in IRR, not in ISR", .run = request_bit},
    {"apic.isr", "SDM 3A 10.8.4", "one that is served is in ISR until its EOI, and not in TMR",
     .run = service_bits},
    {"apic.ppr-in-service", "SDM 3A 10.8.3.1", "PPR has the class of what is served",
     .run = ppr_in_service},
    {"apic.ppr-of-tpr", "SDM 3A 10.8.3.1", "with nothing served PPR is TPR", .run = ppr_of_tpr},
    {"apic.cr8-to-tpr", "SDM 3A 10.8.6", "CR8 is TPR's upper four bits, and clears the others",
     .run = cr8_to_tpr},
    {"apic.tpr-to-cr8", "SDM 3A 10.8.6", "TPR's upper four bits are CR8", .run = tpr_to_cr8},
    {"apic.tpr-blocks", "SDM 3A 10.8.3.1", "TPR holds its own class back", .run = tpr_blocks},
    {"apic.order", "SDM 3A 10.8.3", "of several that wait the highest vector comes first",
     .run = order},
    {"apic.higher-nests", "SDM 3A 10.8.3.1", "a higher class comes before the EOI of a lower one",
     .run = higher_nests},
    {"apic.same-class-waits", "SDM 3A 10.8.3.1", "the same class waits for the EOI",
     .run = same_class_waits},
    {"apic.eoi-order", "SDM 3A 10.8.5", "EOI ends the highest that is served", .run = eoi_order},
    {"apic.one-more", "SDM 3A 10.8.4", "while a vector is served one more of it is kept",
     .run = one_more_latched},
    {"apic.spare-eoi", "SDM 3A 10.8.5", "an EOI with nothing served does nothing",
     .run = spare_eoi},
    {"apic.send-illegal", "SDM 3A 10.5.3", "sending a vector below 16 sets ESR bit 5",
     .run = send_illegal},
    {"apic.sixteen", "SDM 3A 10.5.2", "vector 16 is no error", .run = sixteen_is_legal},
    {"apic.receive-illegal", "SDM 3A 10.5.3", "an LVT interrupt below 16 sets ESR bit 6",
     .run = receive_illegal},
    {"apic.illegal-register", "SDM 3A 10.5.3", "a read of a reserved register sets ESR bit 7",
     .run = illegal_register},
    {"apic.esr-latch", "SDM 3A 10.5.3", "ESR shows errors only after it was written",
     .run = esr_latches},
    {"apic.error-interrupt", "SDM 3A 10.5.3", "an error raises LVT error's vector",
     .run = error_interrupt},
    {"apic.timer-once", "SDM 3A 10.5.4", "a one-shot timer fires once", .run = timer_once},
    {"apic.timer-masked", "SDM 3A 10.5.1", "a masked LVT entry requests nothing",
     .run = timer_masked},
    {"apic.disabled-masks", "SDM 3A 10.4.7.2", "while it is disabled its LVT entries are masked",
     .run = disabled_masks},
    {"apic.disabled-nmi", "SDM 3A 10.4.7.2", "while it is disabled it takes NMIs",
     .run = disabled_takes_nmi},
    {"apic.id", "SDM 3A 10.4.6", "its id is CPUID's", .run = own_id},
    {"apic.logical-flat", "SDM 3A 10.6.2.2", "in the flat model an LDR's bit selects",
     .run = logical_flat},
    {"apic.logical-nmi", "SDM 3A 10.6.2.2", "an NMI comes by logical destination too",
     .run = logical_nmi},
    {"apic.x2apic-id", "SDM 3A 10.12.1.2", "a write of the id is #GP(0)", .run = x2apic_id},
    {"apic.x2apic-dfr", "SDM 3A 10.12.1.2", "the DFR is not there: #GP(0)", .run = x2apic_dfr},
    {"apic.x2apic-eoi", "SDM 3A 10.12.1.2", "an EOI that is not 0 is #GP(0)", .run = x2apic_eoi},
    {"apic.x2apic-esr", "SDM 3A 10.12.1.2", "an ESR that is not 0 is #GP(0)", .run = x2apic_esr},
    {"apic.x2apic-tpr", "SDM 3A 10.12.1.2", "a reserved bit of TPR is #GP(0)", .run = x2apic_tpr},
    {"apic.x2apic-self-ipi", "SDM 3A 10.12.11", "SELF IPI is an IPI to oneself",
     .run = x2apic_self_ipi},
    {"apic.xapic-msr", "SDM 3A 10.12.2", "outside of x2APIC mode its MSRs are #GP(0)",
     .run = x2apic_msr_outside},
};
