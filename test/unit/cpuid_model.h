/* SPDX-License-Identifier: MIT */
/* A processor for tests, as far as CPUID goes: what lib/cpuid.h asks of a hosted build. */
#ifndef ISTSTORM_TEST_CPUID_MODEL_H
#define ISTSTORM_TEST_CPUID_MODEL_H

#include <stdint.h>

#include "lib/cpuid.h"

struct cpuid_row {
    uint32_t leaf, subleaf;
    struct cpuid_leaf value;
};
#define CPUID_END {.leaf = UINT32_MAX}

/* All that the processor answers, up to CPUID_END. */
static const struct cpuid_row *processor;

/* As on Intel's, a basic leaf past the last reads as anything at all. */
struct cpuid_leaf cpuid_read(uint32_t leaf, uint32_t subleaf)
{
    uint32_t last = 0;

    for (const struct cpuid_row *row = processor; row->leaf != UINT32_MAX; row++) {
        if (row->leaf == 0)
            last = row->value.eax;
        if (row->leaf == leaf && row->subleaf == subleaf)
            return row->value;
    }
    if (leaf < 0x40000000 && leaf > last)
        return (struct cpuid_leaf){~0u, ~0u, ~0u, ~0u};
    return (struct cpuid_leaf){0};
}

#endif
