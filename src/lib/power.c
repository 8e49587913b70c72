/* SPDX-License-Identifier: MIT */
/* ACPI 4.8.3.2 (PM1 control), 4.8.3.6 (reset register), 4.8.3.7 (sleep control and status), 16.1.7
 * (S5); the reset control register is at 0xcf9 in PIIX4 and in every ICH and PCH since (their data
 * sheets: RST_CNT). */
#include "lib/power.h"

#include "lib/port.h"

#define KEYBOARD_COMMAND 0x64       /* and status */
#define KEYBOARD_BUSY (1u << 1)     /* its input buffer is full */
#define KEYBOARD_PULSE_RESET 0xfe
#define BOCHS_SHUTDOWN 0x8900       /* ends it when "Shutdown" has been written there */
#define RESET_CONTROL 0xcf9
#define RESET_HARD 0x02
#define RESET_NOW 0x04              /* its rising edge resets */
#define PM1_SCI_ENABLE (1u << 0)
#define PM1_SLEEP_TYPE_SHIFT 10
#define PM1_SLEEP_TYPE (7u << PM1_SLEEP_TYPE_SHIFT)
#define PM1_SLEEP_ENABLE (1u << 13)
#define SLEEP_TYPE_SHIFT 2
#define SLEEP_ENABLE (1u << 5)
#define SLEEP_WOKEN (1u << 7)       /* in the status: a 1 clears it */
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

static bool in_acpi_mode(const struct power_registers *r)
{
    return register_read(&r->control[0], 2) & PM1_SCI_ENABLE;
}

/* Firmware that is asked for ACPI mode while it is on may hang; where it is not, firmware takes its
 * time (ACPI 4.8.2.5, 16.3.1). */
static void enter_acpi_mode(const struct power_registers *r)
{
    if (!register_exists(&r->acpi_enable) || in_acpi_mode(r))
        return;
    register_write(&r->acpi_enable, 1, r->acpi_enable_value);
    for (unsigned i = 0; i < A_SECOND; i++) {
        if (in_acpi_mode(r))
            return;
        __builtin_ia32_pause();
    }
}

/* The other bits are the chipset's: they stay. */
static void write_sleep(const struct power_registers *r, uint16_t enable)
{
    for (unsigned i = 0; i < 2; i++) {
        const struct device_register *control = &r->control[i];
        if (!register_exists(control))
            continue;
        uint32_t others = register_read(control, 2) & ~(PM1_SLEEP_TYPE | PM1_SLEEP_ENABLE);
        register_write(control, 2,
                       others | (uint32_t)r->sleep_types[i] << PM1_SLEEP_TYPE_SHIFT | enable);
    }
}

/* The type first and alone: some chipsets latch it a write before they look at the enable bit. */
static void sleep_by_pm1(const struct power_registers *r)
{
    enter_acpi_mode(r);
    write_sleep(r, 0);
    write_sleep(r, PM1_SLEEP_ENABLE);
}

/* A wake-up that is still noted would end the sleep at once. */
static void sleep_by_control(const struct power_registers *r)
{
    if (register_exists(&r->sleep_status))
        register_write(&r->sleep_status, 1, SLEEP_WOKEN);
    register_write(&r->sleep_control, 1,
                   (uint32_t)r->sleep_types[0] << SLEEP_TYPE_SHIFT | SLEEP_ENABLE);
}

bool power_can_switch_off(void)
{
    return register_exists(&power_registers.sleep_control) ||
           register_exists(&power_registers.control[0]);
}

void power_off(void)
{
    const struct power_registers *r = &power_registers;

    if (!power_can_switch_off())
        return;
    if (register_exists(&r->sleep_control))
        sleep_by_control(r);
    else
        sleep_by_pm1(r);
    pass(A_SECOND);
}

void power_reset(void)
{
    const struct power_registers *r = &power_registers;

    if (register_exists(&r->reset)) {
        register_write(&r->reset, 1, r->reset_value);
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

void power_off_bochs(void)
{
    for (const char *at = "Shutdown"; *at; at++)
        port_out8(BOCHS_SHUTDOWN, *at);
}
