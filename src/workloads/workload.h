/* SPDX-License-Identifier: MIT */
/* A workload: a name, turns that make events on each CPU, and an account of them at the end.
 *
 * A workload registers itself: the linker gathers what WORKLOAD marks. On each CPU a thread of its
 * own takes its turns. Nobody holds a CPU, and nobody waits for one: a turn raises an event or two,
 * and one that goes to another CPU is looked for at a later turn (run/flight.h). */
#ifndef ISTSTORM_WORKLOADS_WORKLOAD_H
#define ISTSTORM_WORKLOADS_WORKLOAD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "cpu/stacks.h"
#include "lib/random.h"
#include "workloads/run/runner.h"

/* One CPU's account. Written by the thread or the handlers of that CPU alone. */
struct tally {
    uint64_t sent;              /* by this CPU */
    uint64_t received;          /* by this CPU */
    uint64_t coalesced;         /* sent, but merged with another that was on its way */
    uint64_t failed;
    uint64_t unused[4];         /* a cache line each */
};

struct workload {
    const char *name;
    const char *about;
    const char *const *keys;                    /* KEYS(...) of the command line that have an effect
                                                   on it, beside those of all runs and storms */
    bool alone;                                 /* nothing runs beside it; not in `storm` */
    void (*prepare)(void);                      /* once, before any thread runs; or NULL */
    void (*probe)(
        struct random *random); /* one of each of its events on this CPU, in peace; or NULL */
    void (*turn)(struct random *random);        /* the CPU's own; thread context */
    unsigned more_turns;                        /* beside the first, before the thread gives way */
    bool (*flying)(void);                       /* looks at what this CPU has sent: something has
                                                   not arrived yet; or NULL */
    void (*conduct)(const struct run *run);     /* in place of a storm, until it ends by itself: the
                                                   main thread's; or NULL */
    void (*position)(char *out, size_t size);   /* of `conduct`, in words, for the report of a hang;
                                                   any context; or NULL */
    unsigned (*tests)(const struct run *run);   /* that `conduct` reports; or NULL */
    void (*account)(void); /* once, after all threads have ended: checks the tallies; or NULL */
    struct tally *tallies;                      /* by CPU index */
};

#define KEYS(...) ((const char *const[]){__VA_ARGS__, NULL})

#define WORKLOAD(symbol) \
    __attribute__((used, section(".workloads." #symbol), aligned(8))) const struct workload symbol

extern const struct workload workloads_start[], workloads_end[];

static inline unsigned workload_count(void)
{
    return workloads_end - workloads_start;
}

/* For one that runs alone, at least every second: the report's heartbeat, and its lines that wait.
 * Main thread. */
void workload_breathe(void);

/* Waits, giving way to other threads, until *counter differs from `before`, as what was sent to
 * `cpu` makes it do. Thread context. True too where that CPU hangs, which its neighbour tells.
 * False: patience with it is over (cpu/patience.h). */
bool workload_wait_change(const uint64_t *counter, uint64_t before, uint32_t cpu);

#endif
