/* SPDX-License-Identifier: MIT */
/* The record's layout, for lastword.c, which writes it, and lastword_report.c, which reads what the
 * run before this one has left. */
#ifndef ISTSTORM_CPU_LASTWORD_RECORD_H
#define ISTSTORM_CPU_LASTWORD_RECORD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "cpu/lastword.h"
#include "cpu/percpu.h"

#define CACHE_LINE 64
#define REASON_SIZE 128
#define THREAD_NAME 24
#define SLOTS 2

/* The checksum is the first word of each part. All are whole words. */
struct lastword_run {
    uint64_t sum;
    uint64_t magic;
    uint64_t layout;                /* another image's is not read */
    uint64_t cpus, seed, tick_ns;
} __attribute__((aligned(CACHE_LINE)));

struct lastword_reason {
    uint64_t sum;
    char text[REASON_SIZE];
} __attribute__((aligned(CACHE_LINE)));

struct lastword_cpu {
    uint64_t sum;
    uint64_t turn;                  /* which of the two slots is newer */
    uint64_t apic_id;
    uint64_t time_ns;
    uint64_t events[EVENT_KINDS];   /* so far */
    uint64_t before[EVENT_KINDS];   /* at the tick before */
    uint64_t rip;                   /* that the tick interrupted */
    char thread[THREAD_NAME];
} __attribute__((aligned(CACHE_LINE)));

struct lastword {
    struct lastword_run run;
    struct lastword_reason reason;
    struct lastword_cpu cpus[MAX_CPUS][SLOTS];
};
_Static_assert(sizeof(struct lastword) <= LASTWORD_FRAMES - LASTWORD_BASE, "it outgrows its place");

static inline struct lastword *lastword_record(void)
{
    return (struct lastword *)LASTWORD_BASE;
}

/* Whether a part was written to its end: its checksum is right. */
bool lastword_is_whole(const void *part, size_t size);

/* The counts of the run before when it died. Its frames for them are this run's, too. */
extern uint64_t lastword_counted[MAX_CPUS][EVENT_KINDS];

#endif
