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
 * Draining. Whoever sets `owned` from 0 drains records in order up to the first that is not ready,
 * zeroes what it took, and moves `drained`.
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
 * Seizing. The owner was stopped between any two instructions. What it was doing is in `drain`, in
 * memory: which record, which byte of it, and whether a byte was just then on its way to the port.
 * In that last case nobody can know whether the byte went out; the line is ended and written again
 * whole, as a doubled or missing digit would be worse than a line that is obviously torn. A writer
 * stopped between reserve and commit leaves a header of 0; the next ready header behind it is
 * found by its mark, which holds the record's own position and which no text looks like, as text
 * is ASCII and the mark has its top bit set.
 */
#include "lib/console.h"

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

_Static_assert(CONSOLE_LINE_MAX <= HEADER_LENGTH_MASK, "a length fits its field");
_Static_assert(RING_BYTES % sizeof(uint64_t) == 0 && RECORD_MAX % sizeof(uint64_t) == 0,
               "headers are aligned");

static uint64_t ring[(RING_BYTES + RECORD_MAX) / sizeof(uint64_t)];
static uint64_t reserved, drained; /* positions */
static uint64_t dropped;           /* records that found the ring full */
static uint32_t owned;             /* 1: somebody drains */
static bool opened;                /* console_init is done: there is somewhere to drain to */
static bool seized;                /* one CPU is left, and it drains in any context */

bool (*console_may_drain)(void);

/* What the owner is doing; the one who seizes goes on from it. */
static struct {
    uint64_t cursor;   /* into the record at `drained`, for the serial port: see cursor_make */
    uint64_t next;     /* when above `drained`: the record is out, and being freed up to here */
    uint64_t cut;      /* records of stopped writers */
    uint64_t told_dropped, told_cut;
    bool on_screen;    /* the record's text is in the screen's grid */
    bool told_stuck;
} drain;

static struct {
    bool serial_used, screen_wanted;
    struct serial serial;
    const struct console_framebuffer *framebuffer;
    volatile void *framebuffer_memory;
} devices;

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
    bool (*ask)(void) = console_may_drain;

    return __atomic_load_n(&opened, __ATOMIC_ACQUIRE) &&
           (__atomic_load_n(&seized, __ATOMIC_RELAXED) || !ask || ask());
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

bool console_write(const char *text, size_t length)
{
    struct console_record record;

    if (length > 0 && text[length - 1] == '\n')
        length--;
    if (length > CONSOLE_LINE_MAX - 1)
        length = CONSOLE_LINE_MAX - 1;
    if (!console_reserve(&record, length + 1))
        return false;
    memcpy(record.text, text, length);
    record.text[length] = '\n';
    console_commit(&record);
    return true;
}

/* The owner */

/* A line of the console's own. False: no room now; it is tried again after the next record. */
static bool note(const char *fmt, uint64_t value)
{
    struct console_record record;
    char text[NOTE_MAX];
    size_t length = format(text, sizeof(text), fmt, value); /* all are shorter than NOTE_MAX */

    if (!try_reserve(&record, length))
        return false;
    memcpy(record.text, text, length);
    commit(&record);
    return true;
}

static void note_losses(void)
{
    uint64_t lost = __atomic_load_n(&dropped, __ATOMIC_RELAXED);

    if (lost != drain.told_dropped &&
        note("# console: %lu lines lost, the ring was full\n", lost - drain.told_dropped))
        drain.told_dropped = lost;
    if (drain.cut != drain.told_cut &&
        note("# console: %lu lines cut off, their CPUs stopped\n", drain.cut - drain.told_cut))
        drain.told_cut = drain.cut;
    if (devices.serial.stuck != drain.told_stuck &&
        note(devices.serial.stuck ? "# console: serial port 0x%lx is stuck, lines are lost there\n"
                                  : "# console: serial port 0x%lx moves again, lines were lost\n",
             devices.serial.port))
        drain.told_stuck = devices.serial.stuck;
}

/*
 * The cursor is one word, so that it is never half changed: the place in the text, whether the
 * '\r' of a newline there is out, and whether a byte is on its way to the port at this moment.
 */
#define CURSOR_BUSY 1u
#define CURSOR_RETURNED 2u
#define CURSOR_PLACE 4u

static void cursor_set(uint64_t cursor)
{
    __atomic_store_n(&drain.cursor, cursor, __ATOMIC_RELAXED);
    __atomic_signal_fence(__ATOMIC_SEQ_CST); /* it is read after a stop on this very CPU */
}

/* One byte to the port, the cursor telling at every moment whether it is out. */
static bool send(char byte, uint64_t after)
{
    if (!serial_wait(&devices.serial))
        return false;
    cursor_set(drain.cursor | CURSOR_BUSY);
    serial_send(&devices.serial, (uint8_t)byte);
    cursor_set(after);
    return true;
}

