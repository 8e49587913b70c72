/* SPDX-License-Identifier: MIT */
/* The instructions that raise exceptions on purpose: debug.asm and fault.asm. Ring 0. */
#ifndef ISTSTORM_WORKLOADS_EVENTS_H
#define ISTSTORM_WORKLOADS_EVENTS_H

#include <stdbool.h>
#include <stdint.h>

/* #BP; its RIP is debug_int3_after. */
void debug_int3(void);
extern char debug_int3_after[];

/* #BP elsewhere; whether the flags came back. */
bool debug_int3_keeps_carry(void);

/* #DB by INT1; false where the CPU does not have it (#UD). */
bool debug_icebp(void);

/* #DB for each of `rounds` times two instructions, and three more. */
void debug_step(uint64_t rounds);

/* Has an instruction to set an execution breakpoint on: debug_execute_target. */
void debug_execute(void);
extern char debug_execute_target[];

/* Writes the word, for a data breakpoint, whose RIP is debug_write_after. */
void debug_write(uint64_t *word, uint64_t value);
extern char debug_write_after[];

/* These fault once, and go on by a fix-up. */
void fault_load_ss(uint64_t selector);          /* #SS where the segment is not present */
void fault_read(uintptr_t address);             /* #PF, or #GP where it is not canonical */
void fault_read_through_rbp(uintptr_t address); /* #SS where it is not canonical */

/* For #GP, or #SS through RBP. */
#define NOT_CANONICAL 0x0001000000000000ull

/* #DF, by a #GP whose gate is not present; goes on by the #GP's fix-up. fault.c's. */
void fault_double(void);

/* These end their thread. */
_Noreturn void fault_overflow(void);            /* calls itself into the guard page */
_Noreturn void fault_lose_stack(uintptr_t rsp); /* pushes with RSP there */

#endif
