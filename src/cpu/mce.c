/* SPDX-License-Identifier: MIT */
/* Reads the machine-check banks: SDM volume 3, 15.3 (the registers), 15.10.4.1 (the handler).
 *
 * An uncorrected error is a fault of the machine, and fails the run; a corrected one is counted and
 * reported. On Intel's processors an uncorrected error is broadcast: every CPU takes #MC, and none
 * may leave before all have looked, or the next error would find MCIP set in one of them: a
 * shutdown. */
#include "cpu/mce.h"

#include "cpu/clock.h"
#include "cpu/fault.h"
#include "cpu/features.h"
#include "cpu/inject.h"
#include "cpu/percpu.h"
#include "cpu/x86.h"
#include "lib/report.h"

#define MCG_CAP_BANKS 0xffu
#define MCG_CAP_CTL (1u << 8)
#define MCG_STATUS_RIPV (1u << 0)
#define MC_STATUS_VALID (1ull << 63)
#define MC_STATUS_OVERFLOW (1ull << 62)
#define MC_STATUS_UNCORRECTED (1ull << 61)
#define MC_STATUS_MISC_VALID (1ull << 59)
#define MC_STATUS_ADDRESS_VALID (1ull << 58)
#define MC_STATUS_CONTEXT_CORRUPT (1ull << 57)
#define MSR_MC_ADDRESS(bank) (0x402 + 4 * (bank))
#define MSR_MC_MISC(bank) (0x403 + 4 * (bank))
#define RENDEZVOUS_US 100000

static uint32_t arrived;            /* machine checks with MCIP set, of all CPUs */
static uint32_t round_start;        /* of those, the ones before the round that is under way */

static unsigned bank_count(void)
{
    return cpu_features.mca ? read_msr(MSR_MCG_CAP) & MCG_CAP_BANKS : 0;
}

void mce_enable(void)
{
    unsigned banks = bank_count();

    if (!banks)
        return;
    if (read_msr(MSR_MCG_CAP) & MCG_CAP_CTL)
        write_msr(MSR_MCG_CTL, ~0ull);
    for (unsigned bank = 0; bank < banks; bank++) {
        write_msr(MSR_MC_CTL(bank), ~0ull);
        write_msr(MSR_MC_STATUS(bank), 0);
    }
}

static void report_bank(unsigned bank, uint64_t status)
{
    report_machine_check(&(struct report_machine_check){
        .cpu = cpu_index(),
        .bank = bank,
        .kind = status & MC_STATUS_UNCORRECTED ? "uncorrected" : "corrected",
        .status = status,
        .address = status & MC_STATUS_ADDRESS_VALID ? read_msr(MSR_MC_ADDRESS(bank)) : 0,
        .misc = status & MC_STATUS_MISC_VALID ? read_msr(MSR_MC_MISC(bank)) : 0,
    });
}

/* Reports and clears each bank whose status is valid: the corrected ones, or all. Returns the
 * statuses seen, by OR. */
static uint64_t take_banks(bool uncorrected_too)
{
    unsigned banks = bank_count();
    uint64_t seen = 0;

    for (unsigned bank = 0; bank < banks; bank++) {
        uint64_t status = read_msr(MSR_MC_STATUS(bank));
        bool is_uncorrected = status & MC_STATUS_UNCORRECTED;
        if (!(status & MC_STATUS_VALID) || (is_uncorrected && !uncorrected_too))
            continue;
        report_bank(bank, status);
        if (!is_uncorrected)
            count_event(EVENT_CORRECTED_ERROR);
        seen |= status;
        write_msr(MSR_MC_STATUS(bank), 0);
    }
    return seen;
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

void machine_check_take(void)
{
    struct fault_place place = fault_here("#MC");
    uint64_t mcg = read_msr(MSR_MCG_STATUS), seen = take_banks(true);
    uint32_t met = meet_the_others();

    if (inject_planted(INJECT_MACHINE_CHECK))
        mcg |= MCG_STATUS_RIPV;
    begin_next_round();
    fault_report(CHECK_HARDWARE, &place, "machine check, bank status 0x%lx, met by %u CPUs%s", seen,
                 met, seen & MC_STATUS_OVERFLOW ? ", others were lost" : "");
    if (!(mcg & MCG_STATUS_RIPV) || seen & MC_STATUS_CONTEXT_CORRUPT)
        fault_fatal();
    write_msr(MSR_MCG_STATUS, 0);       /* MCIP last: until then another #MC is a shutdown */
}

void mce_poll(void)
{
    take_banks(false);
}
