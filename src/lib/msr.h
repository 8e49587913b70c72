/* SPDX-License-Identifier: MIT */
/* Model-specific registers as seen by what is machine-free: the caller's two functions, so that a
 * test can be a machine. */
#ifndef ISTSTORM_LIB_MSR_H
#define ISTSTORM_LIB_MSR_H

#include <stdbool.h>
#include <stdint.h>

/* False: there is no such register, or not this bit in it. */
struct msr_access {
    bool (*read)(uint32_t msr, uint64_t *value);
    bool (*write)(uint32_t msr, uint64_t value);
};

#endif
