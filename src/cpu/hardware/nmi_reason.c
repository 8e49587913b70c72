/* SPDX-License-Identifier: MIT */
/* Reads port 0x61: see nmi_reason.h. */
#include "cpu/hardware/nmi_reason.h"

#include "lib/port.h"

#define PORT 0x61
#define NOBODY 0xff                 /* a port reads so where no device answers */
#define WRITABLE 0x0f               /* the 8254's gate and the speaker, and these two: */
#define SERR_OFF (1u << 2)
#define IOCHK_OFF (1u << 3)

uint8_t nmi_read_reason(void)
{
    uint8_t status = port_in8(PORT), off = 0;

    if (status == NOBODY)
        return 0;
    if (status & NMI_SERR)
        off |= SERR_OFF;
    if (status & NMI_IOCHK)
        off |= IOCHK_OFF;
    if (off)
        port_out8(PORT, (status & WRITABLE) | off);
    return status & (NMI_SERR | NMI_IOCHK);
}
