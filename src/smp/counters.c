/* SPDX-License-Identifier: MIT */
/* Reads the counters of a known rate: see counters.h. */
#include "smp/counters.h"

#include <stddef.h>

#include "lib/port.h"
#include "lib/register.h"
#include "smp/acpi/reach.h"
#include "smp/hpet.h"

#define PM_TIMER_HZ 3579545u
#define PIT_HZ 1193182u
#define PIT_CHANNEL0 0x40
#define PIT_COMMAND 0x43
#define PIT_LATCH 0x00              /* channel 0's count, for the next two reads */
#define PIT_COUNT 0x30              /* mode 0, low then high byte: down to 0 and on, no interrupt
                                       before that */
#define PIT_STOP 0x32               /* mode 1: at rest until a gate's edge, which has no wire */
#define PIT_MASK 0xffff

static struct device_register pm_timer;

static uint32_t read_pm_timer(void)
{
    return register_read(&pm_timer, 4);
}

bool counter_pm_timer(const struct acpi_fadt_facts *fadt, struct counter *out)
{
    uint32_t mask = fadt->pm_timer_bits == 32 ? UINT32_MAX : (1u << 24) - 1;

    pm_timer = acpi_reach(&fadt->pm_timer, 4);
    *out = (struct counter){"acpi-pm", PM_TIMER_HZ, mask, read_pm_timer, NULL};
    return fadt->pm_timer_bits && register_exists(&pm_timer);
}

bool counter_hpet(const struct acpi_header *hpet, struct counter *out)
{
    uint64_t hz = hpet_find(hpet);

    *out = (struct counter){"hpet", hz, UINT32_MAX, hpet_count, NULL};
    if (hz && hpet_run())
        out->stop = hpet_stop;
    return hz != 0;
}

static uint32_t read_pit(void)
{
    port_out8(PIT_COMMAND, PIT_LATCH);
    uint32_t low = port_in8(PIT_CHANNEL0);
    return PIT_MASK - (low | (uint32_t)port_in8(PIT_CHANNEL0) << 8);
}

static void stop_pit(void)
{
    port_out8(PIT_COMMAND, PIT_STOP);
}

/* Channel 0 and not 2, whose gate is in port 0x61: not every machine with an 8254 has that. */
void counter_pit(struct counter *out)
{
    *out = (struct counter){"pit", PIT_HZ, PIT_MASK, read_pit, stop_pit};
    port_out8(PIT_COMMAND, PIT_COUNT);
    port_out8(PIT_CHANNEL0, PIT_MASK & 0xff);
    port_out8(PIT_CHANNEL0, PIT_MASK >> 8);
}
