/* SPDX-License-Identifier: MIT */
/* Starts every enabled processor at once: INIT, start-up, start-up, with delays that all share. SDM
 * volume 3, 8.4.
 *
 * Two-stage: a processor says that it lives before it touches anything that is not its own, and
 * online when its GDT, TSS, IDT and APIC are loaded and read back. The BSP gives up on one by the
 * same word that the processor would say it lives with, so a late one parks and is never half a
 * member. */
#ifndef ISTSTORM_SMP_BRINGUP_H
#define ISTSTORM_SMP_BRINGUP_H

#include <stdbool.h>
#include <stdint.h>

#include "smp/madt.h"

#define BRINGUP_PATIENCE_MS 10000

/* The APIC ids of the CPUs, by index; the BSP is index 0. Filled by bringup_list. */
extern uint32_t bringup_apic_ids[];

/* Lists the CPUs that are to take part: the BSP and the first `most - 1` other enabled ones.
 * Returns how many. */
uint32_t bringup_list(const struct machine_topology *topology, uint32_t most);

struct bringup_result {
    uint32_t online, missing;
    uint32_t types_changed;     /* came with other memory types than the BSP's, which were copied */
    uint64_t us;                /* from the first start-up IPI to the last CPU online */
};

/* Starts them; each calls `enter` when it is online, on its IRQ stack with interrupts off, and
 * `enter` does not return. Each that does not come is reported as a fault by its APIC id. Thread
 * context on the BSP, once. */
struct bringup_result bringup_start(const struct machine_topology *topology, void (*enter)(void));

/* What the BSP does for itself and each AP for itself: GDT, TSS, IDT, APIC; then online. NULL, or
 * what is wrong. */
const char *bringup_self(const struct machine_topology *topology, uint32_t index);

#endif
