/* SPDX-License-Identifier: MIT */
/* Switches the machine off, or resets it, by its registers.
 *
 * Any context; machine-free but for lib/port.h and lib/register.h. Each returns only when the
 * machine goes on running: every wait is bounded. */
#ifndef ISTSTORM_LIB_POWER_H
#define ISTSTORM_LIB_POWER_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/register.h"

/* How ACPI says that it is done. Hardware-reduced ACPI has the sleep registers in place of the
 * others. */
struct power_registers {
    struct device_register acpi_enable; /* hands PM1's over to us; none: they are ours */
    uint8_t acpi_enable_value;
    struct device_register control[2]; /* PM1a and PM1b control */
    struct device_register sleep_control, sleep_status;
    uint8_t sleep_types[2];         /* of S5; the first is the sleep control register's */
    struct device_register reset;
    uint8_t reset_value;
};
extern struct power_registers power_registers;

/* Whether there is a way to S5. */
bool power_can_switch_off(void);

/* ACPI S5, where there is a way to it. */
void power_off(void);

/* ACPI's reset register, then the keyboard controller's pulse, then the chipset's reset control. */
void power_reset(void);

/* Ends the emulator Bochs (its sources, iodev/unmapped.cc). Any other machine takes no notice,
 * if nothing else is at the port. */
void power_off_bochs(void);

#endif
