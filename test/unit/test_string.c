/* SPDX-License-Identifier: MIT */
/* The image's own memory and string functions, under other names, against libc's. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#define memcpy own_memcpy
#define memmove own_memmove
#define memset own_memset
#define memcmp own_memcmp
#define strlen own_strlen
#define strcmp own_strcmp
#define strncmp own_strncmp
#define strchr own_strchr
#include "lib/string.c"
#undef memcpy
#undef memmove
#undef memset
#undef memcmp
#undef strlen
#undef strcmp
#undef strncmp
#undef strchr

#define SPAN 24

static int sign(int value)
{
    return (value > 0) - (value < 0);
}

static void fill_memory(char *memory)
{
    for (int i = 0; i < SPAN; i++)
        memory[i] = (char)(i * 11 + 200);
}

static void moves_of_every_overlap_are_right(void **state)
{
    (void)state;
    for (int from = 0; from < SPAN; from++) {
        for (int to = 0; to < SPAN; to++) {
            for (int length = 0; length <= SPAN - (from > to ? from : to); length++) {
                char own[SPAN], theirs[SPAN];

                fill_memory(own);
                fill_memory(theirs);
                assert_ptr_equal(own_memmove(own + to, own + from, length), own + to);
                memmove(theirs + to, theirs + from, length);
                assert_memory_equal(own, theirs, SPAN);
            }
        }
    }
}

static void copies_and_fills_stay_inside(void **state)
{
    char memory[SPAN], source[SPAN];

    (void)state;
    fill_memory(source);
    memset(memory, 1, SPAN);
    assert_ptr_equal(own_memset(memory + 4, 0x1ff, 8), memory + 4);
    assert_int_equal(memory[3], 1);
    assert_int_equal(memory[12], 1);
    assert_int_equal((unsigned char)memory[4], 0xff);
    assert_int_equal((unsigned char)memory[11], 0xff);
    assert_ptr_equal(own_memcpy(memory + 4, source, 8), memory + 4);
    assert_memory_equal(memory + 4, source, 8);
    assert_int_equal(memory[12], 1);
}

static void comparisons_agree_with_libc(void **state)
{
    static const char *const texts[] = {"", "a", "b", "ab", "a\xff", "a\x7f", "abc", "abd"};

    (void)state;
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        assert_int_equal(own_strlen(texts[i]), strlen(texts[i]));
        assert_ptr_equal(own_strchr(texts[i], 'b'), strchr(texts[i], 'b'));
        assert_ptr_equal(own_strchr(texts[i], 0), strchr(texts[i], 0));
        for (size_t k = 0; k < sizeof(texts) / sizeof(texts[0]); k++) {
            assert_int_equal(own_strcmp(texts[i], texts[k]), sign(strcmp(texts[i], texts[k])));
            for (size_t n = 0; n < 5; n++)
                assert_int_equal(own_strncmp(texts[i], texts[k], n),
                                 sign(strncmp(texts[i], texts[k], n)));
            assert_int_equal(own_memcmp(texts[i], texts[k], 1),
                             sign(memcmp(texts[i], texts[k], 1)));
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(moves_of_every_overlap_are_right),
        cmocka_unit_test(copies_and_fills_stay_inside),
        cmocka_unit_test(comparisons_agree_with_libc),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
