/* SPDX-License-Identifier: MIT */
/* The emulator Bochs: whether it runs us, and how it is told to end (Bochs's sources,
 * iodev/unmapped.cc). Any context. */
#ifndef ISTSTORM_BOOT_BOCHS_H
#define ISTSTORM_BOOT_BOCHS_H

#include <stdbool.h>

#include "boot/multiboot2.h"

/* Its processors are models of real ones, so CPUID does not tell, but its BIOS signs the ACPI root
 * pointer. Who else has a BIOS that signs so is a hypervisor, and CPUID says that it is there. */
bool bochs_signed(const struct boot_info *boot);

/* Ends Bochs. Whoever is not Bochs takes no notice, if nothing else is at the port. */
void bochs_shut_down(void);

#endif
