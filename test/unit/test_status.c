/* SPDX-License-Identifier: MIT */
/* Tests of workloads/run/status.h: whole pages, letter by letter and colour by colour, for few CPUs
 * and many, on wide screens and narrow ones; and when a page is drawn. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "machine.h"
#include "workloads/run/status.c"

enum { COLUMNS = 200, ROWS = 60, MS = 1000000 };

/* The screen. */
static char letters[ROWS][COLUMNS + 1], colours[ROWS][COLUMNS + 1];
static char big[64];
static uint32_t screen_columns, screen_rows, page_rows;
static bool page_is_taken;
static unsigned pages;

/* The state that the page shows. */
struct cpu_features cpu_features;
uint32_t target_cpus[MAX_CPUS], target_count;
uint64_t nmis_unexplained[MAX_CPUS];
uint64_t verdict_run_start_ms;
static const char *first_failure;
static uint64_t faults, corrected, throttles[MAX_CPUS], smis[MAX_CPUS];
static int64_t below[MAX_CPUS];
static bool smis_known;
static uint32_t deepest, thread_used;

void screen_put(uint32_t row, uint32_t column, uint8_t colour, const char *text, size_t length)
{
    static const struct {
        uint8_t colour;
        char letter;
    } known[] = {{PLAIN, ' '}, {TITLE, 't'}, {FAINT, 'f'}, {NUMBER, 'n'}, {GOOD, 'g'},
                 {BAD, 'b'},   {GOOD_BAND, 'G'}, {BAD_BAND, 'B'}};
    char letter = '?';

    for (unsigned i = 0; i < sizeof known / sizeof known[0]; i++)
        if (known[i].colour == colour)
            letter = known[i].letter;
    assert_int_not_equal(letter, '?');
    for (size_t i = 0; i < length && column + i < screen_columns && row < page_rows; i++) {
        char c = text[i];

        letters[row][column + i] = c == SCREEN_LOWER_HALF ? '=' : c == SCREEN_FULL ? '#' : c;
        colours[row][column + i] = letter;
    }
}

void screen_put_big(uint32_t row, uint32_t column, uint8_t colour, const char *text)
{
    snprintf(big, sizeof big, "%u,%u %s %s", row, column, text,
             colour == GOOD ? "good" : colour == BAD ? "bad" : "?");
}

void screen_set_page(uint32_t rows_wanted)
{
    page_rows = rows_wanted;
    memset(letters, ' ', sizeof letters);
    memset(colours, ' ', sizeof colours);
    for (uint32_t row = 0; row < ROWS; row++)
        letters[row][COLUMNS] = colours[row][COLUMNS] = '\0';
    big[0] = '\0';
}

bool console_take_page(uint32_t *columns_there, uint32_t *rows_there)
{
    *columns_there = screen_columns;
    *rows_there = screen_rows;
    return !page_is_taken;
}

void console_give_page(void)
{
    pages++;
}

const char *features_domain(void)
{
    return "emulated";
}

const char *failure_first(void)
{
    return first_failure;
}

uint64_t failure_count(void)
{
    return faults;
}

uint64_t events_total(void)
{
    return 123456;
}

uint64_t mce_corrected(void)
{
    return corrected;
}

uint64_t thermal_throttles(uint32_t cpu)
{
    return throttles[cpu];
}

int64_t thermal_below_limit(uint32_t cpu)
{
    return below[cpu];
}

int64_t smi_count(uint32_t cpu)
{
    return smis_known ? (int64_t)smis[cpu] : REPORT_UNKNOWN;
}

uint32_t ist_deepest(uint32_t cpu, enum stack_kind kind)
{
    (void)cpu;
    return kind == NMI_STACK ? deepest : 0;
}

uint32_t thread_stack_most_used(uint32_t cpu)
{
    return cpu == 1 ? thread_used : 0;
}

static struct status_machine about;

