/* SPDX-License-Identifier: MIT */
/*
 * The console: many writers at once, writers in the middle of writers as NMIs are, a full ring,
 * stuck and absent ports, and an owner stopped at any instruction.
 *
 * console.c is included, so that each test can begin with a fresh ring.
 */
#define _GNU_SOURCE
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <ucontext.h>

#include "lib/console.c"
#include "uart_model.h"

/* A PSF1 font of 256 blank glyphs of one row, as font.asm would link it in. */
__asm__(".pushsection .rodata\n"
        ".globl font_start, font_end\n"
        "font_start: .byte 0x36, 0x04, 0, 1\n .fill 256, 1, 0\n"
        "font_end: .popsection\n");

#define THREADS 4
#define LINES_EACH 4000
#define NMI_SOURCES (THREADS * 2) /* a thread's own lines, and those of its handler */

static const struct serial_place com1 = {.address = UART_BASE, .stride = 1, .width = 1,
                                         .baud = 115200};
static const struct serial_place com2 = {.address = UART_BASE_2, .stride = 1, .width = 1,
                                         .baud = 115200};

static __thread volatile bool in_nmi;
static volatile bool nobody_drains;

static bool outside_nmi(void)
{
    return !in_nmi && !nobody_drains;
}

static int fresh_console(void **state)
{
    static const struct console_framebuffer none = {.kind = CONSOLE_FRAMEBUFFER_NONE};

    (void)state;
    uart_reset();
    screen_open(&none, NULL, NULL);
    memset(ring, 0, sizeof(ring));
    memset(outlets, 0, sizeof(outlets));
    memset(&screen, 0, sizeof(screen));
    memset(sums, 0, sizeof(sums));
    summed_from = 0;
    outlet_count = 0;
    reserved = drained = dropped = owned = 0;
    cut = told_cut = told_dropped = 0;
    opened = seized = notes_ended = nobody_drains = false;
    lib_above.may_drain = outside_nmi;
    return 0;
}

static void start_with(const struct serial_place *first, const struct serial_place *second)
{
    console_init(&(struct console_choice){0});
    console_add_serial(first, NULL);
    if (second)
        console_add_serial(second, NULL);
    console_start();
}

static void start(void)
{
    start_with(&com1, NULL);
}

/* As if the run had gone on for so many bytes. */
static void move_ring_to(uint64_t position)
{
    reserved = drained = screen.start = position;
    for (unsigned i = 0; i < outlet_count; i++)
        outlets[i].start = position;
}

/* A line; its newline is added. */
static bool write_bytes(const char *text, size_t length)
{
    struct console_record record;

    if (!console_reserve(&record, length + 1))
        return false;
    memcpy(record.text, text, length);
    record.text[length] = '\n';
    console_commit(&record);
    return true;
}

static bool write_text(const char *text)
{
    size_t length = strlen(text);

    return write_bytes(text, length && text[length - 1] == '\n' ? length - 1 : length);
}

static void assert_sent(const char *text)
{
    uart.sent[uart.length] = '\0';
    assert_string_equal(uart.sent, text);
}

/* Of what COM1 has sent, without the carriage returns. */
static uint32_t sum_of_sent(void)
{
    uint32_t crc = 0;

    for (size_t i = 0; i < uart.length; i++)
        if (uart.sent[i] != '\r')
            crc = crc32(crc, &uart.sent[i], 1);
    return crc;
}

static void lines_from_before_init_are_kept(void **state)
{
    (void)state;
    write_text("early\n");
    assert_int_equal(uart.length, 0);
    start();
    write_text("no newline");
    write_text("");
    write_text("two\nlines\n");
    assert_sent("early\r\nno newline\r\n\r\ntwo\r\nlines\r\n");
}

static void stream_is_plain_ascii(void **state)
{
    (void)state;
    start();
    write_text("\x1b[2J\t\xc3\xa9\x7f~ \r\n");
    assert_sent("?[2J????~ ?\r\n");
}

