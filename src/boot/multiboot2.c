/* SPDX-License-Identifier: MIT */
/*
 * The boot information of a multiboot2 loader (Multiboot2 Specification 2.0, section 3.6).
 *
 * Each tag type has a row in TAGS: its number, its name for the errors, the bytes its fixed part
 * needs, and its reader. The walk checks each tag's bounds and the row's minimum, so a reader may
 * use its fixed part without further checks.
 */
#include "boot/multiboot2.h"

#include "lib/bytes.h"
#include "lib/format.h"
#include "lib/string.h"

enum {
    INFO_HEADER_SIZE = 8,           /* total_size, reserved */
    TAG_HEADER_SIZE = 8,            /* type, size */
    TAG_ALIGNMENT = 8,
    TAG_END = 0,
    TAG_MEMORY_MAP = 6,
};

struct parse {
    struct boot_info *out;
    uint32_t seen;                  /* bit n: a tag of type n was read */
    char *error;
    size_t error_size;
};

/* The bytes behind the header of one tag. */
struct tag {
    uint32_t type;
    const char *name;
    const uint8_t *body;
    size_t length;                  /* bytes of the body */
};

static bool fail(struct parse *p, const struct tag *tag, const char *what)
{
    format(p->error, p->error_size, "multiboot2 tag %u (%s): %s", tag->type, tag->name, what);
    return false;
}

/* The length of the tag's string, or `tag->length` when no NUL ends it. */
static size_t string_length(const struct tag *tag)
{
    size_t length = 0;

    while (length < tag->length && tag->body[length] != '\0')
        length++;
    return length;
}

static bool read_command_line(struct parse *p, const struct tag *tag)
{
    size_t length = string_length(tag);

    if (length == tag->length)
        return fail(p, tag, "no NUL ends the string");
    if (length >= BOOT_COMMAND_LINE_SIZE) {
        /* Never cut: half a command line is another command line. */
        format(p->error, p->error_size, "the command line is %zu bytes long; %d at most",
               length, BOOT_COMMAND_LINE_SIZE - 1);
        return false;
    }
    memcpy(p->out->command_line, tag->body, length + 1);
    p->out->command_line_length = length;
    return true;
}

static bool read_memory_map(struct parse *p, const struct tag *tag)
{
    size_t entry_size = bytes_read32(tag->body);

    if (entry_size < MEMORY_ENTRY_BYTES) {
        format(p->error, p->error_size, "multiboot2 tag %u (%s): an entry is %zu bytes long; "
               "%d at least", tag->type, tag->name, entry_size, MEMORY_ENTRY_BYTES);
        return false;
    }
    if (!memory_map_fill(&p->out->memory, tag->body + 8, (tag->length - 8) / entry_size,
                         entry_size))
        return fail(p, tag, "more than 512 ranges");
    return true;
}
_Static_assert(MEMORY_RANGES == 512, "the error of read_memory_map says so");

/* Section 3.6.12; the colour part is at the offset that GRUB's own structure has. */
enum {
    FRAMEBUFFER_ADDRESS = 0,
    FRAMEBUFFER_PITCH = 8,
    FRAMEBUFFER_WIDTH = 12,
    FRAMEBUFFER_HEIGHT = 16,
    FRAMEBUFFER_BITS = 20,
    FRAMEBUFFER_TYPE = 21,
    FRAMEBUFFER_COLOURS = 24,       /* type 1: position and size of red, green, blue */
    FRAMEBUFFER_COLOURS_END = 30,
    FRAMEBUFFER_TYPE_RGB = 1,
    FRAMEBUFFER_TYPE_TEXT = 2,
    TEXT_CELL_BYTES = 2,
};