/* The CPUs that take part are every second one. */
static void start(uint32_t cpus, uint32_t wide, uint32_t high)
{
    machine_make(2 * cpus);
    for (uint32_t cpu = 0; cpu < 2 * cpus; cpu++)
        for (unsigned kind = 0; kind < CPU_STACK_KINDS; kind++)
            for (uint32_t level = 0; level < stack_shapes[kind].levels; level++)
                stack_fill(stack_top(cpu, kind, level) - stack_shapes[kind].level_size,
                           stack_top(cpu, kind, level));
    for (target_count = 0; target_count < cpus; target_count++)
        target_cpus[target_count] = 2 * target_count + 1;
    screen_columns = wide;
    screen_rows = high;
    clock_start(1000000000);
    clock_join();
    about = (struct status_machine){.version = "1.2", .cpus_online = 2 * cpus, .firmware = "bios",
                                    .seed = 42, .cmdline = "run=nmi"};
    first_failure = NULL;
    faults = corrected = 0;
    memset(throttles, 0, sizeof throttles);
    memset(below, -1, sizeof below);
    memset(nmis_unexplained, 0, sizeof nmis_unexplained);
    memset(cpu_totals, 0, sizeof cpu_totals);
    memset(cpu_rates, 0, sizeof cpu_rates);
    memset(quiet_pages, 0, sizeof quiet_pages);
    memset(event_totals, 0, sizeof event_totals);
    memset(event_rates, 0, sizeof event_rates);
    memset(&hottest, 0, sizeof hottest);
    smis_known = false;
    deepest = thread_used = counted_ms = pages = 0;
    status_prepare(&about);
}

/* A page at this time; time goes on from test to test. */
static uint64_t began_ms;

static bool refresh(uint64_t ms, const struct status_progress *progress)
{
    hosted.tsc = (began_ms + ms) * MS;
    this_cpu->clock_last = 0;
    return status_refresh(progress);
}

static int begin(void **state)
{
    (void)state;
    began_ms += 100000;
    page_is_taken = false;
    verdict_run_start_ms = began_ms;
    return 0;
}

static char *line_of(char *to, const char *from)
{
    size_t end = screen_columns;

    while (end > 0 && from[end - 1] == ' ')
        end--;
    memcpy(to, from, end);
    to[end] = '\n';
    return to + end + 1;
}

/* Each row that is not empty, and its colours: t title, f faint, n number, g good, b bad, G and B a
 * band of these. */
static void shows(const char *wanted)
{
    static char seen[ROWS * 2 * (COLUMNS + 1) + 1];
    char *to = seen;

    for (uint32_t row = 0; row < page_rows; row++) {
        char *begin_of_row = to;

        to = line_of(line_of(to, letters[row]), colours[row]);
        if (to == begin_of_row + 2)
            to = begin_of_row;
    }
    *to = '\0';
    assert_string_equal(seen, wanted);
}

/* Events of one that takes part, and more of its neighbour, which does not. */
static void count(uint32_t cpu, enum event event, uint64_t times)
{
    cpu_at(cpu)->events[event] += times;
    cpu_at(cpu - 1)->events[event] += 7 * times;
}

static void a_page_of_few_cpus(void **state)
{
    struct status_progress progress = {"storm", 0, 10000, 0, 1};

    (void)state;
    start(3, 80, 25);
    count(1, EVENT_NMI, 1000);
    assert_true(refresh(0, &progress));
    count(1, EVENT_NMI, 4000);
    count(3, EVENT_NMI, 1000);
    count(5, EVENT_TICK, 2000);
    progress.time_ms = 2500;
    assert_true(refresh(2000, &progress));
    assert_int_equal(page_rows, 17);
    shows(
        " iststorm 1.2  emulated  6 CPUs  bios\n"
        "tttttttttttttttttttttttttttttttttttttttttttttttttttttttttttttttttttttttttttttttt\n"
        " storm 0:00:02 of 0:00:10  =========...........................................\n"
        "       nnnnnnn    nnnnnnn           fffffffffffffffffffffffffffffffffffffffffff\n"
        " so far: PASS\n"
        " gggggggggggg\n"
        " seed 42  run=nmi\n"
        "          nnnnnnn\n"
        " hardware:  0 corrected errors  0 times throttled  0 unexplained NMIs\n"
        "          nnn                 nnn                nnn\n"
        " events a second   3500    nmis              2500    ticks             1000\n"
        "                  nnnnnn                    nnnnnn                    nnnnnn\n"
        " CPU 1   ==========================================  2000\n"
        "         gggggggggggggggggggggggggggggggggggggggggg nnnnnn\n"
        " CPU 3   ===========...............................   500\n"
        "         gggggggggggfffffffffffffffffffffffffffffff nnnnnn\n"
        " CPU 5   =====================.....................  1000\n"
        "         gggggggggggggggggggggfffffffffffffffffffff nnnnnn\n"
        "--------------------------------------------------------------------------------\n"
        "ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff\n");
}

