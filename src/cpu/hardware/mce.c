/* SPDX-License-Identifier: MIT */
/* Takes errors out of the machine-check banks (cpu/hardware/mca.h): SDM volume 3, 15.10.4.1 (the
 * handler).
 *
 * On Intel's processors an uncorrected error is broadcast: every CPU takes #MC. None may leave
 * before all have looked. Otherwise the next error would find MCIP set in one of them, which is a
 * shutdown.
 *
 * Polling takes a lock, so that an error in a bank that several CPUs share is taken once. A CPU
 * that does not get the lock in time skips its turn. The #MC handler takes no lock: polling leaves
 * its errors alone. */
#include "cpu/hardware/mce.h"

#include <stddef.h>

#include "cpu/clock.h"
#include "cpu/verdict.h"
#include "cpu/features.h"
#include "cpu/inject.h"
#include "cpu/late.h"
#include "cpu/percpu.h"
#include "cpu/spinlock.h"
#include "cpu/msr.h"
#include "cpu/x86.h"
#include "cpu/hardware/mca.h"
#include "lib/report.h"

/* clang-format off */
#define MACHINE_CHECK_FIELDS(FIELD) \
    FIELD(number, cpu, "index of the CPU whose bank it was") \
    FIELD(number, bank, "the bank") \
    FIELD(text, kind, "corrected, deferred (wrong data that nobody used yet) or uncorrected") \
    FIELD(text, when, "before: an earlier run left it in the bank; left out otherwise") \
    FIELD(number, count, "errors of this bank and CPU since the record before; at least so many") \
    FIELD(number, overflows, "times since then that the bank had lost errors") \
    FIELD(text, what, "the status's code in words, to find the part") \
    FIELD(number, status, "IA32_MCi_STATUS, to decode") \
    FIELD(number, address, "IA32_MCi_ADDR; 0 when the status says that it is not valid") \
    FIELD(number, misc, "IA32_MCi_MISC; 0 when the status says that it is not valid")
REPORT_RECORD(machine_check, "an error that a machine-check bank held, when it is found",
              MACHINE_CHECK_FIELDS)
/* clang-format on */

#define RENDEZVOUS_MS 1000         /* an emulator's host may hold up a CPU */
#define POLL_PATIENCE_MS 20
#define HOUR_MS 3600000
#define PLACES 256
#define RECORDS_A_HEARTBEAT 8

static struct mca CPU_TABLE(banks);
static struct spinlock polling;
static struct rate corrected_rate = {.limit = RATE_LIMIT_MOST, .window_ms = HOUR_MS};
static uint64_t corrected;

/* Corrected errors by place. The last entry is for all places that find no entry of their own. */
static struct place {
    uint32_t cpu;
    bool left_over;                 /* from before this run */
    uint64_t count, told;
    uint64_t overflows, told_overflows;
    struct mca_error last;
} places[PLACES];
static unsigned place_count;

static uint32_t arrived;            /* machine checks with MCIP set, of all CPUs */
static uint32_t round_start;        /* of those, the ones before the round that is under way */

void mce_allow(uint32_t corrected_an_hour)
{
    corrected_rate.limit = corrected_an_hour;
}

/* inject=corrected-flood: a bank that is never empty. */
static bool read_bank(uint32_t msr, uint64_t *value)
{
    if (inject_planted(INJECT_CORRECTED_FLOOD) && cpu_index() == inject_cpu() &&
        msr == MSR_MC_STATUS(1)) {
        *value = MC_STATUS_VALID | MC_STATUS_ADDRESS_VALID | 0x9f;
        return true;
    }
    return msr_try_read(msr, value);
}

static const struct msr_access registers = {read_bank, msr_try_write};

static void report_error(uint32_t cpu, const struct mca_error *error, uint64_t count,
                         uint64_t overflows, bool left_over)
{
    char text[MCA_TEXT_SIZE];

    mca_describe(error->status, text);
    report_machine_check(&(struct report_machine_check){
        .cpu = cpu,
        .bank = error->bank,
        .kind = mca_kind(error->status),
        .count = count,
        .overflows = overflows,
        .what = text,
        .status = error->status,
        .address = error->address,
        .misc = error->misc,
        .when = left_over ? "before" : NULL,
    });
}

/* The errors that an earlier run left are reported once; then their entry is free. */
static struct place *find_place_to_reuse(void)
{
    for (unsigned i = 0; i < PLACES; i++) {
        if (!places[i].left_over || places[i].told != places[i].count)
            continue;
        places[i] = (struct place){0};
        return &places[i];
    }
    return &places[PLACES - 1];
}

static struct place *find_place(uint32_t cpu, unsigned bank, bool left_over)
{
    unsigned i = 0;

