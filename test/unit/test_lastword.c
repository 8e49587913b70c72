/* SPDX-License-Identifier: MIT */
/* Tests of cpu/lastword.h: runs that die on one or several CPUs, and what the next boot says of
 * each; records that are torn, damaged, or another build's. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "cpu/lastword.c"
#include "cpu/lastword_report.c"
#include "machine.h"

#define RAM MEMORY_AVAILABLE
#define MS 1000000ull
#define TICK_NS (10 * MS)

uint64_t image_load_address;
char text_start[1], text_end[1];
__asm__(".globl image_end; .set image_end, text_start + 0x3000");
struct cpu_features cpu_features;

static char notes[512], fault_text[512], known_symbol[16], text[8][256];
static unsigned faults, cpus_told;
static uint32_t fault_cpu;
static struct report_before_cpu told[8];
static struct report_before before_told;

void report_note(const char *fmt, ...)
{
    va_list args;

    va_start(args, fmt);
    vsnprintf(notes, sizeof notes, fmt, args);
    va_end(args);
}

void check_failed_on(enum check check, uint32_t cpu, enum stack_kind stack, uint32_t level,
                     const char *event, const char *fmt, ...)
{
    va_list args;

    assert_int_equal(check, CHECK_BEFORE);
    assert_int_equal(stack, NO_STACK);
    assert_int_equal(level, 0);
    assert_string_equal(event, "reset");
    fault_cpu = cpu;
    va_start(args, fmt);
    vsnprintf(fault_text, sizeof fault_text, fmt, args);
    va_end(args);
    faults++;
}

/* Its texts are gone when this returns: they are joined here. */
static void tell_cpu(const struct report_before_cpu *record)
{
    snprintf(text[cpus_told], sizeof text[0], "%s|%s|%s", record->last,
             record->since ? record->since : "-", record->at);
    told[cpus_told++] = *record;
}

void report_record(const struct report_type *type, const void *record)
{
    if (type == &type_of_before_cpu)
        tell_cpu(record);
    else
        before_told = *(const struct report_before *)record;
}

const char *symbol_find(uint64_t address, uint64_t *offset)
{
    *offset = address - 0x1000;
    return known_symbol[0] ? known_symbol : NULL;
}

static struct memory_map map;

static void set_map(uint64_t base, uint64_t length, uint32_t type)
{
    map.count = 2;
    map.ranges[0] = (struct memory_range){.base = 0, .length = 0x9fc00, .type = RAM};
    map.ranges[1] = (struct memory_range){.base = base, .length = length, .type = type};
}

/* A boot: what it finds. The memory is what it was. */
static bool boots(void)
{
    usable = begun = false;
    memset(lastword_counted, 0, sizeof lastword_counted);
    notes[0] = fault_text[0] = '\0';
    faults = cpus_told = 0;
    return lastword_find(&map);
}

static int begin(void **state)
{
    (void)state;
    machine_make(4);
    machine_map(LASTWORD_BASE, LASTWORD_END);
    image_load_address = 0x100000;
    cpu_features = (struct cpu_features){.clflush = true};
    clock_start(1000000000);            /* a cycle is a nanosecond */
    clock_join();
    strcpy(known_symbol, "symbol");
    set_map(LASTWORD_BASE, LASTWORD_END - LASTWORD_BASE, RAM);
    assert_false(boots());
    return 0;
}

/* Each CPU counts so many NMIs and a tick, and ticks. */
static void tick(uint32_t cpu, uint64_t ms, uint64_t nmis)
{
    machine_be(cpu);
    hosted.tsc = ms * MS;
    this_cpu->clock_last = 0;
    this_cpu->events[EVENT_NMI] += nmis;
    this_cpu->events[EVENT_TICK]++;
    lastword_tick(0x1000 + cpu, "victim 0");
}