/* With whatever may be wrong; CPUs 0 and 2 do not take part. */
static void let_much_be_wrong(void)
{
    about = (struct status_machine){
        .version = "1", .cpus_online = 2, .firmware = "uefi", .mac = "52:54", .ip = "10.0.2.15",
        .system_vendor = "vendor", .system_product = "product", .system_serial = "serial",
        .seed = 7};
    first_failure = "CPU 1: it is lost, and more than one row can hold of a text as long as this "
                  "one, which goes on and on";
    faults = 3;
    corrected = 5;
    throttles[1] = 2;
    throttles[3] = 100000;
    throttles[2] = nmis_unexplained[0] = smis[0] = 9;
    nmis_unexplained[1] = 1;
    smis_known = true;
    smis[1] = 4;
    smis[3] = 5;
    below[1] = 12;
    below[3] = 11;
    below[0] = 3;
    deepest = 1;
    *(uint64_t *)(stack_top(3, NMI_STACK, 1) - 512) = 0;
    *(uint64_t *)(stack_top(3, NMI_STACK, 0) - 256) = 0;
    *(uint64_t *)(stack_top(0, NMI_STACK, 0) - 1024) = 0;
    thread_used = 100;
}

static void a_page_of_a_failure(void **state)
{
    struct status_progress progress = {"pass", 90061000, 3600000, 1, 30};

    (void)state;
    start(2, 64, 14);
    let_much_be_wrong();
    assert_true(refresh(0, &progress));
    assert_int_equal(page_rows, 13);
    shows(
        " iststorm 1  emulated  2 CPUs  uefi  mac 52:54  ip 10.0.2.15  ve\n"
        "tttttttttttttttttttttttttttttttttttttttttttttttttttttttttttttttt\n"
        " pass 1d 1:01:01  pass 2 of 30 of 1d 6:00:00  ==============...\n"
        "      nnnnnnnnnn                  nnnnnnnnnn                fff\n"
        " so far: FAIL; faults: 3; the first:\n"
        "BBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBB\n"
        " CPU 1: it is lost, and more than one row can hold of a text as\n"
        " bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb\n"
        " seed 7\n"
        "\n"
        " hardware:  5 corrected errors  100002 times throttled  1 unexpl\n"
        "          bbb                 bbbbbbbb                bbb\n"
        " events a second      0\n"
        "                  nnnnnn\n");
}

static void the_hardware_has_a_row(void **state)
{
    struct status_progress progress = {"x", 0, 0, 0, 1};
    static const char row[] = " hardware:  5 corrected errors  100002 times throttled  "
                              "1 unexplained NMIs  9 SMIs  11 C to the limit ";

    (void)state;
    start(2, 180, 30);
    let_much_be_wrong();
    assert_true(refresh(0, &progress));
    assert_memory_equal(letters[5], row, sizeof row - 1);
    assert_memory_equal(colours[5] + 9, " bbb ", 5);
    assert_non_null(strstr(letters[0], "uefi  mac 52:54  ip 10.0.2.15  vendor  product  serial "
                           "number serial "));
    below[1] = below[3] = 0;
    throttles[1] = throttles[3] = corrected = 0;
    assert_true(refresh(1000, &progress));
    assert_non_null(strstr(letters[5], "  0 corrected errors  0 times throttled  1 unexp"));
    assert_non_null(strstr(letters[5], "  0 C to the limit"));
    assert_memory_equal(colours[5] + 9, " nnn ", 5);
}

