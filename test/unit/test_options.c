/* SPDX-License-Identifier: MIT */
/* Tests of boot/options.h: every key, and every way in which a word can be wrong. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "boot/options.h"
#include "foreign.h"

static const char *const WORKLOADS[] = { "nmi", "debug", "latency", "conform" };
/* The storm has workloads 0 and 1. */
static bool uses(unsigned workload, const char *key)
{
    return (!strcmp(key, "time") && workload != 2 && workload != 3) ||
           (!strcmp(key, "target") && workload == 0) ||
           (!strcmp(key, "samples") && workload == 2) || (!strcmp(key, "check") && workload == 3);
}

static const char *const CHECKS[] = { "nmi.latch", "iret.nt" };
static const char *const INJECTS[] = { "stack", "lost-nmi" };
static const char *const DISCIPLINES[] = { "shift", "none", "ret" };
static const struct option_names NAMES = {
    .workloads = WORKLOADS, .workload_count = 4, .together = 3, .uses = uses,
    .injects = INJECTS, .inject_count = 2, .checks = CHECKS, .check_count = 2,
    .entries = DISCIPLINES, .entry_count = 3,
};
#define KEY_WORD(key, value, help) " " #key "="
#define KEYS "the keys are" OPTIONS(KEY_WORD)
#define CONSOLES "none, or screen and up to 4 serial[:PORT[:BAUD]], comma separated; PORT: " \
    "com1 com2 com3 com4 0xNNN mmio:0xNNN mmio16:0xNNN mmio32:0xNNN spcr"
#define BAD_BAUD "not a speed; BAUD divides 115200, or is 0: as it is"
#define TIMES "a number and a unit: ms s m h d w, as 30s, 10m, 72h"

static struct options options;
static char error[1024];

static bool parse_bytes(const char *text, size_t length)
{
    uint8_t *copy = exact_copy(text, length);
    bool ok;

    memset(error, 0, sizeof error);
    ok = options_parse((const char *)copy, length, &NAMES, &options, error, sizeof error);
    free_copy(copy);
    assert_int_equal(ok, error[0] == '\0');
    return ok;
}

static bool parse(const char *text)
{
    return parse_bytes(text, strlen(text));
}

static void assert_good(const char *text)
{
    if (!parse(text))
        fail_msg("\"%s\": %s", text, error);
}

static void assert_error(const char *text, const char *wanted)
{
    if (parse(text))
        fail_msg("\"%s\" passed", text);
    assert_string_equal(error, wanted);
}

/* width: of a register in memory, or 0 for I/O ports. */
static void assert_serial(unsigned i, uint64_t address, unsigned width, uint32_t baud)
{
    const struct serial_place *place = &options.console.serials[i];

    assert_true(i < options.console.serial_count);
    assert_int_equal(place->address, address);
    assert_int_equal(place->in_memory, width > 0);
    assert_int_equal(place->stride, width > 0 ? width : 1);
    assert_int_equal(place->width, place->stride);
    assert_int_equal(place->baud, baud);
}

static void assert_default_console(void)
{
    assert_int_equal(options.console.serial_count, 1);
    assert_serial(0, 0x3f8, 0, 115200);
    assert_false(options.console.serials[0].named);
    assert_int_equal(options.console.spcr, CONSOLE_SPCR_IF_THERE);
    assert_true(options.console.screen);
}

static void assert_defaults(void)
{
    assert_int_equal(options.run.workloads, 3);
    assert_int_equal(options.run.time_ms, 0);
    assert_int_equal(options.cpus, 0);
    assert_false(options.seed_given);
    assert_int_equal(options.inject, -1);
    assert_int_equal(options.entry, 0);
    assert_default_console();
    assert_int_equal(options.end, END_DEFAULT);
    assert_false(options.run.stop_at_first);
}

static void test_nothing_given(void **state)
{
    static const char *const blank[] = { "", " ", "\t \t", "\n", "  \r\n" };

    (void)state;
    for (size_t i = 0; i < sizeof blank / sizeof blank[0]; i++) {
        assert_good(blank[i]);
        assert_defaults();
    }
}

