/* SPDX-License-Identifier: MIT */
/* An event on its way to a CPU, which its sender does not wait for.
 *
 * The target has a slot for each kind of event. A sender takes the slot, sends, and goes on; the
 * handler on the target empties the slot; the sender looks at a later turn. So one event of a kind
 * is on its way to a target at a time, each that was sent is received, and one that is lost names
 * its sender, its target and its kind. */
#ifndef ISTSTORM_WORKLOADS_RUN_FLIGHT_H
#define ISTSTORM_WORKLOADS_RUN_FLIGHT_H

#include <stdbool.h>
#include <stdint.h>

#include "cpu/patience.h"
#include "sched/thread.h"

/* Of one kind and target. Each has a cache line: sender and target are different CPUs. */
struct slot {
    uint32_t sender; /* its index + 1; 0: nothing is on its way */
} __attribute__((aligned(64)));

/* A sender's. All zero: nothing of it is on its way. */
struct flight {
    struct slot *slot;
    struct patience patience; /* with the target */
};

/* Over is told once, and then there is none. */
enum flight_state { FLIGHT_NONE, FLIGHT_ON_ITS_WAY, FLIGHT_OVER, FLIGHT_LOST };

/* Sender, thread context. Takes the slot of an event to `cpu`, before it is sent. False: another
 * one is on its way there. */
bool flight_begin(struct flight *flight, struct slot *slot, uint32_t cpu);

/* Sender, thread context. Lost is told once, too. An event to a CPU that hangs is over, too: the
 * watch tells of that CPU. */
enum flight_state flight_look(struct flight *flight);

/* The same of a thread's life: it is over when the thread has been reaped. A lost one stays so, and
 * one on a CPU that hangs is lost. */
struct life_flight {
    struct thread_life life;
    struct patience patience;
};

/* False: there is no such thread, as the reaper is behind: another turn. */
bool life_begin(struct life_flight *flight, struct thread_life life);
enum flight_state life_look(struct life_flight *flight);

/* Asks a thread that lives until it is stopped to end: from then on patience with it counts. */
void life_stop(struct life_flight *flight);

/* Target, in the event's handler. */
static inline bool slot_is_taken(const struct slot *slot)
{
    return __atomic_load_n(&slot->sender, __ATOMIC_ACQUIRE);
}

static inline void slot_empty(struct slot *slot)
{
    __atomic_store_n(&slot->sender, 0, __ATOMIC_RELEASE);
}

#endif
