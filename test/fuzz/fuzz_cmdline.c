/* SPDX-License-Identifier: MIT */
/* Fuzzes boot/cmdline.h, and checks that what it accepts is in bounds and its errors printable. */
#include "boot/cmdline.h"
#include "foreign.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_options(const struct options *options)
{
    assert(options->workloads < 16 && options->workloads != 0);
    assert(options->time_ms >= 1 && options->time_ms <= UINT64_C(60480000000));
    assert(options->entry < 3);
    assert(options->inject >= -1 && options->inject < 2);
    assert(options->console.serial_count <= CONSOLE_SERIALS);
    for (unsigned i = 0; i < options->console.serial_count; i++) {
        const struct serial_place *place = &options->console.serials[i];

        assert(place->baud == 0 || 115200 % place->baud == 0);
        assert(place->address > 0 && place->address < UINT64_C(1) << 52);
        assert(place->in_memory || place->address <= 0xfff8);
    }
    assert(options->end <= END_HALT);
    assert(options->checks.bits[0] < 4);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char *const workloads[] = { "nmi", "debug", "latency", "conform" };
    static const char *const checks[] = { "nmi.latch", "iret.nt" };
    static const char *const injects[] = { "stack", "lost-nmi" };
    static const char *const disciplines[] = { "shift", "none", "ret" };
    static const struct cmdline_names names = { workloads, 4, 3, injects, 2,
                                                checks, 2, disciplines, 3 };
    uint8_t *copy = exact_copy(data, size);
    struct options options;
    char error[512] = { 0 };
    bool ok = cmdline_parse((const char *)copy, size, &names, &options, error, sizeof error);

    assert(ok == (error[0] == '\0'));
    check_options(&options);
    for (const char *c = error; *c != '\0'; c++)
        assert(*c >= ' ' && *c <= '~');
    free_copy(copy);
    return 0;
}
