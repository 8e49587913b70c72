/* SPDX-License-Identifier: MIT */
/* Fuzzes boot/options.h, and checks that what it accepts is in bounds and its errors printable. */
#include "boot/options.h"
#include "foreign.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_options(const struct options *options)
{
    assert(options->run.workloads < 16 && options->run.workloads != 0);
    assert(options->run.time_ms <= UINT64_C(60480000000));
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
    assert(options->run.checks.bits[0] < 4);
}

static bool uses(unsigned workload, const char *key)
{
    return workload == 2 && strcmp(key, "samples") == 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char *const workloads[] = { "nmi", "debug", "latency", "conform" };
    static const char *const checks[] = { "nmi.latch", "iret.nt" };
    static const char *const injects[] = { "stack", "lost-nmi" };
    static const char *const disciplines[] = { "shift", "none", "ret" };
    static const struct option_names names = {
        .workloads = workloads, .workload_count = 4, .together = 3, .uses = uses,
        .injects = injects, .inject_count = 2, .checks = checks, .check_count = 2,
        .entries = disciplines, .entry_count = 3,
    };
    uint8_t *copy = exact_copy(data, size);
    struct options options;
    char error[512] = { 0 };
    bool ok = options_parse((const char *)copy, size, &names, &options, error, sizeof error);

    assert(ok == (error[0] == '\0'));
    assert(!ok || options.run.samples == 0 || options.run.workloads == 4);
    check_options(&options);
    for (const char *c = error; *c != '\0'; c++)
        assert(*c >= ' ' && *c <= '~');
    free_copy(copy);
    return 0;
}
