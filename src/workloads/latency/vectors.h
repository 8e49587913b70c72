/* SPDX-License-Identifier: MIT */
/* The benchmark's vectors that its assembly raises by INT or stamps, and so must know. The
 * interrupts are of the highest priority class, so that nothing else comes while one is measured.
 * */
#ifndef ISTSTORM_WORKLOADS_LATENCY_VECTORS_H
#define ISTSTORM_WORKLOADS_LATENCY_VECTORS_H

#define VECTOR_BENCH 49
#define VECTOR_BENCH_USER 50                /* ring 3's, with its stamps in R8 and R9 */
#define VECTOR_BENCH_IRQ 241
#define VECTOR_BENCH_RAISE 242              /* raises a softirq */

#endif
