/* SPDX-License-Identifier: MIT */
/*
 * The report: KTAP lines for verdicts of tests, one-line JSON records for programs, notes for
 * people, all in the console's one stream (DESIGN 5; the Linux kernel's ktap.rst, version 1).
 *
 * Every function may be called in any context and from all CPUs at once; each writes its lines as
 * one console record. Texts given may hold any bytes: what reaches the stream is ASCII.
 */
#ifndef ISTSTORM_LIB_REPORT_H
#define ISTSTORM_LIB_REPORT_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/report_schema.h"

#define REPORT_KIND_text const char *
#define REPORT_KIND_number uint64_t
#define REPORT_KIND_signed int64_t
#define REPORT_MEMBER(kind, name, doc) REPORT_KIND_##kind name;
#define REPORT_STRUCT(type, doc)                                                                   \
    struct report_##type {                                                                         \
        REPORT_FIELDS_##type(REPORT_MEMBER)                                                        \
    };                                                                                             \
    void report_##type(const struct report_##type *record);

/* struct report_machine and void report_machine(const struct report_machine *), and so on. */
REPORT_TYPES(REPORT_STRUCT)

/* domain: "emulated", "virtual" or "metal"; kept, not copied. Until it is known: "unknown". */
void report_init(const char *domain);

/* How many records have gone out, and the sum of their lines' CRC-32s (without newlines) modulo
 * 2^32: the order in which CPUs write does not matter to it. For the last record of all. */
uint64_t report_records(void);
uint32_t report_records_sum(void);

/* "KTAP version 1" and the plan; tests are numbered from 1 in the order of their calls. */
void report_plan(unsigned tests);

/*
 * "ok N name", or "not ok N name" after a line "# name: ..." with the details, which are for
 * failures alone. fmt may be NULL.
 */
void report_test(bool ok, const char *name, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
/* "ok N name # SKIP ..." */
void report_skip(const char *name, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* "# ...": for people. */
void report_note(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

/*
 * The stream's last line: "iststorm: word" or, with a reason that is neither NULL nor empty,
 * "iststorm: word: reason". word: PASS, FAIL or REFUSED.
 */
void report_verdict_line(const char *word, const char *reason);

#endif
