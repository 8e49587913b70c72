/* SPDX-License-Identifier: MIT */
/* How a run leaves the machine: QEMU's isa-debug-exit, Bochs's port, power-off, reboot, or a halt.
 * The Contract's exit statuses.
 *
 * Any context. */
#ifndef ISTSTORM_LIB_FINISH_H
#define ISTSTORM_LIB_FINISH_H

#include <stdbool.h>
#include <stdint.h>

#define DEBUG_EXIT_PORT 0xf4

/* The values written to the port: QEMU then exits with (value << 1) | 1, so 33, 35 and 37. */
#define FINISH_PASS 16
#define FINISH_FAIL 17
#define FINISH_REFUSED 18

enum end {
    END_DEFAULT,                    /* not given: main picks what suits the machine */
    END_EXIT,
    END_POWEROFF,
    END_REBOOT,
    END_HALT,
};

/* How finish() ends the run: never END_DEFAULT. */
extern enum end finish_how;

/* Whether Bochs is to be told, which has no isa-debug-exit. */
extern bool finish_in_bochs;

/* Says where the machine will not end as it was told to. Once finish_how is known, and before the
 * last line. */
void finish_say_how(void);

/* Empties the console and leaves. Without its device, END_EXIT switches off; what cannot be done
 * falls back to a halt. */
_Noreturn void finish(uint8_t status);

/* The machine or the command line is not fit: says why as the last line, and finishes. */
_Noreturn __attribute__((format(printf, 1, 2))) void refuse(const char *format, ...);

#endif
