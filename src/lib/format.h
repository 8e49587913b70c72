/* SPDX-License-Identifier: MIT */
/*
 * Text from a format and values: the part of C's snprintf that is needed (C11, 7.21.6.5).
 *
 * Conversions: %s %c %d %i %u %x %X %p %%; lengths l, ll, z; flags '-' and '0'; width and
 * precision, each as a number or '*'. A null %s is "(null)". %p is 0x and hexadecimal digits.
 * An unknown conversion is written as it stands, and takes no argument.
 *
 * Callable in any context: no state, no allocation, a small stack frame.
 */
#ifndef ISTSTORM_LIB_FORMAT_H
#define ISTSTORM_LIB_FORMAT_H

#include <stdarg.h>
#include <stddef.h>

/*
 * Writes at most size bytes, with the terminator always among them when size > 0.
 * Returns the length of the whole text without its terminator, as snprintf does;
 * out may be NULL when size is 0.
 */
size_t format(char *out, size_t size, const char *fmt, ...) __attribute__((format(printf, 3, 4)));
size_t format_v(char *out, size_t size, const char *fmt, va_list args)
    __attribute__((format(printf, 3, 0)));

#endif
