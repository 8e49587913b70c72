/* SPDX-License-Identifier: MIT */
/* The report's lines, to the byte, over a console that only collects. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "lib/console.h"
#include "lib/crc32.h"
#include "lib/report.h"

#define HEARTBEAT_FIELDS(FIELD) \
    FIELD(number, time_ms, "") FIELD(number, events, "") FIELD(number, cpus, "")
REPORT_RECORD(heartbeat, "numbers alone", HEARTBEAT_FIELDS)

#define VERDICT_FIELDS(FIELD) \
    FIELD(text, result, "") FIELD(text, reason, "") FIELD(number, time_ms, "")
REPORT_RECORD(verdict, "texts and a number", VERDICT_FIELDS)

#define SURCHARGE_FIELDS(FIELD) \
    FIELD(number, count, "") FIELD(signed, entry_cycles, "") FIELD(signed, min_cycles, "") \
    FIELD(signed, median_cycles, "") FIELD(signed, over_same_cycles, "")
REPORT_RECORD(surcharge, "signed numbers", SURCHARGE_FIELDS)

#define MACHINE_FIELDS(FIELD) \
    FIELD(text, version, "") FIELD(text, cpu_model, "") FIELD(text, cmdline, "")
REPORT_RECORD(machine, "texts alone", MACHINE_FIELDS)

#define STREAM_MAX 65536

static char stream[STREAM_MAX];
static size_t stream_length;
static bool ring_full;
static unsigned reserved_records, committed_records;

bool console_reserve(struct console_record *record, size_t length)
{
    if (ring_full)
        return false;
    assert_in_range(length, 1, CONSOLE_LINE_MAX);
    assert_true(stream_length + length < STREAM_MAX);
    record->text = stream + stream_length;
    record->length = length;
    memset(record->text, 0, length);
    record->text[length] = '~'; /* overwritten by who writes one byte too many */
    reserved_records++;
    return true;
}

static unsigned notes_ends, sums_begun;

void console_sum_from(const struct console_record *record)
{
    assert_int_equal(memcmp(record->text, "KTAP version 1\n", 15), 0);
    sums_begun++;
}

void console_end_notes(void)
{
    notes_ends++;
}

void console_commit(const struct console_record *record)
{
    assert_int_equal(record->text[record->length - 1], '\n');
    assert_int_equal(record->text[record->length], '~');
    assert_null(memchr(record->text, 0, record->length));
    stream_length += record->length;
    stream[stream_length] = '\0';
    committed_records++;
}

static int empty_stream(void **state)
{
    (void)state;
    stream_length = 0;
    stream[0] = '\0';
    ring_full = false;
    reserved_records = committed_records = 0;
    return 0;
}

static void ktap_is_exact(void **state)
{
    (void)state;
    report_plan(4);
    report_test(true, "nmi", NULL);
    report_test(false, "debug", "CPU %u: %s", 3, "wrong\nstack");
    report_skip("mce", "no %s", "MCA");
    report_test(false, "irq", NULL);
    assert_string_equal(stream, "KTAP version 1\n1..4\n"
                                "ok 1 nmi\n"
                                "# debug: CPU 3: wrong stack\nnot ok 2 debug\n"
                                "ok 3 mce # SKIP no MCA\n"
                                "not ok 4 irq\n");
    assert_int_equal(committed_records, 5); /* details and result in one, so never apart */
    assert_int_equal(sums_begun, 1);
}

static void record_lists_its_fields_in_order(void **state)
{
    struct report_heartbeat beat = {
        .time_ms = 10000, .events = UINT64_MAX, .cpus = 4};

    (void)state;
    report_init("emulated");
    report_heartbeat(&beat);
    assert_string_equal(stream, "# {\"v\":1,\"type\":\"heartbeat\",\"domain\":\"emulated\","
                                "\"time_ms\":10000,\"events\":18446744073709551615,"
                                "\"cpus\":4}\n");
}

static void texts_are_escaped_and_unknown_ones_left_out(void **state)
{
    struct report_verdict verdict = {.result = "FAIL", .reason = "a\"b\\c\n\x1b\x7f\xe9"};

    (void)state;
    report_init("metal");
    report_verdict(&verdict);
    assert_non_null(strstr(stream, "\"result\":\"FAIL\","
                                   "\"reason\":\"a\\\"b\\\\c\\u000a\\u001b\\u007f\\u00e9\","));
    empty_stream(NULL);
    verdict.reason = NULL;
    report_verdict(&verdict);
    assert_null(strstr(stream, "reason"));
    assert_non_null(strstr(stream, "\"result\":\"FAIL\",\"time_ms\":0"));
}

static void signed_numbers_may_be_negative_or_unknown(void **state)
{
    struct report_surcharge surcharge = {.entry_cycles = REPORT_UNKNOWN,
                                         .min_cycles = -1,
                                         .median_cycles = INT64_MAX,
                                         .over_same_cycles = INT64_MIN + 1};

    (void)state;
    report_init("metal");
    report_surcharge(&surcharge);
    assert_non_null(strstr(stream, "\"count\":0,\"min_cycles\":-1,"
                                   "\"median_cycles\":9223372036854775807,"
                                   "\"over_same_cycles\":-9223372036854775807}"));
}

