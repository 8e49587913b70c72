/* SPDX-License-Identifier: MIT */
/* The block at a victim's RSP: copies of its registers, and words that it never touches. Read by
 * victim.asm. */
#ifndef ISTSTORM_WORKLOADS_RUN_VICTIM_BLOCK_H
#define ISTSTORM_WORKLOADS_RUN_VICTIM_BLOCK_H

#include <stdint.h>

#include "cpu/frame.h"

#define VICTIM_WORDS 46
#define VECTOR_VICTIM 48            /* INT: asks the kernel to compare everything */
#define VICTIM_ROUNDS_PER_LOOK 40

struct victim_block {
    uint64_t registers[FRAME_REGISTERS];
    uint64_t rsp;
    uint64_t rounds;                /* until the next look; the only word that changes */
    uint64_t key;                   /* words[i] is key ^ i */
    uint64_t words[VICTIM_WORDS];
};

#endif
