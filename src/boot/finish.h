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

/* Ports and values that switch the machine off (ACPI S5) and that reset it; a port of 0 is not
 * known. */
struct finish_registers {
    uint16_t acpi_enable_port;          /* hands the others over to us */
    uint8_t acpi_enable_value;
    uint16_t poweroff_ports[2];         /* PM1a and PM1b control */
    uint16_t poweroff_values[2];
    uint16_t reset_port;
    uint8_t reset_value;
};
extern struct finish_registers finish_registers;

/* Empties the console and leaves. What cannot be done falls back to a halt. */
_Noreturn void finish(uint8_t status);

/* The machine or the command line is not fit: says why as the last line, and finishes. */
_Noreturn __attribute__((format(printf, 1, 2))) void refuse(const char *format, ...);

#endif
