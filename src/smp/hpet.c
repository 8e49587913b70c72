/* SPDX-License-Identifier: MIT */
/* The HPET's registers: IA-PC HPET Specification 1.0a, 2.3.4 to 2.3.9. Accesses of 32 bits, and
 * timers in their 32-bit mode, which all of them have. */
#include "smp/hpet.h"

#include <stddef.h>

#include "cpu/paging.h"
#include "lib/mmio.h"
#include "lib/port.h"
#include "smp/ioapic.h"

enum {
    HPET_CAPABILITIES = 0x000,
    HPET_PERIOD = 0x004,            /* femtoseconds a count */
    HPET_CONFIG = 0x010,
    HPET_COUNTER = 0x0f0,
    HPET_COUNTER_HIGH = 0x0f4,
    HPET_TIMER = 0x100,             /* and 0x20 on for each */
    TIMER_CONFIG = 0x00,
    TIMER_ROUTES = 0x04,            /* a bit an input of the I/O APIC */
    TIMER_COMPARATOR = 0x08,
    HPET_SIZE = 0x400,
};
#define CONFIG_ENABLE (1u << 0)
#define CONFIG_LEGACY (1u << 1)
#define TIMER_ENABLE (1u << 2)      /* edge-triggered and one shot by the other bits' being 0 */
#define TIMER_32_BITS (1u << 8)
#define TIMER_ROUTE_SHIFT 9
#define LONGEST_PERIOD 100000000u
#define FEMTOSECONDS_A_MS 1000000000000ull
#define FEMTOSECONDS_A_S 1000000000000000ull

/* The 8254's input, which no other device shares; the 8254 is put to rest. */
#define PIT_INPUT 2
#define PIT_COMMAND 0x43
#define PIT_CHANNEL0_STOP 0x32      /* mode 1: at rest until a gate's edge, which has no wire */

static volatile uint8_t *hpet;
static uint32_t counts_a_ms, first_comparator;

/* The timers that reach an I/O APIC, each by an input of its own. */
static struct timer {
    unsigned at;                    /* the offset of its registers */
    unsigned route;
    struct ioapic_input input;
} timers[HPET_TIMERS];
static unsigned timer_count;

static uint32_t read(unsigned at)
{
    return mmio_in(hpet + at, 4);
}

static void write(unsigned at, uint32_t value)
{
    mmio_out(hpet + at, 4, value);
}

static unsigned timers_there(void)
{
    return (read(HPET_CAPABILITIES) >> 8 & 0x1f) + 1;
}

/* Chooses, of the unused inputs, the 8254's or else the highest that a timer can reach. */
static bool choose_input(struct timer *timer, uint32_t *free,
                         const struct machine_topology *topology)
{
    uint32_t routes = read(timer->at + TIMER_ROUTES) & *free;

    while (routes) {
        timer->route = routes & 1u << PIT_INPUT ? PIT_INPUT : 31 - __builtin_clz(routes);
        routes &= ~(1u << timer->route);
        if (ioapic_find_input(topology, timer->route, &timer->input)) {
            *free &= ~(1u << timer->route);
            return true;
        }
    }
    return false;
}

static void choose_timers(const struct machine_topology *topology)
{
    uint32_t free = UINT32_MAX;

    timer_count = 0;
    for (unsigned i = 0; i < timers_there() && timer_count < HPET_TIMERS; i++) {
        timers[timer_count].at = HPET_TIMER + 0x20 * i;
        timer_count += choose_input(&timers[timer_count], &free, topology);
    }
}

static void silence_timers(void)
{
    for (unsigned at = HPET_TIMER; at < HPET_TIMER + 0x20 * timers_there(); at += 0x20)
        write(at + TIMER_CONFIG, read(at + TIMER_CONFIG) & ~TIMER_ENABLE);
}

/* Only our timers interrupt, and none takes the legacy timers' place. */
static void take_over(void)
{
    silence_timers();
    write(HPET_CONFIG, read(HPET_CONFIG) & ~(CONFIG_LEGACY | CONFIG_ENABLE));
    port_out8(PIT_COMMAND, PIT_CHANNEL0_STOP);
}

uint64_t hpet_find(const struct acpi_header *table)
{
    uint64_t address = table ? acpi_read_hpet(table) : 0;

    hpet = address ? paging_map_device(address, HPET_SIZE) : NULL;
    if (!hpet || read(HPET_PERIOD) == 0 || read(HPET_PERIOD) > LONGEST_PERIOD)
        return 0;
    return FEMTOSECONDS_A_S / read(HPET_PERIOD);
}

/* A timer that firmware has set and then halted must not interrupt for it. */
bool hpet_run(void)
{
    uint32_t config = read(HPET_CONFIG);

    if (config & CONFIG_ENABLE)
        return false;
    silence_timers();
    write(HPET_CONFIG, config | CONFIG_ENABLE);
    return true;
}

uint32_t hpet_count(void)
{
    return read(HPET_COUNTER);
}

const char *hpet_start(const struct acpi_header *table, const struct machine_topology *topology)
{
    if (!hpet_find(table))
        return "there is no HPET, or it does not answer";
    counts_a_ms = FEMTOSECONDS_A_MS / read(HPET_PERIOD);
    choose_timers(topology);
    if (!timer_count)
        return "no timer of the HPET reaches an I/O APIC";
    take_over();
    for (unsigned i = 0; i < timer_count; i++)
        write(timers[i].at + TIMER_CONFIG, TIMER_32_BITS | timers[i].route << TIMER_ROUTE_SHIFT);
    return NULL;
}

unsigned hpet_timers(void)
{
    return timer_count;
}

/* The counter starts from 0 each time, since a timer in 32-bit mode interrupts again when it wraps.
 * The timers are enabled last, so that the counter meets no old comparator. A timer that would be
 * due after the wrap stays off. A timer whose entry cannot be written just now keeps the CPU that
 * it had. */
void hpet_arm(uint32_t ms, const uint32_t *apic_ids)
{
    uint32_t config = read(HPET_CONFIG);

    first_comparator = ms * counts_a_ms;
    write(HPET_CONFIG, config & ~CONFIG_ENABLE);
    write(HPET_COUNTER, 0);
    write(HPET_COUNTER_HIGH, 0);
    for (unsigned i = 0; i < timer_count; i++) {
        uint64_t due = (i + 1) * (uint64_t)first_comparator;
        uint32_t at = timers[i].at, off = read(at + TIMER_CONFIG) & ~TIMER_ENABLE;
        ioapic_aim_nmi(&timers[i].input, apic_ids[i]);
        write(at + TIMER_COMPARATOR, due);
        write(at + TIMER_CONFIG, due < UINT32_MAX ? off | TIMER_ENABLE : off);
    }
    write(HPET_CONFIG, config | CONFIG_ENABLE);
}

void hpet_stop(void)
{
    write(HPET_CONFIG, read(HPET_CONFIG) & ~CONFIG_ENABLE);
}

unsigned hpet_sent(void)
{
    uint32_t sent = first_comparator ? read(HPET_COUNTER) / first_comparator : 0;

    return sent < timer_count ? sent : timer_count;
}

bool hpet_is_over(void)
{
    return read(HPET_COUNTER) >= first_comparator;
}
