/* SPDX-License-Identifier: MIT */
/* Port 0x61, which gives the reason of a board's NMI: ICH9 datasheet, 13.7.1 (NMI_SC, NMI status
 * and control). */
#ifndef ISTSTORM_CPU_HARDWARE_NMI_REASON_H
#define ISTSTORM_CPU_HARDWARE_NMI_REASON_H

#include <stdint.h>

#define NMI_SERR (1u << 7)          /* a PCI device's system error, or the memory's */
#define NMI_IOCHK (1u << 6)         /* an expansion card's */

/* Reads the port. Returns the reasons that are set, or 0, and disables them: the line may stay
 * active, and would bring the next NMI at once. Any context. */
uint8_t nmi_read_reason(void);

#endif