static void the_longest_line_comes_out_whole(void **state)
{
    static char line[CONSOLE_LINE_MAX - 1];

    (void)state;
    start();
    memset(line, 'x', sizeof(line));
    assert_true(write_bytes(line, sizeof(line)));
    assert_int_equal(uart.length, CONSOLE_LINE_MAX + 1);
    assert_memory_equal(uart.sent + uart.length - 3, "x\r\n", 3);
}

static void absent_port_is_said_on_the_screen(void **state)
{
    static uint16_t cells[25 * 80];
    static const struct console_framebuffer fb = {.kind = CONSOLE_FRAMEBUFFER_TEXT, .width = 80,
                                                  .height = 25, .pitch = 160};
    const char *want = "# console: no serial port at 0x3f8";

    (void)state;
    uart.present = false;
    console_set_framebuffer(&fb, cells);
    console_init(&(struct console_choice){.screen = true});
    console_add_serial(&com1, NULL);
    console_start();
    for (size_t i = 0; i < strlen(want); i++)
        assert_int_equal(cells[i] & 0xff, want[i]);
    assert_int_equal(uart.length, 0);
}

static void what_is_queued_waits_for_every_console(void **state)
{
    (void)state;
    console_init(&(struct console_choice){0});
    console_add_serial(&com1, NULL);
    write_text("early\n");
    assert_int_equal(uart.length, 0);
    console_add_serial(&com2, NULL);
    console_start();
    assert_sent("early\r\n");
    assert_memory_equal(uart_2.sent, "early\r\n", 7);
}

static void a_refusal_before_the_start_is_written(void **state)
{
    (void)state;
    console_init(&(struct console_choice){0});
    console_add_serial(&com1, NULL);
    write_text("refused\n");
    console_seize();
    assert_sent("refused\r\n");
}

static void a_port_added_again_has_its_new_speed(void **state)
{
    struct serial_place slow = com1;

    (void)state;
    slow.baud = 9600;
    uart.divisor_low = 7;
    start_with(&com1, &slow);
    write_text("once\n");
    assert_sent("once\r\n");
    assert_int_equal(uart.divisor_low, 12);
    slow.baud = 0;
    console_add_serial(&slow, NULL);
    assert_int_equal(uart.divisor_low, 7); /* as the firmware had set it */
}

static void ports_beyond_the_last_are_said(void **state)
{
    struct serial_place place = com1;

    (void)state;
    uart.stride = uart.width = 1;
    console_init(&(struct console_choice){0});
    place.in_memory = true;
    for (place.address = 0x1000; place.address <= 0x5000; place.address += 0x1000)
        console_add_serial(&place, UART_MEMORY);
    assert_int_equal(outlet_count, CONSOLE_SERIALS);
    assert_string_equal(text_at(0), "# console: serial port mmio:0x5000 is one more than there can "
                                    "be\n");
}

static void unmapped_memory_is_an_absent_port(void **state)
{
    struct serial_place place = {.address = 0xfe034000, .in_memory = true, .stride = 1, .width = 1};

    (void)state;
    start_with(&com1, &place);
    assert_sent("# console: no serial port at mmio:0xfe034000\r\n");
}

static void lines_are_summed_from_where_it_was_asked(void **state)
{
    struct console_record record;

    (void)state;
    write_text("early\n");
    assert_true(console_reserve(&record, 12));
    memcpy(record.text, "in\0summed\n", 10);
    console_sum_from(&record);
    console_commit(&record);
    start();
    assert_sent("early\r\ninsummed\r\n");
    assert_int_equal(console_sum(), crc32(0, "insummed\n", 9));
    write_text("\xe9 too\n");
    assert_int_equal(console_sum(), crc32(0, "insummed\n? too\n", 15));
    uart.stuck = true; /* a port that lags takes nothing from the sum */
    write_text("a line longer than what the FIFO holds\n");
    console_end_notes();
    uart.stuck = false;
    console_drain();
    uart.length = 0;
    write_text("x\n");
    assert_int_equal(console_sum(), crc32(
        0, "insummed\n? too\na line longer than what the FIFO holds\n"
           "# console: serial port 0x3f8 takes no bytes\nx\n", 100));
}

