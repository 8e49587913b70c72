/* SPDX-License-Identifier: MIT */
/* The HPET's registers: IA-PC HPET Specification 1.0a, 2.3.4 to 2.3.9. Accesses of 32 bits, and a
 * timer in its 32-bit mode, which all of them have. */
#include "smp/hpet.h"

#include <stddef.h>

#include "cpu/paging.h"
#include "cpu/percpu.h"
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

/* The 8254's, which no other device shares; and the 8254 is put to rest. */
#define PIT_INPUT 2
#define PIT_COMMAND 0x43
#define PIT_CHANNEL0_STOP 0x32      /* mode 1: at rest until a gate's edge, which has no wire */

static volatile uint32_t *hpet;
static unsigned timer;              /* the offset of its registers */
static uint32_t counts_a_ms, comparator;

static uint32_t read(unsigned at)
{
    return hpet[at / 4];
}

static void write(unsigned at, uint32_t value)
{
    hpet[at / 4] = value;
}

/* The first timer that has a route, at the 8254's input or else the highest it can reach. -1: there
 * is none. */
static int choose_input(void)
{
    unsigned timers = (read(HPET_CAPABILITIES) >> 8 & 0x1f) + 1;

    for (unsigned i = 0; i < timers; i++) {
        timer = HPET_TIMER + 0x20 * i;
        uint32_t routes = read(timer + TIMER_ROUTES);
        if (routes & 1u << PIT_INPUT)
            return PIT_INPUT;
        if (routes)
            return 31 - __builtin_clz(routes);
    }
    return -1;
}

/* No timer but ours interrupts, nor takes the old timers' place. */
static void take_over(void)
{
    unsigned timers = (read(HPET_CAPABILITIES) >> 8 & 0x1f) + 1;

    for (unsigned at = HPET_TIMER; at < HPET_TIMER + 0x20 * timers; at += 0x20)
        write(at + TIMER_CONFIG, read(at + TIMER_CONFIG) & ~TIMER_ENABLE);
    write(HPET_CONFIG, read(HPET_CONFIG) & ~(CONFIG_LEGACY | CONFIG_ENABLE));
    port_out8(PIT_COMMAND, PIT_CHANNEL0_STOP);
}

const char *hpet_start(const struct acpi_header *table, const struct machine_topology *topology)
{
    uint64_t address = table ? acpi_read_hpet(table) : 0;
    int input;

    if (!address)
        return "there is no HPET";
    hpet = paging_map_device(address, HPET_SIZE);
    if (!hpet || read(HPET_PERIOD) == 0 || read(HPET_PERIOD) > LONGEST_PERIOD)
        return "the HPET does not answer";
    counts_a_ms = FEMTOSECONDS_A_MS / read(HPET_PERIOD);
    input = choose_input();
    if (input < 0)
        return "no timer of the HPET reaches an I/O APIC";
    take_over();
    if (!ioapic_route_nmi(topology, input, this_cpu->apic_id))
        return "no I/O APIC has the HPET's input, or reaches this CPU";
    write(timer + TIMER_CONFIG, TIMER_32_BITS | (uint32_t)input << TIMER_ROUTE_SHIFT);
    return NULL;
}

/* The counter begins anew each time: a timer in 32-bit mode interrupts once more when it wraps. The
 * timer is enabled last: an old comparator must not be met. */
void hpet_arm(uint32_t ms)
{
    uint32_t config = read(HPET_CONFIG);

    write(HPET_CONFIG, config & ~CONFIG_ENABLE);
    write(HPET_COUNTER, 0);
    write(HPET_COUNTER_HIGH, 0);
    comparator = ms * counts_a_ms;
    write(timer + TIMER_COMPARATOR, comparator);
    write(timer + TIMER_CONFIG, read(timer + TIMER_CONFIG) | TIMER_ENABLE);
    write(HPET_CONFIG, config | CONFIG_ENABLE);
}

void hpet_stop(void)
{
    write(HPET_CONFIG, read(HPET_CONFIG) & ~CONFIG_ENABLE);
}

bool hpet_is_over(void)
{
    return read(HPET_COUNTER) >= comparator;
}
