/* SPDX-License-Identifier: MIT */
/* Reads the banks: see mca.h. */
#include "cpu/hardware/mca.h"

#include "lib/format.h"

#define MSR_MCG_CAP 0x179
#define MSR_MCG_CTL 0x17b
#define MCG_CAP_BANKS 0xffu
#define MCG_CAP_CTL (1u << 8)
#define MCG_CAP_CMCI (1u << 10)
#define MCG_CAP_SER (1u << 24)
#define CTL2_CMCI (1ull << 30)
#define CTL2_THRESHOLD 0x7fffull
#define COUNT_MASK 0x7fffu
#define SECOND_MS 1000

enum bank_register {
    BANK_CTL,
    BANK_STATUS,
    BANK_ADDRESS,
    BANK_MISC,
    BANK_DEFERRED_STATUS = 8,               /* scalable banks alone */
    BANK_DEFERRED_ADDRESS
};

static uint32_t bank_msr(const struct mca *mca, unsigned bank, enum bank_register which)
{
    return mca->scalable ? 0xc0002000 + 0x10 * bank + which : 0x400 + 4 * bank + which;
}

static uint32_t ctl2_msr(unsigned bank)
{
    return 0x280 + bank;
}

static uint64_t read(const struct mca *mca, uint32_t msr)
{
    uint64_t value;

    return mca->registers->read(msr, &value) ? value : 0;
}

/* A deferred error that a worse one has overwritten; also a copy of one that was not. */
static uint64_t deferred_status(const struct mca *mca, unsigned bank)
{
    return mca->scalable ? read(mca, bank_msr(mca, bank, BANK_DEFERRED_STATUS)) : 0;
}

static void clear_deferred(const struct mca *mca, unsigned bank)
{
    if (mca->scalable)
        mca->registers->write(bank_msr(mca, bank, BANK_DEFERRED_STATUS), 0);
}

/* A bank that has lost an error held two at least (15.3.2.2.1). */
static void count_errors(struct mca_error *error, uint64_t counted)
{
    uint64_t least = error->status & MC_STATUS_OVERFLOW ? 2 : 1;

    error->overflow = error->status & MC_STATUS_OVERFLOW;
    error->count = counted > least ? counted : least;
}

static bool take_deferred(const struct mca *mca, unsigned bank)
{
    struct mca_error error = {.bank = bank, .status = deferred_status(mca, bank)};

    if (!(error.status & MC_STATUS_VALID) || !(error.status & MC_STATUS_DEFERRED))
        return false;
    count_errors(&error, 1);
    if (error.status & MC_STATUS_ADDRESS_VALID)
        error.address = read(mca, bank_msr(mca, bank, BANK_DEFERRED_ADDRESS));
    clear_deferred(mca, bank);
    mca->take(&error);
    return true;
}

static struct mca_error take(const struct mca *mca, unsigned bank, uint64_t status)
{
    uint64_t counted = mca->counts ? status >> MC_STATUS_COUNT_SHIFT & COUNT_MASK : 0;
    struct mca_error error = {.bank = bank, .status = status};

    count_errors(&error, counted);
    if (status & MC_STATUS_ADDRESS_VALID)
        error.address = read(mca, bank_msr(mca, bank, BANK_ADDRESS));
    if (status & MC_STATUS_MISC_VALID)
        error.misc = read(mca, bank_msr(mca, bank, BANK_MISC));
    mca->registers->write(bank_msr(mca, bank, BANK_STATUS), 0);
    if (status & MC_STATUS_DEFERRED)
        clear_deferred(mca, bank);
    mca->take(&error);
    return error;
}

/* A bank has CMCI if the enabling bit stays set. If it is set already, another CPU shares the bank
 * and has its CMCI. */
static bool claim_cmci(const struct mca *mca, unsigned bank)
{
    uint64_t value;

    if (!mca->registers->read(ctl2_msr(bank), &value) || value & CTL2_CMCI)
        return false;
    return mca->registers->write(ctl2_msr(bank), (value & ~CTL2_THRESHOLD) | CTL2_CMCI | 1) &&
           read(mca, ctl2_msr(bank)) & CTL2_CMCI;
}

