/* SPDX-License-Identifier: MIT */
/* The table of all disciplines, and the choice: see discipline.h. */
#include "cpu/discipline.h"

const struct discipline *const disciplines[DISCIPLINE_COUNT] = {
#define DISCIPLINE(symbol, name) &discipline_##name,
#include "cpu/disciplines.def"
#undef DISCIPLINE
};

void discipline_choose(enum discipline_number number)
{
    discipline = disciplines[number];
    discipline_number = number;
}