static void the_verdict_stays(void **state)
{
    (void)state;
    start(2, 76, 25);
    let_much_be_wrong();
    hosted.tsc = (began_ms + 7000) * MS;
    measure_some_stacks();
    cpu_above.show_verdict(first_failure);
    assert_string_equal(big, "3,2 FAIL bad");
    assert_int_equal(page_rows, 14);
    shows(
        " iststorm 1  emulated  2 CPUs  uefi  mac 52:54  ip 10.0.2.15  vendor  produc\n"
        "tttttttttttttttttttttttttttttttttttttttttttttttttttttttttttttttttttttttttttt\n"
        " FAIL\n"
        "BBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBB\n"
        "                                        after 0:00:07\n"
        "                                              nnnnnnn\n"
        "                                        events: 123456, faults: 3\n"
        "\n"
        "                                        seed 7\n"
        "\n"
        "                                        CPU 1: it is lost, and more than one\n"
        "                                        bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb\n"
        "                                        row can hold of a text as long as\n"
        "                                        bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb\n"
        "                                        this one, which goes on and on\n"
        "                                        bbbbbbbbbbbbbbbbbbbbbbbbbbbbbb\n"
        " hardware:  5 corrected errors  100002 times throttled  1 unexplained NMIs\n"
        "          bbb                 bbbbbbbb                bbb                 nn\n"
        " hottest stack: NMI of CPU 3, level 1: 3584 of 4096 bytes left\n"
        "\n"
        "----------------------------------------------------------------------------\n"
        "ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff\n");
    screen_rows = 12;
    cpu_above.show_verdict(NULL);
    assert_string_equal(big, "3,2 PASS good");
    assert_int_equal(page_rows, 11);
    shows(
        " iststorm 1  emulated  2 CPUs  uefi  mac 52:54  ip 10.0.2.15  vendor  produc\n"
        "tttttttttttttttttttttttttttttttttttttttttttttttttttttttttttttttttttttttttttt\n"
        " PASS\n"
        "GGGGGGGGGGGGGGGGGGGGGGGGGGGGGGGGGGGGGGGGGGGGGGGGGGGGGGGGGGGGGGGGGGGGGGGGGGGG\n"
        "                                        after 0:00:07\n"
        "                                              nnnnnnn\n"
        "                                        events: 123456, faults: 3\n"
        "\n"
        "                                        seed 7\n"
        "\n");
    page_is_taken = true;
    pages = 0;
    cpu_above.show_verdict(first_failure);
    assert_int_equal(pages, 0);
    assert_string_equal(big, "3,2 PASS good");
}

/* Those who share a bar show their slowest; narrow bars have three heights. */
static void a_page_of_many_cpus(void **state)
{
    struct status_progress progress = {"storm", 0, 0, 0, 1};

    (void)state;
    start(200, 80, 20);
    assert_true(refresh(0, &progress));
    for (unsigned i = 0; i < 200; i++)
        count(2 * i + 1, EVENT_IRQ, i * 10000);
    assert_true(refresh(1000, &progress));
    shows(
        " iststorm 1.2  emulated  400 CPUs  bios\n"
        "tttttttttttttttttttttttttttttttttttttttttttttttttttttttttttttttttttttttttttttttt\n"
        " storm 0:00:00\n"
        "       nnnnnnn\n"
        " so far: PASS\n"
        " gggggggggggg\n"
        " seed 42  run=nmi\n"
        "          nnnnnnn\n"
        " hardware:  0 corrected errors  0 times throttled  0 unexplained NMIs\n"
        "          nnn                 nnn                nnn\n"
        " events a second    199M   irqs               199M\n"
        "                  nnnnnn                    nnnnnn\n"
        " CPU 1   ___________________________________________________________________\n"
        "\n"
        " CPU 135 ==================================================================#\n"
        "         ggggggggggggggggggggggggggggggggggggggggggggggggggggggggggggggggggg\n"
        " CPU 269 ##################################################################\n"
        "         gggggggggggggggggggggggggggggggggggggggggggggggggggggggggggggggggg\n"
        "--------------------------------------------------------------------------------\n"
        "ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff\n");
}

static void bars_without_room_for_numbers(void **state)
{
    struct status_progress progress = {"storm", 0, 0, 0, 1};

    (void)state;
    start(30, 70, 24);
    assert_true(refresh(0, &progress));
    for (unsigned i = 0; i < 30; i++)
        count(2 * i + 1, EVENT_IRQ, i * 10000);
    assert_true(refresh(1000, &progress));
    shows(
        " iststorm 1.2  emulated  60 CPUs  bios\n"
        "tttttttttttttttttttttttttttttttttttttttttttttttttttttttttttttttttttttt\n"
        " storm 0:00:00\n"
        "       nnnnnnn\n"
        " so far: PASS\n"
        " gggggggggggg\n"
        " seed 42  run=nmi\n"
        "          nnnnnnn\n"
        " hardware:  0 corrected errors  0 times throttled  0 unexplained NMIs\n"
        "          nnn                 nnn                nnn\n"
        " events a second   4350K   irqs              4350K\n"
        "                  nnnnnn                    nnnnnn\n"
        " CPU 1   ..... =.... =.... =.... =.... =.... ==... ==... ==... ==...\n"
        "         fffff gffff gffff gffff gffff gffff ggfff ggfff ggfff ggfff\n"
        " CPU 21  ==... ==... ===.. ===.. ===.. ===.. ===.. ===.. ====. ====.\n"
        "         ggfff ggfff gggff gggff gggff gggff gggff gggff ggggf ggggf\n"
        " CPU 41  ====. ====. ====. ====. ===== ===== ===== ===== ===== =====\n"
        "         ggggf ggggf ggggf ggggf ggggg ggggg ggggg ggggg ggggg ggggg\n"
        "----------------------------------------------------------------------\n"
        "ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff\n");
}

