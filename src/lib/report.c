/* SPDX-License-Identifier: MIT */
/*
 * Writes the report's lines (report.h; JSON: RFC 8259).
 *
 * A line may be long, stacks here are one page, and an NMI may report in the middle of a report on
 * the same CPU: so there is no buffer, neither on the stack nor static. Each line is built
 * twice by the same code, first only measured, then into its place in the console's ring.
 * That order also makes the deepest use of the stack come before the ring is touched.
 */
#include "lib/report.h"

#include <stdarg.h>
#include <stddef.h>

#include "lib/console.h"
#include "lib/crc32.h"
#include "lib/format.h"
#include "lib/string.h"

/* Of a text in a record so much is written; halved until the record fits its line. */
#define TEXT_MAX 4096
/* Of a name, and of formatted text, in a line for people: two and one fit a record. */
#define NAME_MAX 256
#define DETAIL_MAX 2048
_Static_assert(2 * NAME_MAX + DETAIL_MAX + 100 < CONSOLE_LINE_MAX, "a test's lines fit");

/* Where a line goes: counts always, stores while there is room. */
struct line {
    char *out;
    size_t size;
    size_t length;
};

static const char *run_domain = "unknown";
static unsigned tests_reported;
static uint64_t records_reported;
static uint32_t records_sum;

void report_init(const char *domain)
{
    run_domain = domain;
}

static void put(struct line *line, char c)
{
    if (line->length < line->size)
        line->out[line->length] = c;
    line->length++;
}

static void put_raw(struct line *line, const char *text)
{
    for (; *text != '\0'; text++)
        put(line, *text);
}

/* In a line for people, what would break the line becomes a blank. */
static char plain(char c)
{
    return c < ' ' || c > '~' ? ' ' : c;
}

/* Not the end of a line: format_v needs a place for its terminator, which the next put takes. */
static void put_format_v(struct line *line, const char *fmt, va_list args)
{
    size_t start = line->length < line->size ? line->length : line->size;
    size_t room = line->size - start < DETAIL_MAX + 1 ? line->size - start : DETAIL_MAX + 1;
    size_t length = format_v(room ? line->out + start : NULL, room, fmt, args);

    if (length > DETAIL_MAX)
        length = DETAIL_MAX;
    for (size_t i = 0; i < length && i < room; i++)
        line->out[start + i] = plain(line->out[start + i]);
    line->length += length;
}

static void put_number(struct line *line, uint64_t value)
{
    char digits[24]; /* 2^64 - 1 has 20 */

    format(digits, sizeof(digits), "%lu", value);
    put_raw(line, digits);
}

static void put_signed(struct line *line, int64_t value)
{
    if (value < 0)
        put(line, '-');
    put_number(line, value < 0 ? 0 - (uint64_t)value : (uint64_t)value);
}

static void put_escaped(struct line *line, char c)
{
    static const char hex[] = "0123456789abcdef";
    unsigned char byte = (unsigned char)c;

    if (byte >= ' ' && byte <= '~') {
        if (c == '"' || c == '\\')
            put(line, '\\');
        put(line, c);
        return;
    }
    put_raw(line, "\\u00");
    put(line, hex[byte >> 4]);
    put(line, hex[byte & 15]);
}

static void put_string(struct line *line, const char *text, size_t text_max)
{
    put(line, '"');
    for (; text_max > 0 && *text != '\0'; text_max--)
        put_escaped(line, *text++);
    if (*text != '\0')
        put_raw(line, "...");
    put(line, '"');
}

static void put_field(struct line *line, const struct report_field *field, const void *place,
                      size_t text_max)
{
    uint64_t value;

    memcpy(&value, place, sizeof(value));
    if ((field->kind == REPORT_KIND_text && value == 0) ||
        (field->kind == REPORT_KIND_signed && (int64_t)value == REPORT_UNKNOWN))
        return;
    put_raw(line, ",\"");
    put_raw(line, field->name);
    put_raw(line, "\":");
    if (field->kind == REPORT_KIND_number)
        put_number(line, value);
    else if (field->kind == REPORT_KIND_signed)
        put_signed(line, (int64_t)value);
    else
        put_string(line, (const char *)(uintptr_t)value, text_max);
}

static void put_record(struct line *line, const struct report_type *type, const void *record,
                       size_t text_max)
{
    put_raw(line, "# {\"v\":");
    put_number(line, REPORT_SCHEMA_VERSION);
    put_raw(line, ",\"type\":\"");
    put_raw(line, type->name);
    put_raw(line, "\",\"domain\":\"");
    put_raw(line, run_domain);
    put(line, '"');
    for (size_t i = 0; i < type->count; i++)
        put_field(line, &type->fields[i], (const char *)record + i * REPORT_FIELD_BYTES, text_max);
    put_raw(line, "}\n");
}

