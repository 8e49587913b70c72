/* SPDX-License-Identifier: MIT */
/* The marks: see marks.h. */
#include "workloads/latency/marks.h"

/* In the section of what an event passes on its way, so that cold-data flushes them, too. */
struct marks marks __attribute__((section(".bss.entry")));
