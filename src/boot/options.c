/* SPDX-License-Identifier: MIT */
/*
 * The command line: words KEY=VALUE.
 *
 * A typing error must never start another run than the one that was meant, for hours and with
 * nobody watching. So nothing is ignored: every word is understood, or the run is refused.
 */
#include "boot/options.h"

#include "lib/format.h"
#include "lib/rate.h"
#include "lib/string.h"

enum {
    DEFAULT_CORRECTED = 10,         /* an hour */
    QUOTED_MAX = 256,               /* characters of a word that an error repeats */
    ALLOWED_MAX = 1024,             /* characters of a list of what is allowed */
    COM1_PORT = 0x3f8,
    COM2_PORT = 0x2f8,
    COM3_PORT = 0x3e8,
    COM4_PORT = 0x2e8,
    UART_BASE_BAUD = 115200,
    UART_DIVISOR_MAX = 0xffff,
};

#define OPTION(key, syntax, help) + 1
enum { OPTION_COUNT = 0 OPTIONS(OPTION) };
#undef OPTION

/* A piece of the command line; not terminated. */
struct span {
    const char *text;
    size_t length;
};

struct parse {
    const struct option_names *names;
    struct options *out;
    struct span word;               /* the whole word, for the error */
    struct span given[OPTION_COUNT]; /* the word of each key; its text is NULL when not given */
    const char *syntax;             /* of the word's key */
    bool failed;
    char *error;
    size_t error_size;
};

static bool span_is(struct span span, const char *text)
{
    return span.length == strlen(text) && memcmp(span.text, text, span.length) == 0;
}

/* Cuts `*rest` at the first `separator`: returns what is before it, and leaves what is after. */
static struct span span_cut(struct span *rest, char separator)
{
    struct span piece = { rest->text, 0 };
    size_t skip;

    while (piece.length < rest->length && rest->text[piece.length] != separator)
        piece.length++;
    skip = piece.length < rest->length ? piece.length + 1 : piece.length;
    rest->text += skip;
    rest->length -= skip;
    return piece;
}

static bool is_printable(char c)
{
    return c > ' ' && c <= '~';
}

/* The word as the error shows it: bytes that are not printable ASCII as \xNN. */
static void quote(struct span word, char out[QUOTED_MAX + 8])
{
    size_t used = 0;

    for (size_t i = 0; i < word.length; i++) {
        if (used + 4 > QUOTED_MAX) {
            format(out + used, 8, "...");
            return;
        }
        used += format(out + used, 8, is_printable(word.text[i]) ? "%c" : "\\x%02x",
                       (unsigned char)word.text[i]);
    }
    out[used] = '\0';
}

/* Keeps the first error; the words after it are still read, for console=. */
static bool fail(struct parse *p, const char *problem, const char *allowed)
{
    char quoted[QUOTED_MAX + 8];

    if (!p->failed) {
        quote(p->word, quoted);
        format(p->error, p->error_size, "'%s': %s; %s", quoted, problem, allowed);
    }
    p->failed = true;
    return false;
}

/* A value that is no more than badly written: the key's syntax says what is allowed. */
static bool fail_syntax(struct parse *p, const char *problem)
{
    return fail(p, problem, p->syntax);
}

/* A name that is none of `names`: lists `first`, where there is one, and these. */
static bool fail_name(struct parse *p, const char *problem, const char *intro, const char *first,
                      const char *const *names, unsigned count)
{
    char allowed[ALLOWED_MAX];
    size_t used = format(allowed, sizeof allowed, "%s%s", intro, first);

    for (unsigned i = 0; i < count && used < sizeof allowed; i++)
        used += format(allowed + used, sizeof allowed - used, " %s", names[i]);
    return fail(p, problem, allowed);
}

static int digit_value(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    if (c >= 'A' && c <= 'F')
        return c - 'A' + 10;
    return 16;
}

/* Takes the digits at the front of `*rest`. False without a digit, or past 64 bits. */
static bool take_number(struct span *rest, unsigned base, uint64_t *number)
{
    size_t i = 0;

    *number = 0;
    for (; i < rest->length && (unsigned)digit_value(rest->text[i]) < base; i++) {
        if (__builtin_mul_overflow(*number, base, number) ||
            __builtin_add_overflow(*number, (uint64_t)digit_value(rest->text[i]), number))
            return false;
    }
    rest->text += i;
    rest->length -= i;
    return i > 0;
}