/* Before it is committed: the line of a CPU that is stopped in between counts as lost, too. */
static void count_record(const struct line *line)
{
    uint32_t crc = crc32(0, line->out, line->length - 1); /* without the newline */

    __atomic_add_fetch(&records_reported, 1, __ATOMIC_RELAXED);
    __atomic_add_fetch(&records_sum, crc, __ATOMIC_RELAXED);
}

void report_record(const struct report_type *type, const void *record)
{
    struct console_record place;
    struct line measured, line;
    size_t text_max = TEXT_MAX * 2;

    do {
        text_max /= 2;
        measured = (struct line){0};
        put_record(&measured, type, record, text_max);
    } while (measured.length > CONSOLE_LINE_MAX && text_max > 0);
    if (!console_reserve(&place, measured.length))
        return;
    line = (struct line){.out = place.text, .size = place.length};
    put_record(&line, type, record, text_max);
    count_record(&line);
    console_commit(&place);
}

uint64_t report_records(void)
{
    return __atomic_load_n(&records_reported, __ATOMIC_RELAXED);
}

uint32_t report_records_sum(void)
{
    return __atomic_load_n(&records_sum, __ATOMIC_RELAXED);
}

/* Lines for people: a formatted text between fixed ones, which are lists that end with NULL. */
struct message {
    const char *const *before, *const *after;
    const char *fmt; /* NULL: nothing in between */
    bool first;      /* of the lines that console_sum() sums */
};

static void put_list(struct line *line, const char *const *list)
{
    for (; *list; list++) {
        for (size_t i = 0; i < NAME_MAX && (*list)[i] != '\0'; i++)
            put(line, (*list)[i]);
    }
}

static void put_message(struct line *line, const struct message *message, va_list args)
{
    put_list(line, message->before);
    if (message->fmt)
        put_format_v(line, message->fmt, args);
    put_list(line, message->after);
}

static void say_v(const struct message *message, va_list args)
{
    struct console_record place;
    struct line line = {0};

    put_message(&line, message, args);
    if (!console_reserve(&place, line.length))
        return;
    line = (struct line){.out = place.text, .size = place.length};
    put_message(&line, message, args);
    if (message->first)
        console_sum_from(&place);
    console_commit(&place);
}

static void say(const struct message *message, ...)
{
    va_list args;

    va_start(args, message);
    say_v(message, args);
    va_end(args);
}

#define LIST(...) ((const char *const[]){__VA_ARGS__, NULL})
#define NUMBER_BYTES 12 /* an unsigned in decimal, terminated */

static void count_test(char number[NUMBER_BYTES])
{
    format(number, NUMBER_BYTES, "%u", __atomic_add_fetch(&tests_reported, 1, __ATOMIC_RELAXED));
}

void report_plan(unsigned tests)
{
    struct message message = {
        .before = LIST("KTAP version 1\n1.."),
        .after = LIST("\n"),
        .fmt = "%u",
        .first = true,
    };

    say(&message, tests);
}

void report_test(bool ok, const char *name, const char *fmt, ...)
{
    char number[NUMBER_BYTES];
    bool explained = !ok && fmt;
    struct message message = {
        .before = explained ? LIST("# ", name, ": ") : LIST(""),
        .after = LIST(explained ? "\n" : "", ok ? "ok " : "not ok ", number, " ", name, "\n"),
        .fmt = explained ? fmt : NULL,
    };
    va_list args;

    count_test(number);
    va_start(args, fmt);
    say_v(&message, args);
    va_end(args);
}

void report_skip(const char *name, const char *fmt, ...)
{
    char number[NUMBER_BYTES];
    struct message message = {
        .before = LIST("ok ", number, " ", name, " # SKIP "),
        .after = LIST("\n"),
        .fmt = fmt,
    };
    va_list args;

    count_test(number);
    va_start(args, fmt);
    say_v(&message, args);
    va_end(args);
}

void report_note(const char *fmt, ...)
{
    va_list args;

    va_start(args, fmt);
    say_v(&(struct message){.before = LIST("# "), .after = LIST("\n"), .fmt = fmt}, args);
    va_end(args);
}

void report_verdict_line(const char *word, const char *reason)
{
    bool explained = reason && *reason != '\0';
    struct message message = {
        .before = LIST("iststorm: ", word, explained ? ": " : ""),
        .after = LIST("\n"),
        .fmt = explained ? "%s" : NULL,
    };

    console_end_notes();
    say(&message, reason);
}