static void ports_take_turns_a_fifo_each(void **state)
{
    static const char text[] = "a line that is longer than the FIFO of either port, by far\n";

    (void)state;
    start_with(&com1, &com2);
    uart.status_reads = 0;
    write_text(text);
    assert_int_equal(uart.length, sizeof(text));
    assert_int_equal(uart_2.length, sizeof(text));
    assert_memory_equal(uart.sent, uart_2.sent, sizeof(text));
    assert_int_equal(uart.sent_too_early + uart_2.sent_too_early, 0);
    assert_int_equal(uart.status_reads, (sizeof(text) + 15) / 16);
}

static void lines_that_come_while_the_page_is_written_come_after_it(void **state)
{
    static uint16_t cells[25 * 80];
    static const struct console_framebuffer fb = {.kind = CONSOLE_FRAMEBUFFER_TEXT, .width = 80,
                                                  .height = 25, .pitch = 160};
    uint32_t columns, rows;

    (void)state;
    start();
    assert_false(console_take_page(&columns, &rows)); /* no screen */
    write_text("one\n");
    fresh_console(state);
    console_set_framebuffer(&fb, cells);
    console_init(&(struct console_choice){.screen = true});
    console_add_serial(&com1, NULL);
    assert_false(console_take_page(&columns, &rows)); /* not started */
    console_start();
    assert_true(console_take_page(&columns, &rows));
    assert_int_equal(columns * rows, 80 * 25);
    assert_false(console_take_page(&columns, &rows));
    screen_set_page(2);
    screen_put(0, 0, SCREEN_PLAIN, "page", 4);
    write_text("line\n");
    assert_int_equal(uart.length, 0);
    console_give_page();
    assert_sent("line\r\n");
    assert_int_equal(cells[0] & 0xff, 'p');
    assert_int_equal(cells[2 * 80] & 0xff, 'l');
}

static unsigned count_in(const char *text, const char *what)
{
    unsigned count = 0;

    for (; (text = strstr(text, what)) != NULL; text += strlen(what))
        count++;
    return count;
}

/* The other port goes on; what the stuck one missed comes when it moves again. */
static void stuck_port_gets_its_lines_later(void **state)
{
    uint64_t reads;

    (void)state;
    start_with(&com1, &com2);
    write_text("before\n");
    uart_2.stuck = true;
    write_text("a line longer than what the FIFO holds\n");
    reads = uart_2.status_reads;
    for (int i = 0; i < 1000; i++)
        assert_true(write_text("kept\n"));
    assert_in_range(uart_2.status_reads - reads, 1, 20000);
    uart.sent[uart.length] = '\0';
    assert_int_equal(count_in(uart.sent, "kept\r\n"), 1000);
    assert_non_null(strstr(uart.sent, "# console: serial port 0x2f8 takes no bytes\r\n"));
    uart_2.stuck = false;
    write_text("after\n");
    uart.sent[uart.length] = uart_2.sent[uart_2.length] = '\0';
    assert_non_null(strstr(uart.sent, "after\r\n# console: serial port 0x2f8 moves again\r\n"));
    assert_string_equal(uart.sent, uart_2.sent);
    assert_int_equal(console_dropped(), 0);
    assert_int_equal(drained, reserved);
}

static void stuck_port_does_not_stop_the_run(void **state)
{
    struct console_failure failure;
    unsigned index = 0, kept;
    uint64_t lost = 0;
    char *said;

    (void)state;
    start();
    write_text("before\n");
    uart.stuck = true;
    write_text("a line longer than what the FIFO holds\n");
    for (int i = 0; i < 20000; i++)
        assert_true(write_text("too many\n"));
    assert_true(console_unfinished());
    assert_true(console_find_failure(&index, &failure));
    assert_int_equal(failure.place.address, UART_BASE);
    assert_true(failure.waiting > 1000 && failure.lost > 1000);
    assert_int_equal(failure.lost, console_dropped());
    assert_false(console_find_failure(&index, &failure));
    uart.stuck = false;
    console_drain();
    assert_false(console_unfinished());
    uart.sent[uart.length] = '\0';
    assert_memory_equal(uart.sent, "before\r\na line l\r\n", 18);
    kept = count_in(uart.sent, "too many\r\n");
    said = strstr(uart.sent, "# console: serial port 0x3f8 moves again, ");
    assert_non_null(said);
    assert_int_equal(sscanf(said, "# console: serial port 0x3f8 moves again, %lu lines", &lost), 1);
    /* The torn line is among those that are lost, and so is what was said of the port. */
    assert_in_range(kept + lost, 20000, 20002);
}