static void test_all_keys(void **state)
{
    (void)state;
    assert_good("  run=debug,nmi\t time=72h cpus=255  seed=0xffffffffffffffff inject=lost-nmi "
                "console=screen end=poweroff stop=first\n");
    assert_int_equal(options.run.workloads, 3);
    assert_int_equal(options.run.time_ms, UINT64_C(72) * 3600 * 1000);
    assert_int_equal(options.cpus, 255);
    assert_true(options.seed_given);
    assert_true(options.run.seed == UINT64_MAX);
    assert_int_equal(options.inject, 1);
    assert_int_equal(options.console.serial_count, 0);
    assert_true(options.console.screen);
    assert_int_equal(options.end, END_POWEROFF);
    assert_true(options.run.stop_at_first);
}

static void test_bad_words(void **state)
{
    (void)state;
    assert_error("colour=red", "'colour=red': unknown key; " KEYS);
    assert_error("run=nmi colour=red", "'colour=red': unknown key; " KEYS);
    assert_error("RUN=nmi", "'RUN=nmi': unknown key; " KEYS);
    assert_error("ru=nmi", "'ru=nmi': unknown key; " KEYS);
    assert_error("runs=nmi", "'runs=nmi': unknown key; " KEYS);
    assert_error("=nmi", "'=nmi': unknown key; " KEYS);
    assert_error("=", "'=': unknown key; " KEYS);
    assert_error("storm", "'storm': not KEY=VALUE; " KEYS);
    assert_error("time=", "'time=': no value; " TIMES);
    assert_error("end=halt end=exit",
                 "'end=exit': this key was given before; each key once at most");
    assert_error("end=halt end=halt",
                 "'end=halt': this key was given before; each key once at most");
}

static void test_the_first_error_counts(void **state)
{
    (void)state;
    assert_error("a=1 b=2", "'a=1': unknown key; " KEYS);
}

static void test_the_console_is_known_after_an_error(void **state)
{
    (void)state;
    assert_false(parse("colour=red console=serial:com2:9600"));
    assert_serial(0, 0x2f8, 0, 9600);
    assert_false(options.console.screen);
    assert_false(parse("console=serial:com9"));
    assert_default_console();
}

static void test_foreign_bytes_are_quoted(void **state)
{
    (void)state;
    assert_error("run=\xc3\xbc\x7f", "'run=\\xc3\\xbc\\x7f': not printable ASCII; " KEYS);
    assert_false(parse_bytes("run=nmi\0time", 12));
    assert_string_equal(error, "'run=nmi\\x00time': not printable ASCII; " KEYS);
    assert_error("\x1b[2J", "'\\x1b[2J': not printable ASCII; " KEYS);
}

static void test_huge_words(void **state)
{
    static char huge[100000];

    (void)state;
    memset(huge, 'x', sizeof huge);
    assert_false(parse_bytes(huge, sizeof huge));
    assert_non_null(strstr(error, "xxx...': not KEY=VALUE; " KEYS));
    memset(huge, 0xff, sizeof huge);
    assert_false(parse_bytes(huge, sizeof huge));
    assert_non_null(strstr(error, "\\xff...': not printable ASCII; " KEYS));
    memset(huge, '9', sizeof huge);
    memcpy(huge, "seed=", 5);
    assert_false(parse_bytes(huge, sizeof huge));
    memset(huge, ',', sizeof huge);
    memcpy(huge, "run=", 4);
    assert_false(parse_bytes(huge, sizeof huge));
}

/* A word of 256 characters is quoted whole. */
static void test_long_words_are_quoted_whole(void **state)
{
    char word[257] = { 0 };
    char wanted[sizeof(KEYS) + 300];

    (void)state;
    memset(word, 'x', 253);
    strcpy(wanted, "'");
    strcat(wanted, word);
    strcat(wanted, "': not KEY=VALUE; " KEYS);
    assert_error(word, wanted);
}

static void test_run(void **state)
{
    static const char names[] =
        "no such workload; the workloads are storm nmi debug latency conform";
    static const char *const bad[] = {
        "run=nm", "run=nmis", "run=nmi,,debug", "run=,nmi", "run=NMI",
    };
    char wanted[128];

    (void)state;
    assert_good("run=storm");
    assert_int_equal(options.run.workloads, 3);
    assert_good("run=latency");
    assert_int_equal(options.run.workloads, 4);
    assert_error("run=storm,latency", "'run=storm,latency': one of them runs alone; together can "
                 "run storm, and what is in it");
    assert_good("run=nmi,nmi");
    assert_int_equal(options.run.workloads, 1);
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        strcpy(wanted, "'");
        strcat(wanted, bad[i]);
        strcat(wanted, "': ");
        strcat(wanted, names);
        assert_error(bad[i], wanted);
    }
    assert_error("run=nmi,", "'run=nmi,': a comma with no name after it; "
                 "names of workloads, comma separated");
}

