/* SPDX-License-Identifier: MIT */
/* Tests of cpu/verdict.h: what is counted and told of failures, and all ways in which a run ends.
 * Each end is a process of its own, whose words come back in shared memory. */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "cpu/above.c"
#include "cpu/verdict.c"
#include "machine.h"

#define ENDS 32                     /* exit status: and how it finished */

/* All that was done, in order, a line each; shared with the process that ends. */
static struct told {
    char said[8192];
    unsigned reports;
} *told;

static int64_t smis;
static bool console_stays_full;
static unsigned failing_ports;

__attribute__((format(printf, 1, 2))) static void say(const char *fmt, ...)
{
    size_t used = strlen(told->said);
    va_list args;

    va_start(args, fmt);
    vsnprintf(told->said + used, sizeof told->said - used, fmt, args);
    va_end(args);
}

static void tell_fault(const struct report_fault *record)
{
    told->reports++;
    say("fault %s cpu %lu %s[%lu] %s: %s seed %lu smis %ld\n", record->check, record->cpu,
        record->stack, record->level, record->event, record->detail, record->seed, record->smis);
}

static void tell_verdict(const struct report_verdict *record)
{
    say("verdict %s (%s) %lu ms %lu events %lu faults %lu lost %lu records %lu %lu seed %lu\n",
        record->result, record->reason ? record->reason : "-", record->time_ms, record->events,
        record->faults, record->lost_lines, record->records, record->records_sum,
        record->lines_crc32, record->seed);
}

void report_record(const struct report_type *type, const void *record)
{
    if (type == &type_of_fault)
        tell_fault(record);
    else
        tell_verdict(record);
}

void report_verdict_line(const char *word, const char *reason)
{
    say("line %s: %s\n", word, reason ? reason : "-");
}

void report_note(const char *fmt, ...)
{
    char text[300];
    va_list args;

    va_start(args, fmt);
    vsnprintf(text, sizeof text, fmt, args);
    va_end(args);
    say("note %s\n", text);
}

uint64_t report_records(void)
{
    return 11;
}

uint32_t report_records_sum(void)
{
    return 22;
}

uint32_t console_sum(void)
{
    return 33;
}

uint64_t console_dropped(void)
{
    return 44;
}

void console_settle(void)
{
    say("settle\n");
}

/* Ports 1, 2 and so on fail. */
bool console_find_failure(unsigned *index, struct console_failure *failure)
{
    if (*index >= failing_ports)
        return false;
    *failure = (struct console_failure){.place = {.address = 0x3f8 + *index,
                                                  .in_memory = *index == 1},
                                        .waiting = 5, .lost = 6};
    ++*index;
    return true;
}

void console_seize(void)
{
    say("seize\n");
}

bool console_is_out(void)
{
    return !console_stays_full;
}

void lastword_keep_reason(const char *reason)
{
    say("keep %s\n", reason);
}

void lastword_clear(void)
{
    say("clear\n");
}

static void blame(uint32_t cpu)
{
    say("blame %u\n", cpu);
}

int64_t smi_since_look(void)
{
    return smis;
}

_Noreturn void finish(uint8_t status)
{
    say("finish, interrupts %s\n", hosted.interrupts ? "on" : "off");
    _exit(ENDS + (status == FINISH_PASS));
}

static int begin(void **state)
{
    (void)state;
    told = mmap(NULL, sizeof *told, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    machine_make(3);
    clock_start(1000000000);
    clock_join();
    hosted.tsc = 7000000000;
    verdict_run_start_ms = 2000;
    verdict_seed = 77;
    smis = REPORT_UNKNOWN;
    memset(counts, 0, sizeof counts);
    memset(said, 0, sizeof said);
    first_claimed = console_stays_full = false;
    first_reason = "see the fault records";
    failing_ports = 0;
    cpu_above.stop_others = do_nothing;
    cpu_above.show_verdict = show_nothing;
    verdict_find_cause = blame;
    return 0;
}

#define ON_NMI 1, NMI_STACK, 2, "look"

static void the_first_failure_is_the_reason(void **state)
{
    (void)state;
    assert_null(failure_first());
    check_failed_on(CHECK_FILL, ON_NMI, "%u bytes", 8);
    check_failed_on(CHECK_REST, ON_NMI, "again");
    assert_string_equal(failure_first(), "CPU 1: look on stack NMI: 8 bytes");
    assert_string_equal(told->said,
                        "blame 1\n"
                        "keep CPU 1: look on stack NMI: 8 bytes\n"
                        "fault fill cpu 1 NMI[2] look: 8 bytes seed 77 smis -9223372036854775808\n"
                        "fault rest cpu 1 NMI[2] look: again seed 77 smis -9223372036854775808\n");
    assert_int_equal(failure_count(), 2);
    assert_int_equal(failure_count_of(CHECK_FILL), 1);
    assert_int_equal(failure_count_of(CHECK_REST), 1);
    assert_int_equal(failure_count_of(CHECK_STACK), 0);
}

/* Each CPU tells eight; all are counted. */
static void a_cpu_tells_eight(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 20; i++)
        check_failed_on(CHECK_STACK, ON_NMI, "one");
    assert_int_equal(told->reports, FAILURES_PER_CPU);
    machine_be(2);
    check_failed_on(CHECK_BEFORE, ON_NMI, "one");
    assert_int_equal(told->reports, FAILURES_PER_CPU + 1);
    assert_int_equal(failure_count(), 21);
    assert_int_equal(failure_count_of(CHECK_BEFORE), 1);
}

