/* SPDX-License-Identifier: MIT */
/*
 * The formatter behind every line of the report (C11, 7.21.6.1, as far as format.h says).
 *
 * It runs in NMI context on stacks of one page, perhaps in the middle of itself on the same CPU:
 * all state is in a few small structs on the caller's stack, and nothing recurses.
 */
#include "lib/format.h"

#include <stdbool.h>
#include <stdint.h>

#include "lib/string.h"

#define LONGEST __INT_MAX__ /* <limits.h> would want libc's, and there is none here */
#define DIGITS_MAX 20 /* of 2^64 - 1 in decimal; hexadecimal has 16 */

struct sink {
    char *out;
    size_t size;
    size_t length;
};

struct directive {
    bool left, zero, upper, has_precision;
    int width, precision;
    int longs; /* how many l; z counts as one */
};

static void put(struct sink *sink, char c)
{
    if (sink->length + 1 < sink->size)
        sink->out[sink->length] = c;
    sink->length++;
}

static void put_many(struct sink *sink, char c, int count)
{
    for (; count > 0; count--)
        put(sink, c);
}

static int text_length(const char *text, const struct directive *d)
{
    int length = 0;

    /* With a precision the text need not be terminated: nothing past it may be read. */
    while ((!d->has_precision || length < d->precision) && length < LONGEST && text[length] != '\0')
        length++;
    return length;
}

static void put_text(struct sink *sink, const char *text, const struct directive *d)
{
    int length;

    if (!text)
        text = "(null)";
    length = text_length(text, d);
    if (!d->left)
        put_many(sink, ' ', d->width - length);
    for (int i = 0; i < length; i++)
        put(sink, text[i]);
    if (d->left)
        put_many(sink, ' ', d->width - length);
}

static int digits_of(uint64_t value, unsigned base, bool upper, char *digits)
{
    const char *alphabet = upper ? "0123456789ABCDEF" : "0123456789abcdef";
    int count = 0;

    for (; value != 0; value /= base)
        digits[count++] = alphabet[value % base];
    return count;
}

/* prefix: what stands before the digits and the zeros: a sign, "0x", or nothing. */
static void put_number(struct sink *sink, const char *prefix, uint64_t value, unsigned base,
                       const struct directive *d)
{
    char digits[DIGITS_MAX];
    int count = digits_of(value, base, d->upper, digits);
    int least = d->has_precision ? d->precision : 1;
    int zeros = least > count ? least - count : 0;
    int used = (int)strlen(prefix) + count;

    if (d->zero && !d->left && !d->has_precision && d->width - used > zeros)
        zeros = d->width - used;
    if (!d->left)
        put_many(sink, ' ', d->width - zeros - used);
    for (; *prefix != '\0'; prefix++)
        put(sink, *prefix);
    put_many(sink, '0', zeros);
    for (int i = count; i > 0; i--)
        put(sink, digits[i - 1]);
    if (d->left)
        put_many(sink, ' ', d->width - zeros - used);
}

static int parse_count(const char **at)
{
    int count = 0;

    for (; **at >= '0' && **at <= '9'; (*at)++) {
        if (count < LONGEST / 10 - 1)
            count = count * 10 + (**at - '0');
    }
    return count;
}

/* A va_list may be an array type, which decays when passed on: so it travels in a struct. */
struct arguments {
    va_list list;
};

static int parse_star_or_count(const char **at, struct arguments *args)
{
    if (**at != '*')
        return parse_count(at);
    (*at)++;
    return va_arg(args->list, int);
}

/* Reads flags, width, precision and length; leaves *at on the conversion's letter. */
static struct directive parse_directive(const char **at, struct arguments *args)
{
    struct directive d = {0};

    for (; **at == '-' || **at == '0'; (*at)++) {
        if (**at == '-')
            d.left = true;
        else
            d.zero = true;
    }
    d.width = parse_star_or_count(at, args);
    if (d.width < 0) { /* a negative '*' is a '-' flag */
        d.left = true;
        d.width = d.width < -LONGEST ? LONGEST : -d.width;
    }
    if (**at == '.') {
        (*at)++;
        d.precision = parse_star_or_count(at, args);
        d.has_precision = d.precision >= 0; /* a negative one is as if left out */
    }
    for (; **at == 'l' || **at == 'z'; (*at)++)
        d.longs++;
    return d;
}

static uint64_t next_unsigned(const struct directive *d, struct arguments *args)
{
    return d->longs ? va_arg(args->list, unsigned long) : va_arg(args->list, unsigned);
}

static void put_signed(struct sink *sink, const struct directive *d, struct arguments *args)
{
    int64_t value = d->longs ? va_arg(args->list, long) : va_arg(args->list, int);

    if (value < 0)
        put_number(sink, "-", 0 - (uint64_t)value, 10, d);
    else
        put_number(sink, "", (uint64_t)value, 10, d);
}

static void put_character(struct sink *sink, char c, const struct directive *d)
{
    if (!d->left)
        put_many(sink, ' ', d->width - 1);
    put(sink, c);
    if (d->left)
        put_many(sink, ' ', d->width - 1);
}

/* False when the letter is no conversion of ours. */
static bool put_directive(struct sink *sink, char letter, struct directive *d,
                          struct arguments *args)
{
    switch (letter) {
    case '%':
        put(sink, '%');
        return true;
    case 'c':
        put_character(sink, (char)va_arg(args->list, int), d);
        return true;
    case 's':
        put_text(sink, va_arg(args->list, const char *), d);
        return true;
    case 'd':
    case 'i':
        put_signed(sink, d, args);
        return true;
    case 'u':
        put_number(sink, "", next_unsigned(d, args), 10, d);
        return true;
    case 'X':
        d->upper = true;
        put_number(sink, "", next_unsigned(d, args), 16, d);
        return true;
    case 'x':
        put_number(sink, "", next_unsigned(d, args), 16, d);
        return true;
    case 'p':
        put_number(sink, "0x", (uintptr_t)va_arg(args->list, void *), 16, d);
        return true;
    default:
        return false;
    }
}

size_t format_v(char *out, size_t size, const char *fmt, va_list args)
{
    struct sink sink = {.out = out, .size = size};
    struct arguments arguments;

    va_copy(arguments.list, args);
    while (*fmt != '\0') {
        const char *start = fmt;
        struct directive d;

        if (*fmt != '%') {
            put(&sink, *fmt++);
            continue;
        }
        fmt++;
        d = parse_directive(&fmt, &arguments);
        if (*fmt != '\0' && put_directive(&sink, *fmt, &d, &arguments)) {
            fmt++;
            continue;
        }
        for (; start < fmt; start++)
            put(&sink, *start);
    }
    va_end(arguments.list);
    if (size > 0)
        out[sink.length < size ? sink.length : size - 1] = '\0';
    return sink.length;
}

size_t format(char *out, size_t size, const char *fmt, ...)
{
    va_list args;
    size_t length;

    va_start(args, fmt);
    length = format_v(out, size, fmt, args);
    va_end(args);
    return length;
}