static bool framebuffer_colours(const struct tag *tag, struct console_framebuffer *fb)
{
    const uint8_t *colours = tag->body + FRAMEBUFFER_COLOURS;

    if (tag->length < FRAMEBUFFER_COLOURS_END)
        return false;
    fb->red_position = colours[0];
    fb->red_size = colours[1];
    fb->green_position = colours[2];
    fb->green_size = colours[3];
    fb->blue_position = colours[4];
    fb->blue_size = colours[5];
    return fb->red_position + fb->red_size <= fb->bits_per_pixel &&
           fb->green_position + fb->green_size <= fb->bits_per_pixel &&
           fb->blue_position + fb->blue_size <= fb->bits_per_pixel;
}

/* Whether every pixel or cell of the screen lies in its line, and every line below 2^64. */
static bool framebuffer_fits(const struct console_framebuffer *fb, uint64_t cell_bytes)
{
    uint64_t size = (uint64_t)fb->pitch * fb->height;

    return fb->address != 0 && fb->width != 0 && fb->height != 0 &&
           fb->pitch >= fb->width * cell_bytes && fb->address + size > fb->address;
}

/*
 * A screen that cannot be used is no reason to refuse a run. An indexed one (type 0) counts as
 * none: GRUB reports it with address 0xa0000 where there is no VGA at all.
 */
static bool read_framebuffer(struct parse *p, const struct tag *tag)
{
    const uint8_t *body = tag->body;
    struct console_framebuffer fb = {
        .address = bytes_read64(body + FRAMEBUFFER_ADDRESS),
        .pitch = bytes_read32(body + FRAMEBUFFER_PITCH),
        .width = bytes_read32(body + FRAMEBUFFER_WIDTH),
        .height = bytes_read32(body + FRAMEBUFFER_HEIGHT),
        .bits_per_pixel = body[FRAMEBUFFER_BITS],
    };
    unsigned pixel_bytes = (fb.bits_per_pixel + 7u) / 8;
    bool usable = false;

    if (body[FRAMEBUFFER_TYPE] == FRAMEBUFFER_TYPE_TEXT) {
        fb.kind = CONSOLE_FRAMEBUFFER_TEXT;
        usable = framebuffer_fits(&fb, TEXT_CELL_BYTES);
    } else if (body[FRAMEBUFFER_TYPE] == FRAMEBUFFER_TYPE_RGB) {
        fb.kind = CONSOLE_FRAMEBUFFER_RGB;
        usable = pixel_bytes >= 2 && pixel_bytes <= 4 && framebuffer_colours(tag, &fb) &&
                 framebuffer_fits(&fb, pixel_bytes);
    }
    if (usable)
        p->out->framebuffer = fb;
    return true;
}

static bool read_elf_sections(struct parse *p, const struct tag *tag)
{
    struct symbol_sections sections = {
        .headers = tag->body + 12,
        .count = bytes_read32(tag->body),
        .entry_size = bytes_read32(tag->body + 4),
    };

    if (sections.entry_size == 0)
        return fail(p, tag, "an entry is 0 bytes long");
    if (sections.count > (tag->length - 12) / sections.entry_size)
        return fail(p, tag, "the section headers run past the end of the tag");
    p->out->symbols = sections;
    return true;
}

/* Tag 12 is preferred to tag 11, whichever comes first. */
static bool read_efi_system_table_32(struct parse *p, const struct tag *tag)
{
    if (!p->out->efi_is_64)
        p->out->efi_system_table = bytes_read32(tag->body);
    return true;
}

static bool read_efi_system_table_64(struct parse *p, const struct tag *tag)
{
    p->out->efi_system_table = bytes_read64(tag->body);
    p->out->efi_is_64 = true;
    return true;
}

static bool read_rsdp_old(struct parse *p, const struct tag *tag)
{
    memcpy(p->out->acpi.old_copy, tag->body, ACPI_RSDP_OLD_BYTES);
    p->out->acpi.old_copied = true;
    return true;
}

static bool read_rsdp_new(struct parse *p, const struct tag *tag)
{
    memcpy(p->out->acpi.new_copy, tag->body, ACPI_RSDP_NEW_BYTES);
    p->out->acpi.new_copied = true;
    return true;
}

