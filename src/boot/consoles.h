/* SPDX-License-Identifier: MIT */
/*
 * Which consoles there are, and when each can be opened: the screen and serial ports in I/O space
 * first, ports in memory when there are page tables, the firmware's own when there is ACPI.
 *
 * Thread context, on the BSP, in the order of this header.
 */
#ifndef ISTSTORM_BOOT_CONSOLES_H
#define ISTSTORM_BOOT_CONSOLES_H

#include "lib/console.h"
#include "smp/acpi/acpi.h"

/* The screen, where start.asm's page tables reach it, and the serial ports that need no mapping:
 * enough to refuse to run. */
void consoles_open_first(const struct console_choice *choice,
                         const struct console_framebuffer *screen);

/* Maps the screen again, write-combining: the boot page tables are gone. */
void consoles_map_screen(const struct console_framebuffer *screen);

/* The rest: ports in memory, and the one that the ACPI table SPCR names. From here on everything
 * can be said, and what was said before comes out. `acpi` is NULL where there are no tables. */
void consoles_open(const struct console_choice *choice, const struct acpi_tables *acpi);

#endif
