/* SPDX-License-Identifier: MIT */
/* RDMSR and WRMSR, each with a row for the fix-ups of claim.h. SDM volume 2. */
#include "cpu/msr.h"

bool msr_try_read(uint32_t msr, uint64_t *value)
{
    uint32_t low = 0, high = 0;
    bool read = false;

    __asm__ volatile("1: rdmsr\n\t"
                     "movb $1, %2\n"
                     "2:\n\t"
                     ".pushsection .fixups, \"a\"\n\t"
                     ".quad 1b, 2b\n\t"
                     ".popsection"
                     : "+a"(low), "+d"(high), "+m"(read)
                     : "c"(msr));
    *value = (uint64_t)high << 32 | low;
    return read;
}

bool msr_try_write(uint32_t msr, uint64_t value)
{
    bool written = false;

    __asm__ volatile("1: wrmsr\n\t"
                     "movb $1, %0\n"
                     "2:\n\t"
                     ".pushsection .fixups, \"a\"\n\t"
                     ".quad 1b, 2b\n\t"
                     ".popsection"
                     : "+m"(written)
                     : "c"(msr), "a"((uint32_t)value), "d"((uint32_t)(value >> 32))
                     : "memory");
    return written;
}
