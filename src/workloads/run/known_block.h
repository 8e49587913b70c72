/* SPDX-License-Identifier: MIT */
/* The values that known.asm loads before an event, and those that it finds after it. In the memory
 * of the ring that raises the event. */
#ifndef ISTSTORM_WORKLOADS_RUN_KNOWN_BLOCK_H
#define ISTSTORM_WORKLOADS_RUN_KNOWN_BLOCK_H

#include <stddef.h>
#include <stdint.h>

#include "cpu/frame.h"
#include "cpu/x86.h"

/* An interrupt that known.asm raises by INT. */
#define VECTOR_INT_IRQ 76
/* A software interrupt, of both rings. */
#define VECTOR_SOFTWARE 52

#define KNOWN_WORDS 4               /* of the stack, right above RSP */
#define KNOWN_MOST_STEPS 32         /* NOPs of known_step */

/* The flags that an event keeps: all but RF, which no PUSHF shows, and VM. */
#define KNOWN_FLAGS                                                                                \
    (RFLAGS_ARITHMETIC | RFLAGS_TF | RFLAGS_IF | RFLAGS_DF | RFLAGS_IOPL | RFLAGS_NT | RFLAGS_AC | \
     RFLAGS_ID)

/* The stack, lowest address first: all that is pushed behind the event, then what lies at RSP while
 * it is raised. */
struct known_stack {
    uint64_t registers[FRAME_REGISTERS];    /* in the order of struct trap_frame */
    uint64_t rflags;
    uint64_t result;                /* 0, or what the trigger has put there */
    uint64_t self;                  /* the address of the next word: proves RSP */
    uint64_t trigger;
    uint64_t words[KNOWN_WORDS];
    uint64_t known;                 /* the struct known */
};

/* The first word's place above RSP while the event is raised. */
#define KNOWN_FIRST_WORD \
    ((offsetof(struct known_stack, words) - offsetof(struct known_stack, result)) / 8)

struct known {
    uint64_t registers[FRAME_REGISTERS];
    uint64_t rflags_kept;           /* what RFLAGS must be behind it, in KNOWN_FLAGS */
    uint64_t words[KNOWN_WORDS];
    uint64_t rflags;                /* what RFLAGS is before it */
    uint64_t trigger;               /* the code that raises it, as this ring sees it */
    uint64_t result;
    uint64_t differs;               /* not 0: `found` is not what was loaded */
    struct known_stack found;       /* only then */
    uint64_t interrupts;            /* interrupts, NMIs and #MCs that this CPU had taken before */
};

#endif
