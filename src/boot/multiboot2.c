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

/* What follows the header of one tag. */
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

static bool read_loader_name(struct parse *p, const struct tag *tag)
{
    size_t length = string_length(tag);

    if (length == tag->length)
        return fail(p, tag, "no NUL ends the string");
    if (length >= BOOT_LOADER_NAME_SIZE)
        length = BOOT_LOADER_NAME_SIZE - 1;
    memcpy(p->out->loader_name, tag->body, length);
    p->out->loader_name[length] = '\0';
    return true;
}

/* The memory map's entries as they lie in the tag. */
struct raw_map {
    const uint8_t *entries;
    size_t count, entry_size;
};

enum { MAP_ENTRY_SIZE = 24 };       /* base, length, type, reserved */

static enum boot_memory_type memory_type(uint32_t number)
{
    switch (number) {
    case BOOT_MEMORY_AVAILABLE:
    case BOOT_MEMORY_ACPI_RECLAIMABLE:
    case BOOT_MEMORY_ACPI_NVS:
    case BOOT_MEMORY_DEFECTIVE:
        return (enum boot_memory_type)number;
    default:
        return BOOT_MEMORY_RESERVED;
    }
}

/* Where two entries overlap, the one with the higher number holds. */
static unsigned restriction(enum boot_memory_type type)
{
    switch (type) {
    case BOOT_MEMORY_AVAILABLE:
        return 1;
    case BOOT_MEMORY_ACPI_RECLAIMABLE:
        return 2;
    case BOOT_MEMORY_ACPI_NVS:
        return 3;
    case BOOT_MEMORY_RESERVED:
        return 4;
    case BOOT_MEMORY_DEFECTIVE:
        return 5;
    }
    return 0;
}

/* False for an entry that says nothing: of length 0, or one that wraps. */
static bool raw_range(const struct raw_map *map, size_t index, struct boot_memory_range *range)
{
    const uint8_t *entry = map->entries + index * map->entry_size;

    range->base = bytes_read64(entry);
    range->length = bytes_read64(entry + 8);
    range->type = memory_type(bytes_read32(entry + 16));
    return range->length != 0 && range->base + range->length > range->base;
}

/*
 * The longest stretch from `from` on that the same entries cover: `piece->base` is `from`, and
 * `piece->length` runs to the next place where any entry begins or ends. Its type is the most
 * restrictive of those that cover it. `*covered` is false for a hole. False past the last entry.
 */
static bool next_piece(const struct raw_map *map, uint64_t from, struct boot_memory_range *piece,
                       bool *covered)
{
    uint64_t next = UINT64_MAX;
    bool more = false;

    *covered = false;
    piece->base = from;
    for (size_t i = 0; i < map->count; i++) {
        struct boot_memory_range range;

        if (!raw_range(map, i, &range) || range.base + range.length <= from)
            continue;
        more = true;
        if (range.base > from) {
            next = range.base < next ? range.base : next;
            continue;
        }
        next = range.base + range.length < next ? range.base + range.length : next;
        if (!*covered || restriction(range.type) > restriction(piece->type))
            piece->type = range.type;
        *covered = true;
    }
    piece->length = next - from;
    return more;
}

/* False when the array is full. */
static bool append_range(struct boot_info *out, const struct boot_memory_range *piece)
{
    struct boot_memory_range *last = NULL;

    if (out->memory_count > 0)
        last = &out->memory[out->memory_count - 1];
    if (last != NULL && last->type == piece->type && last->base + last->length == piece->base) {
        last->length += piece->length;
        return true;
    }
    if (out->memory_count == BOOT_MEMORY_RANGES)
        return false;
    out->memory[out->memory_count++] = *piece;
    return true;
}

/*
 * Entries come in any order and may overlap. The sweep over their edges needs no scratch memory;
 * its cost grows with the square of the count, which is why that is bounded first.
 */