/* The frames that the CPUs count in are in memory, which outlives the reset. */
static void die(void)
{
    for (uint32_t cpu = 0; cpu < cpu_count; cpu++)
        memcpy((void *)lastword_frame(cpu), cpu_at(cpu), PAGE_SIZE);
    machine_be(0);
}

static void run_begins(void)
{
    hosted.tsc = 1000 * MS;
    lastword_begin(4711, TICK_NS);
}

static void a_run_that_ends_leaves_nothing(void **state)
{
    (void)state;
    run_begins();
    tick(0, 1010, 1);
    lastword_clear();
    die();
    assert_false(boots());
    assert_string_equal(notes, "");
}

static void a_run_that_dies_is_told(void **state)
{
    (void)state;
    run_begins();
    for (uint32_t cpu = 0; cpu < 4; cpu++)
        cpu_at(cpu)->apic_id = 16 + cpu;
    tick(1, 1005, 0);                   /* twice before CPU 0: its newer slot is not CPU 0's */
    tick(1, 1006, 0);
    tick(0, 1010, 5);
    tick(1, 1011, 7);
    tick(2, 1012, 0);
    tick(3, 1013, 0);
    tick(0, 1020, 3);
    cpu_at(1)->events[EVENT_NMI] += 2;
    cpu_at(1)->events[EVENT_DEBUG] += 4;
    die();
    assert_true(boots());
    assert_true(lastword_frame(0) == LASTWORD_FRAMES);
    assert_true(lastword_frame(3) == LASTWORD_FRAMES + 3 * PAGE_SIZE);
    lastword_report();
    assert_int_equal(cpus_told, 4);
    assert_string_equal(text[0], "3 nmis, 1 ticks||victim 0: symbol+0x0");
    assert_string_equal(text[1], "7 nmis, 1 ticks|2 nmis, 4 debugs|victim 0: symbol+0x1");
    assert_string_equal(text[2], "1 ticks||victim 0: symbol+0x2");
    for (uint32_t cpu = 0; cpu < 4; cpu++) {
        assert_int_equal(told[cpu].cpu, cpu);
        assert_int_equal(told[cpu].apic_id, 16 + cpu);
    }
    assert_int_equal(told[0].time_us, 20000);
    assert_int_equal(told[0].events, 10);
    assert_int_equal(told[1].time_us, 11000);
    assert_int_equal(told[1].events, 10);
    assert_int_equal(before_told.cpus, 4);
    assert_int_equal(before_told.seed, 4711);
    assert_int_equal(before_told.events, 22);
    assert_int_equal(before_told.time_ms, 20);
    assert_int_equal(before_told.silent_us, 9000);
    assert_true(before_told.cpu == REPORT_UNKNOWN);
    assert_null(before_told.reason);
    assert_int_equal(faults, 1);
    assert_int_equal(fault_cpu, 0);
    assert_string_equal(fault_text, "the run before this died without a verdict after 20 ms, "
                        "seed 4711, no CPU stands out by its silence");
}

/* CPU 2 ticked last so many milliseconds before the others. */
static void dies_behind(uint64_t ms)
{
    begin(NULL);
    run_begins();
    tick(2, 3000 - ms, 0);
    tick(0, 2999, 0);
    tick(1, 2999, 0);
    tick(3, 3000, 0);
    die();
    assert_true(boots());
}

static void who_was_silent_for_long_is_named(void **state)
{
    static const struct {
        bool emulated;
        uint64_t least_ms;
    } cases[] = {{false, 20}, {true, 1000}};

    (void)state;
    for (unsigned i = 0; i < 2; i++) {
        dies_behind(cases[i].least_ms);
        cpu_features.emulated = cases[i].emulated;
        lastword_report();
        assert_int_equal(before_told.cpu, 2);
        assert_int_equal(before_told.silent_us, cases[i].least_ms * 1000);
        assert_int_equal(fault_cpu, 2);
        assert_non_null(strstr(fault_text, "on the CPU that was silent for longest, "));
        dies_behind(cases[i].least_ms - 1);
        cpu_features.emulated = cases[i].emulated;
        lastword_report();
        assert_true(before_told.cpu == REPORT_UNKNOWN);
        assert_int_equal(fault_cpu, 0);
    }
}