/* Takes "0x" at the front of `*rest`. */
static bool take_hex_prefix(struct span *rest)
{
    if (rest->length < 2 || rest->text[0] != '0' || (rest->text[1] | 0x20) != 'x')
        return false;
    rest->text += 2;
    rest->length -= 2;
    return true;
}

/* The whole of `value` as a number of at most `maximum`. */
static bool whole_number(struct span value, unsigned base, uint64_t maximum, uint64_t *number)
{
    return take_number(&value, base, number) && value.length == 0 && *number <= maximum;
}

static int name_index(struct span name, const char *const *names, unsigned count)
{
    for (unsigned i = 0; i < count; i++)
        if (span_is(name, names[i]))
            return (int)i;
    return -1;
}

static bool parse_run(struct parse *p, struct span value)
{
    const struct option_names *names = p->names;
    uint64_t chosen = 0;

    if (value.text[value.length - 1] == ',')
        return fail_syntax(p, "a comma with no name after it");
    while (value.length > 0) {
        struct span name = span_cut(&value, ',');
        int index = name_index(name, names->workloads, names->workload_count);

        if (span_is(name, "storm"))
            chosen |= names->together;
        else if (index >= 0)
            chosen |= UINT64_C(1) << index;
        else
            return fail_name(p, "no such workload", "the workloads are ", "storm",
                             names->workloads, names->workload_count);
    }
    if (chosen & ~names->together && chosen & (chosen - 1))
        return fail(p, "one of them runs alone", "together can run storm, and what is in it");
    p->out->run.workloads = chosen;
    return true;
}

static bool parse_time(struct parse *p, struct span value)
{
    static const struct {
        const char *unit;
        uint64_t ms;
    } units[] = {
        { "ms", 1 }, { "s", 1000 }, { "m", 60000 }, { "h", 3600000 }, { "d", 86400000 },
        { "w", 604800000 },
    };
    static const uint64_t maximum_ms = UINT64_C(100) * 7 * 86400000;
    uint64_t number, ms;

    if (!take_number(&value, 10, &number))
        return fail_syntax(p, "not a time");
    for (size_t i = 0; i < sizeof units / sizeof units[0]; i++) {
        if (!span_is(value, units[i].unit))
            continue;
        if (__builtin_mul_overflow(number, units[i].ms, &ms) || ms == 0 || ms > maximum_ms)
            return fail_syntax(p, "not from 1ms to 700d");
        p->out->run.time_ms = ms;
        return true;
    }
    return fail_syntax(p, value.length == 0 ? "no unit" : "not a unit");
}

static bool parse_passes(struct parse *p, struct span value)
{
    uint64_t number;

    if (!whole_number(value, 10, UINT32_MAX, &number) || number == 0)
        return fail_syntax(p, "not a number of passes");
    p->out->run.passes = number;
    return true;
}

static bool parse_cpus(struct parse *p, struct span value)
{
    uint64_t number;

    if (!whole_number(value, 10, UINT32_MAX, &number) || number == 0)
        return fail_syntax(p, "not a number of CPUs");
    p->out->cpus = (uint32_t)number;
    return true;
}

static bool parse_corrected(struct parse *p, struct span value)
{
    uint64_t number;

    if (!whole_number(value, 10, RATE_LIMIT_MOST, &number))
        return fail_syntax(p, "not a number of errors");
    p->out->corrected_an_hour = (uint32_t)number;
    return true;
}

static bool parse_seed(struct parse *p, struct span value)
{
    unsigned base = take_hex_prefix(&value) ? 16 : 10;
    uint64_t number;

    if (!whole_number(value, base, UINT64_MAX, &number))
        return fail_syntax(p, "not a seed");
    p->out->run.seed = number;
    p->out->seed_given = true;
    return true;
}

static bool parse_inject(struct parse *p, struct span value)
{
    const struct option_names *names = p->names;
    int index = name_index(value, names->injects, names->inject_count);

    if (index < 0)
        return fail_name(p, "no such fault", "the faults are", "", names->injects,
                         names->inject_count);
    p->out->inject = index;
    return true;
}