static bool read_memory_map(struct parse *p, const struct tag *tag)
{
    struct raw_map map = { .entries = tag->body + 8, .entry_size = bytes_read32(tag->body) };
    struct boot_memory_range piece;
    bool covered;

    if (map.entry_size < MAP_ENTRY_SIZE) {
        format(p->error, p->error_size, "multiboot2 tag %u (%s): an entry is %zu bytes long; "
               "%d at least", tag->type, tag->name, map.entry_size, MAP_ENTRY_SIZE);
        return false;
    }
    map.count = (tag->length - 8) / map.entry_size;
    if (map.count > BOOT_MEMORY_RANGES)
        return fail(p, tag, "more than 512 ranges");
    for (size_t i = 0; i < map.count; i++)
        p->out->memory_skipped += !raw_range(&map, i, &piece);
    for (uint64_t from = 0; next_piece(&map, from, &piece, &covered); from += piece.length) {
        if (covered && !append_range(p->out, &piece))
            return fail(p, tag, "more than 512 ranges");
    }
    return true;
}
_Static_assert(BOOT_MEMORY_RANGES == 512, "the errors of read_memory_map say so");

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
    struct boot_elf_sections elf = {
        .headers = tag->body + 12,
        .count = bytes_read32(tag->body),
        .entry_size = bytes_read32(tag->body + 4),
        .string_index = bytes_read32(tag->body + 8),
    };

    if (elf.entry_size == 0)
        return fail(p, tag, "an entry is 0 bytes long");
    if (elf.count > (tag->length - 12) / elf.entry_size)
        return fail(p, tag, "the section headers run past the end of the tag");
    p->out->elf = elf;
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
    memcpy(p->out->rsdp_old, tag->body, BOOT_RSDP_OLD_SIZE);
    p->out->rsdp_old_given = true;
    return true;
}

static bool read_rsdp_new(struct parse *p, const struct tag *tag)
{
    memcpy(p->out->rsdp_new, tag->body, BOOT_RSDP_NEW_SIZE);
    p->out->rsdp_new_given = true;
    return true;
}

static bool read_efi_memory_map(struct parse *p, const struct tag *tag)
{
    struct boot_efi_memory_map map = {
        .descriptors = tag->body + 8,
        .descriptor_size = bytes_read32(tag->body),
        .descriptor_version = bytes_read32(tag->body + 4),
    };

    if (map.descriptor_size == 0)
        return fail(p, tag, "an entry is 0 bytes long");
    map.size_bytes = (uint32_t)(tag->length - 8);
    map.size_bytes -= map.size_bytes % map.descriptor_size;
    p->out->efi_memory_map = map;
    return true;
}

static bool read_efi_image_handle(struct parse *p, const struct tag *tag)
{
    p->out->efi_image_handle = bytes_read64(tag->body);
    return true;
}

static bool read_load_base(struct parse *p, const struct tag *tag)
{
    p->out->load_base = bytes_read32(tag->body);
    return true;
}

static const struct {
    uint32_t type;
    const char *name;
    size_t minimum;                 /* bytes of the body */
    bool (*read)(struct parse *p, const struct tag *tag);
} TAGS[] = {
    { 1, "command line", 0, read_command_line },
    { 2, "boot loader name", 0, read_loader_name },
    { TAG_MEMORY_MAP, "memory map", 8, read_memory_map },
    { 8, "framebuffer", 22, read_framebuffer },
    { 9, "ELF sections", 12, read_elf_sections },
    { 11, "EFI system table, 32-bit", 4, read_efi_system_table_32 },
    { 12, "EFI system table, 64-bit", 8, read_efi_system_table_64 },
    { 14, "old RSDP", BOOT_RSDP_OLD_SIZE, read_rsdp_old },
    { 15, "new RSDP", BOOT_RSDP_NEW_SIZE, read_rsdp_new },
    { 17, "EFI memory map", 8, read_efi_memory_map },
    { 20, "EFI image handle, 64-bit", 8, read_efi_image_handle },
    { 21, "load base address", 4, read_load_base },
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