/* It died on its way up: none is further behind. */
static void who_never_ticked_is_named(void **state)
{
    (void)state;
    run_begins();
    tick(0, 1030, 1);
    tick(1, 1030, 1);
    tick(2, 1030, 1);
    die();
    assert_true(boots());
    lastword_report();
    assert_int_equal(cpus_told, 3);
    assert_int_equal(before_told.cpu, 3);
    assert_int_equal(before_told.silent_us, 30000);
    assert_int_equal(before_told.time_ms, 30);
}

static void a_failure_is_the_reason(void **state)
{
    char longest[300];

    (void)state;
    memset(longest, 'x', sizeof longest);
    longest[299] = '\0';
    run_begins();
    tick(0, 1010, 1);
    lastword_keep_reason("CPU 1: it is lost");
    die();
    assert_true(boots());
    lastword_report();
    assert_string_equal(before_told.reason, "CPU 1: it is lost");
    assert_non_null(strstr(fault_text, "4711, and had failed: CPU 1: it is lost"));
    run_begins();
    lastword_keep_reason(longest);
    die();
    assert_true(boots());
    lastword_report();
    assert_int_equal(strlen(before_told.reason), REASON_SIZE - 1);
    /* A run that begins forgets it. */
    run_begins();
    die();
    assert_true(boots());
    lastword_report();
    assert_null(before_told.reason);
}

static void a_torn_slot_gives_way_to_the_one_before(void **state)
{
    (void)state;
    run_begins();
    tick(0, 1010, 1);
    tick(0, 1020, 1);
    tick(0, 1030, 1);
    die();
    lastword_record()->cpus[0][3 % SLOTS].rip++;
    assert_true(boots());
    lastword_report();
    assert_int_equal(told[0].time_us, 20000);
    lastword_record()->cpus[0][2 % SLOTS].thread[THREAD_NAME - 1]++;
    assert_true(boots());
    lastword_report();
    assert_int_equal(cpus_told, 0);
    assert_int_equal(before_told.time_ms, 0);
}

static void every_word_of_a_part_counts(void **state)
{
    (void)state;
    run_begins();
    tick(0, 1010, 1);
    die();
    for (size_t word = 0; word < sizeof(struct lastword_cpu) / 8; word++) {
        struct lastword_cpu *slot = &lastword_record()->cpus[0][1 % SLOTS];

        assert_true(lastword_is_whole(slot, sizeof *slot));
        ((uint64_t *)slot)[word] ^= 1ull << word;
        assert_false(lastword_is_whole(slot, sizeof *slot));
        ((uint64_t *)slot)[word] ^= 1ull << word;
    }
}

static void a_record_that_cannot_be_believed_is_ignored(void **state)
{
    struct lastword_run *run = &lastword_record()->run;

    (void)state;
    run_begins();
    die();
    run->seed++;
    assert_false(boots());
    assert_non_null(strstr(notes, "damaged record, which is ignored"));
    run->cpus = MAX_CPUS + 1;
    seal(run, sizeof *run);
    assert_false(boots());
    assert_non_null(strstr(notes, "damaged record, which is ignored"));
    run->cpus = MAX_CPUS;
    run->layout++;
    seal(run, sizeof *run);
    assert_false(boots());
    assert_non_null(strstr(notes, "another build, which is ignored"));
    run->layout--;
    run->magic++;
    seal(run, sizeof *run);
    assert_false(boots());
    assert_string_equal(notes, "");
    run->magic--;
    seal(run, sizeof *run);
    assert_true(boots());
}

