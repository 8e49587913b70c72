/* SPDX-License-Identifier: MIT */
/* Counts what this CPU's thermal status logs (cpu/hardware/heat.h): SDM volume 3, 14.8.2.1
 * (IA32_THERM_INTERRUPT). */
#include "cpu/hardware/thermal.h"

#include "cpu/verdict.h"
#include "cpu/features.h"
#include "cpu/inject.h"
#include "cpu/late.h"
#include "cpu/percpu.h"
#include "cpu/msr.h"
#include "cpu/x86.h"
#include "cpu/hardware/heat.h"
#include "lib/report.h"

/* clang-format off */
#define THERMAL_FIELDS(FIELD) \
    FIELD(number, cpu, "index") \
    FIELD(number, hot, "times that it throttled because it was hot") \
    FIELD(number, prochot, "times that the board told it to throttle") \
    FIELD(number, critical, "times that its temperature was critical; fails the run") \
    FIELD(number, power_limit, "times that it drew more than it may") \
    FIELD(number, current_limit, "times that it drew more current than the board gives") \
    FIELD(number, other_limit, "times that another domain, as the graphics, held it back") \
    FIELD(number, package, "times that its package logged any of these") \
    FIELD(number, package_critical, "times that its package was critically hot; fails the run") \
    FIELD(signed, below_limit_c, "degrees Celsius below where it throttles, when last looked at")
REPORT_RECORD(thermal, "how often a CPU was too hot so far, when that has changed", THERMAL_FIELDS)
/* clang-format on */

#define INTERRUPT_HOT (1u << 0)
#define INTERRUPT_PROCHOT (1u << 2)
#define INTERRUPT_CRITICAL (1u << 4)
#define RECORDS_A_HEARTBEAT 8

static struct {
    struct heat log;
    uint64_t told;                  /* its sum when it was last reported */
    bool critical;
} CPU_TABLE(states);

/* inject=too-hot: a status that always says critical. */
static bool read_status(uint32_t msr, uint64_t *status)
{
    bool here = cpu_index() == inject_cpu();

    if (inject_planted(INJECT_TOO_HOT) && here && msr == MSR_THERM_STATUS) {
        *status = THERM_LOG_CRITICAL;
        return true;
    }
    return msr_try_read(msr, status);
}

static const struct msr_access registers = {read_status, msr_try_write};

bool thermal_is_there(void)
{
    return cpu_features.thermal_monitor && cpu_features.thermal_sensor;
}

void thermal_enable(bool interrupts)
{
    struct heat *log = &states[cpu_index()].log;
    struct heat_cpu cpu = {
        .core = thermal_is_there() || inject_planted(INJECT_TOO_HOT),
        .package = thermal_is_there() && cpu_features.package_thermal,
        .power_limit = cpu_features.power_limit,
        .limits = cpu_features.limit_logs,
    };

    log->registers = &registers;
    heat_start(log, &cpu);
    if (thermal_is_there() && interrupts)
        msr_try_write(MSR_THERM_INTERRUPT, INTERRUPT_HOT | INTERRUPT_PROCHOT | INTERRUPT_CRITICAL);
}

/* Once. */
static void tell_critical(bool own, uint64_t status)
{
    if (states[cpu_index()].critical)
        return;
    states[cpu_index()].critical = true;
    check_failed_on(CHECK_HARDWARE, cpu_index(), NO_STACK, 0, "thermal status",
                    "the temperature was critical: %s 0x%lx",
                    own ? "IA32_THERM_STATUS" : "IA32_PACKAGE_THERM_STATUS", status);
}

/* Interrupts are off, so that the thermal interrupt cannot come in between and count as well. */
void thermal_poll(void)
{
    struct heat *log = &states[cpu_index()].log;
    uint64_t flags = interrupts_save(), critical = heat_take(log);

    if (critical)
        tell_critical(log->critical, critical);
    interrupts_restore(flags);
}

uint64_t thermal_throttles(uint32_t cpu)
{
    return heat_sum(&states[cpu].log);
}

int64_t thermal_below_limit(uint32_t cpu)
{
    return heat_below_limit(&states[cpu].log);
}

static void report_cpu_thermal(uint32_t cpu)
{
    const struct heat *log = &states[cpu].log;
    int64_t below = thermal_below_limit(cpu);

    states[cpu].told = heat_sum(log);
    report_thermal(&(struct report_thermal){
        .cpu = cpu,
        .hot = log->hot,
        .prochot = log->prochot,
        .critical = log->critical,
        .power_limit = log->power_limit,
        .current_limit = log->current_limit,
        .other_limit = log->other_limit,
        .package = log->package,
        .package_critical = log->package_critical,
        .below_limit_c = below < 0 ? REPORT_UNKNOWN : below,
    });
}

/* Goes on where the last call stopped, so that every CPU has its turn. */
void thermal_report(bool all)
{
    static uint32_t from;
    unsigned left = all ? cpu_count : RECORDS_A_HEARTBEAT;

    for (uint32_t tried = 0; tried < cpu_count && left > 0; tried++, from++) {
        uint32_t cpu = from % cpu_count;
        if (thermal_throttles(cpu) == states[cpu].told)
            continue;
        report_cpu_thermal(cpu);
        left--;
    }
}
