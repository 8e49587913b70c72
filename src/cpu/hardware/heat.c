/* SPDX-License-Identifier: MIT */
/* Takes the logs of the thermal status: see heat.h. */
#include "cpu/hardware/heat.h"

#define LOG_HOT (1ull << 1)
#define LOG_PROCHOT (1ull << 3)
#define LOG_THRESHOLDS (1ull << 7 | 1ull << 9)
#define LOG_POWER_LIMIT (1ull << 11)
#define LOG_CURRENT_LIMIT (1ull << 13)
#define LOG_OTHER_LIMIT (1ull << 15)
#define READOUT_VALID (1ull << 31)
#define READOUT(status) ((status) >> 16 & 0x7f)
#define EVERY_CPU_LOGS (LOG_HOT | LOG_PROCHOT | THERM_LOG_CRITICAL | LOG_THRESHOLDS)

/* The bits that this CPU does not have are reserved, and written 0. */
static uint64_t package_logs(const struct heat_cpu *cpu)
{
    return EVERY_CPU_LOGS | (cpu->power_limit ? LOG_POWER_LIMIT : 0);
}

static uint64_t core_logs(const struct heat_cpu *cpu)
{
    return package_logs(cpu) | (cpu->limits ? LOG_CURRENT_LIMIT | LOG_OTHER_LIMIT : 0);
}

/* Clears the log bits that were set, and returns them. Writing 1 leaves a log bit as it is. */
static uint64_t take_log(const struct heat *heat, uint32_t msr, uint64_t logs,
                         uint64_t *status)
{
    if (!heat->registers->read(msr, status))
        return 0;
    if (*status & logs)
        heat->registers->write(msr, logs & ~*status);
    return *status & logs;
}

uint64_t heat_take(struct heat *heat)
{
    const struct heat_cpu *cpu = &heat->cpu;
    uint64_t log = 0, package_log = 0, package_status = 0;

    if (cpu->core)
        log = take_log(heat, MSR_THERM_STATUS, core_logs(cpu), &heat->status);
    if (cpu->package)
        package_log = take_log(heat, MSR_PACKAGE_THERM_STATUS, package_logs(cpu),
                               &package_status);
    heat->hot += (log & LOG_HOT) != 0;
    heat->prochot += (log & LOG_PROCHOT) != 0;
    heat->critical += (log & THERM_LOG_CRITICAL) != 0;
    heat->power_limit += (log & LOG_POWER_LIMIT) != 0;
    heat->current_limit += (log & LOG_CURRENT_LIMIT) != 0;
    heat->other_limit += (log & LOG_OTHER_LIMIT) != 0;
    heat->package += (package_log & ~LOG_THRESHOLDS) != 0;
    heat->package_critical += (package_log & THERM_LOG_CRITICAL) != 0;
    if (log & THERM_LOG_CRITICAL)
        return heat->status;
    return package_log & THERM_LOG_CRITICAL ? package_status : 0;
}

void heat_start(struct heat *heat, const struct heat_cpu *cpu)
{
    *heat = (struct heat){.registers = heat->registers, .cpu = *cpu};
    heat_take(heat);
    *heat = (struct heat){
        .registers = heat->registers, .cpu = *cpu, .status = heat->status};
}

/* A package that was critical has been counted as a package. */
uint64_t heat_sum(const struct heat *t)
{
    return t->hot + t->prochot + t->critical + t->power_limit + t->current_limit +
           t->other_limit + t->package;
}

int64_t heat_below_limit(const struct heat *heat)
{
    return heat->status & READOUT_VALID ? (int64_t)READOUT(heat->status) : -1;
}