/* But other failures of it are told. */
static void what_a_lost_cpu_owes_is_left_out(void **state)
{
    (void)state;
    cpu_at(1)->lost = true;
    check_failed_on(CHECK_ACCOUNT, ON_NMI, "one");
    assert_int_equal(failure_count(), 0);
    check_failed_on(CHECK_ALIVE, ON_NMI, "one");
    assert_int_equal(failure_count(), 1);
    cpu_at(1)->lost = false;
    check_failed_on(CHECK_ACCOUNT, ON_NMI, "one");
    assert_int_equal(failure_count(), 2);
}

static void smis_are_told_where_they_may_explain_it(void **state)
{
    static const bool may[CHECK_COUNT] = {[CHECK_STACK] = true, [CHECK_WHOLE] = true,
                                          [CHECK_REST] = true, [CHECK_FILL] = true,
                                          [CHECK_UNEXPECTED] = true};

    (void)state;
    smis = 3;
    for (enum check check = 0; check < CHECK_COUNT; check++) {
        begin(NULL);
        smis = 3;
        check_failed_on(check, 0, NMI_STACK, 0, "look", "one");
        assert_int_equal(strstr(told->said, "look: one; 3 SMIs came since the last look") != NULL,
                         may[check]);
        assert_int_equal(strstr(told->said, "smis 3\n") != NULL, may[check]);
    }
    begin(NULL);
    smis = 3;
    check_failed_on(CHECK_STACK, ON_NMI, "one");      /* of another CPU */
    assert_null(strstr(told->said, "SMIs"));
    begin(NULL);
    smis = 0;
    check_failed_on(CHECK_STACK, 0, NMI_STACK, 0, "look", "one");
    assert_null(strstr(told->said, "SMIs"));
    assert_non_null(strstr(told->said, "smis 0\n"));
}

static void the_place_is_where_it_stands(void **state)
{
    (void)state;
    machine_be(2);
    check_failed(CHECK_REST, "here", "%u events", 3);
    assert_non_null(strstr(told->said, "blame 2\n"));
    assert_non_null(strstr(told->said, "fault rest cpu 2 none[0] here: 3 events"));
}

static void all_events_of_all_cpus_are_summed(void **state)
{
    (void)state;
    for (uint32_t cpu = 0; cpu < 3; cpu++)
        for (unsigned event = 0; event < EVENT_KINDS; event++)
            cpu_at(cpu)->events[event] = 1ull << (cpu * 20 + event);
    assert_true(events_total() == (1ull | 1ull << 20 | 1ull << 40) * ((1ull << EVENT_KINDS) - 1));
}

static void each_failing_port_is_told_once(void **state)
{
    (void)state;
    failing_ports = 3;
    failure_check_consoles();
    failure_check_consoles();
    assert_int_equal(failure_count_of(CHECK_CONSOLE), 3);
    assert_non_null(strstr(told->said, "settle\nblame 0\n"));
    assert_non_null(strstr(told->said, "serial port 0x3f8 took no bytes: 5 lines wait, 6 are lost "
                           "there seed"));
    assert_non_null(strstr(told->said, "serial port mmio:0x3f9 took"));
    assert_non_null(strstr(told->said, "none[0] serial: serial port 0x3fa"));
}

/* The output of the process that runs this, and its end. */
static int end_of(void (*run)(void))
{
    int status;
    pid_t child = fork();

    if (child == 0) {
        signal(SIGSEGV, SIG_DFL);
        run();
        _exit(1);
    }
    waitpid(child, &status, 0);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}

static void stop_others(void)
{
    say("stop others, interrupts %s\n", hosted.interrupts ? "on" : "off");
}

static void show(const char *reason)
{
    say("show %s\n", reason ? reason : "-");
}

static int begin_end(void **state)
{
    begin(state);
    cpu_above.stop_others = stop_others;
    cpu_above.show_verdict = show;
    cpu_at(2)->events[EVENT_NMI] = 9;
    return 0;
}

