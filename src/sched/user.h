/* SPDX-License-Identifier: MIT */
/* Ring 3 threads: code of the image's .user_text section, mapped a second time where ring 3 may run
 * it, and a stack page of their own. SDM volume 3, 5.11 (page-level protection), 4.6 (SMEP,
 * SMAP). */
#ifndef ISTSTORM_SCHED_USER_H
#define ISTSTORM_SCHED_USER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Maps the code. Once, on the BSP. False: out of memory. */
bool user_init(void);

/* The calling thread leaves for ring 3, at `code` (an address in .user_text), with `size` bytes of
 * `copy` at RSP, which is user_stack_address(size). It ends inside the kernel; this returns only
 * when memory ran out. */
void user_enter(const void *code, const void *copy, size_t size);

/* The address at which ring 3 sees the calling thread's copy. */
uintptr_t user_stack_address(size_t size);

/* The address at which ring 3 sees an address in .user_text. */
uintptr_t user_address(const void *code);

/* Reads and writes ring 3's memory, with SMAP lifted. False: it is not mapped. A write must be to
 * the calling thread's own stack page. */
bool user_read(void *to, uintptr_t from, size_t size);
bool user_write(uintptr_t to, const void *from, size_t size);

#endif
