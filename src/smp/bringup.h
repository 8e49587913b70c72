/* SPDX-License-Identifier: MIT */
/* Starts all enabled processors at once: INIT, start-up, start-up, with delays that they share. SDM
 * volume 3, 8.4.
 *
 * There are two stages. A processor first reports that it is alive, before it touches anything that
 * is not its own; it is online when its GDT, TSS, IDT and APIC are loaded and read back. The BSP
 * gives up on a processor by writing the same word that the processor would report with, so a late
 * one parks and never takes part by half. */
#ifndef ISTSTORM_SMP_BRINGUP_H
#define ISTSTORM_SMP_BRINGUP_H

#include <stdbool.h>
#include <stdint.h>

#include "smp/acpi/madt.h"

#define BRINGUP_PATIENCE_MS 10000

/* The APIC ids of the CPUs, by index; the BSP is index 0. Filled by bringup_list. */
extern uint32_t bringup_apic_ids[];

/* Lists the CPUs that are to take part: the BSP and the first `most - 1` other enabled ones.
 * Returns how many. */
uint32_t bringup_list(const struct machine_topology *topology, uint32_t most);

struct bringup_result {
    uint32_t online, missing;
    uint32_t types_changed;     /* had other memory types than the BSP, whose were copied */
    uint64_t us;                /* from the first start-up IPI to the last CPU online */
};

/* Starts them; each calls `enter` when it is online, on its IRQ stack with interrupts off, and
 * `enter` does not return. A processor that does not come is a failure, reported by its APIC id.
 * Thread context on the BSP, once. */
struct bringup_result bringup_start(const struct machine_topology *topology, void (*enter)(void));

/* Sets up the calling CPU: GDT, TSS, IDT, APIC; then it is online. NULL, or the first that differs
 * from what was loaded. */
const char *bringup_self(const struct machine_topology *topology, uint32_t index);

#endif
