/* SPDX-License-Identifier: MIT */
/* Fuzzes boot/efi.h: the input is a width, and the memory at 4096 with the system table first. */
#include "boot/efi.h"
#include "foreign.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct efi_tables tables;
    struct memory memory;
    char error[128] = { 0 };
    bool ok;

    if (size == 0)
        return 0;
    memory_open(&memory);
    memory_add(&memory, 4096, data + 1, size - 1);
    ok = efi_read_tables(&memory.physical, 4096, (data[0] & 1) != 0, &tables, error, sizeof error);
    assert(ok == (error[0] == '\0'));
    memory_close(&memory);
    return 0;
}
