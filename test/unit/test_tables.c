/* SPDX-License-Identifier: MIT */
/* Tests of cpu/tables.h: each bit of the IDT, of a GDT and of a TSS is missed when it flips, and
 * the text says which entry it was. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "cpu/discipline.h"
#include "cpu/gdt.h"
#include "cpu/idt.h"
#include "cpu/tables.h"

const char stubs_external[VECTOR_COUNT * STUB_SIZE];
static const char stubs[VECTOR_FIRST_EXTERNAL * STUB_SIZE];
static const struct discipline chosen = {.stubs = stubs, .breakpoint_has_ist = true};
const struct discipline *discipline = &chosen;
static struct percpu *cpu;
static char text[DIFFERENCE_BYTES];

static int begin(void **state)
{
    (void)state;
    cpu = aligned_alloc(PAGE_SIZE, PERCPU_SIZE);
    memset(cpu, 0, PERCPU_SIZE);
    cpu->index = 2;
    gdt_prepare(cpu);
    cpu->gdt[TSS_SELECTOR / 8] = gdt_word(cpu, TSS_SELECTOR / 8, true);
    idt_make();
    return 0;
}

static int end(void **state)
{
    (void)state;
    free(cpu);
    return 0;
}

static void flip(void *bytes, unsigned bit)
{
    ((uint8_t *)bytes)[bit / 8] ^= 1 << bit % 8;
}

static void whole_ones_are_whole(void **state)
{
    (void)state;
    assert_true(tables_gates_are_whole(text));
    assert_true(tables_area_is_whole(cpu, text));
    cpu->tss.rsp[0] = thread_slot_stack(9) + THREAD_SIZE;
    cpu->tss.ist[2] = stack_top(2, NMI_STACK, 3);
    assert_true(tables_area_is_whole(cpu, text));
}

static const char *field_of(unsigned bit)
{
    static const struct {
        unsigned end;
        const char *name;
    } fields[] = {{16, "offset"},  {32, "selector"}, {40, "IST field"}, {48, "P, DPL and type"},
                  {96, "offset"},  {128, "reserved word"}};
    unsigned i = 0;

    while (bit >= fields[i].end)
        i++;
    return fields[i].name;
}

static void each_bit_of_a_gate_is_missed(void **state)
{
    char wanted[32];

    (void)state;
    for (unsigned vector = 0; vector < VECTOR_COUNT; vector++)
        for (unsigned bit = 0; bit < 8 * sizeof(struct gate); bit++) {
            flip(&idt[vector], bit);
            assert_false(tables_gates_are_whole(text));
            snprintf(wanted, sizeof wanted, " of IDT gate %u (", vector);
            assert_non_null(strstr(text, wanted));
            assert_non_null(strstr(text, field_of(bit)));
            flip(&idt[vector], bit);
        }
    assert_true(tables_gates_are_whole(text));
}

static void each_bit_of_the_gdt_is_missed(void **state)
{
    char wanted[32];

    (void)state;
    for (unsigned bit = 0; bit < 8 * sizeof cpu->gdt; bit++) {
        flip(cpu->gdt, bit);
        assert_false(tables_area_is_whole(cpu, text));
        snprintf(wanted, sizeof wanted, "word %u of the GDT (", bit / 64);
        assert_memory_equal(text, wanted, strlen(wanted));
        flip(cpu->gdt, bit);
    }
    assert_true(tables_area_is_whole(cpu, text));
}

/* RSP0 and TSS.ist[] move in a storm. There a value is right that is the top of a thread's stack,
 * or ends a level of the CPU's own: such bits are left to who enters by them. */
static bool is_another_top(unsigned bit)
{
    unsigned at = bit / 8, word = (at - 4) / 8;
    const uint64_t *values = (const void *)((const uint8_t *)&cpu->tss + 4);
    uint64_t value;

    if (at < 4 || word >= 3 + IST_SLOTS + 1)
        return false;
    memcpy(&value, &values[word], sizeof value);
    for (unsigned kind = 0; kind < CPU_STACK_KINDS; kind++)
        for (unsigned level = 0; level <= stack_shapes[kind].levels; level++)
            if (stack_shapes[kind].ist && word == 3 + stack_shapes[kind].ist &&
                value == stack_top(2, kind, level))
                return true;
    return word == 0 && stack_find(value - 1).kind == THREAD_STACK &&
           stack_find(value - 1).high == value;
}

static void each_bit_of_the_tss_is_missed(void **state)
{
    unsigned told = 0;

    (void)state;
    cpu->tss.rsp[0] = thread_slot_stack(9) + THREAD_SIZE;
    for (unsigned bit = 0; bit < 8 * sizeof cpu->tss; bit++) {
        flip(&cpu->tss, bit);
        assert_int_equal(tables_area_is_whole(cpu, text), is_another_top(bit));
        told += !is_another_top(bit);
        assert_true(is_another_top(bit) || strstr(text, "TSS"));
        flip(&cpu->tss, bit);
    }
    assert_true(told >= 8 * sizeof cpu->tss - 40);
    assert_true(tables_area_is_whole(cpu, text));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(whole_ones_are_whole, begin, end),
        cmocka_unit_test_setup_teardown(each_bit_of_a_gate_is_missed, begin, end),
        cmocka_unit_test_setup_teardown(each_bit_of_the_gdt_is_missed, begin, end),
        cmocka_unit_test_setup_teardown(each_bit_of_the_tss_is_missed, begin, end),
    };

    return cmocka_run_group_tests_name("tables", tests, NULL, NULL);
}
