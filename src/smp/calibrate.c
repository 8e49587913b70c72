/* SPDX-License-Identifier: MIT */
/* Measures the clocks: ACPI 4.8.2.1 (PM timer, 3.579545 MHz), Intel 8254 data sheet (1.193182 MHz,
 * channel 2). */
#include "smp/calibrate.h"

#include <stddef.h>

#include "cpu/clock.h"
#include "lib/port.h"
#include "smp/apic.h"

#define PM_TIMER_HZ 3579545u
#define PIT_HZ 1193182u
#define PIT_CHANNEL2 0x42
#define PIT_COMMAND 0x43
#define PIT_CHANNEL2_MODE0 0xb0     /* low then high byte, interrupt on terminal count */
#define PIT_GATE 0x61 /* bit 0: channel 2's gate; bit 1: the speaker; bit 5: channel 2's output */
#define SPAN_MS 20
#define PATIENCE 10000000           /* reads of a reference that does not move */
#define READINGS 8                  /* of which one without an SMI is hoped for */

uint32_t calibrated_apic_hz;

struct reading {
    uint64_t tsc;
    uint32_t apic;
};

static struct reading read_clocks(void)
{
    return (struct reading){read_tsc(), apic_timer_read()};
}

/* No better than the reference's crystal, some 20 in a million: digits behind that are noise. */
static uint64_t round_rate(uint64_t hz)
{
    uint64_t unit = 1;

    while (hz / unit >= 100000)
        unit *= 10;
    return (hz + unit / 2) / unit * unit;
}

static void set_rates(struct reading from, struct reading to, uint64_t ticks, uint64_t hz)
{
    calibrated_apic_hz = round_rate((uint64_t)(from.apic - to.apic) * hz / ticks);
    clock_start(round_rate((to.tsc - from.tsc) * hz / ticks));
    clock_join();
}

/* The PM timer, and the clocks at that moment. Between the one and the other firmware may take its
 * time, or a host: of several readings the quickest counts. */
static uint32_t read_pm_timer(uint16_t port, struct reading *clocks)
{
    uint64_t least = UINT64_MAX;
    uint32_t timer = 0;

    for (unsigned i = 0; i < READINGS; i++) {
        struct reading before = read_clocks();
        uint32_t now = port_in32(port);
        uint64_t took = read_tsc() - before.tsc;
        if (took < least) {
            least = took;
            *clocks = before;
            timer = now;
        }
    }
    return timer;
}

static bool against_pm_timer(const struct acpi_fadt_facts *fadt)
{
    uint32_t mask = fadt->pm_timer_bits == 32 ? UINT32_MAX : (1u << 24) - 1;
    uint32_t span = PM_TIMER_HZ / 1000 * SPAN_MS, first, now;
    struct reading from, to;

    if (!fadt->pm_timer_bits || fadt->pm_timer.space != ACPI_SPACE_PORT)
        return false;
    first = now = read_pm_timer(fadt->pm_timer.address, &from);
    for (unsigned i = 0; i < PATIENCE && ((now - first) & mask) < span; i++)
        now = port_in32(fadt->pm_timer.address);
    if (((now - first) & mask) < span)
        return false;
    now = read_pm_timer(fadt->pm_timer.address, &to);
    set_rates(from, to, (now - first) & mask, PM_TIMER_HZ);
    return true;
}

static bool against_pit(void)
{
    uint32_t span = PIT_HZ / 1000 * SPAN_MS, i = 0;

    port_out8(PIT_GATE, (port_in8(PIT_GATE) & ~2u) | 1);
    port_out8(PIT_COMMAND, PIT_CHANNEL2_MODE0);
    port_out8(PIT_CHANNEL2, span & 0xff);
    port_out8(PIT_CHANNEL2, span >> 8);
    struct reading from = read_clocks();
    while (i < PATIENCE && !(port_in8(PIT_GATE) & 1u << 5))
        i++;
    if (i == 0 || i == PATIENCE)
        return false;
    set_rates(from, read_clocks(), span, PIT_HZ);
    return true;
}

const char *calibrate(const struct acpi_fadt_facts *fadt)
{
    const char *reference = NULL;

    apic_timer_start(UINT32_MAX, false);
    if (against_pm_timer(fadt))
        reference = "acpi-pm";
    else if (against_pit())
        reference = "pit";
    apic_timer_start(0, false);
    return clock_tsc_hz && calibrated_apic_hz ? reference : NULL;
}

void delay_us(uint64_t us)
{
    uint64_t end = read_tsc() + us * clock_tsc_hz / 1000000;

    while (read_tsc() < end)
        cpu_relax();
}