static void long_texts_are_cut_to_a_whole_record(void **state)
{
    static char text[3000];
    struct report_machine machine = {.version = text, .cpu_model = text, .cmdline = text};

    (void)state;
    memset(text, '\x80', sizeof(text) - 1);
    report_machine(&machine);
    assert_int_equal(committed_records, 1);
    assert_non_null(strstr(stream, "\\u0080...\",\"cpu_model\""));
    assert_string_equal(stream + stream_length - 2, "}\n");
}

static size_t record_with_text(size_t length)
{
    static char text[CONSOLE_LINE_MAX];

    memset(text, 'x', length);
    text[length] = '\0';
    empty_stream(NULL);
    report_machine(&(struct report_machine){.version = text});
    return stream_length;
}

/* A record of exactly the line's length is whole; with one byte more, its text is cut. */
static void the_longest_record_fits_to_the_byte(void **state)
{
    size_t room = CONSOLE_LINE_MAX - record_with_text(0);

    (void)state;
    assert_int_equal(record_with_text(room), CONSOLE_LINE_MAX);
    assert_null(strstr(stream, "..."));
    assert_string_equal(stream + CONSOLE_LINE_MAX - 4, "x\"}\n");
    assert_in_range(record_with_text(room + 1), CONSOLE_LINE_MAX / 2, CONSOLE_LINE_MAX - 1);
    assert_string_equal(stream + stream_length - 7, "x...\"}\n");
}

/* Names of 256 characters and details of 2048 are whole, and of longer ones so much is there. */
static void the_longest_details_fit_to_the_byte(void **state)
{
    enum { NAME = 256, DETAIL = 2048 };
    char name[NAME + 2], detail[DETAIL + 2], *end;

    (void)state;
    for (unsigned more = 0; more < 2; more++) {
        empty_stream(NULL);
        memset(name, 'n', NAME + more);
        memset(detail, 'd', DETAIL + more);
        name[NAME + more] = detail[DETAIL + more] = '\0';
        report_test(false, name, "%s", detail);
        assert_int_equal(strspn(stream + 2, "n"), NAME);
        assert_int_equal(strspn(stream + 2 + NAME + 2, "d"), DETAIL);
        end = stream + 2 + NAME + 2 + DETAIL;
        assert_int_equal(memcmp(end, "\nnot ok ", 8), 0);
        assert_int_equal(strspn(strchr(end + 8, ' ') + 1, "n"), NAME);
        assert_int_equal(stream[stream_length - 1], '\n');
    }
}

static void notes_and_verdicts_are_single_plain_lines(void **state)
{
    static char text[CONSOLE_LINE_MAX + 100];

    (void)state;
    report_note("%s %d", "two\nlines\t\xff", 5);
    report_verdict_line("PASS", NULL);
    report_verdict_line("FAIL", "stack\r\n of CPU 2");
    assert_string_equal(stream, "# two lines   5\niststorm: PASS\n"
                                "iststorm: FAIL: stack   of CPU 2\n");
    memset(text, 'x', sizeof(text) - 1);
    report_note("%s", text);
    report_verdict_line("REFUSED", text);
    assert_int_equal(committed_records, 5);
}

static void full_ring_loses_the_line_only(void **state)
{
    struct report_heartbeat beat = {0};

    (void)state;
    ring_full = true;
    report_note("lost");
    report_heartbeat(&beat);
    assert_int_equal(committed_records, 0);
}

static void records_are_counted_and_summed(void **state)
{
    uint64_t records = report_records();
    uint32_t sum = report_records_sum();
    struct report_heartbeat beat = {0};

    (void)state;
    report_note("no record");
    stream_length = 0;
    report_heartbeat(&beat);
    sum += crc32(0, stream, stream_length - 1);
    beat.cpus = stream_length = 1;
    report_heartbeat(&beat);
    sum += crc32(0, stream + 1, stream_length - 2);
    ring_full = true;
    report_heartbeat(&beat);
    assert_int_equal(report_records() - records, 2);
    assert_int_equal(report_records_sum(), sum);
    assert_int_equal(crc32(0, "123456789", 9), 0xcbf43926); /* as everybody's */
    assert_int_equal(crc32(crc32(0, "1234", 4), "56789", 5), 0xcbf43926);
    assert_int_equal(crc32(0, "", 0), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(ktap_is_exact, empty_stream),
        cmocka_unit_test_setup(record_lists_its_fields_in_order, empty_stream),
        cmocka_unit_test_setup(texts_are_escaped_and_unknown_ones_left_out, empty_stream),
        cmocka_unit_test_setup(signed_numbers_may_be_negative_or_unknown, empty_stream),
        cmocka_unit_test_setup(long_texts_are_cut_to_a_whole_record, empty_stream),
        cmocka_unit_test_setup(the_longest_record_fits_to_the_byte, empty_stream),
        cmocka_unit_test_setup(the_longest_details_fit_to_the_byte, empty_stream),
        cmocka_unit_test_setup(notes_and_verdicts_are_single_plain_lines, empty_stream),
        cmocka_unit_test_setup(full_ring_loses_the_line_only, empty_stream),
        cmocka_unit_test_setup(records_are_counted_and_summed, empty_stream),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
