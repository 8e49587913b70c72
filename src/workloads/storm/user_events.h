/* SPDX-License-Identifier: MIT */
/* A ring 3 thread that raises every kind of event that ring 3 can, with every register known
 * (known.h). */
#ifndef ISTSTORM_WORKLOADS_STORM_USER_EVENTS_H
#define ISTSTORM_WORKLOADS_STORM_USER_EVENTS_H

#include <stdbool.h>
#include <stdint.h>

#include "cpu/frame.h"
#include "lib/random.h"
#include "workloads/run/known.h"

struct user_event;
struct user_events {
    struct random *random;          /* of who waits for the thread */
    bool each;                      /* each of them once; or `wanted` of them, by chance */
    uint32_t wanted;
    uint32_t raised, failed;
    const struct user_event *now;
    struct known_event event;       /* of it, as it is raised */
    uint64_t syscalls;
    uint64_t seen;                  /* events of the vector that it means */
    uint64_t irqs_before, traps_before;
    struct known known;
};

/* Once. */
void user_events_prepare(void);

/* The thread's entry; its argument is a struct user_events. It ends by itself. */
void user_events_enter(void *events);

/* For syscall_hook: false, if it is another thread's, or the thread is to end. */
bool user_events_take_syscall(struct trap_frame *frame);

#endif