static void last_line_stays_last(void **state)
{
    (void)state;
    start_with(&com1, &com2);
    uart_2.stuck = true;
    console_end_notes();
    write_text("the verdict, longer than a FIFO\n");
    assert_sent("the verdict, longer than a FIFO\r\n");
    uart_2.stuck = false;
    console_drain();
    assert_int_equal(uart_2.length, uart.length);
}

static void planted_stuck_port_is_the_last(void **state)
{
    struct console_failure failure;
    unsigned index = 0;

    (void)state;
    start_with(&com1, &com2);
    console_plant_stuck();
    write_text("x\n");
    console_settle();
    assert_true(console_find_failure(&index, &failure));
    assert_int_equal(failure.place.address, UART_BASE_2);
    assert_int_equal(failure.waiting, 2); /* with what was said of it */
    assert_int_equal(uart_2.length, 0);
}

/* Many writers */

static volatile bool writers_done;
static pthread_t writers[THREADS];
static pthread_barrier_t all_numbered; /* no signal may come before a thread knows its number */
static uint64_t refused[NMI_SOURCES];
static __thread unsigned my_number;
static __thread volatile unsigned nmi_lines;

/* "S source sequence xxxx...": the filler's length and letter follow from source and sequence. */
static unsigned line_build(char *line, unsigned source, unsigned sequence)
{
    unsigned filler = (source * 7 + sequence * 13) % 90;
    unsigned length = (unsigned)sprintf(line, "S %u %u ", source, sequence);

    memset(line + length, 'a' + (int)((source + sequence) % 26), filler);
    return length + filler;
}

static void line_write(unsigned source, unsigned sequence)
{
    char line[160];

    if (!write_bytes(line, line_build(line, source, sequence)))
        refused[source]++;
}

static void on_nmi(int signal)
{
    (void)signal;
    in_nmi = true;
    line_write(THREADS + my_number, nmi_lines++);
    in_nmi = false;
}

static void *writer(void *number)
{
    my_number = (unsigned)(uintptr_t)number;
    pthread_barrier_wait(&all_numbered);
    for (unsigned i = 0; i < LINES_EACH; i++)
        line_write(my_number, i);
    while (!writers_done) /* handlers may still come */
        console_drain();
    return (void *)(uintptr_t)nmi_lines;
}

/* Takes the stream apart: whole lines, each source's in order. Returns how many there were. */
static uint64_t check_stream(uint64_t *said_lost)
{
    unsigned next[NMI_SOURCES] = {0};
    uint64_t count = 0, lost;

    *said_lost = 0;
    uart.sent[uart.length] = '\0';
    for (char *line = uart.sent, *end; (end = strstr(line, "\r\n")) != NULL; line = end + 2) {
        char expected[160];
        unsigned source, sequence;

        *end = '\0';
        if (sscanf(line, "# console: %lu lines lost", &lost) == 1) {
            *said_lost += lost;
            continue;
        }
        assert_int_equal(sscanf(line, "S %u %u ", &source, &sequence), 2);
        assert_in_range(source, 0, NMI_SOURCES - 1);
        assert_true(sequence >= next[source]);
        next[source] = sequence + 1;
        expected[line_build(expected, source, sequence)] = '\0';
        assert_string_equal(line, expected);
        count++;
    }
    return count;
}

