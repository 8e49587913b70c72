/* SPDX-License-Identifier: MIT */
/* Fuzzes smp/acpi/spcr.h: the input is an SPCR, whose length is made right first. */
#include "foreign.h"
#include "smp/acpi/spcr.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    uint32_t length = (uint32_t)size;
    struct serial_place place;
    char problem[96];
    uint8_t *copy;

    if (size < sizeof(struct acpi_header))
        return 0;
    copy = exact_copy(data, size);
    memcpy(copy + 4, &length, sizeof length);
    if (spcr_parse((const struct acpi_header *)copy, &place, problem, sizeof problem)) {
        uint64_t last = place.address + SERIAL_REGISTERS * place.stride - 1;

        assert(problem[0] == '\0');
        assert(place.address > 0 && last >> (place.in_memory ? 52 : 16) == 0);
        assert(place.width <= place.stride && place.address % place.width == 0);
        assert(place.width == 1 || place.width == 2 || place.width == 4);
        assert(place.baud == 0 || 115200 % place.baud == 0);
    }
    assert(strnlen(problem, sizeof problem) < sizeof problem);
    free_copy(copy);
    return 0;
}
