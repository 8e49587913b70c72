/* SPDX-License-Identifier: MIT */
/*
 * xoshiro256** and splitmix64 (see random.h): a few shifts and adds, no division, a period of
 * 2^256 - 1, and no floating point or instruction that a machine may lack.
 */
#include "lib/random.h"

static uint64_t rotate_left(uint64_t value, unsigned bits)
{
    return value << bits | value >> (64 - bits);
}

/* splitmix64: a counter with a good mixer, so that seeds 1, 2, 3 ... give states far apart. */
uint64_t random_mix(uint64_t z)
{
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
    z = (z ^ z >> 27) * 0x94d049bb133111eb;
    return z ^ z >> 31;
}

void random_seed(struct random *random, uint64_t seed)
{
    /* The one bad state, all zero, cannot come out: the mixer is a bijection of the counter. */
    for (unsigned i = 0; i < 4; i++)
        random->s[i] = random_mix(seed += RANDOM_STEP);
}

uint64_t random_next(struct random *random)
{
    uint64_t *s = random->s;
    uint64_t result = rotate_left(s[1] * 5, 7) * 9;
    uint64_t shifted = s[1] << 17;

    s[2] ^= s[0];
    s[3] ^= s[1];
    s[1] ^= s[2];
    s[0] ^= s[3];
    s[2] ^= shifted;
    s[3] = rotate_left(s[3], 45);
    return result;
}

uint32_t random_below(struct random *random, uint32_t n)
{
    /* The high half of a 32 by 32 bit product, without a division. The bias is below
     * n / 2^32: of no account where a CPU, a delay or a register is picked. */
    return (uint32_t)((random_next(random) >> 32) * n >> 32);
}
