/* SPDX-License-Identifier: MIT */
/*
 * ACPI's SPCR (Microsoft's Serial Port Console Redirection Table). The address is a Generic Address
 * Structure (ACPI Specification 6.x, section 5.2.3.2), whose bit width is the distance between
 * registers, and whose access size is how wide they are read and written. Firmware often leaves the
 * latter 0, "undefined": then a register is accessed as a whole.
 */
#include "smp/acpi/spcr.h"

#include "lib/bytes.h"
#include "lib/format.h"

enum {
    SPCR_INTERFACE = 36,
    SPCR_SPACE = 40,
    SPCR_BIT_WIDTH = 41,
    SPCR_ACCESS_SIZE = 43,
    SPCR_ADDRESS = 44,
    SPCR_BAUD_CODE = 58,
    SPCR_REVISION_1_END = 76,
    SPCR_CLOCK_HZ = 76,             /* from revision 3 on; reserved before */
    SPCR_PRECISE_BAUD = 80,         /* from revision 4 on */
    SPCR_REVISION_4_END = 84,

    INTERFACE_16550 = 0x00,
    INTERFACE_16450 = 0x01,         /* or a 16550 of which the subset that we use is there */
    INTERFACE_16550_GENERIC = 0x12, /* as the Generic Address Structure says */

    UART_CLOCK_HZ = 1843200,        /* what serial.c computes divisors for */
    UART_BASE_BAUD = 115200,
};

static const uint64_t PORTS_END = 0x10000, PHYSICAL_END = UINT64_C(1) << 52;

static const uint8_t *bytes_of(const struct acpi_header *spcr)
{
    return (const uint8_t *)spcr;
}

static bool is_16550(const struct acpi_header *spcr)
{
    uint8_t interface = bytes_of(spcr)[SPCR_INTERFACE];

    return interface == INTERFACE_16550 || interface == INTERFACE_16450 ||
           (spcr->revision >= 2 && interface == INTERFACE_16550_GENERIC);
}

/* 0: as it is. So is a speed that the standard clock does not give, or one of another clock. */
static uint32_t read_baud(const struct acpi_header *spcr)
{
    static const uint32_t codes[] = { [3] = 9600, [4] = 19200, [6] = 57600, [7] = 115200 };
    const uint8_t *bytes = bytes_of(spcr);
    uint32_t baud = 0, precise, clock;

    if (bytes[SPCR_BAUD_CODE] < sizeof codes / sizeof codes[0])
        baud = codes[bytes[SPCR_BAUD_CODE]];
    if (spcr->revision >= 3 && spcr->length >= SPCR_PRECISE_BAUD) {
        clock = bytes_read32(bytes + SPCR_CLOCK_HZ);
        if (clock != 0 && clock != UART_CLOCK_HZ)
            return 0;
    }
    if (spcr->revision >= 4 && spcr->length >= SPCR_REVISION_4_END) {
        precise = bytes_read32(bytes + SPCR_PRECISE_BAUD);
        if (precise != 0)
            baud = UART_BASE_BAUD % precise == 0 ? precise : 0;
    }
    return baud;
}

/* Bytes from one register to the next, or 0 where the table says nonsense. */
static uint8_t read_stride(const uint8_t *bytes)
{
    uint8_t bits = bytes[SPCR_BIT_WIDTH];

    if (bits == 0)
        return 1;
    return bits == 8 || bits == 16 || bits == 32 || bits == 64 ? bits / 8 : 0;
}

/* Bytes of an access: the code counts powers of 2, and 64 bits at once are beyond a 16550. */
static uint8_t read_width(const uint8_t *bytes, uint8_t stride)
{
    static const uint8_t widths[] = { 4, 1, 2, 4 };
    uint8_t code = bytes[SPCR_ACCESS_SIZE];
    uint8_t width = code < sizeof widths / sizeof widths[0] ? widths[code] : 4;

    return width < stride ? width : stride;
}

static bool read_memory(const uint8_t *bytes, struct serial_place *place)
{
    place->in_memory = true;
    place->stride = read_stride(bytes);
    if (place->stride == 0)
        return false;
    place->width = read_width(bytes, place->stride);
    return place->address % place->width == 0 &&
           place->address < PHYSICAL_END - (uint64_t)SERIAL_REGISTERS * place->stride;
}

static bool read_port(struct serial_place *place)
{
    place->stride = place->width = 1;
    return place->address <= PORTS_END - SERIAL_REGISTERS;
}

bool spcr_parse(const struct acpi_header *spcr, struct serial_place *place, char *problem,
                size_t problem_size)
{
    const uint8_t *bytes = bytes_of(spcr);
    uint8_t space;

    *place = (struct serial_place){ 0 };
    format(problem, problem_size, "it is %u bytes long, not %u or more", spcr->length,
           SPCR_REVISION_1_END);
    if (spcr->length < SPCR_REVISION_1_END)
        return false;
    problem[0] = '\0';
    place->address = bytes_read64(bytes + SPCR_ADDRESS);
    if (place->address == 0)
        return false;
    space = bytes[SPCR_SPACE];
    if (!is_16550(spcr))
        format(problem, problem_size, "its interface type 0x%02x is not a 16550's",
               bytes[SPCR_INTERFACE]);
    else if (space == ACPI_SPACE_MEMORY ? !read_memory(bytes, place) :
             space != ACPI_SPACE_PORT || !read_port(place))
        format(problem, problem_size, "there can be no registers of %u bits at 0x%lx in space %u",
               bytes[SPCR_BIT_WIDTH], place->address, space);
    place->baud = read_baud(spcr);
    place->named = true;
    return problem[0] == '\0';
}
