/* SPDX-License-Identifier: MIT */
/* Plants faults: writes replacements over the sites that the linker has gathered. */
#include "cpu/inject.h"

#include "lib/string.h"

struct inject_site {
    uint64_t site, replacement;
    uint32_t length, fault;
};
extern const struct inject_site inject_sites_start[], inject_sites_end[];

const char *const inject_names[INJECT_COUNT] = {
#define INJECT_NAME(symbol, name, about) [INJECT_##symbol] = name,
    INJECTS(INJECT_NAME)
#undef INJECT_NAME
};

void inject_plant(enum inject fault)
{
    for (const struct inject_site *s = inject_sites_start; s < inject_sites_end; s++)
        if (s->fault == fault)
            memcpy((void *)s->site, (const void *)s->replacement, s->length);
}
