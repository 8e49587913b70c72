/* SPDX-License-Identifier: MIT */
/*
 * The serial port of firmware's own console, as ACPI's SPCR names it (Microsoft's Serial Port
 * Console Redirection Table, revisions 1 to 4; interface types from its Debug Port Table 2).
 *
 * Machine-free. Thread context.
 */
#ifndef ISTSTORM_SMP_ACPI_SPCR_H
#define ISTSTORM_SMP_ACPI_SPCR_H

#include <stdbool.h>
#include <stddef.h>

#include "lib/serial.h"
#include "smp/acpi/acpi.h"

/*
 * Reads `spcr`, which acpi_find gave for "SPCR". False: it names no port that can be driven, and
 * `problem` says why; an empty `problem`: console redirection is switched off.
 */
bool spcr_parse(const struct acpi_header *spcr, struct serial_place *place, char *problem,
                size_t problem_size);

#endif
