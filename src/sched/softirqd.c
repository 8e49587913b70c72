/* SPDX-License-Identifier: MIT */
/* The softirq threads: each runs the softirqs that its CPU deferred, then gives way to other
 * threads. */
#include "sched/softirqd.h"

#include <stddef.h>

#include "cpu/above.h"
#include "cpu/late.h"
#include "cpu/percpu.h"
#include "cpu/softirq.h"
#include "sched/thread.h"

static struct thread *CPU_TABLE(softirqd);
static uint64_t CPU_TABLE(runs);

static void wake(void)
{
    thread_wake(softirqd[cpu_index()]);
}

static void run(void *argument)
{
    (void)argument;
    for (;;) {
        if (!softirq_is_deferred(this_cpu->softirq_pending)) {
            thread_block();
            continue;
        }
        runs[cpu_index()]++;
        softirq_run_deferred();
        thread_yield();
    }
}

bool softirqd_create(uint32_t cpu)
{
    cpu_above.wake_softirqd = wake;
    softirqd[cpu] = thread_create("softirqd", cpu, run, NULL);
    return softirqd[cpu] != NULL;
}

uint64_t softirqd_runs(uint32_t cpu)
{
    return __atomic_load_n(&runs[cpu], __ATOMIC_RELAXED);
}