void mca_start(struct mca *mca, const struct mca_cpu *cpu)
{
    uint64_t cap = read(mca, MSR_MCG_CAP);
    unsigned most = cpu->scalable ? MCA_BANKS_MOST : MCA_BANKS_MOST_LEGACY;

    mca->banks = cap & MCG_CAP_BANKS;
    mca->out_of_reach = mca->banks > most ? mca->banks - most : 0;
    mca->banks -= mca->out_of_reach;
    mca->scalable = cpu->scalable;
    mca->counts = cap & MCG_CAP_CMCI;
    mca->recovers = cap & MCG_CAP_SER;
    mca->cmcis = (struct rate){.limit = MCA_CMCIS_A_SECOND, .window_ms = SECOND_MS};
    if (cap & MCG_CAP_CTL)
        mca->registers->write(MSR_MCG_CTL, ~0ull);
    for (unsigned bank = 0; bank < mca->banks; bank++) {
        uint64_t status = read(mca, bank_msr(mca, bank, BANK_STATUS));
        if (status & MC_STATUS_VALID)
            take(mca, bank, status);
        take_deferred(mca, bank);
        if (bank > 0 || !cpu->keep_bank_0)
            mca->registers->write(bank_msr(mca, bank, BANK_CTL), ~0ull);
        mca->registers->write(bank_msr(mca, bank, BANK_STATUS), 0);
        if (mca->counts && claim_cmci(mca, bank))
            mca->cmci_banks |= 1ull << bank;
    }
}

/* An uncorrected error is the #MC handler's, but for one that was not signaled by #MC: one that is
 * not enabled, and one that says so, which only a CPU that can recover does (15.6.3, UCNA). */
static bool is_for_handler(const struct mca *mca, uint64_t status)
{
    const uint64_t raised = MC_STATUS_VALID | MC_STATUS_UNCORRECTED | MC_STATUS_ENABLED;

    if ((status & raised) != raised)
        return false;
    return !mca->recovers || status & (MC_STATUS_SIGNALED | MC_STATUS_CONTEXT_CORRUPT);
}

/* Takes errors of the banks in `which`; of those in `abandoned` also the #MC handler's. Returns the
 * banks that are left to the handler. */
static uint64_t poll_banks(struct mca *mca, uint64_t now_ms, uint64_t which, uint64_t abandoned)
{
    uint64_t left = 0;
    bool any = false;

    for (unsigned bank = 0; bank < mca->banks; bank++) {
        uint64_t bit = 1ull << bank;
        uint64_t status = which & bit ? read(mca, bank_msr(mca, bank, BANK_STATUS)) : 0;
        if (is_for_handler(mca, status) && !(abandoned & bit)) {
            left |= bit;
            continue;
        }
        if (status & MC_STATUS_VALID) {
            take(mca, bank, status);
            any = true;
        }
        if (which & bit)
            any |= take_deferred(mca, bank);
    }
    if (any)
        mca->last_error_ms = now_ms;
    return left;
}

static void switch_cmci(struct mca *mca, bool on)
{
    for (unsigned bank = 0; bank < mca->banks; bank++) {
        uint64_t value = read(mca, ctl2_msr(bank));
        if (mca->cmci_banks >> bank & 1)
            mca->registers->write(ctl2_msr(bank), on ? value | CTL2_CMCI : value & ~CTL2_CMCI);
    }
    mca->cmci_off = !on;
}

void mca_poll(struct mca *mca, uint64_t now_ms)
{
    mca->left_to_handler = poll_banks(mca, now_ms, UINT64_MAX, mca->left_to_handler);
    if (mca->cmci_off && now_ms - mca->last_error_ms > MCA_QUIET_MS)
        switch_cmci(mca, true);
}

void mca_on_cmci(struct mca *mca, uint64_t now_ms)
{
    if (rate_add(&mca->cmcis, 1, now_ms) && !mca->cmci_off) {
        mca->last_error_ms = now_ms;
        switch_cmci(mca, false);
    }
    poll_banks(mca, now_ms, mca->cmci_banks, 0);
}

unsigned mca_severity(uint64_t status)
{
    if (!(status & MC_STATUS_VALID) || !(status & MC_STATUS_UNCORRECTED))
        return 0;
    if (status & MC_STATUS_CONTEXT_CORRUPT)
        return 3;
    return status & MC_STATUS_ENABLED ? 2 : 1;
}

