/* SPDX-License-Identifier: MIT */
/* Opens the consoles, each as early as it can be. */
#include "boot/consoles.h"

#include <stddef.h>

#include "boot/loader.h"
#include "cpu/inject.h"
#include "cpu/paging.h"
#include "lib/report.h"
#include "smp/acpi/spcr.h"

static uint64_t end_of(const struct console_framebuffer *screen)
{
    return screen->address + (uint64_t)screen->pitch * screen->height;
}

void consoles_open_first(const struct console_choice *choice,
                         const struct console_framebuffer *screen)
{
    if (end_of(screen) <= BOOT_MAPPED_BYTES)
        console_set_framebuffer(screen, (volatile void *)screen->address);
    console_init(choice);
    for (unsigned i = 0; i < choice->serial_count; i++)
        if (!choice->serials[i].in_memory)
            console_add_serial(&choice->serials[i], NULL);
}

void consoles_map_screen(const struct console_framebuffer *screen)
{
    if (screen->kind == CONSOLE_FRAMEBUFFER_RGB)
        console_set_framebuffer(
            screen, paging_map_combined(screen->address, end_of(screen) - screen->address));
}

static void add_serial(const struct serial_place *place)
{
    uint64_t length = (uint64_t)SERIAL_REGISTERS * place->stride;

    console_add_serial(place, place->in_memory ? paging_map_device(place->address, length) : NULL);
}

/* The port that the firmware's own console is on: serial-over-LAN, on a server. */
static void add_firmwares_serial(const struct console_choice *choice,
                                 const struct acpi_tables *acpi)
{
    static char error[256];
    const struct acpi_header *table = acpi_find(acpi, "SPCR", error, sizeof(error));
    struct serial_place place;

    if (table && spcr_parse(table, &place, error, sizeof(error))) {
        if (choice->spcr_baud)
            place.baud = choice->spcr_baud;
        report_note("console: SPCR names the serial port %s0x%lx", place.in_memory ? "mmio:" : "",
                    place.address);
        add_serial(&place);
    } else if (choice->spcr == CONSOLE_SPCR_ASKED || (table && error[0])) {
        report_note("console: no serial port from SPCR: %s",
                    error[0] ? error : "console redirection is off");
    }
}

void consoles_open(const struct console_choice *choice, const struct acpi_tables *acpi)
{
    for (unsigned i = 0; i < choice->serial_count; i++)
        if (choice->serials[i].in_memory)
            add_serial(&choice->serials[i]);
    if (acpi && choice->spcr != CONSOLE_SPCR_NO)
        add_firmwares_serial(choice, acpi);
    if (inject_planted(INJECT_STUCK_UART))
        console_plant_stuck();
    console_start();
}
