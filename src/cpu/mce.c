/* SPDX-License-Identifier: MIT */
/* Takes errors out of the machine-check banks (lib/mca.h): SDM volume 3, 15.10.4.1 (the handler).
 *
 * On Intel's processors an uncorrected error is broadcast: every CPU takes #MC, and none may leave
 * before all have looked, or the next error would find MCIP set in one of them: a shutdown.
 *
 * Polling takes a lock, so that a bank that several CPUs share is taken once; while another CPU has
 * it for longer than that takes, a turn is left out. The #MC handler takes none: what it takes,
 * polling leaves alone. */
#include "cpu/mce.h"

#include <stddef.h>

#include "cpu/clock.h"
#include "cpu/fault.h"
#include "cpu/features.h"
#include "cpu/inject.h"
#include "cpu/percpu.h"
#include "cpu/spinlock.h"
#include "cpu/trap.h"
#include "cpu/x86.h"
#include "lib/mca.h"
#include "lib/report.h"

#define RENDEZVOUS_US 100000
#define POLL_PATIENCE_MS 20
#define HOUR_MS 3600000
#define PLACES 256
#define RECORDS_A_HEARTBEAT 8

static struct mca banks[MAX_CPUS];
static struct spinlock polling;
static struct rate corrected_rate = {.limit = RATE_LIMIT_MOST, .window_ms = HOUR_MS};
static uint64_t corrected;

/* Corrected errors by where they were. The last place is for all that find no other. */
static struct place {
    uint32_t cpu;
    bool left_over;                 /* from before this run */
    uint64_t count, told;
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
                         bool left_over)
{
    char text[MCA_TEXT_SIZE];

    mca_describe(error->status, text);
    report_machine_check(&(struct report_machine_check){
        .cpu = cpu,
        .bank = error->bank,
        .kind = mca_kind(error->status),
        .count = count,
        .what = text,
        .status = error->status,
        .address = error->address,
        .misc = error->misc,
        .when = left_over ? "before" : NULL,
    });
}

/* What an earlier run left comes once: when it was told, its place is free. */
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

/* With the lock held, like all that follows until the #MC handler. */
static void note(const struct mca_error *error, bool left_over)
{
    struct place *place = find_place(cpu_index(), error->bank, left_over);

    place->cpu = cpu_index();
    place->left_over = left_over;
    place->count += error->count;
    place->last = *error;
}

static void take_left_over(const struct mca_error *error)
{
    note(error, true);
}

static void take_corrected(const struct mca_error *error)
{
    static bool told;
    struct fault_place place = {cpu_index(), NO_STACK, 0, "corrected error"};

    note(error, false);
    corrected += error->count;
    this_cpu->events[EVENT_CORRECTED_ERROR] += error->count;
    if (!rate_add(&corrected_rate, error->count, clock_ms()) || told)
        return;
    told = true;
    fault_report(CHECK_HARDWARE, &place,
                 "a flood of corrected errors: more than %u within an hour, the last in bank %u, "
                 "status 0x%lx, address 0x%lx",
                 corrected_rate.limit, error->bank, error->status, error->address);
}

/* What has no #MC and is not corrected either: data that are wrong, and known to be. */
static void take_polled(const struct mca_error *error)
{
    struct fault_place place = {cpu_index(), NO_STACK, 0, "machine check"};

    if (!(error->status & (MC_STATUS_UNCORRECTED | MC_STATUS_DEFERRED))) {
        take_corrected(error);
        return;
    }
    report_error(cpu_index(), error, error->count, false);
    fault_report(CHECK_HARDWARE, &place, "%s error, found by polling: bank %u, status 0x%lx",
                 mca_kind(error->status), error->bank, error->status);
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

/* How many are new of one place, from `from` on; 0: nothing is new. */
static uint64_t take_news(unsigned *from, struct place *out)
{
    uint64_t flags, count = 0;

    if (!spinlock_take_within(&polling, POLL_PATIENCE_MS, &flags))
        return 0;
    for (unsigned tried = 0; tried < place_count && !count; tried++, (*from)++) {
        struct place *place = &places[*from % place_count];
        count = place->count - place->told;
        place->told = place->count;
        *out = *place;
    }
    spinlock_release(&polling, flags);
    return count;
}

/* Goes on where it stopped the last time, so that each has its turn. */
void mce_report(bool all)
{
    static unsigned from;
    unsigned left = all ? PLACES : RECORDS_A_HEARTBEAT;
    struct place place;
    uint64_t count;

    while (left-- > 0 && (count = take_news(&from, &place)) > 0)
        report_error(place.cpu, &place.last, count, place.left_over);
}

/* Each arrival is a ticket, and a round is as many tickets as there are CPUs; nothing is reset, so
 * who is late to look still sees that its round is full. */
static uint32_t meet_the_others(void)
{
    uint64_t end = clock_ns() + RENDEZVOUS_US * 1000ull;
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

/* The next round begins where this one ended; each of its CPUs says the same. */
static void begin_next_round(void)
{
    __atomic_store_n(&round_start, __atomic_load_n(&arrived, __ATOMIC_ACQUIRE), __ATOMIC_RELEASE);
}

static void take_in_handler(const struct mca_error *error)
{
    report_error(cpu_index(), error, error->count, false);
}

void machine_check_take(void)
{
    struct mca mca = banks[cpu_index()];
    struct mca_error last = {0};
    struct fault_place place = fault_here("#MC");
    uint64_t mcg = read_msr(MSR_MCG_STATUS);

    if (inject_planted(INJECT_MACHINE_CHECK))
        mcg |= MCG_STATUS_RIPV;
    mca.take = take_in_handler;
    uint64_t seen = mca_take_uncorrected(&mca, &last);
    uint32_t met = meet_the_others();
    begin_next_round();
    if (seen)
        fault_report(CHECK_HARDWARE, &place,
                     "machine check in bank %u, status 0x%lx, address 0x%lx, met by %u CPUs%s",
                     last.bank, last.status, last.address, met,
                     seen & MC_STATUS_OVERFLOW ? ", others were lost" : "");
    else
        fault_report(CHECK_HARDWARE, &place,
                     "machine check that no bank of this CPU accounts for, met by %u CPUs", met);
    if (!(mcg & MCG_STATUS_RIPV) || seen & MC_STATUS_CONTEXT_CORRUPT)
        fault_fatal();
    write_msr(MSR_MCG_STATUS, 0);       /* MCIP last: until then another #MC is a shutdown */
}