static void writers_on_all_cpus_and_in_nmis_tear_nothing(void **state)
{
    uint64_t sent = THREADS * LINES_EACH, lost = 0, said_lost, written;
    struct sigaction action = {.sa_handler = on_nmi};

    (void)state;
    memset(refused, 0, sizeof(refused));
    writers_done = false;
    sigaction(SIGUSR1, &action, NULL);
    start();
    pthread_barrier_init(&all_numbered, NULL, THREADS + 1);
    for (uintptr_t i = 0; i < THREADS; i++)
        pthread_create(&writers[i], NULL, writer, (void *)i);
    pthread_barrier_wait(&all_numbered);
    for (int i = 0; i < 20000; i++)
        pthread_kill(writers[i % THREADS], SIGUSR1);
    writers_done = true;
    for (int i = 0; i < THREADS; i++) {
        void *nmis;

        pthread_join(writers[i], &nmis);
        sent += (uintptr_t)nmis;
    }
    console_drain();
    for (int i = 0; i < NMI_SOURCES; i++)
        lost += refused[i];
    assert_int_equal(console_sum(), sum_of_sent());
    written = check_stream(&said_lost);
    assert_int_equal(written + lost, sent);
    assert_int_equal(lost, console_dropped());
    assert_int_equal(said_lost, lost);
    assert_int_equal(drained, reserved);
}

static void full_ring_drops_counts_and_says_so(void **state)
{
    unsigned accepted = 0, refused_lines = 0;
    uint64_t said;

    (void)state;
    start();
    nobody_drains = true;
    for (unsigned i = 0; i < 20000; i++) {
        char line[160];

        if (write_bytes(line, line_build(line, 0, i)))
            accepted++;
        else
            refused_lines++;
    }
    assert_true(refused_lines > 0 && accepted > 2000);
    assert_int_equal(console_dropped(), refused_lines);
    nobody_drains = false;
    line_write(0, 20000);
    assert_int_equal(check_stream(&said), accepted + 1);
    assert_int_equal(said, refused_lines);
    assert_int_equal(console_dropped(), refused_lines);
}

static void owner_elsewhere_is_not_waited_on(void **state)
{
    (void)state;
    start();
    owned = 1;
    assert_true(write_text("queued\n"));
    assert_int_equal(uart.length, 0);
    owned = 0;
    console_drain();
    assert_sent("queued\r\n");
}

static void line_in_between(bool out)
{
    (void)out;
    in_nmi = true;
    write_text("between\n");
    in_nmi = false;
}

/* A line that comes while the owner lets go waits for no next call: the release is re-checked. */
static void line_queued_at_the_last_access_is_not_left(void **state)
{
    (void)state;
    start();
    for (unsigned stop = 1; stop < 40; stop++) {
        uart.length = 0;
        uart.accesses = 0;
        uart.stop_at = stop;
        uart.on_stop = line_in_between;
        write_text("0123456789\n");
        assert_true(uart.length == 12 || uart.length == 21);
        assert_int_equal(drained, reserved);
    }
}

/* Stopping */

static sigjmp_buf stopped;
static bool stopped_at_out;

static void stop_here(bool out)
{
    stopped_at_out = out;
    siglongjmp(stopped, 1);
}

#define THREE_LINES "# first line\r\n{\"second\":12345678901234567890}\r\nok 3 third\r\n"

static void queue_three_lines(void)
{
    nobody_drains = true;
    write_text("# first line\n");
    write_text("{\"second\":12345678901234567890}\n");
    write_text("ok 3 third\n");
    nobody_drains = false;
}

/* Each of the lines is there, whole and in order; returns how many others there are. */
static unsigned count_torn(void)
{
    static const char *const wanted[] = {"# first line", "{\"second\":12345678901234567890}",
                                         "ok 3 third"};
    unsigned found = 0, torn = 0;

    uart.sent[uart.length] = '\0';
    for (char *line = uart.sent, *end; (end = strchr(line, '\n')) != NULL; line = end + 1) {
        size_t length = (size_t)(end - line);

        while (length > 0 && line[length - 1] == '\r')
            length--;
        if (found < 3 && length == strlen(wanted[found]) &&
            memcmp(line, wanted[found], length) == 0)
            found++;
        else if (length > 0)
            torn++;
    }
    assert_int_equal(found, 3);
    return torn;
}

