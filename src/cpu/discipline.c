/* SPDX-License-Identifier: MIT */
/* The discipline that is in force: see discipline.h. */
#include "cpu/discipline.h"

const char *const discipline_names[DISCIPLINE_COUNT] = {
#define DISCIPLINE(symbol, name) #name,
#include "cpu/disciplines.def"
#undef DISCIPLINE
};

const struct discipline *discipline;
enum discipline_number discipline_number;

uint64_t discipline_nmis_owed(uint32_t cpu)
{
    return discipline->nmis_owed ? discipline->nmis_owed(cpu) : 0;
}
