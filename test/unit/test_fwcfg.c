/* SPDX-License-Identifier: MIT */
/* Tests of boot/fwcfg.h against an imitation of the device. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "boot/fwcfg.h"
#include "foreign.h"
#include "lib/port.h"

enum { FILE_KEY = 0x2a };

static struct device {
    bool absent;
    struct buffer directory, file;
    uint16_t key;
    size_t offset;
    size_t reads;
} device;

static const char SIGNATURE[] = "QEMU";

void port_out16(uint16_t port, uint16_t value)
{
    assert_int_equal(port, 0x510);
    device.key = value;
    device.offset = 0;
}

/* Past the end of an item the device gives zeroes; an empty bus gives ones. */
uint8_t port_in8(uint16_t port)
{
    const struct buffer *item = device.key == 0x19 ? &device.directory : &device.file;
    size_t at = device.offset++;

    assert_int_equal(port, 0x511);
    device.reads++;
    if (device.absent)
        return 0xff;
    if (device.key == 0)
        return at < 4 ? (uint8_t)SIGNATURE[at] : 0;
    assert_true(device.key == 0x19 || device.key == FILE_KEY);
    return at < item->length ? item->bytes[at] : 0;
}

static void put_big(struct buffer *b, uint32_t value, size_t length)
{
    while (length-- > 0)
        put8(b, (uint8_t)(value >> 8 * length));
}

static void entry(const char *name, uint32_t size, uint16_t key)
{
    char padded[56] = { 0 };

    memcpy(padded, name, strlen(name) < 56 ? strlen(name) : 56);
    put_big(&device.directory, size, 4);
    put_big(&device.directory, key, 2);
    put_big(&device.directory, 0, 2);
    put(&device.directory, padded, sizeof padded);
}

static int begin(void **state)
{
    (void)state;
    memset(&device, 0, sizeof device);
    put_big(&device.directory, 3, 4);
    entry("etc/acpi/rsdp", 20, 0x29);
    entry("opt/iststorm/cmdline", 10, FILE_KEY);
    entry("opt/iststorm/cmdline2", 5, 0x2b);
    put(&device.file, "run=nmi  x", 10);
    return 0;
}

/* The length, with a buffer of exactly `size` bytes. */
static long read_file(const char *name, size_t size)
{
    uint8_t *out = exact_copy(device.file.bytes, size);
    long length;

    memset(out, 'u', size);
    length = fwcfg_read(name, (char *)out, size);
    if (length >= 0 && (size_t)length <= size)
        assert_memory_equal(out, device.file.bytes, (size_t)length);
    else
        for (size_t i = 0; i < size; i++)
            assert_int_equal(out[i], 'u');
    free_copy(out);
    return length;
}

static void test_file(void **state)
{
    (void)state;
    assert_true(fwcfg_present());
    assert_int_equal(read_file("opt/iststorm/cmdline", 4096), 10);
    assert_int_equal(read_file("opt/iststorm/cmdline", 10), 10);
}

static void test_too_long(void **state)
{
    (void)state;
    assert_int_equal(read_file("opt/iststorm/cmdline", 9), 10);
    assert_int_equal(read_file("opt/iststorm/cmdline", 0), 10);
}

static void test_absent_file(void **state)
{
    (void)state;
    assert_int_equal(read_file("opt/iststorm/cmdlin", 10), -1);
    assert_int_equal(read_file("opt/iststorm/cmdline3", 10), -1);
    assert_int_equal(read_file("", 10), -1);
}

static void test_absent_device(void **state)
{
    (void)state;
    device.absent = true;
    assert_false(fwcfg_present());
    device.reads = 0;
    assert_int_equal(read_file("opt/iststorm/cmdline", 10), -1);
    assert_int_equal(device.reads, 4);
}

/* A directory that claims 2^32 - 1 files ends all the same. */
static void test_absurd_directory(void **state)
{
    (void)state;
    set32(&device.directory, 0, UINT32_MAX);
    assert_int_equal(read_file("opt/iststorm/none", 10), -1);
    assert_true(device.reads < 2u << 20);
}

static void test_name_without_nul(void **state)
{
    static const char name[] = "opt/x/aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";

    (void)state;
    _Static_assert(sizeof name == 57, "as long as a name's field");
    device.directory.length = 0;
    put_big(&device.directory, 1, 4);
    entry(name, 10, FILE_KEY);
    assert_int_equal(read_file("opt/x/a", 10), -1);
    assert_int_equal(read_file(name, 10), 10);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_file, begin),
        cmocka_unit_test_setup(test_too_long, begin),
        cmocka_unit_test_setup(test_absent_file, begin),
        cmocka_unit_test_setup(test_absent_device, begin),
        cmocka_unit_test_setup(test_absurd_directory, begin),
        cmocka_unit_test_setup(test_name_without_nul, begin),
    };

    return cmocka_run_group_tests_name("fwcfg", tests, NULL, NULL);
}
