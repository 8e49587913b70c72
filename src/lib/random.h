/* SPDX-License-Identifier: MIT */
/*
 * Pseudo-random numbers that a seed repeats: xoshiro256** (Blackman and Vigna, "Scrambled linear
 * pseudorandom number generators", 2018), its state filled by splitmix64 as they advise.
 *
 * Each user has its own state; a state is not shared between contexts that may interrupt each
 * other. Not for secrets.
 */
#ifndef ISTSTORM_LIB_RANDOM_H
#define ISTSTORM_LIB_RANDOM_H

#include <stdint.h>

struct random {
    uint64_t s[4];
};

/* splitmix64: the n-th output is random_mix(seed + n * RANDOM_STEP). A bijection. */
uint64_t random_mix(uint64_t z);
#define RANDOM_STEP 0x9e3779b97f4a7c15ull

/* Every seed is good, also 0; near seeds give unrelated sequences. */
void random_seed(struct random *random, uint64_t seed);
uint64_t random_next(struct random *random);
/* From 0 to n - 1, even to within n / 2^32; 0 when n is 0. */
uint32_t random_below(struct random *random, uint32_t n);

#endif
