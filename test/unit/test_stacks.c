/* SPDX-License-Identifier: MIT */
/* Tests of cpu/stacks.h: whose each address of a window and of a slot is, at its edges; what it is
 * called; and how much of a range was used. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "cpu/stacks.h"

#define CPU 3
#define WINDOW (CPU_WINDOWS_BASE + CPU * (uintptr_t)CPU_WINDOW)
#define SLOT 5

static void is_on(uintptr_t address, enum stack_kind kind, uint32_t level, uintptr_t low,
                  uintptr_t high)
{
    struct stack_place place = stack_find(address);

    assert_int_equal(place.kind, kind);
    assert_int_equal(place.owner, CPU);
    assert_int_equal(place.level, level);
    assert_true(place.low == low && place.high == high);
}

static void is_a_guard(uintptr_t address, const char *words)
{
    assert_int_equal(stack_find(address).kind, GUARD_PAGE);
    assert_string_equal(stack_describe(address), words);
}

/* As the struct that the linker would lay out has them. */
static void each_level_of_a_window_is_found_at_its_edges(void **state)
{
#define STACK(symbol, name, code, size, count)                                                     \
    {                                                                                              \
        uintptr_t end = WINDOW + offsetof(struct cpu_window, stack_##symbol) + (size) * (count);   \
        for (uint32_t level = 0; level < (count); level++) {                                       \
            uintptr_t high = end - level * (size), low = high - (size);                            \
            assert_true(stack_top(CPU, symbol##_STACK, level) == high);                            \
            is_on(high - 1, symbol##_STACK, level, low, high);                                     \
            is_on(low, symbol##_STACK, level, low, high);                                          \
            assert_string_equal(stack_describe(low), "on a stack");                                \
        }                                                                                          \
        is_a_guard(end - (size) * (count) - 1, "the guard page below the " name " stack");         \
        is_a_guard(end - (size) * (count) - PAGE_SIZE, "the guard page below the " name " stack"); \
        assert_int_equal(stack_find(end).kind, GUARD_PAGE);                                        \
        assert_int_equal(stack_of_rsp(end).kind, symbol##_STACK);                                  \
        assert_int_equal(stack_of_rsp(end).level, 0);                                              \
        assert_string_equal(stack_name(symbol##_STACK), name);                                     \
        assert_int_equal(stack_shapes[symbol##_STACK].ist, code);                                  \
        assert_int_equal(stack_shapes[symbol##_STACK].level_size, size);                           \
    }
    (void)state;
#include "cpu/stacks.def"
#undef STACK
}

/* Where two levels meet, the address is the upper one's, and so is RSP. */
static void between_two_levels_rsp_is_on_the_upper_one(void **state)
{
    uintptr_t edge = stack_top(CPU, NMI_STACK, 1);

    (void)state;
    assert_int_equal(stack_of_rsp(edge).level, 0);
    assert_int_equal(stack_of_rsp(edge - 8).level, 1);
}

static void a_window_holds_other_things_too(void **state)
{
    (void)state;
    assert_int_equal(stack_find(WINDOW).kind, NO_STACK);
    assert_int_equal(stack_find(WINDOW + PERCPU_SIZE - 1).kind, NO_STACK);
    assert_int_equal(stack_find(WINDOW + PERCPU_SIZE).kind, GUARD_PAGE);
    assert_string_equal(stack_describe(WINDOW), "on no stack");
    is_a_guard(WINDOW + offsetof(struct cpu_window, guard_end), "a guard page");
    is_a_guard(WINDOW + CPU_WINDOW - 1, "a guard page");
}

static void outside_of_all_there_is_no_stack(void **state)
{
    uintptr_t windows = CPU_WINDOWS_BASE + (uintptr_t)MAX_CPUS * CPU_WINDOW;
    uintptr_t slots = THREAD_SLOTS_BASE + (uintptr_t)THREAD_SLOTS * THREAD_SLOT;
    uintptr_t outside[] = {0, CPU_WINDOWS_BASE - 1, windows, THREAD_SLOTS_BASE - 1, slots};

    (void)state;
    for (unsigned i = 0; i < sizeof outside / sizeof outside[0]; i++) {
        assert_int_equal(stack_find(outside[i]).kind, NO_STACK);
        assert_string_equal(stack_describe(outside[i]), "on no stack");
    }
    assert_int_equal(stack_find(windows - 1).kind, GUARD_PAGE);
    assert_int_equal(stack_find(slots - 1).kind, THREAD_STACK);
    assert_int_equal(stack_of_rsp(slots).kind, THREAD_STACK);
    assert_int_equal(stack_find(CPU_WINDOWS_BASE).kind, NO_STACK);
    assert_int_equal(stack_find(CPU_WINDOWS_BASE + PERCPU_SIZE).owner, 0);
}

static void a_slot_is_half_a_stack_and_half_its_guard(void **state)
{
    uintptr_t low = thread_slot_stack(SLOT), slot = low - THREAD_SIZE;
    static const char words[] = "the guard page below a thread's stack";

    (void)state;
    assert_true(slot == THREAD_SLOTS_BASE + SLOT * (uintptr_t)THREAD_SLOT);
    for (uintptr_t at = low; at < low + THREAD_SIZE; at += THREAD_SIZE - 1) {
        struct stack_place place = stack_find(at);

        assert_int_equal(place.kind, THREAD_STACK);
        assert_int_equal(place.owner, SLOT);
        assert_int_equal(place.level, 0);
        assert_true(place.low == low && place.high == low + THREAD_SIZE);
    }
    is_a_guard(slot, words);
    is_a_guard(low - PAGE_SIZE - 1, words);
    is_a_guard(low - PAGE_SIZE, words);
    is_a_guard(low - 1, words);
    assert_int_equal(stack_of_rsp(low + THREAD_SIZE).kind, THREAD_STACK);
    assert_int_equal(stack_of_rsp(low + THREAD_SIZE).owner, SLOT);
}

static void every_kind_has_a_name(void **state)
{
    (void)state;
    assert_string_equal(stack_name(THREAD_STACK), "TASK");
    assert_string_equal(stack_name(GUARD_PAGE), "guard");
    assert_string_equal(stack_name(NO_STACK), "none");
}

/* From the top down to the lowest word that was written, the end magic apart. */
static void what_is_used_is_measured_to_the_word(void **state)
{
    uint64_t range[16];
    uintptr_t low = (uintptr_t)range, high = low + sizeof range;

    (void)state;
    for (unsigned written = 1; written < 16; written++) {
        stack_fill(low, high);
        assert_true(range[0] == STACK_END_MAGIC && range[15] == STACK_FILL);
        assert_int_equal(stack_used_bytes(low, high), 0);
        range[written] = 0;
        assert_int_equal(stack_used_bytes(low, high), sizeof range - written * 8);
        range[15] = 0;
        assert_int_equal(stack_used_bytes(low, high), sizeof range - written * 8);
    }
    stack_fill(low, high);
    range[0] = 0;
    assert_int_equal(stack_used_bytes(low, high), 0);
}

static void a_range_is_filled_to_its_ends(void **state)
{
    uint64_t range[6] = {1, 2, 3, 4, 5, 6};

    (void)state;
    stack_fill((uintptr_t)&range[1], (uintptr_t)&range[5]);
    assert_true(range[0] == 1 && range[5] == 6);
    assert_true(range[1] == STACK_END_MAGIC);
    assert_true(range[2] == STACK_FILL && range[4] == STACK_FILL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_level_of_a_window_is_found_at_its_edges),
        cmocka_unit_test(between_two_levels_rsp_is_on_the_upper_one),
        cmocka_unit_test(a_window_holds_other_things_too),
        cmocka_unit_test(outside_of_all_there_is_no_stack),
        cmocka_unit_test(a_slot_is_half_a_stack_and_half_its_guard),
        cmocka_unit_test(every_kind_has_a_name),
        cmocka_unit_test(what_is_used_is_measured_to_the_word),
        cmocka_unit_test(a_range_is_filled_to_its_ends),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