static void seizing_goes_on_at_the_very_byte(void **state)
{
    volatile unsigned stop = 1, exact = 0;

    for (;; stop++) {
        fresh_console(state);
        start();
        queue_three_lines();
        uart.accesses = 0;
        uart.stop_at = stop;
        uart.on_stop = stop_here;
        if (sigsetjmp(stopped, 1) == 0) {
            console_drain();
            break; /* fewer accesses than that: all stops were tried */
        }
        in_nmi = true; /* the last survivor may be in any context */
        console_seize();
        if (stopped_at_out) {
            assert_true(count_torn() <= 1); /* the line begun again, its torn beginning before */
        } else {
            assert_sent(THREE_LINES);
            exact++;
        }
        write_text("later\n");
        assert_memory_equal(uart.sent + uart.length - 7, "later\r\n", 7);
        in_nmi = false;
    }
    assert_true(exact >= 4 && stop > 60);
}

static void writer_stopped_before_commit_is_passed_over(void **state)
{
    struct console_record record;

    (void)state;
    start();
    write_text("before\n");
    write_text("it\n");
    assert_true(console_reserve(&record, 50));
    memset(record.text, 'x', 30);
    write_text("behind it\n");
    assert_sent("before\r\nit\r\n");
    console_seize();
    assert_sent("before\r\nit\r\nbehind it\r\n"
                "# console: 1 lines cut off, their CPUs stopped\r\n");
    assert_int_equal(console_sum(), sum_of_sent());
    assert_int_equal(console_dropped(), 1);
    assert_int_equal(drained, reserved);
}

static void stopped_writer_at_the_rings_end_is_passed_over(void **state)
{
    struct console_record record;

    (void)state;
    start();
    move_ring_to(5 * RING_BYTES - 16); /* the text runs on into the spill area */
    assert_true(console_reserve(&record, 50));
    memset(record.text, 'x', 50);
    write_text("behind it\n");
    console_seize();
    assert_sent("behind it\r\n# console: 1 lines cut off, their CPUs stopped\r\n");
    for (size_t i = 0; i < sizeof(ring) / sizeof(ring[0]); i++)
        assert_true(ring[i] == 0);
}

/* Stops the thread for good after some number of single steps (the trap flag, SIGTRAP). */
#define TRAP_FLAG 0x100

static volatile long steps_left;

static void (*at_step)(void);

static void on_step(int signal, siginfo_t *info, void *context)
{
    (void)signal;
    (void)info;
    if (--steps_left > 0)
        return;
    ((ucontext_t *)context)->uc_mcontext.gregs[REG_EFL] &= ~TRAP_FLAG;
    at_step();
}

static void stop_at_step(void)
{
    siglongjmp(stopped, 1);
}

static void count_steps(void (*then)(void), long steps)
{
    struct sigaction action = {.sa_sigaction = on_step,
                               .sa_flags = SA_NODEFER | SA_SIGINFO};

    sigaction(SIGTRAP, &action, NULL);
    at_step = then;
    steps_left = steps;
}

static void set_trap_flag(bool on)
{
    if (on)
        __asm__ volatile("pushfq; orl $0x100, (%%rsp); popfq" : : : "memory", "cc");
    else
        __asm__ volatile("pushfq; andl $~0x100, (%%rsp); popfq" : : : "memory", "cc");
}

static bool stop_after(long steps)
{
    count_steps(stop_at_step, steps);
    if (sigsetjmp(stopped, 1) != 0)
        return true;
    set_trap_flag(true);
    write_text("ok 3\n");
    set_trap_flag(false);
    return false;
}

static bool sent_whole(const char *line)
{
    uart.sent[uart.length] = '\0';
    return strstr(uart.sent, line) != NULL;
}