static void test_time(void **state)
{
    static const struct {
        const char *text;
        uint64_t ms;
    } good[] = {
        { "time=1ms", 1 }, { "time=30s", 30000 }, { "time=10m", 600000 }, { "time=2h", 7200000 },
        { "time=700d", UINT64_C(60480000000) }, { "time=60480000000ms", UINT64_C(60480000000) },
        { "time=007s", 7000 }, { "time=6w", UINT64_C(3628800000) },
        { "time=100w", UINT64_C(60480000000) },
    };

    (void)state;
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
        assert_good(good[i].text);
        assert_true(options.run.time_ms == good[i].ms);
    }
    assert_error("time=5", "'time=5': no unit; " TIMES);
    assert_error("time=5x", "'time=5x': not a unit; " TIMES);
    assert_error("time=5sec", "'time=5sec': not a unit; " TIMES);
    assert_error("time=5s5", "'time=5s5': not a unit; " TIMES);
    assert_error("time=1.5s", "'time=1.5s': not a unit; " TIMES);
    assert_error("time=s", "'time=s': not a time; " TIMES);
    assert_error("time=-5s", "'time=-5s': not a time; " TIMES);
    assert_error("time=0s", "'time=0s': not from 1ms to 700d; " TIMES);
    assert_error("time=701d", "'time=701d': not from 1ms to 700d; " TIMES);
    assert_error("time=60480000001ms", "'time=60480000001ms': not from 1ms to 700d; " TIMES);
    assert_error("time=18446744073709551615d",
                 "'time=18446744073709551615d': not from 1ms to 700d; " TIMES);
    assert_error("time=213503982335d", "'time=213503982335d': not from 1ms to 700d; " TIMES);
    assert_error("time=18446744073709551616ms",
                 "'time=18446744073709551616ms': not a time; " TIMES);
}

static void test_cpus(void **state)
{
    static const char *const bad[] = {
        "cpus=0", "cpus=4294967296", "cpus=18446744073709551617", "cpus=-1", "cpus=0x4", "cpus=4x",
        "cpus=all",
    };

    (void)state;
    assert_good("cpus=1");
    assert_int_equal(options.cpus, 1);
    assert_good("cpus=4294967295");
    assert_int_equal(options.cpus, UINT32_MAX);
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        assert_false(parse(bad[i]));
        assert_non_null(strstr(error, "': not a number of CPUs; a number, 1 or more"));
    }
}

static void test_seed(void **state)
{
    static const char *const bad[] = {
        "seed=18446744073709551616", "seed=0x10000000000000000", "seed=0x", "seed=abc", "seed=12x",
        "seed=0xg", "seed=-1",
    };

    (void)state;
    assert_good("seed=0");
    assert_true(options.seed_given);
    assert_int_equal(options.run.seed, 0);
    assert_good("seed=18446744073709551615");
    assert_true(options.run.seed == UINT64_MAX);
    assert_good("seed=0xDeadBeef00000001");
    assert_true(options.run.seed == UINT64_C(0xdeadbeef00000001));
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        assert_false(parse(bad[i]));
        assert_false(options.seed_given);
        assert_non_null(strstr(error, "': not a seed; a number of 64 bits, decimal or 0x"));
    }
}

static void test_inject(void **state)
{
    (void)state;
    assert_good("inject=stack");
    assert_int_equal(options.inject, 0);
    assert_error("inject=stac", "'inject=stac': no such fault; the faults are stack lost-nmi");
    assert_error("inject=stack,lost-nmi",
                 "'inject=stack,lost-nmi': no such fault; the faults are stack lost-nmi");
    assert_int_equal(options.inject, -1);
}

static void test_entry(void **state)
{
    (void)state;
    assert_good("entry=shift");
    assert_int_equal(options.entry, 0);
    assert_good("entry=ret");
    assert_int_equal(options.entry, 2);
    assert_error("entry=re",
                 "'entry=re': no such discipline; the disciplines are shift none ret");
    assert_error("entry=shift,ret",
                 "'entry=shift,ret': no such discipline; the disciplines are shift none ret");
    assert_error("entry=", "'entry=': no value; the name of an entry discipline");
    assert_int_equal(options.entry, 0);
}

