/* SPDX-License-Identifier: MIT */
/*
 * The console's line ring: many writers, one drainer at a time, no lock that anybody waits for.
 *
 * The ring. Positions count bytes from the start of the run and never wrap; a position's place is
 * its value modulo RING_BYTES. [drained, reserved) is in use. A record is an 8-byte header and its
 * text, rounded up to 8; one that begins near the end runs on into a spill area behind it,
 * so that text is always in one piece and can be formatted in place.
 *
 * Writing. A writer moves `reserved` by compare-and-swap: lock-free, so it works when an NMI
 * lands in the middle of another writer on the same CPU. It fills the text and then stores the
 * header, which says "ready". Free space is all zero, so a header not yet written is 0.
 *
 * Draining. The CPU that sets `owned` from 0 drains records in order up to the first that is not
 * ready, zeroes them, and moves `drained`. Each outlet (a serial port, the screen) has a place of
 * its own in the ring, so none waits for another: a stuck port's lines stay in the ring until it
 * moves again, and are passed over, and counted, only when they take up more than half of it.
 *
 * Why the memory ordering is right:
 *  1. Text before header. The header is stored with release, and loaded by the drainer with
 *     acquire: who sees the header sees the text.
 *  2. Zeroes before reuse. The drainer zeroes, then stores `drained` with release; a writer
 *     loads `drained` with acquire before it reserves: no writer's text is zeroed after it.
 *     A writer loads `drained` before `reserved`, so that it never sees drained > reserved.
 *  3. No line left behind. A writer stores its header, then tries to own; a drainer stores
 *     owned = 0, then looks at the next header again. All four are sequentially consistent, so
 *     at least one of the two sees the other's store: either the writer gets the ownership, or
 *     the drainer sees the record. A line queued where draining is not allowed waits for the next
 *     call that may drain.
 *  4. Ownership passes on with what it protects (the drain state, the devices): owned is taken
 *     with acquire and given up with release, as parts of the above.
 *
 * Seizing. The owner was stopped between any two instructions. Its work is in the outlets, in
 * memory: which record, which byte of it, and whether a byte was just then on its way.
 * In that last case nobody can know whether the byte went out; the line is ended and written again
 * whole, as a doubled or missing digit would be worse than a line that is obviously torn. A writer
 * stopped between reserve and commit leaves a header of 0; the next ready header behind it is
 * found by its mark, which holds the record's own position and which no text looks like, as text
 * is ASCII and the mark has its top bit set.
 */
#include "lib/console.h"

#include <stdarg.h>

#include "lib/above.h"
#include "lib/crc32.h"
#include "lib/font.h"
#include "lib/format.h"
#include "lib/screen.h"
#include "lib/serial.h"
#include "lib/string.h"

#define RING_BYTES (256 * 1024)
#define HEADER_BYTES sizeof(uint64_t)
#define RECORD_MAX (HEADER_BYTES + CONSOLE_LINE_MAX)
#define NOTE_MAX 96

/* A header: bit 63, the position in words, the text's length. */
#define HEADER_READY (1ull << 63)
#define HEADER_LENGTH_BITS 16
#define HEADER_LENGTH_MASK ((1ull << HEADER_LENGTH_BITS) - 1)

/* How often a writer that may drain looks again when the ring is full: some milliseconds. */
#define FULL_TRIES 100000
/* Lines after which the screen is redrawn though more wait: at serial speed about a second. */
#define FLUSH_RECORDS 128
/* A stuck port's share of the ring, at most. */
#define KEPT_BYTES (RING_BYTES / 2)

_Static_assert(CONSOLE_LINE_MAX <= HEADER_LENGTH_MASK, "a length fits its field");
_Static_assert(RING_BYTES % sizeof(uint64_t) == 0 && RECORD_MAX % sizeof(uint64_t) == 0,
               "headers are aligned");

