/* SPDX-License-Identifier: MIT */
/* The TSC's rate: see clock.h. */
#include "cpu/clock.h"

uint64_t clock_tsc_hz;
