/* SPDX-License-Identifier: MIT */
/* The registers of the sweep's causes: sweep.asm loads them, paths.c compares them. */
#ifndef ISTSTORM_WORKLOADS_SWEEP_WORDS_H
#define ISTSTORM_WORKLOADS_SWEEP_WORDS_H

/* Its vectors: a software interrupt; two interrupts of the highest priority class, of which the
 * second comes inside the first, or at a boundary. */
#define VECTOR_SWEEP 51
#define VECTOR_SWEEP_IRQ 243
#define VECTOR_SWEEP_INNER 244

/* The n-th register of a frame, from R15 on, holds SWEEP_NOT_CANONICAL + n * SWEEP_REGISTER_STEP:
 * an address that faults whoever reads it, which is how #GP and #DF are raised. */
#define SWEEP_NOT_CANONICAL 0x0123000000000000ull
#define SWEEP_REGISTER_STEP 0x0001010101010101ull

/* Words that ring 3 says in RAX, and is told in RAX. */
#define SWEEP_ASKS 1                /* what is next? */
#define SWEEP_CALLS 2               /* this is the path */
#define SWEEP_DO_TRAP 1
#define SWEEP_DO_CALL 2
#define SWEEP_DO_BREAKPOINT 3
#define SWEEP_DO_OVERFLOW 4
#define SWEEP_DO_STEP 5
#define SWEEP_DO_NOTHING 6          /* the path's event comes behind the SYSCALL */

#endif
