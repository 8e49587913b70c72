/* SPDX-License-Identifier: MIT */
/* A check of the workload `conform`: one rule of the manual, tried in a sandbox, with what was
 * expected and what was seen as two short texts. It holds where the two are equal.
 *
 * Checks register themselves: CONFORM_CHECKS marks a subject's table, and the linker gathers them.
 * A check leaves no state behind that the sandbox does not put back, and ends in bounded time on
 * any machine, or says in `danger` what it may do instead. */
#ifndef ISTSTORM_WORKLOADS_CONFORM_CONFORM_H
#define ISTSTORM_WORKLOADS_CONFORM_CONFORM_H

#include <stdbool.h>
#include <stdint.h>

#include "workloads/conform/sandbox.h"

#define CONFORM_TEXT 320

struct conform {
    struct sandbox *box;
    struct sandbox *other;              /* the second CPU's, where the check has a part for it */
    uint32_t other_apic_id;
    char expected[CONFORM_TEXT], seen[CONFORM_TEXT];
    bool skipped;
    int64_t smis;                       /* that came meanwhile, or REPORT_UNKNOWN */
};

struct conform_check {
    const char *name;                   /* subject.rule */
    const char *section;                /* of the manual: SDM 3A 6.7.1 */
    const char *rule;                   /* in one line */
    const char *danger;                 /* what it may do to the machine (hang, kill), or NULL */
    void (*run)(struct conform *c);
    /* In place of `run`: this is run with `argument`, in ring 3 if so said, and must raise this. */
    const char *probe;
    uint64_t argument;
    bool user;
    const char *raises, *raises_amd;    /* by AMD's manual, where that differs; or NULL */
    void (*prepare)(struct conform *c); /* before it; or NULL */
    /* A second CPU does this meanwhile, in a sandbox of its own, until it is released; or NULL. */
    void (*partner)(struct sandbox *box);
};

#define CONFORM_CHECKS(subject)                                         \
    __attribute__((used, section(".conform." #subject), aligned(8)))    \
    static const struct conform_check subject##_checks[]

extern const struct conform_check conform_start[], conform_end[]; /* iststorm.ld: all of them */

/* Both append to their text. */
__attribute__((format(printf, 2, 3))) void conform_expect(struct conform *c, const char *fmt, ...);
__attribute__((format(printf, 2, 3))) void conform_see(struct conform *c, const char *fmt, ...);

/* Tells what was raised, in order: "#GP(0)", "#DB, NMI", or "nothing". */
void conform_see_events(struct conform *c);

/* Where RIP is: "+5" in a probe, or "#BP's handler"; nothing that changes with the build. */
void conform_see_rip(struct conform *c, uint64_t rip, const char *probe);

/* Whether RF is set in the frame of the first event of a vector. */
void conform_see_rf(struct conform *c, unsigned vector);

/* A sandbox's hook: goes on with the instruction, past its breakpoint. */
enum sandbox_way conform_go_on_past(struct sandbox *box, struct sandbox_pushed *pushed);

/* The whole of a simple check: runs a probe, and sees what it raises. */
void conform_try(struct conform *c, const char *probe, uint64_t rdi, uint64_t rsi);

/* There is nothing to try here, because ... */
void conform_skip(struct conform *c, const char *why);

/* The first event of a vector; or NULL, in which case it says so in `seen`. */
const struct sandbox_event *conform_event(struct conform *c, unsigned vector);

/* Whether an event came between a MOV SS of a probe, in its two bytes 8E D0, and what follows. */
bool conform_is_behind_mov_ss(const struct sandbox_event *event, const char *probe,
                              const char *end);

/* For a second CPU's part: its end is due. */
bool conform_released(void);

/* Whether the manual to go by is AMD's. */
bool conform_amd(void);

#endif
