/* SPDX-License-Identifier: MIT */
/* Tests of cpu/nmi_owner.h: which NMI is whose, and what is asked about one that is nobody's. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "cpu/nmi_owner.c"
#include "machine.h"

static uint8_t reason;
static unsigned reads, faults;
static char text[200];

uint8_t nmi_read_reason(void)
{
    reads++;
    return reason;
}

void check_failed(enum check check, const char *event, const char *fmt, ...)
{
    va_list args;

    assert_int_equal(check, CHECK_HARDWARE);
    assert_string_equal(event, "NMI");
    faults++;
    va_start(args, fmt);
    vsnprintf(text, sizeof text, fmt, args);
    va_end(args);
}

static int begin(void **state)
{
    (void)state;
    machine_make(2);
    memset(nmis_unexplained, 0, 2 * sizeof nmis_unexplained[0]);
    reason = reads = faults = 0;
    return 0;
}

static void each_is_expected_once(void **state)
{
    (void)state;
    assert_false(nmi_is_expected());
    nmi_expect(0, 2);
    nmi_expect(1, 1);
    assert_true(nmi_is_expected());
    assert_true(nmi_is_expected());
    assert_false(nmi_is_expected());
    machine_be(1);
    assert_true(nmi_is_expected());
    assert_false(nmi_is_expected());
}

static void what_merged_is_expected_no_more(void **state)
{
    (void)state;
    nmi_expect(0, 8);
    assert_true(nmi_is_expected());
    nmi_expect(0, 0);
    assert_false(nmi_is_expected());
    assert_int_equal(reads, 0);
}

/* An NMI with a cause of its own comes while one is announced, which then comes or has merged. */
static void one_that_may_have_merged_may_come_again(void **state)
{
    (void)state;
    assert_false(nmi_may_have_merged());
    nmi_expect(0, 1);
    assert_true(nmi_may_have_merged());
    assert_true(nmi_is_expected());
    nmi_take_foreign();
    assert_int_equal(nmis_unexplained[0], 0);
    nmi_take_foreign();
    assert_int_equal(nmis_unexplained[0], 1);

    nmi_expect(0, 1);
    assert_true(nmi_may_have_merged());
    assert_true(nmi_is_expected());
    nmi_expect(0, 1);
    assert_true(nmi_is_expected());
    nmi_take_foreign();
    assert_int_equal(nmis_unexplained[0], 2);
}

static void a_foreign_one_is_counted_where_it_comes(void **state)
{
    (void)state;
    nmi_take_foreign();
    machine_be(1);
    nmi_take_foreign();
    nmi_take_foreign();
    assert_int_equal(nmis_unexplained[0], 1);
    assert_int_equal(nmis_unexplained[1], 2);
    assert_int_equal(reads, 3);
    assert_int_equal(faults, 0);
}

static void what_the_board_says_fails(void **state)
{
    (void)state;
    reason = NMI_SERR;
    nmi_take_foreign();
    assert_int_equal(faults, 1);
    assert_non_null(strstr(text, "SERR"));
    reason = NMI_IOCHK;
    nmi_take_foreign();
    assert_int_equal(faults, 2);
    assert_non_null(strstr(text, "IOCHK"));
    reason = NMI_SERR | NMI_IOCHK;
    nmi_take_foreign();
    assert_int_equal(faults, 4);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(each_is_expected_once, begin),
        cmocka_unit_test_setup(what_merged_is_expected_no_more, begin),
        cmocka_unit_test_setup(one_that_may_have_merged_may_come_again, begin),
        cmocka_unit_test_setup(a_foreign_one_is_counted_where_it_comes, begin),
        cmocka_unit_test_setup(what_the_board_says_fails, begin),
    };

    return cmocka_run_group_tests_name("nmi_owner", tests, NULL, NULL);
}