static bool parse_entry(struct parse *p, struct span value)
{
    const struct option_names *names = p->names;
    int index = name_index(value, names->entries, names->entry_count);

    if (index < 0)
        return fail_name(p, "no such discipline", "the disciplines are", "", names->entries,
                         names->entry_count);
    p->out->entry = (unsigned)index;
    return true;
}

/* com1 to com4, or 0x and an I/O port. */
static bool parse_io_port(struct span value, struct serial_place *place)
{
    static const struct {
        const char *name;
        uint16_t port;
    } named[] = {
        { "com1", COM1_PORT }, { "com2", COM2_PORT }, { "com3", COM3_PORT }, { "com4", COM4_PORT },
    };

    *place = (struct serial_place){ .stride = 1, .width = 1, .baud = UART_BASE_BAUD };
    for (size_t i = 0; i < sizeof named / sizeof named[0]; i++) {
        if (span_is(value, named[i].name)) {
            place->address = named[i].port;
            return true;
        }
    }
    return take_hex_prefix(&value) &&
           whole_number(value, 16, 0x10000 - SERIAL_REGISTERS, &place->address) &&
           place->address != 0;
}

/* The address behind mmio:, mmio16: or mmio32:, whose number is the width of a register; the speed
 * is the firmware's, who alone knows the UART's clock. */
static bool parse_memory(unsigned width, struct span value, struct serial_place *place)
{
    *place = (struct serial_place){
        .in_memory = true, .stride = (uint8_t)width, .width = (uint8_t)width,
    };
    return take_hex_prefix(&value) &&
           whole_number(value, 16, (UINT64_C(1) << 52) - SERIAL_REGISTERS * sizeof(uint32_t),
                        &place->address) &&
           place->address != 0 && place->address % width == 0;
}

/* Takes a port off the front of `*rest`, which is behind "serial:". */
static bool take_serial_place(struct span *rest, struct serial_place *place)
{
    static const struct {
        const char *name;
        unsigned width;
    } memories[] = { { "mmio", 1 }, { "mmio16", 2 }, { "mmio32", 4 } };
    struct span first = span_cut(rest, ':');

    for (size_t i = 0; i < sizeof memories / sizeof memories[0]; i++)
        if (span_is(first, memories[i].name))
            return parse_memory(memories[i].width, span_cut(rest, ':'), place);
    return parse_io_port(first, place);
}

/* The divisor latch of a 16550 holds 16 bits, and divides 115,200 baud. 0: as it is. */
static bool parse_baud(struct span value, uint32_t *baud)
{
    uint64_t number;

    if (!whole_number(value, 10, UART_BASE_BAUD, &number) ||
        (number != 0 && (UART_BASE_BAUD % number != 0 ||
                         UART_BASE_BAUD / number > UART_DIVISOR_MAX)))
        return false;
    *baud = (uint32_t)number;
    return true;
}

static bool has_place(const struct console_choice *choice, const struct serial_place *place)
{
    for (unsigned i = 0; i < choice->serial_count; i++)
        if (choice->serials[i].address == place->address &&
            choice->serials[i].in_memory == place->in_memory)
            return true;
    return false;
}

/* COM1, and the port that firmware's own console is on, where a table names it. */
static void choose_default_serial(struct console_choice *choice)
{
    choice->serials[choice->serial_count++] = (struct serial_place){
        .address = COM1_PORT, .stride = 1, .width = 1, .baud = UART_BASE_BAUD,
    };
    choice->spcr = CONSOLE_SPCR_IF_THERE;
}

/* The part behind "serial:", PORT[:BAUD]. */
static bool parse_serial(struct parse *p, struct span value, struct console_choice *choice)
{
    struct serial_place place = { 0 };
    struct span rest = value;
    bool spcr = span_is(span_cut(&rest, ':'), "spcr"), has_baud;

    if (!spcr) {
        rest = value;
        if (!take_serial_place(&rest, &place))
            return fail_syntax(p, "not a serial port");
    }
    has_baud = rest.text[-1] == ':'; /* which was cut off */
    if (has_baud && !parse_baud(rest, &place.baud))
        return fail_syntax(p, "not a speed; BAUD divides 115200, or is 0: as it is");
    if (spcr ? choice->spcr != CONSOLE_SPCR_NO : has_place(choice, &place))
        return fail_syntax(p, "the same port twice");
    if (spcr) {
        choice->spcr = CONSOLE_SPCR_ASKED;
        choice->spcr_baud = place.baud;
    } else {
        place.named = true;
        choice->serials[choice->serial_count++] = place;
    }
    return true;
}

