/* SPDX-License-Identifier: MIT */
/* The gate that all NMIs of the board pass: bit 7 of the RTC's index port, NMI_EN in the data
 * sheets of every ICH and PCH. Firmware may leave it closed: SeaBIOS does. */
#ifndef ISTSTORM_SMP_NMI_GATE_H
#define ISTSTORM_SMP_NMI_GATE_H

#include "lib/port.h"

#define RTC_INDEX 0x70
#define RTC_DATA 0x71
#define RTC_STATUS_D 0x0d           /* a register that a read does not change; bit 7 is clear */

/* Opens it; the RTC of old wants each index followed by an access. Thread context, on the BSP, when
 * it can take an NMI. */
static inline void nmi_gate_open(void)
{
    port_out8(RTC_INDEX, RTC_STATUS_D);
    port_in8(RTC_DATA);
}

#endif
