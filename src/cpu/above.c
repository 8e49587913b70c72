/* SPDX-License-Identifier: MIT */
/* The answers before a room above gives its own: see above.h. */
#include "cpu/above.h"

static void ignore(struct trap_frame *frame)
{
    (void)frame;
}

static bool end_nobody(struct trap_frame *frame)
{
    (void)frame;
    return false;
}

static void do_nothing(void)
{
}

static void show_nothing(const char *reason)
{
    (void)reason;
}

struct cpu_above cpu_above = {
    .preempt = ignore,
    .wake_softirqd = do_nothing,
    .end_thread = end_nobody,
    .end_user_thread = ignore,
    .answer_nmi = ignore,
    .stop_others = do_nothing,
    .show_verdict = show_nothing,
};
