/* SPDX-License-Identifier: MIT */
/*
 * Device registers in memory, one access of the width that the device wants (SDM volume 3, 12.3
 * "Methods of caching available": the caller has mapped them uncached).
 *
 * Callable in any context. A hosted build has no devices: there the unit test supplies the
 * functions and plays the device, as for lib/port.h.
 */
#ifndef ISTSTORM_LIB_MMIO_H
#define ISTSTORM_LIB_MMIO_H

#include <stdint.h>

#if __STDC_HOSTED__

uint32_t mmio_in(const volatile void *at, unsigned width);
void mmio_out(volatile void *at, unsigned width, uint32_t value);

#else

/* width: bytes of the access, 1, 2 or 4. */
static inline uint32_t mmio_in(const volatile void *at, unsigned width)
{
    if (width == 4)
        return *(const volatile uint32_t *)at;
    if (width == 2)
        return *(const volatile uint16_t *)at;
    return *(const volatile uint8_t *)at;
}

static inline void mmio_out(volatile void *at, unsigned width, uint32_t value)
{
    if (width == 4)
        *(volatile uint32_t *)at = value;
    else if (width == 2)
        *(volatile uint16_t *)at = (uint16_t)value;
    else
        *(volatile uint8_t *)at = (uint8_t)value;
}

#endif
#endif
