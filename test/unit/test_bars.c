/* SPDX-License-Identifier: MIT */
/* Tests of workloads/run/bars.h: every number of CPUs fits on every screen, and as well as it
 * can. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "workloads/run/bars.h"

static const struct {
    uint32_t columns, rows;
} screens[] = {
    { 80, 25 }, { 80, 30 }, { 100, 37 }, { 128, 48 }, { 160, 50 }, { 240, 67 }, { 240, 67 },
    { 512, 160 }, { 3, 2 }, { 1, 1 }, { 10, 3 },
};

static void test_all_fit(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof screens / sizeof screens[0]; i++) {
        uint32_t columns = screens[i].columns, rows = screens[i].rows;

        for (uint32_t count = 0; count <= 1024; count++) {
            struct bars bars = bars_lay_out(count, columns, rows);

            assert_true(bars.rows >= 1 && bars.rows <= (rows / 4 ? rows / 4 : 1));
            assert_true(bars.across >= 1 && bars.group >= 1 && bars.width >= 1);
            assert_true(bars.rows * bars.across * bars.group >= count);
            if (columns > 10)
                assert_true(BARS_LABEL_COLUMNS + bars.across * bars.width < columns);
        }
    }
}

static void assert_bars(uint32_t count, uint32_t columns, uint32_t rows, struct bars wanted)
{
    struct bars bars = bars_lay_out(count, columns, rows);

    assert_int_equal(bars.rows, wanted.rows);
    assert_int_equal(bars.across, wanted.across);
    assert_int_equal(bars.group, wanted.group);
    assert_int_equal(bars.width, wanted.width);
}

static void test_common_machines(void **state)
{
    (void)state;
    assert_bars(1, 80, 25, (struct bars){ .rows = 3, .across = 1, .group = 1, .width = 50 });
    assert_bars(4, 80, 25, (struct bars){ .rows = 3, .across = 2, .group = 1, .width = 35 });
    assert_bars(64, 80, 25, (struct bars){ .rows = 3, .across = 22, .group = 1, .width = 3 });
    assert_bars(255, 80, 25, (struct bars){ .rows = 4, .across = 64, .group = 1, .width = 1 });
    assert_bars(255, 240, 67, (struct bars){ .rows = 8, .across = 32, .group = 1, .width = 7 });
    assert_bars(1024, 80, 25, (struct bars){ .rows = 6, .across = 57, .group = 3, .width = 1 });
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_all_fit),
        cmocka_unit_test(test_common_machines),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
