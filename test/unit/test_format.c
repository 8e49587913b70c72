/* SPDX-License-Identifier: MIT */
/* The formatter, case by case against libc's snprintf. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>

#include "lib/format.h"

/* Flags that another one overrules, and odd formats, are tested on purpose. */
#pragma GCC diagnostic ignored "-Wformat"
#ifndef __clang__
#pragma GCC diagnostic ignored "-Wformat-overflow"
#endif
#pragma GCC diagnostic ignored "-Wformat-security"

#define BOTH(...)                                                                                  \
    do {                                                                                           \
        char own[256], theirs[256];                                                                \
        size_t own_length = format(own, sizeof(own), __VA_ARGS__);                                 \
        int their_length = snprintf(theirs, sizeof(theirs), __VA_ARGS__);                          \
                                                                                                   \
        assert_string_equal(own, theirs);                                                          \
        assert_int_equal(own_length, their_length);                                                \
    } while (0)

static void numbers_agree_with_libc(void **state)
{
    static const int values[] = {0, 1, -1, 9, 10, 4711, INT_MAX, INT_MIN};

    (void)state;
    for (size_t i = 0; i < sizeof(values) / sizeof(values[0]); i++) {
        int v = values[i];

        BOTH("%d|%i|%u|%x|%X", v, v, v, v, v);
        BOTH("%8d|%-8d|%08d|%-08d", v, v, v, v);
        BOTH("%3d|%03x|%.5d|%8.5d|%08.3d|%-8.5d|%.0d", v, v, v, v, v, v, v);
        BOTH("%*d|%*d|%.*d|%.*d", 12, v, -12, v, 4, v, -4, v);
        BOTH("%ld|%lld|%lu|%llx|%zu", (long)v, (long long)v, (long)v, (long long)v, (size_t)v);
    }
    BOTH("%ld %ld %lu %lx", LONG_MIN, LONG_MAX, ULONG_MAX, ULONG_MAX);
    BOTH("%20lu|%-24lu|%024lX", ULONG_MAX, ULONG_MAX, ULONG_MAX);
    BOTH("%p %20p", (void *)0x1234abcd, (void *)0x1234abcd);
}

static void texts_agree_with_libc(void **state)
{
    static const char open_end[3] = {'a', 'b', 'c'};

    (void)state;
    BOTH("%s|%10s|%-10s|", "stack", "stack", "stack");
    BOTH("%.3s|%.*s|%10.2s|%-10.0s|", "stack", 2, "stack", "stack", "stack");
    BOTH("%.*s|", 3, open_end); /* no terminator: past the precision nothing may be read */
    BOTH("%.*s|", -1, "whole");
    BOTH("%c|%5c|%-5c|%%|100%%", 'x', 'y', 'z');
    BOTH("%s", "");
}

static void null_text_is_said(void **state)
{
    char out[32];

    (void)state;
    assert_int_equal(format(out, sizeof(out), "<%s>", (char *)NULL), 8);
    assert_string_equal(out, "<(null)>");
}

static void small_buffers_are_kept(void **state)
{
    (void)state;
    for (size_t size = 1; size < 16; size++) {
        char out[16];

        memset(out, '#', sizeof(out));
        assert_int_equal(format(out, size, "%s-%05d", "abcd", 42), 10);
        assert_memory_equal(out, "abcd-00042", size - 1 < 10 ? size - 1 : 10);
        assert_int_equal(out[size - 1 < 10 ? size - 1 : 10], '\0');
        if (size < sizeof(out))
            assert_int_equal(out[size < 11 ? size : 11], '#');
    }
    assert_int_equal(format(NULL, 0, "%s", "measured"), 8);
}

static void unknown_conversions_stand_as_written(void **state)
{
    char out[32];
    const char *volatile odd = "%5q %y%";

    (void)state;
    format(out, sizeof(out), odd);
    assert_string_equal(out, "%5q %y%");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(numbers_agree_with_libc),
        cmocka_unit_test(texts_agree_with_libc),
        cmocka_unit_test(null_text_is_said),
        cmocka_unit_test(small_buffers_are_kept),
        cmocka_unit_test(unknown_conversions_stand_as_written),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
