/* SPDX-License-Identifier: MIT */
/* The benchmark's constants: see lib/offsets.h. */
#include <stddef.h>

#include "lib/offsets.h"
#include "workloads/latency/causes.h"
#include "workloads/latency/marks.h"
#include "workloads/latency/overhead.h"
#include "workloads/latency/vectors.h"

OFFSETS
{
    DEFINE(VECTOR_BENCH, VECTOR_BENCH);
    DEFINE(VECTOR_BENCH_USER, VECTOR_BENCH_USER);
    DEFINE(VECTOR_BENCH_IRQ, VECTOR_BENCH_IRQ);
    DEFINE(VECTOR_BENCH_RAISE, VECTOR_BENCH_RAISE);
    DEFINE(MARKS_TRIGGER, offsetof(struct marks, trigger));
    DEFINE(MARKS_SENT, offsetof(struct marks, sent));
    DEFINE(MARKS_BACK, offsetof(struct marks, back));
    DEFINE(MARKS_ENTRY, offsetof(struct marks, entry));
    DEFINE(MARKS_SWITCHED, offsetof(struct marks, switched));
    DEFINE(MARKS_HANDLER, offsetof(struct marks, handler));
    DEFINE(MARKS_SERVICE, offsetof(struct marks, service));
    DEFINE(MARKS_RETURNED, offsetof(struct marks, returned));
    DEFINE(MARKS_RSP, offsetof(struct marks, rsp));
    DEFINE(MARKS_DONE, offsetof(struct marks, done));
    DEFINE(COUNTED_INSTRUCTIONS, COUNTED_INSTRUCTIONS);
    DEFINE(LATENCY_SOFTIRQ, LATENCY_SOFTIRQ);
}
