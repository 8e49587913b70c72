/* SPDX-License-Identifier: MIT */
/* Reads the thermal status: SDM volume 3, 14.8.2.1 (IA32_THERM_INTERRUPT), 14.8.5
 * (IA32_THERM_STATUS and its digital readout), 14.9 (the package's). */
#include "cpu/thermal.h"

#include "cpu/fault.h"
#include "cpu/features.h"
#include "cpu/inject.h"
#include "cpu/percpu.h"
#include "cpu/trap.h"
#include "cpu/x86.h"
#include "lib/report.h"

/* Log bits: they stay until they are written 0, and writing 1 leaves them. */
#define LOG_HOT (1u << 1)
#define LOG_PROCHOT (1u << 3)
#define LOG_CRITICAL (1u << 5)
#define LOG_THRESHOLDS (1u << 7 | 1u << 9)
#define LOG_POWER_LIMIT (1u << 11)
#define READOUT_VALID (1u << 31)
#define READOUT(status) ((status) >> 16 & 0x7f)     /* degrees below where it throttles */
#define INTERRUPT_HOT (1u << 0)
#define INTERRUPT_PROCHOT (1u << 2)
#define INTERRUPT_CRITICAL (1u << 4)
#define RECORDS_A_HEARTBEAT 8

static struct state {
    uint64_t hot, prochot, critical, power_limit, package;
    uint64_t told;                  /* their sum */
    uint64_t status;
} states[MAX_CPUS];

static uint64_t sum_of(const struct state *s)
{
    return s->hot + s->prochot + s->critical + s->power_limit + s->package;
}

static uint64_t clearing_mask(void)
{
    return LOG_HOT | LOG_PROCHOT | LOG_CRITICAL | LOG_THRESHOLDS |
           (cpu_features.power_limit ? LOG_POWER_LIMIT : 0);
}

/* The log bits that were set, which are cleared; the whole status. */
static uint64_t take_log(uint32_t msr, uint64_t *status)
{
    uint64_t log;

    if (!msr_try_read(msr, status))
        return 0;
    if (inject_planted(INJECT_TOO_HOT) && cpu_index() == inject_cpu())
        *status |= LOG_CRITICAL;
    log = *status & clearing_mask();
    if (log)
        msr_try_write(msr, clearing_mask() & ~log);
    return log;
}

static bool is_there(void)
{
    return cpu_features.thermal_monitor && cpu_features.thermal_sensor;
}

void thermal_enable(bool interrupts)
{
    uint64_t status;

    if (!is_there())
        return;
    take_log(MSR_THERM_STATUS, &status);
    if (cpu_features.package_thermal)
        take_log(MSR_PACKAGE_THERM_STATUS, &status);
    if (interrupts)
        msr_try_write(MSR_THERM_INTERRUPT, INTERRUPT_HOT | INTERRUPT_PROCHOT | INTERRUPT_CRITICAL);
}

static void tell_critical(uint64_t status)
{
    struct fault_place place = {cpu_index(), NO_STACK, 0, "thermal status"};

    fault_report(CHECK_HARDWARE, &place, "the temperature was critical: IA32_THERM_STATUS 0x%lx",
                 status);
}

/* With interrupts off, so that the thermal interrupt does not come in between and count as well. */
void thermal_poll(void)
{
    struct state *s = &states[cpu_index()];
    uint64_t flags = interrupts_save(), package, log = 0;

    if (is_there() || inject_planted(INJECT_TOO_HOT))
        log = take_log(MSR_THERM_STATUS, &s->status);
    s->hot += (log & LOG_HOT) != 0;
    s->prochot += (log & LOG_PROCHOT) != 0;
    s->power_limit += (log & LOG_POWER_LIMIT) != 0;
    if (log & LOG_CRITICAL && s->critical++ == 0)
        tell_critical(s->status);
    if (is_there() && cpu_features.package_thermal)
        s->package += (take_log(MSR_PACKAGE_THERM_STATUS, &package) & ~LOG_THRESHOLDS) != 0;
    interrupts_restore(flags);
}

static void report_cpu_thermal(uint32_t cpu, struct state *s)
{
    s->told = sum_of(s);
    report_thermal(&(struct report_thermal){
        .cpu = cpu,
        .hot = s->hot,
        .prochot = s->prochot,
        .critical = s->critical,
        .power_limit = s->power_limit,
        .package = s->package,
        .below_limit_c = s->status & READOUT_VALID ? (int64_t)READOUT(s->status) : REPORT_UNKNOWN,
    });
}

/* Goes on where it stopped the last time, so that each has its turn. */
void thermal_report(bool all)
{
    static uint32_t from;
    unsigned left = all ? cpu_count : RECORDS_A_HEARTBEAT;

    for (uint32_t tried = 0; tried < cpu_count && left > 0; tried++, from++) {
        struct state *s = &states[from % cpu_count];
        if (sum_of(s) == s->told)
            continue;
        report_cpu_thermal(from % cpu_count, s);
        left--;
    }
}

uint64_t thermal_throttles(uint32_t cpu)
{
    return sum_of(&states[cpu]);
}