/* Of the lines that the stopped writer leaves, each once, however often a port had to begin one. */
static uint32_t sum_after_a_stop(void)
{
    const char *const lines[] = {
        "# 1\n{2}\n", sent_whole("ok 3\r\n") ? "ok 3\n" : "",
        console_dropped() ? "# console: 1 lines cut off, their CPUs stopped\n" : "", "later\n"};
    uint32_t crc = 0;

    for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++)
        crc = crc32(crc, lines[i], strlen(lines[i]));
    return crc;
}

static void seizing_works_after_a_stop_at_any_instruction(void **state)
{
    unsigned stops = 0;

    /* Short lines, and wider steps as they get long: a single step costs a signal. */
    for (long steps = 1;; steps += 1 + steps / 16) {
        fresh_console(state);
        start();
        move_ring_to(3 * RING_BYTES - 40); /* across the ring's end */
        nobody_drains = true;
        write_text("# 1\n");
        write_text("{2}\n");
        nobody_drains = false;
        if (!stop_after(steps))
            break;
        stops++;
        in_nmi = true;
        console_seize();
        write_text("later\n");
        in_nmi = false;
        assert_true(sent_whole("# 1\r\n"));
        assert_true(sent_whole("{2}\r\n"));
        assert_true(sent_whole("\r\nlater\r\n"));
        assert_true(drained == reserved);
        /* The line of the stopped writer itself: whole, or said to be cut, or not begun. */
        assert_true(sent_whole("ok 3\r\n") || console_dropped() == 1 ||
                    !sent_whole("ok"));
        assert_int_equal(console_sum(), sum_after_a_stop());
    }
    assert_true(stops > 80);
}

static bool owner_was_active;

static void nmi_at_step(void)
{
    owner_was_active = owned != 0;
    line_in_between(false);
}

static void write_in_the_middle_of_a_write_takes_its_own_place(void **state)
{
    /* So many instructions are well past the reservation, which is what is looked at. */
    for (long steps = 1; steps < 400; steps++) {
        fresh_console(state);
        start();
        count_steps(nmi_at_step, steps);
        set_trap_flag(true);
        write_text("outer\n");
        set_trap_flag(false);
        assert_true(steps_left <= 0);
        console_drain();
        assert_int_equal(uart.length, strlen("outer\r\nbetween\r\n"));
        assert_true(sent_whole("outer\r\n") && sent_whole("between\r\n"));
    }
}

/*
 * Every instruction behind a line's last byte: there the record is freed, the ownership given up
 * and the ring looked at again. "x\r\n" fits the FIFO: one look at the line
 * status, then three bytes.
 */
#define LAST_ACCESS 4
#define STEPS_BETWEEN 7 /* of what is tried; each step costs a signal */

static void begin_steps(bool out)
{
    (void)out;
    set_trap_flag(true);
}

/* Writes "x", and has something happen so many instructions after its last byte. */
static bool write_and_step(void (*then)(void), long steps)
{
    start();
    uart.accesses = 0;
    uart.stop_at = LAST_ACCESS;
    uart.on_stop = begin_steps;
    count_steps(then, steps);
    if (sigsetjmp(stopped, 1) == 0)
        write_text("x\n");
    set_trap_flag(false);
    return steps_left <= 0; /* false: there were fewer steps */
}

static void line_queued_while_the_owner_lets_go_is_not_left(void **state)
{
    unsigned tried = 0;

    for (long steps = 1;; steps += STEPS_BETWEEN) {
        fresh_console(state);
        if (!write_and_step(nmi_at_step, steps) || !owner_was_active)
            break;
        assert_sent("x\r\nbetween\r\n");
        tried++;
    }
    assert_true(tried > 10);
}

static void seizing_after_a_lines_last_byte_neither_repeats_nor_miscounts(void **state)
{
    unsigned tried = 0;

    for (long steps = 1;; steps += STEPS_BETWEEN) {
        fresh_console(state);
        if (!write_and_step(stop_at_step, steps))
            break;
        console_seize();
        uart.sent[uart.length] = '\0';
        /* A byte not known to be out is sent again, in a line begun again. */
        if (strcmp(uart.sent, "x\r\n\r\nx\r\n") != 0)
            assert_sent("x\r\n");
        assert_int_equal(console_dropped(), 0);
        assert_int_equal(drained, reserved);
        tried++;
    }
    assert_true(tried > 10);
}

