/* SPDX-License-Identifier: MIT */
/* What user.asm's code finds at its RSP, and how often it calls the kernel. */
#ifndef ISTSTORM_WORKLOADS_USER_WORDS_H
#define ISTSTORM_WORKLOADS_USER_WORDS_H

#include <stdint.h>

#define USER_SYSCALLS 8

struct user_words {
    uint64_t kernel_data, kernel_text;
};

#endif
