/* SPDX-License-Identifier: MIT */
/* Exceptions that are raised in more than one workload. SDM volume 3, 6.15, 17.2. */
#include "workloads/run/events.h"

#include "cpu/verdict.h"
#include "cpu/claim.h"
#include "cpu/idt.h"
#include "cpu/late.h"
#include "cpu/percpu.h"
#include "cpu/vectors.h"
#include "cpu/x86.h"
#include "sched/switch.h"

const struct known_event event_int3 = {.name = "INT3", .trigger = known_int3};
const struct known_event event_machine_check = {.name = "INT 18", .trigger = known_machine_check};
const struct known_event event_page_fault = {
    .name = "#PF", .trigger = known_read, .operand = NOT_PRESENT};
const struct known_event event_absent_ss = {
    .name = "absent SS", .trigger = known_load_ss, .operand = ABSENT_SS};

void event_data_breakpoint(uint64_t *word)
{
    struct known_event write = {
        .name = "data breakpoint", .trigger = known_write, .operand = (uint64_t)word};
    uint64_t dr7 = read_dr7();

    write_dr1((uint64_t)word);
    write_dr7(DR7_IDLE | DR7_LOCAL(1) | DR7_WRITE8(1));
    known_raise(&write);
    write_dr7(dr7);
}

/* With it, a #GP cannot be delivered and becomes a #DF (SDM volume 3, table 6-5). */
static struct gate without_gp[VECTOR_COUNT];

void events_prepare(void)
{
    idt_copy(without_gp);
    gate_set_present(&without_gp[VECTOR_GP], false);
}

void event_double_fault(void)
{
    struct known_event read = {
        .name = "contributory pair", .trigger = known_read, .operand = NOT_CANONICAL};
    uint64_t flags = interrupts_save();

    idt_load(without_gp);
    known_raise(&read);
    idt_load(idt);
    interrupts_restore(flags);
}

static uint64_t CPU_TABLE(int_irqs);

static void take_int_irq(struct trap_frame *frame)
{
    (void)frame;
    int_irqs[cpu_index()]++;
}

void event_int_irq(void)
{
    struct known_event event = {.name = "interrupt", .trigger = known_int_irq};
    uint32_t cpu = cpu_index();
    uint64_t before = int_irqs[cpu];

    claim_this_vector(VECTOR_INT_IRQ, "INT", take_int_irq);
    known_raise(&event);
    if (int_irqs[cpu] != before + 1)
        check_failed_on(CHECK_ACCOUNT, cpu, IRQ_STACK, 0, event.name, "INT %u raised it %lu times",
                        VECTOR_INT_IRQ, int_irqs[cpu] - before);
}

#define OTHER_WORDS 128

static struct {
    uint64_t rsp;                   /* of who switched to the other side */
    uint64_t nowhere;
} CPU_TABLE(sides);

/* It has zeroes in the registers that the switch keeps. */
static _Noreturn void come_back(void)
{
    switch_to(&sides[cpu_index()].nowhere, sides[cpu_index()].rsp);
    __builtin_unreachable();
}

void event_switch(void)
{
    uint64_t other[OTHER_WORDS] __attribute__((aligned(16)));
    uint64_t flags = interrupts_save();
    uint64_t there = switch_prepare((uintptr_t)(other + OTHER_WORDS), come_back);

    known_call("switch", (const void *)switch_to, (uint64_t)&sides[cpu_index()].rsp, there);
    interrupts_restore(flags);
}
