/* SPDX-License-Identifier: MIT */
/* The words at the RSP of user.asm's code. */
#ifndef ISTSTORM_WORKLOADS_STORM_USER_WORDS_H
#define ISTSTORM_WORKLOADS_STORM_USER_WORDS_H

#include <stdint.h>

struct user_words {
    uint64_t kernel_data, kernel_text;
};

#endif