    while (i < place_count && (places[i].cpu != cpu || places[i].last.bank != bank ||
                               places[i].left_over != left_over))
        i++;
    if (i == PLACES)
        return find_place_to_reuse();
    if (i == place_count)
        place_count++;
    return &places[i];
}

/* The lock is held here, and in all functions from here to the #MC handler's. */
static void note(const struct mca_error *error, bool left_over)
{
    struct place *place = find_place(cpu_index(), error->bank, left_over);

    place->cpu = cpu_index();
    place->left_over = left_over;
    place->count += error->count;
    place->overflows += error->overflow;
    place->last = *error;
}

static void take_left_over(const struct mca_error *error)
{
    note(error, true);
}

static void take_corrected(const struct mca_error *error)
{
    static bool told;

    note(error, false);
    corrected += error->count;
    this_cpu->events[EVENT_CORRECTED_ERROR] += error->count;
    if (!rate_add(&corrected_rate, error->count, clock_ms()) || told)
        return;
    told = true;
    check_failed_on(CHECK_HARDWARE, cpu_index(), NO_STACK, 0, "corrected error", "a flood of "
                    "corrected errors: more than %u within an hour, the last in bank %u, status "
                    "0x%lx, address 0x%lx", corrected_rate.limit, error->bank, error->status,
                    error->address);
}

static void report_now(const struct mca_error *error)
{
    report_error(cpu_index(), error, error->count, error->overflow, false);
}

/* Takes an error that raised no #MC: a corrected one, or data that are known to be wrong. */
static void take_polled(const struct mca_error *error)
{
    if (!(error->status & (MC_STATUS_UNCORRECTED | MC_STATUS_DEFERRED))) {
        take_corrected(error);
        return;
    }
    report_now(error);
    check_failed_on(CHECK_HARDWARE, cpu_index(), NO_STACK, 0, "machine check",
                    "%s error, found by polling: bank %u, status 0x%lx", mca_kind(error->status),
                    error->bank, error->status);
}

void mce_enable(void)
{
    struct mca *mca = &banks[cpu_index()];
    bool old = cpu_features.family == 6 && cpu_features.model_number < 0x1a && cpu_features.intel;
    struct mca_cpu cpu = {.scalable = cpu_features.scalable_mca, .keep_bank_0 = old};
    uint64_t status;

    if (!cpu_features.mca)
        return;
    if (!msr_try_read(MSR_MCG_STATUS, &status)) {
        cpu_features.mca = false;   /* what CPUID says, an emulator may not have */
        return;
    }
    uint64_t flags = spinlock_take(&polling);
    mca->registers = &registers;
    mca->take = take_left_over;
    mca_start(mca, &cpu);
    mca->take = take_polled;
    spinlock_release(&polling, flags);
}

void mce_poll(void)
{
    uint64_t flags;

    if (!spinlock_take_within(&polling, POLL_PATIENCE_MS, &flags))
        return;
    mca_poll(&banks[cpu_index()], clock_ms());
    spinlock_release(&polling, flags);
}

void mce_on_cmci(void)
{
    uint64_t flags;

    if (!spinlock_take_within(&polling, POLL_PATIENCE_MS, &flags))
        return;                     /* the error stays in its bank, and is polled */
    mca_on_cmci(&banks[cpu_index()], clock_ms());
    spinlock_release(&polling, flags);
}

unsigned mce_banks_out_of_reach(void)
{
    return banks[cpu_index()].out_of_reach;
}

uint64_t mce_corrected(void)
{
    return __atomic_load_n(&corrected, __ATOMIC_RELAXED);
}

/* Finds an entry with new errors, from `from` on, and copies it before they are reported. False:
 * there is none. */
static bool take_news(unsigned *from, struct place *out)
{
    bool found = false;
    uint64_t flags;

    if (!spinlock_take_within(&polling, POLL_PATIENCE_MS, &flags))
        return false;
    for (unsigned tried = 0; tried < place_count && !found; tried++, (*from)++) {
        struct place *place = &places[*from % place_count];
        found = place->count != place->told;
        *out = *place;
        place->told = place->count;
        place->told_overflows = place->overflows;
    }
    spinlock_release(&polling, flags);
    return found;
}

/* Goes on where the last call stopped, so that every entry has its turn. */
void mce_report(bool all)
{
    static unsigned from;
    unsigned left = all ? PLACES : RECORDS_A_HEARTBEAT;
    struct place place;

    while (left-- > 0 && take_news(&from, &place))
        report_error(place.cpu, &place.last, place.count - place.told,
                     place.overflows - place.told_overflows, place.left_over);
}

