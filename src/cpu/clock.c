/* SPDX-License-Identifier: MIT */
/* The TSC's rate and where time begins: see clock.h. */
#include "cpu/clock.h"

uint64_t clock_tsc_hz, clock_epoch;

void clock_start(uint64_t tsc_hz)
{
    clock_tsc_hz = tsc_hz;
    clock_epoch = read_tsc();
}