static uint64_t ring[(RING_BYTES + RECORD_MAX) / sizeof(uint64_t)];
static uint64_t reserved, drained; /* positions */
static uint64_t dropped;           /* records that found the ring full */
static uint32_t owned;             /* 1: somebody drains */
static bool opened;                /* console_start was called: there is somewhere to drain to */
static bool seized;                /* one CPU is left, and it drains in any context */
static bool notes_ended;

/* A serial port, and what the owner is doing there; the one who seizes goes on from it. */
struct outlet {
    struct serial serial;
    uint64_t start;  /* of the record that it is at: a position */
    uint64_t next;   /* when above `start`: that record is out, and it is to go on here */
    uint64_t cursor; /* into the record: see cursor_set */
    uint64_t lost;   /* records that were passed over */
    uint64_t told_lost;
    bool torn;       /* the line that was begun last will not be ended */
    bool told_stuck;
};
static struct outlet outlets[CONSOLE_SERIALS];
static unsigned outlet_count;

static struct {
    bool wanted;
    const struct console_framebuffer *framebuffer;
    volatile void *memory;
    uint64_t start;  /* as an outlet's */
    unsigned unseen; /* records that are in the screen's grid and not drawn yet */
} screen;

/*
 * The lines' CRC-32 is computed where the screen passes, which is never stuck and sees each line
 * once and in order, also where there is no screen. Of the two, the one whose `end` is the screen's
 * start counts; the other is free. So the owner can be stopped anywhere, and the record be summed
 * again.
 */
static struct sum {
    uint64_t end; /* a position: the lines before it are in the sum */
    uint32_t crc;
} sums[2];
static uint64_t summed_from; /* a position */

static uint64_t cut, told_cut, told_dropped; /* records of stopped writers; what notes have said */

static uint64_t *word_at(uint64_t position)
{
    return &ring[position % RING_BYTES / sizeof(uint64_t)];
}

static char *text_at(uint64_t position)
{
    return (char *)(word_at(position) + 1);
}

static uint64_t record_bytes(size_t length)
{
    return (HEADER_BYTES + length + sizeof(uint64_t) - 1) & ~(sizeof(uint64_t) - 1);
}

static uint64_t header_make(uint64_t position, size_t length)
{
    return HEADER_READY | (position / sizeof(uint64_t)) << HEADER_LENGTH_BITS | length;
}

/* True when a record that begins at position is ready. */
static bool header_read(uint64_t position, size_t *length)
{
    uint64_t header = __atomic_load_n(word_at(position), __ATOMIC_SEQ_CST);

    *length = header & HEADER_LENGTH_MASK;
    return header == header_make(position, *length);
}

/* Writers */

static bool try_reserve(struct console_record *record, size_t length)
{
    uint64_t bytes = record_bytes(length);

    for (;;) { /* lock-free: when this goes round, another writer got its place */
        uint64_t freed = __atomic_load_n(&drained, __ATOMIC_ACQUIRE);
        uint64_t start = __atomic_load_n(&reserved, __ATOMIC_ACQUIRE);

        if (start + bytes - freed > RING_BYTES)
            return false;
        if (__atomic_compare_exchange_n(&reserved, &start, start + bytes, false, __ATOMIC_ACQ_REL,
                                        __ATOMIC_RELAXED)) {
            record->position = start;
            record->text = text_at(start);
            record->length = length;
            return true;
        }
    }
}

static bool may_drain(void)
{
    return __atomic_load_n(&opened, __ATOMIC_ACQUIRE) &&
           (__atomic_load_n(&seized, __ATOMIC_RELAXED) || lib_above.may_drain());
}

bool console_reserve(struct console_record *record, size_t length)
{
    if (length > CONSOLE_LINE_MAX)
        length = CONSOLE_LINE_MAX;
    for (unsigned i = 0; i < FULL_TRIES; i++) {
        if (try_reserve(record, length))
            return true;
        if (!may_drain())
            break;
        console_drain();
        __builtin_ia32_pause();
    }
    __atomic_add_fetch(&dropped, 1, __ATOMIC_RELAXED);
    return false;
}

