/* SPDX-License-Identifier: MIT */
/* How a run leaves the machine: QEMU's isa-debug-exit, Bochs's port, power-off, reboot, or a halt.
 * The Contract's exit statuses.
 *
 * Any context. */
#ifndef ISTSTORM_BOOT_FINISH_H
#define ISTSTORM_BOOT_FINISH_H

#include "boot/cmdline.h"

#define DEBUG_EXIT_PORT 0xf4

/* What is written to the port: QEMU then exits with (value << 1) | 1, so 33, 35 and 37. */
#define FINISH_PASS 16
#define FINISH_FAIL 17
#define FINISH_REFUSED 18

/* What finish() does: never END_DEFAULT. */
extern enum end finish_how;

/* Whether Bochs is to be told, which has no isa-debug-exit. */
extern bool finish_in_bochs;

/* What resets the machine where nothing else did: a shutdown of the processor. */
extern void (*finish_shut_down)(void);

/* Empties the console and leaves. What cannot be done falls back to a halt. */
_Noreturn void finish(uint8_t status);

/* The machine or the command line is not fit: says why as the last line, and finishes. */
_Noreturn __attribute__((format(printf, 1, 2))) void refuse(const char *format, ...);

#endif
