/* SPDX-License-Identifier: MIT */
/* Makes the benchmark's IDTs: see idts.h. */
#include "workloads/latency/idts.h"

#include <stdint.h>

#include "cpu/discipline.h"
#include "cpu/late.h"
#include "cpu/stacks.h"
#include "workloads/latency/vectors.h"

/* stamps.asm: a row a stub, by discipline; then those that all disciplines share. */
extern const struct stamping {
    const char *stub;
    uint64_t vector;
} latency_stampings[];
#define STAMPINGS_OF_ONE 7
#define STAMPINGS_OF_ALL 2
extern const char latency_bare_stub[], latency_adjusting_stub[];

static struct gate tables[LATENCY_IDTS][VECTOR_COUNT] MAPPED_LATER;

const struct gate *latency_idt(enum latency_idt which)
{
    return tables[which];
}

static void aim(struct gate table[], const struct stamping *rows, unsigned count)
{
    for (unsigned i = 0; i < count; i++)
        gate_aim(&table[rows[i].vector], rows[i].stub, table[rows[i].vector].ist);
}

static void make_stamping(struct gate table[])
{
    aim(table, &latency_stampings[discipline_number * STAMPINGS_OF_ONE], STAMPINGS_OF_ONE);
    aim(table, &latency_stampings[DISCIPLINE_COUNT * STAMPINGS_OF_ONE], STAMPINGS_OF_ALL);
}

bool latency_make_idts(void)
{
    if (!late_map(tables, sizeof(tables)))
        return false;
    for (unsigned i = 0; i < LATENCY_IDTS; i++)
        idt_copy(tables[i]);
    make_stamping(tables[LATENCY_STAMPING]);
    make_stamping(tables[LATENCY_STAMPING_WITHOUT_GP]);
    gate_set_present(&tables[LATENCY_WITHOUT_GP][VECTOR_GP], false);
    gate_set_present(&tables[LATENCY_STAMPING_WITHOUT_GP][VECTOR_GP], false);
    gate_aim(&tables[LATENCY_BARE][VECTOR_BENCH], latency_bare_stub, 0);
    gate_aim(&tables[LATENCY_BARE_IST][VECTOR_BENCH], latency_bare_stub, DEBUG_STACK_IST);
    gate_aim(&tables[LATENCY_ADJUSTING][VECTOR_BENCH], latency_adjusting_stub, DEBUG_STACK_IST);
    return true;
}