uint64_t mca_take_uncorrected(struct mca *mca, struct mca_error *worst)
{
    uint64_t seen = 0;

    for (unsigned bank = 0; bank < mca->banks; bank++) {
        uint64_t status = read(mca, bank_msr(mca, bank, BANK_STATUS));
        if (!mca_severity(status))
            continue;
        struct mca_error error = take(mca, bank, status);
        if (!seen || mca_severity(status) > mca_severity(worst->status))
            *worst = error;
        seen |= status;
    }
    return seen;
}

const char *mca_kind(uint64_t status)
{
    if (status & MC_STATUS_UNCORRECTED)
        return "uncorrected";
    return status & MC_STATUS_DEFERRED ? "deferred" : "corrected";
}

/* A code is recognised by its fixed bits; the others are read by field. Bit 12 only says that such
 * errors are filtered. The first code that matches counts. */
static const struct {
    uint16_t mask, value;
    const char *name;
    int8_t level, what, request, channel;   /* the shift of each field, or -1 */
} codes[] = {
    {0xefff, 0x0001, "unclassified", -1, -1, -1, -1},
    {0xefff, 0x0002, "microcode ROM parity", -1, -1, -1, -1},
    {0xefff, 0x0003, "external error", -1, -1, -1, -1},
    {0xefff, 0x0004, "functional redundancy check", -1, -1, -1, -1},
    {0xefff, 0x0005, "internal parity", -1, -1, -1, -1},
    {0xefff, 0x0006, "SMM handler code access", -1, -1, -1, -1},
    {0xefff, 0x0400, "internal timer", -1, -1, -1, -1},
    {0xefff, 0x0e0b, "I/O", -1, -1, -1, -1},
    {0xec00, 0x0400, "internal", -1, -1, -1, -1},
    {0xeffc, 0x000c, "cache", 0, -1, -1, -1},
    {0xeff0, 0x0010, "TLB", 0, 2, -1, -1},
    {0xef80, 0x0080, "memory controller", -1, -1, -1, 0},
    {0xef00, 0x0100, "cache", 0, 2, 4, -1},
    {0xef80, 0x0280, "memory as a cache", -1, -1, -1, 0},
    {0xe800, 0x0800, "bus or interconnect", 0, -1, 4, -1},
};

static const char *const whats[4] = {", instruction", ", data", ", generic", ""};
static const char *const requests[16] = {
    "", ", read", ", write", ", data read", ", data write", ", instruction fetch", ", prefetch",
    ", eviction", ", snoop", "", "", "", "", "", "", "",
};
static const char *const memory_requests[8] = {
    "", ", read", ", write", ", address or command", ", scrub", "", "", "",
};
#define CHANNEL_UNKNOWN 15

static size_t add(char out[MCA_TEXT_SIZE], size_t used, const char *text)
{
    return used + format(out + used, MCA_TEXT_SIZE - used, "%s", text);
}

void mca_describe(uint64_t status, char out[MCA_TEXT_SIZE])
{
    uint16_t code = (uint16_t)status;
    unsigned i = 0, channel = code & 15;
    size_t used;

    while (i < sizeof(codes) / sizeof(codes[0]) && (code & codes[i].mask) != codes[i].value)
        i++;
    if (i == sizeof(codes) / sizeof(codes[0])) {
        format(out, MCA_TEXT_SIZE, "code 0x%04x", code);
        return;
    }
    used = add(out, 0, codes[i].name);
    if (codes[i].what >= 0)
        used = add(out, used, whats[code >> codes[i].what & 3]);
    if (codes[i].request >= 0)
        used = add(out, used, requests[code >> codes[i].request & 15]);
    if (codes[i].channel >= 0)
        used = add(out, used, memory_requests[code >> 4 & 7]);
    if (codes[i].level >= 0)
        format(out + used, MCA_TEXT_SIZE - used, ", level %u", code >> codes[i].level & 3);
    if (codes[i].channel >= 0 && channel != CHANNEL_UNKNOWN)
        format(out + used, MCA_TEXT_SIZE - used, ", channel %u", channel);
}