/* Escape sequences and other bytes that move cursors or are no ASCII stop here. */
static void make_plain(char *text, size_t length)
{
    for (size_t i = 0; i < length; i++) {
        unsigned char c = (unsigned char)text[i];

        if ((c < ' ' && c != '\n' && c != '\0') || c > '~')
            text[i] = '?';
    }
}

static void commit(const struct console_record *record)
{
    make_plain(record->text, record->length);
    __atomic_store_n(word_at(record->position), header_make(record->position, record->length),
                     __ATOMIC_SEQ_CST);
}

void console_commit(const struct console_record *record)
{
    commit(record);
    console_drain();
}

/* Notes: lines of the console's own */

/* False: no room now; it is tried again after the next record. */
__attribute__((format(printf, 1, 2)))
static bool note(const char *fmt, ...)
{
    struct console_record record;
    char text[NOTE_MAX];
    va_list args;
    size_t length;

    va_start(args, fmt);
    length = format_v(text, sizeof(text), fmt, args); /* all are shorter than NOTE_MAX */
    va_end(args);
    if (!try_reserve(&record, length))
        return false;
    memcpy(record.text, text, length);
    commit(&record);
    return true;
}

#define PORT_FORMAT "# console: serial port %s0x%lx"
#define PORT_ARGUMENTS(place) (place)->in_memory ? "mmio:" : "", (place)->address

static void note_outlet(struct outlet *o)
{
    const struct serial_place *place = &o->serial.place;

    if (o->serial.stuck && !o->told_stuck)
        o->told_stuck = note(PORT_FORMAT " takes no bytes\n", PORT_ARGUMENTS(place));
    if (o->serial.stuck || !o->told_stuck)
        return;
    if (o->lost == o->told_lost)
        o->told_stuck = !note(PORT_FORMAT " moves again\n", PORT_ARGUMENTS(place));
    else if (note(PORT_FORMAT " moves again, %lu lines are lost there\n", PORT_ARGUMENTS(place),
                  o->lost - o->told_lost)) {
        o->told_stuck = false;
        o->told_lost = o->lost;
    }
}

static void note_all(void)
{
    uint64_t lost = __atomic_load_n(&dropped, __ATOMIC_RELAXED);

    if (__atomic_load_n(&notes_ended, __ATOMIC_RELAXED))
        return;
    if (lost != told_dropped &&
        note("# console: %lu lines lost, the ring was full\n", lost - told_dropped))
        told_dropped = lost;
    if (cut != told_cut &&
        note("# console: %lu lines cut off, their CPUs stopped\n", cut - told_cut))
        told_cut = cut;
    for (unsigned i = 0; i < outlet_count; i++)
        note_outlet(&outlets[i]);
}

void console_end_notes(void)
{
    __atomic_store_n(&notes_ended, true, __ATOMIC_RELAXED);
}

/* A serial port */

/*
 * The cursor is one word, so that it is never half changed: the place in the text, whether the
 * '\r' of a newline there is out, and whether a byte is on its way to the port at this moment.
 */
#define CURSOR_BUSY 1u
#define CURSOR_RETURNED 2u
#define CURSOR_PLACE 4u

static void cursor_set(struct outlet *o, uint64_t cursor)
{
    __atomic_store_n(&o->cursor, cursor, __ATOMIC_RELAXED);
    __atomic_signal_fence(__ATOMIC_SEQ_CST); /* it is read after a stop on this very CPU */
}

/* Goes on at `next`. Can be stopped anywhere and done again. */
static void go_on(struct outlet *o)
{
    cursor_set(o, 0);
    __atomic_store_n(&o->start, o->next, __ATOMIC_RELAXED);
}

