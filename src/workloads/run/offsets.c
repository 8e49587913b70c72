/* SPDX-License-Identifier: MIT */
/* The victims' constants, and those of known registers: see lib/offsets.h. */
#include <stddef.h>

#include "cpu/frame.h"
#include "lib/offsets.h"
#include "workloads/run/known_block.h"
#include "workloads/run/victim_block.h"

OFFSETS
{
    DEFINE(FRAME_REGISTERS, FRAME_REGISTERS);
    DEFINE(VECTOR_INT_IRQ, VECTOR_INT_IRQ);
    DEFINE(VECTOR_SOFTWARE, VECTOR_SOFTWARE);
    DEFINE(VECTOR_VICTIM, VECTOR_VICTIM);
    DEFINE(KNOWN_WORDS, KNOWN_WORDS);
    DEFINE(KNOWN_MOST_STEPS, KNOWN_MOST_STEPS);
    DEFINE(KNOWN_FLAGS, KNOWN_FLAGS);
    DEFINE(KNOWN_REGISTERS, offsetof(struct known, registers));
    DEFINE(KNOWN_WORDS_LOADED, offsetof(struct known, words));
    DEFINE(KNOWN_RFLAGS, offsetof(struct known, rflags));
    DEFINE(KNOWN_RFLAGS_KEPT, offsetof(struct known, rflags_kept));
    DEFINE(KNOWN_TRIGGER, offsetof(struct known, trigger));
    DEFINE(KNOWN_RESULT, offsetof(struct known, result));
    DEFINE(KNOWN_DIFFERS, offsetof(struct known, differs));
    DEFINE(KNOWN_FOUND, offsetof(struct known, found));
    DEFINE(KNOWN_STACK_REGISTERS, offsetof(struct known_stack, registers));
    DEFINE(KNOWN_STACK_RFLAGS, offsetof(struct known_stack, rflags));
    DEFINE(KNOWN_STACK_RESULT, offsetof(struct known_stack, result));
    DEFINE(KNOWN_STACK_SELF, offsetof(struct known_stack, self));
    DEFINE(KNOWN_STACK_TRIGGER, offsetof(struct known_stack, trigger));
    DEFINE(KNOWN_STACK_WORDS, offsetof(struct known_stack, words));
    DEFINE(KNOWN_STACK_KNOWN, offsetof(struct known_stack, known));
    DEFINE(KNOWN_STACK_SIZE, sizeof(struct known_stack));
    DEFINE(VICTIM_REGISTERS, offsetof(struct victim_block, registers));
    DEFINE(VICTIM_RSP, offsetof(struct victim_block, rsp));
    DEFINE(VICTIM_ROUNDS, offsetof(struct victim_block, rounds));
    DEFINE(VICTIM_ROUNDS_PER_LOOK, VICTIM_ROUNDS_PER_LOOK);
}