static const struct {
    uint32_t type;
    const char *name;
    size_t minimum;                 /* bytes of the body */
    bool (*read)(struct parse *p, const struct tag *tag);
} TAGS[] = {
    { 1, "command line", 0, read_command_line },
    { TAG_MEMORY_MAP, "memory map", 8, read_memory_map },
    { 8, "framebuffer", 22, read_framebuffer },
    { 9, "ELF sections", 12, read_elf_sections },
    { 11, "EFI system table, 32-bit", 4, read_efi_system_table_32 },
    { 12, "EFI system table, 64-bit", 8, read_efi_system_table_64 },
    { 14, "old RSDP", ACPI_RSDP_OLD_BYTES, read_rsdp_old },
    { 15, "new RSDP", ACPI_RSDP_NEW_BYTES, read_rsdp_new },
};

/* An unknown tag is skipped: the specification adds them. */
static bool read_tag(struct parse *p, struct tag *tag)
{
    for (size_t i = 0; i < sizeof TAGS / sizeof TAGS[0]; i++) {
        if (TAGS[i].type != tag->type)
            continue;
        tag->name = TAGS[i].name;
        if (tag->length < TAGS[i].minimum) {
            format(p->error, p->error_size, "multiboot2 tag %u (%s): %zu bytes long; %zu at least",
                   tag->type, tag->name, tag->length + TAG_HEADER_SIZE,
                   TAGS[i].minimum + TAG_HEADER_SIZE);
            return false;
        }
        if ((p->seen & 1u << tag->type) != 0)
            return true;
        p->seen |= 1u << tag->type;
        return TAGS[i].read(p, tag);
    }
    return true;
}

/* Walks the tags in `bytes[0, total)`. False without an end tag within these bounds. */
static bool walk_tags(struct parse *p, const uint8_t *bytes, size_t total)
{
    size_t offset = INFO_HEADER_SIZE;

    while (offset <= total - TAG_HEADER_SIZE) {
        struct tag tag = { .type = bytes_read32(bytes + offset) };
        size_t size = bytes_read32(bytes + offset + 4);

        if (tag.type == TAG_END)
            return true;
        if (size < TAG_HEADER_SIZE || size > total - offset) {
            format(p->error, p->error_size, "multiboot2 tag %u at offset %zu: a size of %zu bytes; "
                   "from %d to the %zu that are left", tag.type, offset, size, TAG_HEADER_SIZE,
                   total - offset);
            return false;
        }
        tag.body = bytes + offset + TAG_HEADER_SIZE;
        tag.length = size - TAG_HEADER_SIZE;
        if (!read_tag(p, &tag))
            return false;
        offset += (size + TAG_ALIGNMENT - 1) & ~(size_t)(TAG_ALIGNMENT - 1);
        if (offset > total)
            break;
    }
    format(p->error, p->error_size, "no end tag (multiboot2 tag 0) in the %zu bytes of the boot "
           "information", total);
    return false;
}

bool multiboot2_parse(uint32_t magic, const void *info, size_t limit, struct boot_info *out,
                      char *error, size_t error_size)
{
    struct parse p = { .out = out, .error = error, .error_size = error_size };
    size_t total;

    memset(out, 0, sizeof *out);
    if (magic != MULTIBOOT2_MAGIC) {
        format(error, error_size, "not started by a multiboot2 loader: eax was 0x%x, not 0x%x",
               magic, MULTIBOOT2_MAGIC);
        return false;
    }
    total = limit < INFO_HEADER_SIZE ? 0 : bytes_read32(info);
    if (total < INFO_HEADER_SIZE + TAG_HEADER_SIZE || total > limit) {
        format(error, error_size, "the multiboot2 information says it is %zu bytes long; "
               "from %d to %zu", total, INFO_HEADER_SIZE + TAG_HEADER_SIZE, limit);
        return false;
    }
    if (!walk_tags(&p, info, total))
        return false;
    if ((p.seen & 1u << TAG_MEMORY_MAP) == 0) {
        format(error, error_size, "no memory map (multiboot2 tag %d)", TAG_MEMORY_MAP);
        return false;
    }
    return true;
}