static void go_on_at(struct outlet *o, uint64_t next)
{
    __atomic_store_n(&o->next, next, __ATOMIC_RELAXED);
    __atomic_signal_fence(__ATOMIC_SEQ_CST);
    go_on(o);
}

/* One byte to the port, the cursor telling at every moment whether it is out. */
static void send(struct outlet *o, char byte, uint64_t after)
{
    cursor_set(o, o->cursor | CURSOR_BUSY);
    serial_send(&o->serial, (uint8_t)byte);
    cursor_set(o, after);
}

static void send_next(struct outlet *o, const char *text)
{
    uint64_t place = o->cursor / CURSOR_PLACE;

    if (text[place] == '\n' && !(o->cursor & CURSOR_RETURNED))
        send(o, '\r', place * CURSOR_PLACE | CURSOR_RETURNED);
    else if (text[place] != '\0')
        send(o, text[place], (place + 1) * CURSOR_PLACE);
    else
        cursor_set(o, (place + 1) * CURSOR_PLACE);
}

/* The next ready record behind what a stopped writer left at `position`, or the end. */
static uint64_t next_ready(uint64_t position, uint64_t end)
{
    size_t length;

    do
        position += sizeof(uint64_t);
    while (position < end && !header_read(position, &length));
    return position;
}

/* A stopped writer's record never gets ready; the screen, which is never stuck, is past it. */
static void skip_unready(struct outlet *o)
{
    size_t length;

    if (o->start < screen.start && !header_read(o->start, &length))
        go_on_at(o, next_ready(o->start, screen.start));
}

/* Ends a line that is not whole. False: the port is stuck. */
static bool end_torn_line(struct outlet *o)
{
    for (const char *end = "\r\n"; *end; end++) {
        if (!serial_wait(&o->serial))
            return false;
        serial_send(&o->serial, (uint8_t)*end);
    }
    o->torn = false;
    return true;
}

/*
 * As much of the next record as the port's FIFO takes, so that ports take turns and each fills
 * while the others empty. False: nothing to do, or the port is stuck.
 */
static bool write_some(struct outlet *o)
{
    const char *text;
    size_t length;

    skip_unready(o);
    text = text_at(o->start);
    if (!header_read(o->start, &length) || (o->serial.stuck && !serial_revive(&o->serial)) ||
        !serial_wait(&o->serial) || (o->torn && !end_torn_line(o)))
        return false;
    while (o->cursor / CURSOR_PLACE < length && o->serial.room > 0)
        send_next(o, text);
    if (o->cursor / CURSOR_PLACE >= length)
        go_on_at(o, o->start + record_bytes(length));
    return true;
}

/* A stuck port keeps what it has not written, but not so much that others find the ring full. */
static void pass_over(struct outlet *o)
{
    uint64_t used = __atomic_load_n(&reserved, __ATOMIC_ACQUIRE) - o->start;
    size_t length;

    if (!o->serial.stuck || used <= KEPT_BYTES || !header_read(o->start, &length))
        return;
    o->torn |= o->cursor != 0;
    o->lost++;
    go_on_at(o, o->start + record_bytes(length));
}

/* The owner */

static const struct sum *sum_there(void)
{
    return &sums[sums[1].end == screen.start];
}

static uint32_t sum_with(const char *text, size_t length)
{
    uint32_t crc = screen.start == __atomic_load_n(&summed_from, __ATOMIC_RELAXED)
                       ? 0
                       : sum_there()->crc;

    for (size_t start = 0, end; start < length; start = end + 1) {
        for (end = start; end < length && text[end] != '\0'; end++)
            ;
        crc = crc32(crc, text + start, end - start);
    }
    return crc;
}

/* Moves the screen on, with what is then the sum. Can be stopped anywhere and done again. */
static void screen_go_on(uint64_t end, uint32_t crc)
{
    struct sum *next = &sums[sum_there() == &sums[0]];

    *next = (struct sum){end, crc};
    __atomic_signal_fence(__ATOMIC_SEQ_CST); /* as cursor_set */
    __atomic_store_n(&screen.start, end, __ATOMIC_RELAXED);
}