static bool parse_one_console(struct parse *p, struct span one, struct console_choice *choice)
{
    struct span rest = one;
    bool serial = span_is(span_cut(&rest, ':'), "serial");

    if (serial && choice->serial_count == CONSOLE_SERIALS)
        return fail_syntax(p, "too many serial ports");
    if (span_is(one, "screen") && !choice->screen)
        choice->screen = true;
    else if (span_is(one, "serial") && choice->serial_count == 0 && choice->spcr == CONSOLE_SPCR_NO)
        choose_default_serial(choice);
    else if (serial && one.length > strlen("serial"))
        return parse_serial(p, rest, choice);
    else
        return fail_syntax(p, "not a console, or the same one twice");
    return true;
}

static bool parse_console(struct parse *p, struct span value)
{
    struct console_choice choice = { 0 };

    if (span_is(value, "none")) {
        p->out->console = choice;
        return true;
    }
    if (value.text[value.length - 1] == ',')
        return fail_syntax(p, "a comma with no console after it");
    while (value.length > 0)
        if (!parse_one_console(p, span_cut(&value, ','), &choice))
            return false;
    p->out->console = choice;
    return true;
}

static bool parse_end(struct parse *p, struct span value)
{
    static const char *const names[] = { "exit", "poweroff", "reboot", "halt" };
    int index = name_index(value, names, sizeof names / sizeof names[0]);

    _Static_assert(END_EXIT == 1 && END_POWEROFF == 2 && END_REBOOT == 3 && END_HALT == 4,
                   "the order of the names");
    if (index < 0)
        return fail_syntax(p, "not an end");
    p->out->end = (enum end)(index + END_EXIT);
    return true;
}

static bool parse_target(struct parse *p, struct span value)
{
    static const char *const names[] = { "mixed", "self", "neighbour", "random", "others" };
    int index = name_index(value, names, sizeof names / sizeof names[0]);

    _Static_assert(TARGET_MIXED == 0 && TARGET_SELF == 1 && TARGET_NEIGHBOUR == 2 &&
                   TARGET_RANDOM == 3 && TARGET_OTHERS == 4, "the order of the names");
    if (index < 0)
        return fail_syntax(p, "not a target");
    p->out->run.target = (enum target)index;
    return true;
}

static bool parse_stop(struct parse *p, struct span value)
{
    if (!span_is(value, "first") && !span_is(value, "end"))
        return fail_syntax(p, "not when to stop");
    p->out->run.stop_at_first = span_is(value, "first");
    return true;
}

static bool parse_apic(struct parse *p, struct span value)
{
    if (!span_is(value, "x2apic"))
        return fail_syntax(p, "not an APIC mode to go up to");
    p->out->x2apic = true;
    return true;
}

static bool parse_check(struct parse *p, struct span value)
{
    const struct option_names *names = p->names;

    if (value.text[value.length - 1] == ',')
        return fail_syntax(p, "a comma with no name after it");
    p->out->run.checks.given = true;
    while (value.length > 0) {
        int index = name_index(span_cut(&value, ','), names->checks, names->check_count);

        if (index < 0)
            return fail(p, "no such check", "run=list tells all of them");
        p->out->run.checks.bits[index / 64] |= UINT64_C(1) << index % 64;
    }
    return true;
}

static bool parse_samples(struct parse *p, struct span value)
{
    uint64_t samples;

    if (!whole_number(value, 10, SAMPLES_MOST, &samples) || samples < SAMPLES_FEWEST)
        return fail_syntax(p, "not a number of samples");
    p->out->run.samples = (uint32_t)samples;
    return true;
}

/* The value as text, for the report. It needs to be an identity, not an address that would work. */
static bool parse_identity(struct parse *p, struct span value, const char *allowed,
                           const char *problem, char *out, size_t size)
{
    if (value.length >= size)
        return fail_syntax(p, problem);
    for (size_t i = 0; i < value.length; i++)
        if (digit_value(value.text[i]) >= 16 && !strchr(allowed, value.text[i]))
            return fail_syntax(p, problem);
    memcpy(out, value.text, value.length);
    out[value.length] = '\0';
    return true;
}