/* A count below that of the CPU's last tick is not its own. */
static void counts_that_went_back_are_not_told(void **state)
{
    (void)state;
    run_begins();
    tick(0, 1010, 1);
    cpu_at(0)->events[EVENT_NMI]--;
    die();
    assert_true(boots());
    lastword_report();
    assert_string_equal(text[0], "1 nmis, 1 ticks|-|victim 0: symbol+0x0");
}

static void an_address_without_a_symbol_is_told_as_it_is(void **state)
{
    (void)state;
    known_symbol[0] = '\0';
    run_begins();
    tick(0, 1010, 0);
    die();
    assert_true(boots());
    lastword_report();
    assert_string_equal(text[0], "1 ticks||victim 0: 0x1000");
}

/* A TSC that is behind the boot CPU's has no time before the beginning. */
static void no_tick_is_before_the_beginning(void **state)
{
    (void)state;
    run_begins();
    tick(1, 990, 0);
    die();
    assert_true(boots());
    lastword_report();
    assert_int_equal(told[0].time_us, 0);
}

static void without_its_place_it_keeps_nothing(void **state)
{
    static const struct {
        uint64_t base, length, load;
        uint32_t type;
        bool usable;
    } cases[] = {
        {LASTWORD_BASE, LASTWORD_END - LASTWORD_BASE, 0x100000, RAM, true},
        {LASTWORD_BASE - 1, LASTWORD_END - LASTWORD_BASE + 1, 0x100000, RAM, true},
        {LASTWORD_BASE, LASTWORD_END - LASTWORD_BASE - 1, 0x100000, RAM, false},
        {LASTWORD_BASE + 1, LASTWORD_END - LASTWORD_BASE, 0x100000, RAM, false},
        {LASTWORD_BASE, LASTWORD_END - LASTWORD_BASE, 0x100000, RAM + 1, false},
        {LASTWORD_BASE, LASTWORD_END - LASTWORD_BASE, LASTWORD_END, RAM, true},
        {LASTWORD_BASE, LASTWORD_END - LASTWORD_BASE, LASTWORD_END - 1, RAM, false},
        {LASTWORD_BASE, LASTWORD_END - LASTWORD_BASE, LASTWORD_BASE - 0x3000, RAM, true},
        {LASTWORD_BASE, LASTWORD_END - LASTWORD_BASE, LASTWORD_BASE - 0x2fff, RAM, false},
    };

    (void)state;
    for (unsigned i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        begin(NULL);
        set_map(cases[i].base, cases[i].length, cases[i].type);
        image_load_address = cases[i].load;
        assert_false(boots());
        assert_int_equal(lastword_frame(0) != 0, cases[i].usable);
        run_begins();
        assert_int_equal(notes[0] == '\0', cases[i].usable);
        tick(0, 1010, 1);
        lastword_keep_reason("x");
        assert_int_equal(lastword_record()->run.magic != 0, cases[i].usable);
        assert_int_equal(lastword_record()->cpus[0][1].turn, cases[i].usable);
        assert_int_equal(lastword_record()->reason.text[0], cases[i].usable ? 'x' : 0);
    }
}


int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(a_run_that_ends_leaves_nothing, begin),
        cmocka_unit_test_setup(a_run_that_dies_is_told, begin),
        cmocka_unit_test_setup(who_was_silent_for_long_is_named, begin),
        cmocka_unit_test_setup(who_never_ticked_is_named, begin),
        cmocka_unit_test_setup(a_failure_is_the_reason, begin),
        cmocka_unit_test_setup(a_torn_slot_gives_way_to_the_one_before, begin),
        cmocka_unit_test_setup(every_word_of_a_part_counts, begin),
        cmocka_unit_test_setup(a_record_that_cannot_be_believed_is_ignored, begin),
        cmocka_unit_test_setup(counts_that_went_back_are_not_told, begin),
        cmocka_unit_test_setup(an_address_without_a_symbol_is_told_as_it_is, begin),
        cmocka_unit_test_setup(no_tick_is_before_the_beginning, begin),
        cmocka_unit_test_setup(without_its_place_it_keeps_nothing, begin),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