static void test_console(void **state)
{
    static const struct {
        const char *text;
        uint64_t address;
        unsigned width;
        uint32_t baud;
        bool screen;
    } good[] = {
        { "console=serial", 0x3f8, 0, 115200, false },
        { "console=screen,serial", 0x3f8, 0, 115200, true },
        { "console=serial:com1", 0x3f8, 0, 115200, false },
        { "console=serial:com2", 0x2f8, 0, 115200, false },
        { "console=serial:com3", 0x3e8, 0, 115200, false },
        { "console=serial:com4:57600,screen", 0x2e8, 0, 57600, true },
        { "console=serial:0xE000:9600", 0xe000, 0, 9600, false },
        { "console=serial:0xfff8:2", 0xfff8, 0, 2, false },
        { "console=serial:0x1:0", 1, 0, 0, false },
        { "console=serial:mmio:0xfe034001", 0xfe034001, 1, 0, false },
        { "console=serial:mmio16:0xfe034002:9600", 0xfe034002, 2, 9600, false },
        { "console=screen,serial:mmio32:0x380000001000:115200", 0x380000001000, 4, 115200, true },
    };
    static const struct {
        const char *text, *problem;
    } bad[] = {
        { "console=tty", "not a console, or the same one twice" },
        { "console=serial,serial", "not a console, or the same one twice" },
        { "console=screen,screen", "not a console, or the same one twice" },
        { "console=none,screen", "not a console, or the same one twice" },
        { "console=screen:com1", "not a console, or the same one twice" },
        { "console=,screen", "not a console, or the same one twice" },
        { "console=screen,", "a comma with no console after it" },
        { "console=serial:", "not a serial port" },
        { "console=serial:com5", "not a serial port" },
        { "console=serial:com", "not a serial port" },
        { "console=serial:3f8", "not a serial port" },
        { "console=serial:0x", "not a serial port" },
        { "console=serial:0x0", "not a serial port" },
        { "console=serial:0xfff9", "not a serial port" },
        { "console=serial:0x10000", "not a serial port" },
        { "console=serial::9600", "not a serial port" },
        { "console=serial:com1,serial:com1:9600", "the same port twice" },
        { "console=serial:mmio:0x1000,serial:mmio32:0x1000", "the same port twice" },
        { "console=serial:spcr,serial:spcr:9600", "the same port twice" },
        { "console=serial,serial:spcr", "the same port twice" },
        { "console=serial:com1,serial", "not a console, or the same one twice" },
        { "console=serial:com1,serial:com2,serial:com3,serial:com4,serial:0x9000",
          "too many serial ports" },
        { "console=serial:mmio", "not a serial port" },
        { "console=serial:mmio:", "not a serial port" },
        { "console=serial:mmio:0x0", "not a serial port" },
        { "console=serial:mmio:fe034000", "not a serial port" },
        { "console=serial:mmio32:0xfe034002", "not a serial port" },
        { "console=serial:mmio16:0xfe034001", "not a serial port" },
        { "console=serial:mmio:0x10000000000000", "not a serial port" },
        { "console=serial:mmio8:0xfe034000", "not a serial port" },
        { "console=serial:mmio:0xfe034000:", BAD_BAUD },
        { "console=serial:spcr:", BAD_BAUD },
        { "console=serial:spcr:7", BAD_BAUD },
        { "console=serial:com1:", BAD_BAUD },
        { "console=serial:com1:1", BAD_BAUD },
        { "console=serial:com1:7000", BAD_BAUD },
        { "console=serial:com1:230400", BAD_BAUD },
        { "console=serial:com1:9600:8n1", BAD_BAUD },
    };

    (void)state;
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
        assert_good(good[i].text);
        assert_int_equal(options.console.serial_count, 1);
        assert_serial(0, good[i].address, good[i].width, good[i].baud);
        assert_int_equal(options.console.serials[0].named, strchr(good[i].text, ':') != NULL);
        assert_int_equal(options.console.screen, good[i].screen);
    }
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        char wanted[512] = "'";

        strcat(strcat(strcat(wanted, bad[i].text), "': "), bad[i].problem);
        assert_error(bad[i].text, strcat(wanted, "; " CONSOLES));
    }
}

