/* SPDX-License-Identifier: MIT */
/* Where the parts of one measured event leave their time stamps: the one who causes it, a stamping
 * stub and entry (stamps.asm), the handler, and who was interrupted. At most one event is
 * measured at a time in the whole machine.
 *
 * The causing CPU's words and the taking CPU's words lie on cache lines of their own, and
 * each waits for `done` alone. */
#ifndef ISTSTORM_WORKLOADS_LATENCY_MARKS_H
#define ISTSTORM_WORKLOADS_LATENCY_MARKS_H

#include <stdint.h>

struct marks {
    uint64_t trigger;  /* before the instruction that causes the event */
    uint64_t sent;     /* after it, where it does not wait for the event */
    uint64_t back;     /* first instruction behind the event, or behind the look that saw it done on
                          another CPU; 0: it never came */
    uint64_t intended; /* open loop: when the event ought to have been caused */
    uint64_t due;      /* and when it was seen that the time has come */
    uint64_t unused[3];
    uint64_t entry;    /* first instruction of a stamping stub */
    uint64_t switched; /* first instruction of a stamping entry on the IRQ stack */
    uint64_t handler;  /* first instruction of the handler */
    volatile uint64_t service;  /* its last */
    volatile uint64_t returned; /* first instruction back of what it interrupted, on another CPU */
    uint64_t rsp;               /* the handler's stack */
    uint64_t unused2[2];
    volatile uint64_t done; /* last: the handler has written all of the above */
    uint64_t unused3[7];
} __attribute__((aligned(64)));

extern struct marks marks;

#endif
