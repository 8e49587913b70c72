/* SPDX-License-Identifier: MIT */
/* The cost of an IST slot: the same gate without one, with one, and with TSS.ist[] lowered and
 * raised on top of it. SDM volume 3, 6.14.5. */
#ifndef ISTSTORM_WORKLOADS_LATENCY_SURCHARGE_H
#define ISTSTORM_WORKLOADS_LATENCY_SURCHARGE_H

#include <stdbool.h>
#include <stdint.h>

/* Memory for it, which stays. Main thread. False: too little. */
bool surcharge_prepare(void);

/* Measures it on a CPU of the crew, and writes its records. Main thread. */
void surcharge_measure(uint32_t cpu, uint32_t samples, uint32_t limit_ms);

#endif
