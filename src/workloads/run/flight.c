/* SPDX-License-Identifier: MIT */
/* Events on their way to other CPUs: see flight.h. */
#include "workloads/run/flight.h"

#include <stddef.h>

#include "cpu/percpu.h"

bool flight_begin(struct flight *flight, struct slot *slot, uint32_t cpu)
{
    uint32_t nobody = 0;

    if (!__atomic_compare_exchange_n(&slot->sender, &nobody, cpu_index() + 1, false,
                                     __ATOMIC_ACQUIRE, __ATOMIC_RELAXED))
        return false;
    *flight = (struct flight){slot, patience_with(cpu)};
    return true;
}

/* The slot may hold another sender's event by now, but not this sender's next one. */
enum flight_state flight_look(struct flight *flight)
{
    struct slot *slot = flight->slot;

    if (!slot)
        return FLIGHT_NONE;
    if (__atomic_load_n(&slot->sender, __ATOMIC_ACQUIRE) != cpu_index() + 1) {
        flight->slot = NULL;
        return FLIGHT_OVER;
    }
    if (!patience_is_over(&flight->patience))
        return FLIGHT_ON_ITS_WAY;
    flight->slot = NULL;
    slot_empty(slot);
    return cpu_is_lost(flight->patience.cpu) ? FLIGHT_OVER : FLIGHT_LOST;
}

bool life_begin(struct life_flight *flight, struct thread_life life)
{
    if (!life.thread)
        return false;
    *flight = (struct life_flight){life, patience_with(life.thread->cpu)};
    return true;
}

void life_stop(struct life_flight *flight)
{
    struct thread *thread = flight->life.thread;

    if (!thread || thread->stop)
        return;
    flight->patience = patience_with(thread->cpu);
    thread_stop(thread);
}

enum flight_state life_look(struct life_flight *flight)
{
    if (!flight->life.thread)
        return FLIGHT_NONE;
    if (thread_is_over(flight->life)) {
        flight->life.thread = NULL;
        return FLIGHT_OVER;
    }
    return patience_is_over(&flight->patience) ? FLIGHT_LOST : FLIGHT_ON_ITS_WAY;
}
