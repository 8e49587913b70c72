/* SPDX-License-Identifier: MIT */
/* Switches the machine off, or resets it, by ports.
 *
 * Any context; machine-free but for lib/port.h. Each returns only when the machine goes on running:
 * every wait is bounded. */
#ifndef ISTSTORM_BOOT_POWER_H
#define ISTSTORM_BOOT_POWER_H

#include <stdint.h>

/* How ACPI says that it is done; a port of 0 is not known. */
struct power_registers {
    uint16_t acpi_enable_port;      /* hands the others over to us */
    uint8_t acpi_enable_value;
    uint16_t control_ports[2];      /* PM1a and PM1b control */
    uint8_t sleep_types[2];         /* of S5 */
    uint16_t reset_port;
    uint8_t reset_value;
};
extern struct power_registers power_registers;

/* ACPI S5. */
void power_off(void);

/* ACPI's reset register, then the keyboard controller's pulse, then the chipset's reset control. */
void power_reset(void);

#endif
