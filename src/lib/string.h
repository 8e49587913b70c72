/* SPDX-License-Identifier: MIT */
/*
 * The functions on memory and strings that C's <string.h> gives a hosted program (C11, 7.24).
 *
 * Names and meanings are C's: compilers call the first four by themselves, also in freestanding
 * code. All are callable in any context. Hosted builds link libc's instead.
 */
#ifndef ISTSTORM_LIB_STRING_H
#define ISTSTORM_LIB_STRING_H

#include <stddef.h>

void *memcpy(void *restrict to, const void *restrict from, size_t length);
void *memmove(void *to, const void *from, size_t length);
void *memset(void *to, int byte, size_t length);
int memcmp(const void *a, const void *b, size_t length);
size_t strlen(const char *text);
int strcmp(const char *a, const char *b);
int strncmp(const char *a, const char *b, size_t length);
char *strchr(const char *text, int wanted);

#endif
