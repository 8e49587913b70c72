/* SPDX-License-Identifier: MIT */
/*
 * The report: KTAP lines for verdicts of tests, one-line JSON records for programs, notes for
 * people, all in the console's one stream (the Linux kernel's ktap.rst, version 1).
 *
 * Every function may be called in any context and from all CPUs at once; each writes its lines as
 * one console record. Texts given may hold any bytes: what reaches the stream is ASCII.
 */
#ifndef ISTSTORM_LIB_REPORT_H
#define ISTSTORM_LIB_REPORT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define REPORT_SCHEMA_VERSION 1
#define REPORT_UNKNOWN INT64_MIN    /* in a field of kind signed */

/*
 * A record is one line, `# ` and a JSON object without blanks. It begins with "v" (the schema's
 * version), "type" and "domain" (text: emulated, virtual or metal); its fields follow in the order
 * of their list. Kinds: number is an unsigned integer of 64 bits; signed is an integer of 64 bits,
 * and is left out when it is REPORT_UNKNOWN; text is a string, and is left out when it is NULL.
 * Units are in the names. Readers skip types and keys that they do not know; a field is never
 * renamed nor its meaning changed without a new version.
 *
 * The file that emits a record declares it:
 *
 *   #define BEAT_FIELDS(FIELD) FIELD(number, time_ms, "milliseconds since the start") ...
 *   REPORT_RECORD(beat, "what one record is", BEAT_FIELDS)
 *
 * gives struct report_beat and report_beat(const struct report_beat *). The linker gathers all
 * types: they are the schema, which run=list tells. A struct that another file fills too stands in
 * a header, as REPORT_STRUCT; the emitter then has REPORT_TYPE.
 */
enum report_kind { REPORT_KIND_text, REPORT_KIND_number, REPORT_KIND_signed };

struct report_field {
    const char *name;
    enum report_kind kind;
    const char *doc;
};

struct report_type {
    const char *name, *doc;
    const struct report_field *fields;
    size_t count;
};

/* Each member of a record is 8 bytes, in the order of its list: its place needs no saying. */
#define REPORT_FIELD_BYTES 8
_Static_assert(sizeof(uint64_t) == REPORT_FIELD_BYTES && sizeof(char *) == REPORT_FIELD_BYTES,
               "as said");

#define REPORT_C_TYPE_text const char *
#define REPORT_C_TYPE_number uint64_t
#define REPORT_C_TYPE_signed int64_t
#define REPORT_MEMBER(kind, name, doc) REPORT_C_TYPE_##kind name;
#define REPORT_DESCRIBE(kind, name, doc) {#name, REPORT_KIND_##kind, doc},

#define REPORT_STRUCT(type, FIELDS)                                                                \
    struct report_##type {                                                                         \
        FIELDS(REPORT_MEMBER)                                                                      \
    };

#define REPORT_TYPE(type, doc, FIELDS)                                                             \
    static const struct report_field fields_of_##type[] = {FIELDS(REPORT_DESCRIBE)};               \
    __attribute__((used, section(".report_types." #type), aligned(8)))                             \
    static const struct report_type type_of_##type = {                                             \
        #type, doc, fields_of_##type, sizeof(fields_of_##type) / sizeof(fields_of_##type[0])};     \
    _Static_assert(sizeof(struct report_##type) / REPORT_FIELD_BYTES ==                            \
                   sizeof(fields_of_##type) / sizeof(fields_of_##type[0]), "no gaps");             \
                                                                                                   \
    static void report_##type(const struct report_##type *record)                                  \
    {                                                                                              \
        report_record(&type_of_##type, record);                                                    \
    }

#define REPORT_RECORD(type, doc, FIELDS)                                                           \
    REPORT_STRUCT(type, FIELDS)                                                                    \
    REPORT_TYPE(type, doc, FIELDS)

/* Writes a record of a type. By the functions that REPORT_TYPE makes. */
void report_record(const struct report_type *type, const void *record);

extern const struct report_type report_types_start[], report_types_end[]; /* iststorm.ld */

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