/* In a narrow page, all that has ever come has a place. */
static void every_kind_of_event_has_its_place(void **state)
{
    static const char *const names[] = {
#define NAME(symbol, name) #name,
        EVENTS(NAME)
#undef NAME
    };
    struct status_progress progress = {"storm", 0, 0, 0, 1};

    (void)state;
    start(1, 60, 40);
    assert_true(refresh(0, &progress));
    for (unsigned event = 0; event < EVENT_KINDS; event++)
        count(1, event, event + 1);
    assert_true(refresh(1000, &progress));
    for (unsigned event = 0; event < EVENT_KINDS; event++) {
        char wanted[RATE_COLUMNS];

        snprintf(wanted, sizeof wanted, " %-16s %5u", names[event], event + 1);
        assert_memory_equal(letters[6 + (event + 1) / 2] + (event + 1) % 2 * RATE_COLUMNS, wanted,
                            23);
    }
}

static void a_cpu_is_marked_after_ten_quiet_pages(void **state)
{
    struct status_progress progress = {"storm", 0, 0, 0, 1};

    (void)state;
    start(2, 80, 25);
    for (unsigned page = 0; page < 12; page++) {
        count(1, EVENT_TICK, 1);
        if (page == 0)
            count(3, EVENT_TICK, 1);
        assert_true(refresh(page * 1000, &progress));
        assert_int_equal(letters[13][10] == 'x', page >= 10);
        assert_int_equal(colours[13][10] == 'B', page >= 10);
        assert_int_not_equal(letters[12][10], 'x');
    }
    count(3, EVENT_TICK, 1);
    assert_true(refresh(12000, &progress));
    assert_int_not_equal(letters[13][10], 'x');
}

static void a_page_is_a_second_old_at_least(void **state)
{
    struct status_progress progress = {"storm", 0, 0, 0, 1};

    (void)state;
    start(1, 80, 25);
    page_is_taken = true;
    assert_false(refresh(0, &progress));
    page_is_taken = false;
    assert_true(refresh(0, &progress));
    assert_false(refresh(999, &progress));
    assert_true(refresh(1000, &progress));
    assert_int_equal(pages, 2);
    status_prepare(NULL);
    assert_false(refresh(2000, &progress));
}

/* The least that is left is kept, even where more is left on another stack later. */
static void the_hottest_stack_is_kept(void **state)
{
    struct status_progress progress = {"storm", 0, 0, 0, 1};

    (void)state;
    start(12, 80, 40);
    assert_true(refresh(0, &progress));
    assert_null(strstr(letters[page_rows - 2], "hottest"));
    thread_used = THREAD_SIZE - 4096;
    assert_true(refresh(1000, &progress));
    assert_true(refresh(2000, &progress));
    assert_non_null(strstr(letters[page_rows - 2], "hottest stack: TASK of CPU 1, level 0: 4096 of "
                           "8192 bytes left"));
    /* CPU 23 is among the eight that are measured in every second page. */
    *(uint64_t *)(stack_top(23, MCE_STACK, 0) - 8) = 0;
    assert_true(refresh(3000, &progress));
    assert_true(refresh(4000, &progress));
    assert_non_null(strstr(letters[page_rows - 2], "MC of CPU 23, level 0: 4088 of 4096 bytes"));
    *(uint64_t *)(stack_top(21, MCE_STACK, 0) - 8) = 0;
    thread_used = 8;
    assert_true(refresh(5000, &progress));
    assert_true(refresh(6000, &progress));
    assert_non_null(strstr(letters[page_rows - 2], "MC of CPU 23, level 0: 4088 of 4096 bytes"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(a_page_of_few_cpus, begin),
        cmocka_unit_test_setup(a_page_of_a_failure, begin),
        cmocka_unit_test_setup(the_hardware_has_a_row, begin),
        cmocka_unit_test_setup(the_verdict_stays, begin),
        cmocka_unit_test_setup(a_page_of_many_cpus, begin),
        cmocka_unit_test_setup(bars_without_room_for_numbers, begin),
        cmocka_unit_test_setup(every_kind_of_event_has_its_place, begin),
        cmocka_unit_test_setup(a_cpu_is_marked_after_ten_quiet_pages, begin),
        cmocka_unit_test_setup(a_page_is_a_second_old_at_least, begin),
        cmocka_unit_test_setup(the_hottest_stack_is_kept, begin),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