/* Each arrival takes a ticket, and a round is as many tickets as there are CPUs. Nothing is reset,
 * so a CPU that looks late still sees that its round is full. */
static uint32_t meet_the_others(void)
{
    uint64_t end = clock_ns() + RENDEZVOUS_MS * 1000000ull;
    uint32_t online = 0, first, met;

    for (uint32_t cpu = 0; cpu < cpu_count; cpu++)
        online += cpu_at(cpu)->online;
    first = __atomic_load_n(&round_start, __ATOMIC_ACQUIRE);
    met = __atomic_add_fetch(&arrived, 1, __ATOMIC_ACQ_REL) - first;
    while (met < online && clock_ns() < end) {
        cpu_relax_rarely();
        met = __atomic_load_n(&arrived, __ATOMIC_ACQUIRE) - first;
    }
    return met < online ? met : online;
}

/* The next round begins where this one ended. Each of its CPUs writes the same value. */
static void begin_next_round(void)
{
    __atomic_store_n(&round_start, __atomic_load_n(&arrived, __ATOMIC_ACQUIRE), __ATOMIC_RELEASE);
}

/* The errors that one CPU found in its #MC handler, for the CPU that reports. */
static struct finding {
    bool untold;                    /* written last, and cleared by the CPU that reports it */
    struct stack_place place;
    uint64_t seen;                  /* the statuses, by OR; 0: no error */
    struct mca_error worst;
} CPU_TABLE(findings);

static bool telling;                /* a CPU is at it */

static struct finding *find_worst(void)
{
    struct finding *worst = NULL;

    for (uint32_t cpu = 0; cpu < cpu_count; cpu++) {
        struct finding *f = &findings[cpu];
        if (__atomic_load_n(&f->untold, __ATOMIC_ACQUIRE) &&
            (!worst || mca_severity(f->worst.status) > mca_severity(worst->worst.status)))
            worst = f;
    }
    return worst;
}

static void tell(const struct finding *f, uint32_t met)
{
    uint32_t cpu = f - findings;

    if (f->seen)
        check_failed_on(CHECK_HARDWARE, cpu, f->place.kind, f->place.level, "#MC",
                        "machine check in bank %u, status 0x%lx, address 0x%lx, met by %u CPUs%s",
                        f->worst.bank, f->worst.status, f->worst.address, met,
                        f->seen & MC_STATUS_OVERFLOW ? ", others were lost" : "");
    else
        check_failed_on(CHECK_HARDWARE, cpu, f->place.kind, f->place.level, "#MC",
                        "machine check that no bank accounts for, met by %u CPUs", met);
}

/* Reports the worst error first, since the first failure becomes the verdict's reason. A CPU that
 * met another's error and has none itself is no failure. */
static void tell_all(uint32_t met)
{
    struct finding *f;

    for (bool first = true; (f = find_worst()) != NULL; first = false) {
        if (first || f->seen)
            tell(f, met);
        __atomic_store_n(&f->untold, false, __ATOMIC_RELEASE);
    }
}

/* One CPU reports for all that have met, and the others wait, so that none ends the run before. The
 * wait is bounded, since the reporting CPU may have died. */
static void have_it_told(const struct finding *own, uint32_t met)
{
    uint64_t end = clock_ns() + RENDEZVOUS_MS * 1000000ull;

    while (__atomic_load_n(&own->untold, __ATOMIC_ACQUIRE)) {
        if (__atomic_exchange_n(&telling, true, __ATOMIC_ACQUIRE) && clock_ns() < end) {
            cpu_relax_rarely();
            continue;
        }
        tell_all(met);
        __atomic_store_n(&telling, false, __ATOMIC_RELEASE);
    }
}

/* Without RIPV there is no way back, and with a corrupt context no point in it (15.10.4.1). */
void machine_check_take(void)
{
    struct mca mca = banks[cpu_index()];
    struct finding *own = &findings[cpu_index()];
    uint64_t mcg = read_msr(MSR_MCG_STATUS);

    if (inject_planted(INJECT_MACHINE_CHECK))
        mcg |= MCG_STATUS_RIPV;
    mca.take = report_now;
    own->place = stack_find(read_rsp());
    own->worst = (struct mca_error){0};
    own->seen = mca_take_uncorrected(&mca, &own->worst);
    __atomic_store_n(&own->untold, true, __ATOMIC_RELEASE);
    uint32_t met = meet_the_others();
    begin_next_round();
    have_it_told(own, met);
    if (!(mcg & MCG_STATUS_RIPV) || own->seen & MC_STATUS_CONTEXT_CORRUPT)
        verdict_fatal();
    write_msr(MSR_MCG_STATUS, 0);       /* MCIP last: until then another #MC is a shutdown */
}
