/* SPDX-License-Identifier: MIT */
/* The vectors' numbers, from the list in vectors.def. SDM volume 3, 6.2, 10.5.2. */
#ifndef ISTSTORM_CPU_VECTORS_H
#define ISTSTORM_CPU_VECTORS_H

enum vector {
#define VECTOR(number, symbol, name, entry, handler, stack, dpl) VECTOR_##symbol = number,
#include "cpu/vectors.def"
#undef VECTOR
};

#define VECTOR_COUNT 256
#define VECTOR_SYSCALL 256                  /* in a frame: no vector, but SYSCALL */
#define VECTOR_FIRST_EXTERNAL 32

/* Software interrupts, which ring 3 too may raise by INT: their entry is a trap's. */
#define VECTOR_FIRST_TRAP 48
#define VECTOR_LAST_TRAP 63

/* Values of CR8: interrupts of this priority class and below wait (SDM volume 3, 10.8.6). One whose
 * vector is an exception's, or a trap's, must never come. */
#define CR8_NO_EXCEPTIONS 1
#define CR8_NO_TRAPS 3
#define CR8_ALL_BUT_HIGHEST 14

/* Exceptions whose delivery pushes an error code (SDM volume 3, table 6-1; 29 and 30 are AMD's). A
 * bit a vector. */
#define VECTORS_WITH_ERROR_CODE                                                                    \
    (1u << VECTOR_DF | 1u << VECTOR_TS | 1u << VECTOR_NP | 1u << VECTOR_SS | 1u << VECTOR_GP |     \
     1u << VECTOR_PF | 1u << VECTOR_AC | 1u << VECTOR_CP | 1u << VECTOR_VC | 1u << VECTOR_SX)

#endif