static void a_run_without_failures_passes(void **state)
{
    (void)state;
    assert_int_equal(end_of(verdict_give), ENDS + 1);
    assert_string_equal(told->said,
                        "stop others, interrupts off\n"
                        "seize\n"
                        "settle\n"
                        "verdict PASS (-) 5000 ms 9 events 0 faults 44 lost 11 records 22 33 seed "
                        "77\n"
                        "show -\n"
                        "line PASS: -\n"
                        "seize\n"
                        "clear\n"
                        "finish, interrupts off\n");
}

static void fail_and_end(void)
{
    check_failed_on(CHECK_FILL, ON_NMI, "bad");
    told->said[0] = '\0';
    verdict_give();
}

static void a_run_with_a_failure_fails(void **state)
{
    (void)state;
    assert_int_equal(end_of(fail_and_end), ENDS);
    assert_string_equal(told->said,
                        "stop others, interrupts off\n"
                        "seize\n"
                        "settle\n"
                        "verdict FAIL (CPU 1: look on stack NMI: bad) 5000 ms 9 events 1 faults 44 "
                        "lost 11 records 22 33 seed 77\n"
                        "show CPU 1: look on stack NMI: bad\n"
                        "line FAIL: CPU 1: look on stack NMI: bad\n"
                        "seize\n"
                        "clear\n"
                        "finish, interrupts off\n");
}

static void end_at_once(void)
{
    check_failed_on(CHECK_FILL, ON_NMI, "bad");
    told->said[0] = '\0';
    verdict_fatal();
}

static void a_fatal_failure_bails_out(void **state)
{
    (void)state;
    assert_int_equal(end_of(end_at_once), ENDS);
    assert_non_null(strstr(told->said, "seize\n"
                           "note Bail out! CPU 1: look on stack NMI: bad\nsettle\nverdict FAIL"));
    cpu_above.stop_others = do_nothing;
    cpu_above.show_verdict = show_nothing;
    told->said[0] = '\0';
    assert_int_equal(end_of(end_at_once), ENDS);
    assert_memory_equal(told->said, "seize\nnote Bail out!", 20);
}

/* A port that fails at the very end makes the verdict. */
static void the_consoles_are_asked_before_the_verdict(void **state)
{
    (void)state;
    failing_ports = 1;
    assert_int_equal(end_of(verdict_give), ENDS);
    assert_non_null(strstr(told->said, "verdict FAIL (CPU 0: serial on stack none: serial port "));
}

static void without_its_verdict_out_the_record_stays(void **state)
{
    (void)state;
    console_stays_full = true;
    assert_int_equal(end_of(verdict_give), ENDS + 1);
    assert_null(strstr(told->said, "clear"));
}

/* The verdict's page faults: no more than the verdict's line is said. */
static void fault_again(const char *reason)
{
    (void)reason;
    verdict_fatal();
}

static void who_faults_in_its_end_says_the_verdict_alone(void **state)
{
    (void)state;
    cpu_above.show_verdict = fault_again;
    assert_int_equal(end_of(end_at_once), ENDS);
    assert_non_null(strstr(told->said, "seed 77\n"
                           "line FAIL: CPU 1: look on stack NMI: bad\nseize\nclear\n"
                           "finish, interrupts off\n"));
    assert_int_equal(strstr(told->said, "Bail out") - told->said,
                     (long)strlen("stop others, interrupts off\nseize\nnote "));
}

/* The second CPU halts with interrupts off, which the host forbids: the process dies of it. */
static void end_on_another(const char *reason)
{
    (void)reason;
    machine_be(1);
    hosted.interrupts = true;
    verdict_fatal();
}

static void who_comes_second_waits(void **state)
{
    (void)state;
    cpu_above.show_verdict = end_on_another;
    assert_int_equal(end_of(end_at_once), -SIGSEGV);
    assert_null(strstr(told->said, "line FAIL"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(the_first_failure_is_the_reason, begin),
        cmocka_unit_test_setup(a_cpu_tells_eight, begin),
        cmocka_unit_test_setup(what_a_lost_cpu_owes_is_left_out, begin),
        cmocka_unit_test_setup(smis_are_told_where_they_may_explain_it, begin),
        cmocka_unit_test_setup(the_place_is_where_it_stands, begin),
        cmocka_unit_test_setup(all_events_of_all_cpus_are_summed, begin),
        cmocka_unit_test_setup(a_run_without_failures_passes, begin_end),
        cmocka_unit_test_setup(a_run_with_a_failure_fails, begin_end),
        cmocka_unit_test_setup(a_fatal_failure_bails_out, begin_end),
        cmocka_unit_test_setup(the_consoles_are_asked_before_the_verdict, begin_end),
        cmocka_unit_test_setup(without_its_verdict_out_the_record_stays, begin_end),
        cmocka_unit_test_setup(who_faults_in_its_end_says_the_verdict_alone, begin_end),
        cmocka_unit_test_setup(who_comes_second_waits, begin_end),
        cmocka_unit_test_setup(each_failing_port_is_told_once, begin),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