static void write_serial(const char *text, size_t length)
{
    if (!devices.serial_used)
        return;
    if (drain.cursor == 0 && devices.serial.stuck && !serial_revive(&devices.serial))
        return;
    for (;;) {
        uint64_t place = drain.cursor / CURSOR_PLACE;
        uint64_t after = (place + 1) * CURSOR_PLACE;
        bool sent = true;

        if (place >= length)
            return;
        if (text[place] == '\n' && !(drain.cursor & CURSOR_RETURNED))
            sent = send('\r', place * CURSOR_PLACE | CURSOR_RETURNED);
        else if (text[place] != '\0')
            sent = send(text[place], after);
        else
            cursor_set(after);
        if (!sent)
            return;
    }
}

/* Frees [drained, drain.next). Can be stopped anywhere and done again. */
static void release(void)
{
    size_t start = drained % RING_BYTES, bytes = drain.next - drained;
    size_t straight = sizeof(ring) - start;

    memset((char *)ring + start, 0, bytes < straight ? bytes : straight);
    if (start + bytes > RING_BYTES)
        memset(ring, 0, start + bytes - RING_BYTES);
    drain.on_screen = false;
    cursor_set(0);
    __atomic_store_n(&drained, drain.next, __ATOMIC_RELEASE);
}

static void release_until(uint64_t next)
{
    drain.next = next;
    __atomic_signal_fence(__ATOMIC_SEQ_CST);
    release();
}

static void write_record(size_t length)
{
    const char *text = text_at(drained);

    if (!drain.on_screen) {
        screen_write(text, length);
        drain.on_screen = true;
    }
    write_serial(text, length);
    release_until(drained + record_bytes(length));
}

/* Writes what is ready, in order; at most what one ring holds, so that nobody is kept for ever. */
static void drain_ready(void)
{
    uint64_t end = drained + RING_BYTES;
    unsigned count = 0;
    size_t length;

    while (drained < end && header_read(drained, &length)) {
        write_record(length);
        note_losses();
        if (++count % FLUSH_RECORDS == 0)
            screen_flush();
    }
    screen_flush();
}

void console_drain(void)
{
    size_t length;

    do {
        if (!may_drain() || __atomic_exchange_n(&owned, 1, __ATOMIC_SEQ_CST) != 0)
            return;
        drain_ready();
        __atomic_store_n(&owned, 0, __ATOMIC_SEQ_CST);
    } while (header_read(__atomic_load_n(&drained, __ATOMIC_SEQ_CST), &length));
}

uint64_t console_dropped(void)
{
    return __atomic_load_n(&dropped, __ATOMIC_RELAXED) +
           __atomic_load_n(&drain.cut, __ATOMIC_RELAXED);
}

/* Seizing */

/* The stopped owner's byte may be out or not: end that line, and begin it again. */
static void restart_line(void)
{
    const char *text = text_at(drained);
    uint64_t place = drain.cursor / CURSOR_PLACE;

    while (place > 0 && text[place - 1] != '\n')
        place--;
    cursor_set(place * CURSOR_PLACE);
    if (serial_wait(&devices.serial))
        serial_send(&devices.serial, '\r');
    if (serial_wait(&devices.serial))
        serial_send(&devices.serial, '\n');
}

/* Passes over what a stopped writer left at `drained`, up to the next ready record or the end. */
static void skip_unready(uint64_t end)
{
    uint64_t next = drained + sizeof(uint64_t);
    size_t length;

    while (next < end && !header_read(next, &length))
        next += sizeof(uint64_t);
    drain.cut++;
    release_until(next);
}

void console_seize(void)
{
    uint64_t end = __atomic_load_n(&reserved, __ATOMIC_ACQUIRE);
    size_t length;

    if (!opened)
        return;
    __atomic_store_n(&seized, true, __ATOMIC_RELAXED);
    __atomic_store_n(&owned, 1, __ATOMIC_SEQ_CST);
    if (drain.next > drained)
        release();
    if (drain.cursor & CURSOR_BUSY)
        restart_line();
    while (drained < end) {
        if (header_read(drained, &length))
            write_record(length);
        else
            skip_unready(end);
    }
    note_losses();
    drain_ready();
    __atomic_store_n(&owned, 0, __ATOMIC_SEQ_CST);
}

/* Setting up */

static void open_screen(void)
{
    struct screen_font font = {0};

    if (!devices.screen_wanted || !devices.framebuffer)
        return;
    if (!screen_font_parse(font_start, (size_t)(font_end - font_start), &font) &&
        devices.framebuffer->kind != CONSOLE_FRAMEBUFFER_TEXT)
        return;
    screen_open(devices.framebuffer, devices.framebuffer_memory, &font);
}

void console_set_framebuffer(const struct console_framebuffer *fb, volatile void *mapped)
{
    devices.framebuffer = fb;
    devices.framebuffer_memory = mapped;
    open_screen();
}

void console_init(const struct console_choice *choice)
{
    bool found = choice->serial &&
                 serial_open(&devices.serial, choice->serial_port, choice->serial_baud);

    devices.serial_used = found;
    devices.screen_wanted = choice->screen;
    open_screen();
    if (choice->serial && !found)
        note("# console: no serial port at 0x%lx\n", choice->serial_port);
    __atomic_store_n(&opened, true, __ATOMIC_RELEASE);
    console_drain();
}