static bool parse_mac(struct parse *p, struct span value)
{
    for (size_t i = 0; i < value.length; i++)
        if ((i % 3 == 2) != (digit_value(value.text[i]) >= 16))
            return fail_syntax(p, "not a hardware address");
    if (value.length % 3 != 2)
        return fail_syntax(p, "not a hardware address");
    return parse_identity(p, value, ":-", "not a hardware address", p->out->mac,
                          sizeof p->out->mac);
}

static bool parse_ip(struct parse *p, struct span value)
{
    return parse_identity(p, value, ".:", "not an address", p->out->ip, sizeof p->out->ip);
}

static const struct {
    const char *key, *syntax;
    bool (*parse)(struct parse *p, struct span value);
} rows[] = {
#define OPTION(key, syntax, help) { #key, syntax, parse_##key },
    OPTIONS(OPTION)
#undef OPTION
};

#define OPTION(key, syntax, help) " " #key "="
static const char KEYS[] = "the keys are" OPTIONS(OPTION);
#undef OPTION

/* The workloads that a key has an effect on. */
static uint64_t users_of(const struct option_names *names, const char *key)
{
    uint64_t users = 0;

    for (unsigned i = 0; i < names->workload_count; i++)
        users |= (uint64_t)names->uses(i, key) << i;
    return users;
}

static bool fail_without_effect(struct parse *p, uint64_t users)
{
    const struct option_names *names = p->names;
    bool all_that_storm = !(names->together & ~users);
    const char *listed[64];
    unsigned count = 0;

    for (unsigned i = 0; i < names->workload_count; i++)
        if (users >> i & 1 && !(all_that_storm && names->together >> i & 1))
            listed[count++] = names->workloads[i];
    return fail_name(p, "no effect in this run", "the runs that use it are",
                     all_that_storm ? " storm" : "", listed, count);
}

/* A word that is understood and changes nothing was meant for another run. */
static void check_effects(struct parse *p)
{
    for (unsigned i = 0; i < OPTION_COUNT; i++) {
        uint64_t users = users_of(p->names, rows[i].key);

        p->word = p->given[i];
        if (p->word.text && users && !(users & p->out->run.workloads))
            fail_without_effect(p, users);
    }
}

static bool parse_word(struct parse *p)
{
    struct span value = p->word;
    struct span key;
    unsigned i;

    for (size_t at = 0; at < p->word.length; at++)
        if (!is_printable(p->word.text[at]))
            return fail(p, "not printable ASCII", KEYS);
    key = span_cut(&value, '=');
    if (key.length == p->word.length)
        return fail(p, "not KEY=VALUE", KEYS);
    for (i = 0; i < OPTION_COUNT && !span_is(key, rows[i].key); i++)
        continue;
    if (i == OPTION_COUNT)
        return fail(p, "unknown key", KEYS);
    p->syntax = rows[i].syntax;
    if (p->given[i].text)
        return fail(p, "this key was given before", "each key once at most");
    p->given[i] = p->word;
    if (value.length == 0)
        return fail_syntax(p, "no value");
    return rows[i].parse(p, value);
}

static bool is_separator(char c)
{
    /* Line ends too: a file given through fw_cfg has one. */
    return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

bool options_parse(const char *text, size_t length, const struct option_names *names,
                   struct options *out, char *error, size_t error_size)
{
    struct parse p = { .names = names, .out = out, .error = error, .error_size = error_size };
    size_t at = 0;

    *out = (struct options){
        .run.workloads = names->together,
        .run.passes = 1,
        .corrected_an_hour = DEFAULT_CORRECTED,
        .inject = -1,
        .console.screen = true,
    };
    choose_default_serial(&out->console);
    while (at < length) {
        if (is_separator(text[at])) {
            at++;
            continue;
        }
        p.word = (struct span){ text + at, 0 };
        while (at < length && !is_separator(text[at]))
            at++;
        p.word.length = (size_t)(text + at - p.word.text);
        parse_word(&p);
    }
    check_effects(&p);
    return !p.failed;
}