static bool screen_some(void)
{
    const char *text = text_at(screen.start);
    size_t length;

    if (!header_read(screen.start, &length))
        return false;
    screen_write(text, length);
    screen_go_on(screen.start + record_bytes(length), sum_with(text, length));
    if (++screen.unseen >= FLUSH_RECORDS) {
        screen_flush();
        screen.unseen = 0;
    }
    return true;
}

/* Frees what every outlet is past. Can be stopped anywhere and done again. */
static void release(void)
{
    uint64_t end = screen.start;
    size_t start = drained % RING_BYTES, bytes, straight = sizeof(ring) - start;

    for (unsigned i = 0; i < outlet_count; i++)
        if (outlets[i].start < end)
            end = outlets[i].start;
    bytes = end - drained;
    memset((char *)ring + start, 0, bytes < straight ? bytes : straight);
    if (start + bytes > RING_BYTES)
        memset(ring, 0, start + bytes - RING_BYTES);
    __atomic_store_n(&drained, end, __ATOMIC_RELEASE);
}

/* Writes what is ready, in order; at most what one ring holds, so that nobody is kept for ever. */
static void drain_ready(void)
{
    uint64_t end = drained + RING_BYTES;
    bool moved = true;

    while (moved && drained < end) {
        moved = screen_some();
        for (unsigned i = 0; i < outlet_count; i++) {
            moved |= write_some(&outlets[i]);
            pass_over(&outlets[i]);
        }
        release();
        note_all();
    }
    screen_flush();
    screen.unseen = 0;
}

static bool own(void)
{
    return may_drain() && __atomic_exchange_n(&owned, 1, __ATOMIC_SEQ_CST) == 0;
}

void console_drain(void)
{
    size_t length;

    do {
        if (!own())
            return;
        drain_ready();
        __atomic_store_n(&owned, 0, __ATOMIC_SEQ_CST);
    } while (header_read(__atomic_load_n(&screen.start, __ATOMIC_SEQ_CST), &length));
}

static void disown(void)
{
    __atomic_store_n(&owned, 0, __ATOMIC_SEQ_CST);
    console_drain(); /* what came meanwhile */
}

void console_settle(void)
{
    if (!own())
        return;
    for (unsigned i = 0; i < outlet_count; i++)
        serial_forgive(&outlets[i].serial);
    drain_ready();
    disown();
}

bool console_take_page(uint32_t *columns, uint32_t *rows)
{
    if (!own())
        return false;
    screen_size(columns, rows);
    if (*columns == 0)
        disown();
    return *columns > 0;
}

void console_give_page(void)
{
    screen_flush();
    disown();
}

void console_sum_from(const struct console_record *record)
{
    __atomic_store_n(&summed_from, record->position, __ATOMIC_RELAXED);
}

uint32_t console_sum(void)
{
    return sum_there()->crc;
}

/* Lost and remaining lines */

uint64_t console_dropped(void)
{
    uint64_t total = __atomic_load_n(&dropped, __ATOMIC_RELAXED) +
                     __atomic_load_n(&cut, __ATOMIC_RELAXED);

    for (unsigned i = 0; i < outlet_count; i++)
        total += __atomic_load_n(&outlets[i].lost, __ATOMIC_RELAXED);
    return total;
}

static uint64_t records_from(uint64_t position)
{
    uint64_t count = 0;
    size_t length;

    for (; header_read(position, &length); position += record_bytes(length))
        count++;
    return count;
}

bool console_find_failure(unsigned *index, struct console_failure *failure)
{
    while (*index < outlet_count) {
        const struct outlet *o = &outlets[(*index)++];

        if (!o->serial.stuck && o->lost == 0)
            continue;
        *failure = (struct console_failure){
            .place = o->serial.place,
            .waiting = records_from(o->start),
            .lost = o->lost,
        };
        return true;
    }
    return false;
}