/* In any order of the words: the run may stand behind a word without effect. */
static void test_words_without_effect(void **state)
{
    (void)state;
    assert_good("run=storm time=1s target=self");
    assert_good("run=debug time=1s");
    assert_good("samples=100 run=latency seed=1 cpus=2 end=halt ip=::1");
    assert_error("samples=100", "'samples=100': no effect in this run; "
                 "the runs that use it are latency");
    assert_error("check=iret.nt run=nmi", "'check=iret.nt': no effect in this run; "
                 "the runs that use it are conform");
    assert_error("target=self run=debug", "'target=self': no effect in this run; "
                 "the runs that use it are nmi");
    assert_error("time=1s run=latency", "'time=1s': no effect in this run; "
                 "the runs that use it are storm");
    assert_error("run=latency time=1s check=no.such", "'check=no.such': no such check; "
                 "run=list tells all of them");
}

static void test_check(void **state)
{
    (void)state;
    assert_good("run=conform");
    assert_true(!options.run.checks.given);
    assert_good("run=conform check=iret.nt");
    assert_true(options.run.checks.given);
    assert_int_equal(options.run.checks.bits[0], 2);
    assert_good("check=nmi.latch,iret.nt run=conform");
    assert_int_equal(options.run.checks.bits[0], 3);
    assert_error("run=conform check=list", "'check=list': no such check; run=list tells all of "
                 "them");
    assert_error("run=conform check=iret.nt,", "'check=iret.nt,': a comma with no name after it; "
                 "names of checks, comma separated");
}

static void test_several_consoles(void **state)
{
    (void)state;
    assert_good("console=none");
    assert_int_equal(options.console.serial_count, 0);
    assert_int_equal(options.console.spcr, CONSOLE_SPCR_NO);
    assert_false(options.console.screen);
    assert_good("console=screen");
    assert_int_equal(options.console.serial_count, 0);
    assert_int_equal(options.console.spcr, CONSOLE_SPCR_NO);
    assert_good("console=serial");
    assert_int_equal(options.console.spcr, CONSOLE_SPCR_IF_THERE);
    assert_good("console=serial:spcr");
    assert_int_equal(options.console.serial_count, 0);
    assert_int_equal(options.console.spcr, CONSOLE_SPCR_ASKED);
    assert_int_equal(options.console.spcr_baud, 0);
    assert_good("console=serial:com2,serial:mmio:0x3f8:57600,screen,serial:spcr:9600,serial:0x3f8");
    assert_int_equal(options.console.serial_count, 3);
    assert_serial(0, 0x2f8, 0, 115200);
    assert_serial(1, 0x3f8, 1, 57600);
    assert_serial(2, 0x3f8, 0, 115200);
    assert_int_equal(options.console.spcr, CONSOLE_SPCR_ASKED);
    assert_int_equal(options.console.spcr_baud, 9600);
    assert_true(options.console.screen);
}

static void test_end_and_stop(void **state)
{
    (void)state;
    assert_good("end=exit");
    assert_int_equal(options.end, END_EXIT);
    assert_good("end=reboot");
    assert_int_equal(options.end, END_REBOOT);
    assert_good("end=halt stop=end");
    assert_int_equal(options.end, END_HALT);
    assert_false(options.run.stop_at_first);
    assert_error("end=never", "'end=never': not an end; exit poweroff reboot halt");
    assert_int_equal(options.run.samples, 0);
    assert_good("run=latency samples=100000000");
    assert_int_equal(options.run.samples, 100000000);
    assert_error("samples=99", "'samples=99': not a number of samples; "
                 "a number from 100 to 100000000");
    assert_error("samples=100000001", "'samples=100000001': not a number of samples; "
                 "a number from 100 to 100000000");
    assert_error("stop=never", "'stop=never': not when to stop; first end");
}

static void test_apic(void **state)
{
    (void)state;
    assert_good("");
    assert_true(!options.x2apic);
    assert_good("apic=x2apic");
    assert_true(options.x2apic);
    assert_error("apic=xapic", "'apic=xapic': not an APIC mode to go up to; x2apic");
}

static void test_target(void **state)
{
    (void)state;
    assert_good("");
    assert_int_equal(options.run.target, TARGET_MIXED);
    assert_good("target=self");
    assert_int_equal(options.run.target, TARGET_SELF);
    assert_good("target=others");
    assert_int_equal(options.run.target, TARGET_OTHERS);
    assert_error("target=me",
                 "'target=me': not a target; mixed self neighbour random others");
}

