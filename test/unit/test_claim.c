/* SPDX-License-Identifier: MIT */
/* Claims of exceptions, vectors, softirqs and SYSCALL, and those that cannot be had. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "cpu/claim.h"
#include "cpu/nmi_owner.h"
#include "cpu/oops.h"
#include "cpu/softirq.h"
#include "cpu/vectors.h"
#include "cpu/verdict.h"
#include "machine.h"

/* The linker's: two instructions. */
__asm__(".data; .globl fixups_start; fixups_start: .quad 0x1000, 0x1010, 0x2000, 0x2020\n"
        ".globl fixups_end; fixups_end:; .text");

static jmp_buf end;
static char failure[200], asked[8];
static unsigned foreign;

void check_failed(enum check check, const char *event, const char *fmt, ...)
{
    va_list args;

    assert_int_equal(check, CHECK_UNEXPECTED);
    assert_string_equal(event, "claim");
    va_start(args, fmt);
    vsnprintf(failure, sizeof failure, fmt, args);
    va_end(args);
}

_Noreturn void verdict_fatal(void)
{
    longjmp(end, 1);
}

_Noreturn void oops(struct trap_frame *frame, const char *fmt, ...)
{
    (void)fmt;
    snprintf(failure, sizeof failure, "oops %lu", (unsigned long)frame->vector);
    longjmp(end, 1);
}

void nmi_take_foreign(void)
{
    foreign++;
}