bool console_unfinished(void)
{
    return drained != __atomic_load_n(&reserved, __ATOMIC_ACQUIRE);
}

bool console_is_out(void)
{
    uint64_t end = __atomic_load_n(&reserved, __ATOMIC_ACQUIRE);

    for (unsigned i = 0; i < outlet_count; i++)
        if (outlets[i].start >= end)
            return true;
    return outlet_count == 0;
}

/* Seizing */

/* The stopped owner's byte may be out or not: end that line, and begin it again. */
static void restart_line(struct outlet *o)
{
    const char *text = text_at(o->start);
    uint64_t place = o->cursor / CURSOR_PLACE;

    while (place > 0 && text[place - 1] != '\n')
        place--;
    cursor_set(o, place * CURSOR_PLACE);
    o->torn = true;
}

static void take_over(struct outlet *o)
{
    if (o->next > o->start)
        go_on(o);
    if (o->cursor & CURSOR_BUSY)
        restart_line(o);
    serial_forgive(&o->serial);
}

void console_seize(void)
{
    uint64_t end = __atomic_load_n(&reserved, __ATOMIC_ACQUIRE);

    __atomic_store_n(&opened, true, __ATOMIC_RELEASE);
    __atomic_store_n(&seized, true, __ATOMIC_RELAXED);
    __atomic_store_n(&owned, 1, __ATOMIC_SEQ_CST);
    for (unsigned i = 0; i < outlet_count; i++)
        take_over(&outlets[i]);
    for (drain_ready(); screen.start < end; drain_ready()) {
        screen_go_on(next_ready(screen.start, end), sum_there()->crc);
        cut++;
    }
    for (unsigned i = 0; i < outlet_count; i++)
        serial_finish(&outlets[i].serial);
    __atomic_store_n(&owned, 0, __ATOMIC_SEQ_CST);
}

/* Setting up */

static void open_screen(void)
{
    struct screen_font font = {0};

    if (!screen.wanted || !screen.framebuffer)
        return;
    if (!screen_font_parse(font_start, (size_t)(font_end - font_start), &font) &&
        screen.framebuffer->kind != CONSOLE_FRAMEBUFFER_TEXT)
        return;
    screen_open(screen.framebuffer, screen.memory, &font);
}

void console_set_framebuffer(const struct console_framebuffer *fb, volatile void *mapped)
{
    screen.framebuffer = fb;
    screen.memory = mapped;
    open_screen();
}

void console_init(const struct console_choice *choice)
{
    screen.wanted = choice->screen;
    open_screen();
}

/* The outlet of the port at that place, or a new one; NULL: there are as many as there can be. */
static struct outlet *outlet_for(const struct serial_place *place)
{
    for (unsigned i = 0; i < outlet_count; i++) {
        const struct serial_place *other = &outlets[i].serial.place;

        if (other->in_memory == place->in_memory && other->address == place->address)
            return &outlets[i];
    }
    return outlet_count < CONSOLE_SERIALS ? &outlets[outlet_count] : NULL;
}

void console_add_serial(const struct serial_place *place, volatile void *mapped)
{
    struct outlet *o = outlet_for(place);

    if (!o) {
        note(PORT_FORMAT " is one more than there can be\n", PORT_ARGUMENTS(place));
        return;
    }
    if (o < &outlets[outlet_count])
        serial_set_speed(&o->serial, place->baud);
    else if ((!place->in_memory || mapped) && serial_open(&o->serial, place, mapped))
        outlet_count++;
    else
        note("# console: no serial port at %s0x%lx\n", PORT_ARGUMENTS(place));
}

void console_plant_stuck(void)
{
    if (outlet_count > 0)
        outlets[outlet_count - 1].serial.planted = true;
}

void console_start(void)
{
    __atomic_store_n(&opened, true, __ATOMIC_RELEASE);
    console_drain();
}