static void test_corrected(void **state)
{
    (void)state;
    assert_good("");
    assert_int_equal(options.corrected_an_hour, 10);
    assert_good("corrected=0");
    assert_int_equal(options.corrected_an_hour, 0);
    assert_good("corrected=1000000");
    assert_int_equal(options.corrected_an_hour, 1000000);
    assert_error("corrected=1000001",
                 "'corrected=1000001': not a number of errors; a number, from 0 to 1000000");
    assert_error("corrected=-1",
                 "'corrected=-1': not a number of errors; a number, from 0 to 1000000");
}

static void test_passes(void **state)
{
    (void)state;
    assert_good("");
    assert_int_equal(options.run.passes, 1);
    assert_good("passes=4294967295");
    assert_int_equal(options.run.passes, 4294967295);
    assert_error("passes=0", "'passes=0': not a number of passes; a number, 1 or more");
    assert_error("passes=all", "'passes=all': not a number of passes; a number, 1 or more");
}

static void test_identity(void **state)
{
    static const char *const bad[] = {
        "mac=52:54:00:12:34:5", "mac=52:54:00:12:34:56:", "mac=525400123456", "mac=:5", "mac=5g",
    };

    (void)state;
    assert_good("");
    assert_string_equal(options.mac, "");
    assert_string_equal(options.ip, "");
    assert_good("mac=52:54:00:12:34:5a ip=10.0.2.15");
    assert_string_equal(options.mac, "52:54:00:12:34:5a");
    assert_string_equal(options.ip, "10.0.2.15");
    assert_good("mac=52-54-00-12-34-5A ip=fe80:0:0:0:5054:ff:fe12:3456");
    assert_string_equal(options.mac, "52-54-00-12-34-5A");
    assert_string_equal(options.ip, "fe80:0:0:0:5054:ff:fe12:3456");
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        assert_false(parse(bad[i]));
        assert_non_null(strstr(error, "': not a hardware address; hardware address, as 52:54:"));
    }
    assert_error("ip=server", "'ip=server': not an address; an IPv4 or IPv6 address");
    assert_good("ip=000000000000000000000000000000000000000000000");
    assert_false(parse("ip=0000000000000000000000000000000000000000000000"));
    assert_good("mac=00:00:00:00:00:00:00:00:00:00:00:00:00:00:00:00:"
                "00:00:00:00:00:00:00:00:00:00:00:00:00:00:00:00");
    assert_false(parse("mac=00:00:00:00:00:00:00:00:00:00:00:00:00:00:00:00:"
                       "00:00:00:00:00:00:00:00:00:00:00:00:00:00:00:00:00"));
}

static void test_small_error_buffers(void **state)
{
    (void)state;
    for (size_t size = 0; size < 20; size++) {
        char *small = (char *)exact_copy("                    ", size);

        assert_false(options_parse("colour=red", 10, &NAMES, &options, small, size));
        free_copy((uint8_t *)small);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_nothing_given),
        cmocka_unit_test(test_all_keys),
        cmocka_unit_test(test_bad_words),
        cmocka_unit_test(test_the_first_error_counts),
        cmocka_unit_test(test_the_console_is_known_after_an_error),
        cmocka_unit_test(test_foreign_bytes_are_quoted),
        cmocka_unit_test(test_huge_words),
        cmocka_unit_test(test_long_words_are_quoted_whole),
        cmocka_unit_test(test_run),
        cmocka_unit_test(test_time),
        cmocka_unit_test(test_cpus),
        cmocka_unit_test(test_seed),
        cmocka_unit_test(test_inject),
        cmocka_unit_test(test_entry),
        cmocka_unit_test(test_console),
        cmocka_unit_test(test_words_without_effect),
        cmocka_unit_test(test_check),
        cmocka_unit_test(test_several_consoles),
        cmocka_unit_test(test_end_and_stop),
        cmocka_unit_test(test_apic),
        cmocka_unit_test(test_target),
        cmocka_unit_test(test_corrected),
        cmocka_unit_test(test_passes),
        cmocka_unit_test(test_identity),
        cmocka_unit_test(test_small_error_buffers),
    };

    return cmocka_run_group_tests_name("cmdline", tests, NULL, NULL);
}