#define HOOK(letter, answer)                                                                       \
    static bool hook_##letter(struct trap_frame *frame)                                            \
    {                                                                                              \
        (void)frame;                                                                               \
        strcat(asked, #letter);                                                                    \
        return answer;                                                                             \
    }
HOOK(a, false)
HOOK(b, false)
HOOK(c, true)
HOOK(d, true)
HOOK(e, true)

static void handler(struct trap_frame *frame)
{
    (void)frame;
}

static void other_handler(struct trap_frame *frame)
{
    (void)frame;
}

static void softirq_handler(unsigned softirq)
{
    (void)softirq;
}

/* Ends the run, with this failure. */
#define REFUSED(claim, text)                                                                       \
    do {                                                                                           \
        failure[0] = 0;                                                                            \
        if (!setjmp(end)) {                                                                        \
            (void)(claim);                                                                         \
            fail_msg("it was granted: %s", #claim);                                                \
        }                                                                                          \
        assert_string_equal(failure, text);                                                        \
    } while (0)

static int begin(void **state)
{
    (void)state;
    asked[0] = 0;
    foreign = 0;
    return 0;
}

static void hooks_are_asked_in_order_until_one_takes_it(void **state)
{
    struct trap_frame frame = {.vector = VECTOR_DB};

    (void)state;
    assert_false(hooks_take(VECTOR_DB, &frame));
    claim_exception(VECTOR_DB, "a", hook_a);
    claim_exception(VECTOR_DB, "b", hook_b);
    assert_false(hooks_take(VECTOR_DB, &frame));
    assert_string_equal(asked, "ab");
    claim_exception(VECTOR_DB, "c", hook_c);
    claim_exception(VECTOR_DB, "d", hook_d);
    asked[0] = 0;
    assert_true(hooks_take(VECTOR_DB, &frame));
    assert_string_equal(asked, "abc");
}

/* Four have it by now: none of them is lost. */
static void a_fifth_hook_ends_the_run(void **state)
{
    struct trap_frame frame = {.vector = VECTOR_DB};

    (void)state;
    REFUSED((claim_exception(VECTOR_DB, "e", hook_e), 0),
            "#DB has 4 hooks already: there is no room for one more, of e");
    release_exception(VECTOR_DB, hook_c);
    hooks_take(VECTOR_DB, &frame);
    assert_string_equal(asked, "abd");
    release_exception(VECTOR_DB, hook_a);
    asked[0] = 0;
    hooks_take(VECTOR_DB, &frame);
    assert_string_equal(asked, "bd");
    release_exception(VECTOR_DB, hook_a);       /* which has none any more */
    claim_exception(VECTOR_DB, "e", hook_e);
    release_exception(VECTOR_DB, hook_d);
    asked[0] = 0;
    hooks_take(VECTOR_DB, &frame);
    assert_string_equal(asked, "be");
}

static void an_nmi_that_no_hook_takes_is_foreign(void **state)
{
    struct trap_frame frame = {.vector = VECTOR_NMI};

    (void)state;
    nmi_hook(&frame);
    assert_int_equal(foreign, 1);
    claim_exception(VECTOR_NMI, "a", hook_a);
    nmi_hook(&frame);
    assert_int_equal(foreign, 2);
    claim_exception(VECTOR_NMI, "c", hook_c);
    nmi_hook(&frame);
    assert_int_equal(foreign, 2);
    claim_every_nmi(hook_b);
    asked[0] = 0;
    nmi_hook(&frame);
    assert_string_equal(asked, "b");
    assert_int_equal(foreign, 2);
    claim_every_nmi(NULL);
    nmi_hook(&frame);
    assert_string_equal(asked, "bac");
}

static void a_vector_has_one_claimant(void **state)
{
    (void)state;
    assert_false(vector_is_claimed(VECTOR_TIMER));
    claim_this_vector(VECTOR_TIMER, "clock", handler);
    assert_true(vector_is_claimed(VECTOR_TIMER));
    assert_string_equal(vector_name(VECTOR_TIMER), "clock");
    REFUSED((claim_this_vector(VECTOR_TIMER, "thief", other_handler), 0),
            "vector 224 is claimed by clock: thief cannot have it, too");
    assert_ptr_equal(vector_handlers[VECTOR_TIMER], handler);
}

static void a_class_has_sixteen_vectors(void **state)
{
    (void)state;
    claim_this_vector(5 * 16 + 2, "has its number", handler);
    for (unsigned i = 0; i < 15; i++)
        assert_int_equal(claim_vector(5, "many", other_handler), 5 * 16 + i + (i >= 2));
    REFUSED(claim_vector(5, "late", handler),
            "all vectors of priority class 5 are claimed: none is left for late");
    assert_int_equal(claim_vector(6, "late", handler), 6 * 16);
}

/* And can still be claimed. */
static void the_others_get_a_handler_in_common(void **state)
{
    struct trap_frame frame = {.vector = 7 * 16};

    (void)state;
    REFUSED((vector_handlers[7 * 16](&frame), 0), "oops 112");
    claim_other_vectors(other_handler);
    assert_ptr_equal(vector_handlers[7 * 16], other_handler);
    assert_ptr_equal(vector_handlers[VECTOR_TIMER], handler);
    assert_ptr_equal(vector_handlers[VECTOR_GP], vector_unexpected);
    assert_false(vector_is_claimed(7 * 16));
    assert_int_equal(claim_vector(7, "late", handler), 7 * 16);
    assert_ptr_equal(vector_handlers[7 * 16], handler);
}

static void softirqs_are_numbered(void **state)
{
    (void)state;
    for (unsigned i = 0; i < SOFTIRQ_COUNT; i++)
        assert_int_equal(claim_softirq("many", softirq_handler), i);
    REFUSED(claim_softirq("late", softirq_handler),
            "all 8 softirqs are claimed: none is left for late");
}

static void syscall_has_one_claimant(void **state)
{
    struct trap_frame frame = {.vector = VECTOR_SYSCALL};

    (void)state;
    REFUSED((syscall_hook(&frame), 0), "oops 256");
    claim_syscall("user", handler);
    assert_ptr_equal(syscall_hook, handler);
    REFUSED((claim_syscall("thief", other_handler), 0),
            "SYSCALL is claimed by user: thief cannot have it, too");
    assert_ptr_equal(syscall_hook, handler);
}

static void every_vector_has_a_name(void **state)
{
    (void)state;
    assert_string_equal(vector_name(VECTOR_PF), "#PF");
    assert_string_equal(vector_name(9), "reserved");
    assert_string_equal(vector_name(VECTOR_SYSCALL), "SYSCALL");
    assert_string_equal(vector_name(VECTOR_SYSCALL + 1), "reserved");
}

static void a_fixup_is_for_its_instruction_in_ring_0(void **state)
{
    struct trap_frame frame = {.rip = 0x2000, .cs = KERNEL_CS, .rflags = 1u << 16};

    (void)state;
    assert_true(fixup_apply(&frame));
    assert_int_equal(frame.rip, 0x2020);
    assert_int_equal(frame.rflags, 0);
    assert_false(fixup_apply(&frame));
    frame.rip = 0x1000;
    frame.cs = USER_CS;
    assert_false(fixup_apply(&frame));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(hooks_are_asked_in_order_until_one_takes_it, begin),
        cmocka_unit_test_setup(a_fifth_hook_ends_the_run, begin),
        cmocka_unit_test_setup(an_nmi_that_no_hook_takes_is_foreign, begin),
        cmocka_unit_test_setup(a_vector_has_one_claimant, begin),
        cmocka_unit_test_setup(a_class_has_sixteen_vectors, begin),
        cmocka_unit_test_setup(the_others_get_a_handler_in_common, begin),
        cmocka_unit_test_setup(softirqs_are_numbered, begin),
        cmocka_unit_test_setup(syscall_has_one_claimant, begin),
        cmocka_unit_test_setup(every_vector_has_a_name, begin),
        cmocka_unit_test_setup(a_fixup_is_for_its_instruction_in_ring_0, begin),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
