/* SPDX-License-Identifier: MIT */
/*
 * The steps of main that take the machine over from the firmware. Each ends the run with a refusal
 * where the machine is not fit.
 *
 * Thread context, on the BSP, once, in the order of this header.
 */
#ifndef ISTSTORM_BOOT_SETUP_H
#define ISTSTORM_BOOT_SETUP_H

#include <stdbool.h>

#include "boot/boot_info.h"
#include "boot/machine.h"
#include "boot/options.h"

/* This processor's features. From here on reports can be written. */
void setup_cpu(const struct boot_info *boot);

/* The image's memory: its symbols, planted faults, and the kernel's own page tables. True: the run
 * before this one died without a verdict, and its record is there (cpu/lastword.h). */
bool setup_memory(const struct boot_info *boot, const struct options *options);

/* The list of processors, and this one as every other will be: its area, stacks, GDT, TSS, IDT and
 * APIC, and the clock. Then the others find all that they need to start. */
void setup_processors(struct machine *machine, const struct options *options);

#endif
