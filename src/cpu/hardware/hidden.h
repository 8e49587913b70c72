/* SPDX-License-Identifier: MIT */
/* Features that firmware hides by its setup, and that this image needs or reads: NX, and CPUID's
 * leaves above 3. SDM volume 4, IA32_MISC_ENABLE; volume 3, 4.1.4. */
#ifndef ISTSTORM_CPU_HARDWARE_HIDDEN_H
#define ISTSTORM_CPU_HARDWARE_HIDDEN_H

#include <stdbool.h>
#include <stdint.h>

#define MISC_LIMIT_CPUID (1ull << 22)
#define MISC_DISABLE_NX (1ull << 34)

/* The bits of IA32_MISC_ENABLE that were set on the BSP and hid something. Each AP clears them
 * before it loads EFER (trampoline.asm), since a write of its NXE bit faults where NX is hidden. */
extern uint64_t hidden_bits;

/* Shows the hidden features of this CPU. Once, on the BSP, before the first other CPUID. */
void hidden_show(void);

/* True: none of hidden_bits is set on this CPU any more. Any context. */
bool hidden_is_shown(void);

/* The features that were hidden, in words; NULL: none. */
const char *hidden_names(void);

#endif
