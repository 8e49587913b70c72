/* SPDX-License-Identifier: MIT */
/* Bochs: its port 0x8900 ends it when "Shutdown" has been written there, a byte at a time. */
#include "boot/bochs.h"

#include "lib/port.h"
#include "lib/string.h"

#define SHUTDOWN_PORT 0x8900
#define RSDP_OEM_ID 9               /* ACPI 5.2.5.3 */

bool bochs_signed(const struct boot_info *boot)
{
    return boot->rsdp_old_given && memcmp(boot->rsdp_old + RSDP_OEM_ID, "BOCHS ", 6) == 0;
}

void bochs_shut_down(void)
{
    for (const char *at = "Shutdown"; *at; at++)
        port_out8(SHUTDOWN_PORT, *at);
}