/* Stops the owner so many instructions after the last byte of "x", with "y" behind it. */
static void stop_between_lines(long steps)
{
    start();
    nobody_drains = true;
    write_text("x\n");
    write_text("y\n");
    nobody_drains = false;
    uart.accesses = 0;
    uart.stop_at = LAST_ACCESS;
    uart.on_stop = begin_steps;
    count_steps(stop_at_step, steps);
    if (sigsetjmp(stopped, 1) == 0)
        console_drain();
    set_trap_flag(false);
    assert_true(steps_left <= 0);
}

static void a_line_is_summed_once_wherever_its_owner_stops(void **state)
{
    unsigned before = 0, behind = 0;

    for (long steps = 1; behind < 20; steps++) {
        fresh_console(state);
        stop_between_lines(steps);
        if (screen.start == reserved)
            behind++;
        else
            before++;
        console_seize();
        assert_int_equal(console_sum(), crc32(0, "x\ny\n", 4));
    }
    assert_true(before > 20);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(lines_from_before_init_are_kept, fresh_console),
        cmocka_unit_test_setup(stream_is_plain_ascii, fresh_console),
        cmocka_unit_test_setup(the_longest_line_comes_out_whole, fresh_console),
        cmocka_unit_test_setup(absent_port_is_said_on_the_screen, fresh_console),
        cmocka_unit_test_setup(what_is_queued_waits_for_every_console, fresh_console),
        cmocka_unit_test_setup(a_refusal_before_the_start_is_written, fresh_console),
        cmocka_unit_test_setup(a_port_added_again_has_its_new_speed, fresh_console),
        cmocka_unit_test_setup(ports_beyond_the_last_are_said, fresh_console),
        cmocka_unit_test_setup(unmapped_memory_is_an_absent_port, fresh_console),
        cmocka_unit_test_setup(lines_are_summed_from_where_it_was_asked, fresh_console),
        cmocka_unit_test_setup(ports_take_turns_a_fifo_each, fresh_console),
        cmocka_unit_test_setup(
            lines_that_come_while_the_page_is_written_come_after_it, fresh_console),
        cmocka_unit_test_setup(stuck_port_gets_its_lines_later, fresh_console),
        cmocka_unit_test_setup(stuck_port_does_not_stop_the_run, fresh_console),
        cmocka_unit_test_setup(last_line_stays_last, fresh_console),
        cmocka_unit_test_setup(planted_stuck_port_is_the_last, fresh_console),
        cmocka_unit_test_setup(writers_on_all_cpus_and_in_nmis_tear_nothing, fresh_console),
        cmocka_unit_test_setup(full_ring_drops_counts_and_says_so, fresh_console),
        cmocka_unit_test_setup(owner_elsewhere_is_not_waited_on, fresh_console),
        cmocka_unit_test_setup(line_queued_at_the_last_access_is_not_left, fresh_console),
        cmocka_unit_test_setup(seizing_goes_on_at_the_very_byte, fresh_console),
        cmocka_unit_test_setup(writer_stopped_before_commit_is_passed_over, fresh_console),
        cmocka_unit_test_setup(stopped_writer_at_the_rings_end_is_passed_over, fresh_console),
        cmocka_unit_test_setup(seizing_works_after_a_stop_at_any_instruction, fresh_console),
        cmocka_unit_test_setup(
            write_in_the_middle_of_a_write_takes_its_own_place, fresh_console),
        cmocka_unit_test_setup(line_queued_while_the_owner_lets_go_is_not_left, fresh_console),
        cmocka_unit_test_setup(
            seizing_after_a_lines_last_byte_neither_repeats_nor_miscounts, fresh_console),
        cmocka_unit_test_setup(a_line_is_summed_once_wherever_its_owner_stops, fresh_console),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
