/* SPDX-License-Identifier: MIT */
/*
 * Memory and strings for the image, which has no libc (C11, 7.24).
 *
 * Copies and fills are string instructions (SDM volume 2, MOVS and STOS): short, fast where it
 * matters, and no loop that a compiler could recognise as memcpy and turn into a call of itself.
 * The direction flag is clear by the ABI, and entry stubs clear it. The loops that remain
 * hold an empty asm statement for that same reason.
 */
#include "lib/string.h"

#include <stdint.h>

#define KEEP_LOOP() __asm__ volatile("")

void *memcpy(void *restrict to, const void *restrict from, size_t length)
{
    void *at = to;

    __asm__ volatile("rep movsb" : "+D"(at), "+S"(from), "+c"(length) : : "memory");
    return to;
}

void *memmove(void *to, const void *from, size_t length)
{
    char *target = to;
    const char *source = from;

    /* Forwards is right unless the target begins inside the source. */
    if ((uintptr_t)target - (uintptr_t)source >= length)
        return memcpy(to, from, length);
    /* Not STD and MOVSB: an interrupt in between would run with the direction flag set. */
    while (length > 0) {
        length--;
        target[length] = source[length];
        KEEP_LOOP();
    }
    return to;
}

void *memset(void *to, int byte, size_t length)
{
    void *at = to;

    __asm__ volatile("rep stosb" : "+D"(at), "+c"(length) : "a"(byte) : "memory");
    return to;
}

int memcmp(const void *a, const void *b, size_t length)
{
    const unsigned char *left = a, *right = b;

    for (size_t i = 0; i < length; i++) {
        if (left[i] != right[i])
            return left[i] < right[i] ? -1 : 1;
        KEEP_LOOP();
    }
    return 0;
}

size_t strlen(const char *text)
{
    size_t length = 0;

    while (text[length] != '\0') {
        length++;
        KEEP_LOOP();
    }
    return length;
}

int strcmp(const char *a, const char *b)
{
    return strncmp(a, b, SIZE_MAX);
}

int strncmp(const char *a, const char *b, size_t length)
{
    for (size_t i = 0; i < length; i++) {
        unsigned char left = (unsigned char)a[i], right = (unsigned char)b[i];

        if (left != right)
            return left < right ? -1 : 1;
        if (left == '\0')
            return 0;
        KEEP_LOOP();
    }
    return 0;
}

char *strchr(const char *text, int wanted)
{
    for (;; text++) {
        if (*text == (char)wanted)
            return (char *)text;
        if (*text == '\0')
            return NULL;
        KEEP_LOOP();
    }
}
