/* SPDX-License-Identifier: MIT */
/* ACPI 4.8.3.2 (PM1 control), 4.8.3.6 (reset register) and 16.1.7 (S5); the reset control register
 * is at 0xcf9 in PIIX4 and in every ICH and PCH since (their data sheets: RST_CNT). */
#include "boot/power.h"

#include "lib/port.h"

#define KEYBOARD_COMMAND 0x64       /* and status */
#define KEYBOARD_BUSY (1u << 1)     /* its input buffer is full */
#define KEYBOARD_PULSE_RESET 0xfe
#define RESET_CONTROL 0xcf9
#define RESET_HARD 0x02
#define RESET_NOW 0x04              /* its rising edge resets */
#define PM1_SCI_ENABLE (1u << 0)
#define PM1_SLEEP_TYPE_SHIFT 10
#define PM1_SLEEP_TYPE (7u << PM1_SLEEP_TYPE_SHIFT)
#define PM1_SLEEP_ENABLE (1u << 13)
/* Reads of a port, of a microsecond or so. */
#define A_SECOND 1000000
#define A_MOMENT 100000

struct power_registers power_registers;

/* Time goes by, without a clock: there may be none yet. */
static void pass(unsigned reads)
{
    for (unsigned i = 0; i < reads; i++) {
        port_in8(KEYBOARD_COMMAND);
        __builtin_ia32_pause();
    }
}

/* Firmware that is asked for ACPI mode while it is on may hang; where it is not, firmware takes its
 * time (ACPI 4.8.2.5, 16.3.1). */
static void enter_acpi_mode(const struct power_registers *r)
{
    if (!r->acpi_enable_port || port_in16(r->control_ports[0]) & PM1_SCI_ENABLE)
        return;
    port_out8(r->acpi_enable_port, r->acpi_enable_value);
    for (unsigned i = 0; i < A_SECOND; i++) {
        if (port_in16(r->control_ports[0]) & PM1_SCI_ENABLE)
            return;
        __builtin_ia32_pause();
    }
}

/* The other bits are the chipset's: they stay. */
static void write_sleep(const struct power_registers *r, uint16_t enable)
{
    for (unsigned i = 0; i < 2; i++) {
        uint16_t port = r->control_ports[i];
        if (!port)
            continue;
        uint16_t others = (uint16_t)(port_in16(port) & ~(PM1_SLEEP_TYPE | PM1_SLEEP_ENABLE));
        port_out16(port, (uint16_t)(others | r->sleep_types[i] << PM1_SLEEP_TYPE_SHIFT | enable));
    }
}

/* The type first and alone: some chipsets latch it a write before they look at the enable bit. */
void power_off(void)
{
    const struct power_registers *r = &power_registers;

    if (!r->control_ports[0])
        return;
    enter_acpi_mode(r);
    write_sleep(r, 0);
    write_sleep(r, PM1_SLEEP_ENABLE);
    pass(A_SECOND);
}

void power_reset(void)
{
    const struct power_registers *r = &power_registers;

    if (r->reset_port) {
        port_out8(r->reset_port, r->reset_value);
        pass(A_MOMENT);
    }
    for (unsigned i = 0; i < A_MOMENT && port_in8(KEYBOARD_COMMAND) & KEYBOARD_BUSY; i++)
        __builtin_ia32_pause();
    port_out8(KEYBOARD_COMMAND, KEYBOARD_PULSE_RESET);
    pass(A_MOMENT);
    port_out8(RESET_CONTROL, RESET_HARD);
    port_out8(RESET_CONTROL, RESET_HARD | RESET_NOW);
    pass(A_MOMENT);
}
