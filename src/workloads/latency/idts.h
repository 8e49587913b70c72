/* SPDX-License-Identifier: MIT */
/* The IDTs that the benchmark loads on the CPU that it measures: copies of the one in force, with
 * gates that lead elsewhere. SDM volume 3, 6.10, 6.14.1. */
#ifndef ISTSTORM_WORKLOADS_LATENCY_IDTS_H
#define ISTSTORM_WORKLOADS_LATENCY_IDTS_H

#include <stdbool.h>

#include "cpu/idt.h"

enum latency_idt {
    LATENCY_STAMPING,               /* the measured vectors' stubs stamp the time (stamps.asm) */
    LATENCY_WITHOUT_GP,             /* no gate for #GP, which makes it a #DF */
    LATENCY_STAMPING_WITHOUT_GP,
    /* VECTOR_BENCH's gate does nothing but come and go: without an IST code, with one, and with one
     * that is adjusted as an entry does. */
    LATENCY_BARE,
    LATENCY_BARE_IST,
    LATENCY_ADJUSTING,
    LATENCY_IDTS
};

/* Memory for them, which stays. Once, main thread. False: too little. */
bool latency_make_idts(void);

const struct gate *latency_idt(enum latency_idt which);

#endif
