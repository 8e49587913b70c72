/* SPDX-License-Identifier: MIT */
/* The one place that knows which loaders there are. */
#include "boot/loader.h"

#include "boot/bochs.h"
#include "boot/fwcfg.h"
#include "boot/multiboot2.h"
#include "cpu/features.h"
#include "lib/format.h"

#define COMMAND_LINE_FILE "opt/iststorm/cmdline"

static const void *boot_physical_at(const struct physical *self, uint64_t address, size_t length)
{
    (void)self;
    return address != 0 && address + length >= address && address + length <= BOOT_MAPPED_BYTES
               ? (const void *)address
               : NULL;
}
const struct physical boot_physical = {.at = boot_physical_at};

/* On metal fw_cfg's ports may be anything's, so they are only tried under a hypervisor. */
static void find_emulator(struct boot_info *out)
{
    out->in_qemu = features_hypervisor() && fwcfg_present();
    out->in_bochs = !features_hypervisor() && bochs_signed(&out->acpi);
}

static bool read_command_line(struct boot_info *out, char *error, size_t error_size)
{
    size_t most = sizeof(out->command_line) - 1;
    long length = fwcfg_read(COMMAND_LINE_FILE, out->command_line, most);

    if (length < 0)
        return true;                /* QEMU's user gave none */
    if (length > (long)most) {
        format(error, error_size, "the command line from fw_cfg is %ld bytes long; %zu at most",
               length, most);
        return false;
    }
    out->command_line[length] = '\0';
    out->command_line_length = length;
    return true;
}

bool loader_read(uint32_t magic, const void *info, struct boot_info *out, char *error,
                 size_t error_size)
{
    bool read = multiboot2_parse(magic, info, BOOT_MAPPED_BYTES - (uintptr_t)info, out, error,
                                 error_size);

    find_emulator(out);
    return read && (!out->in_qemu || read_command_line(out, error, error_size));
}
