/* SPDX-License-Identifier: MIT */
/* The machine-check banks against a model of a machine: what is taken, by whom, once; CMCI that is
 * shared, missing, or a storm. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "cpu/hardware/mca.h"

#define CAP_CTL (1ull << 8)
#define CAP_CMCI (1ull << 10)
#define CAP_SER (1ull << 24)
#define CMCI_ON (1ull << 30)
#define VALID MC_STATUS_VALID
#define OVER MC_STATUS_OVERFLOW

/* One machine: the registers there are, and what was done to them. */
static struct {
    uint64_t cap;
    unsigned banks;                         /* registers that are there */
    uint32_t without_ctl2;                  /* banks whose CMCI bit does not stay */
    bool scalable;
    uint64_t global_ctl;
    uint64_t ctl[64], status[64], address[64], misc[64], ctl2[64];
    uint64_t deferred[64], deferred_address[64];
    unsigned reads_of_nothing;
} machine;

static struct mca_error taken[64];
static unsigned taken_count;

static void keep(const struct mca_error *error)
{
    assert_in_range(taken_count, 0, 63);
    taken[taken_count++] = *error;
}

static uint64_t *find(uint32_t msr)
{
    uint32_t first = machine.scalable ? 0xc0002000 : 0x400, step = machine.scalable ? 16 : 4;
    uint64_t *const arrays[16] = {machine.ctl, machine.status, machine.address, machine.misc,
                                  [8] = machine.deferred, [9] = machine.deferred_address};
    unsigned which = (msr - first) % step;

    if (msr == 0x179)
        return &machine.cap;
    if (msr == 0x17b)
        return &machine.global_ctl;
    if (msr >= 0x280 && msr < 0x280 + machine.banks)
        return &machine.ctl2[msr - 0x280];
    if (msr >= first && msr < first + step * machine.banks && arrays[which])
        return &arrays[which][(msr - first) / step];
    machine.reads_of_nothing++;
    return NULL;
}

static bool read_register(uint32_t msr, uint64_t *value)
{
    const uint64_t *at = find(msr);

    if (at)
        *value = *at;
    return at;
}

static bool write_register(uint32_t msr, uint64_t value)
{
    uint64_t *at = find(msr);

    if (!at)
        return false;
    if (msr >= 0x280 && msr < 0x2c0 && machine.without_ctl2 >> (msr - 0x280) & 1)
        value &= ~CMCI_ON;
    *at = value;
    return true;
}

static const struct msr_access registers = {read_register, write_register};

static void boot(uint64_t cap, unsigned banks)
{
    memset(&machine, 0, sizeof machine);
    machine.cap = cap | banks;
    machine.banks = banks;
    taken_count = 0;
}

static struct mca start(const struct mca_cpu *cpu)
{
    struct mca mca = {.registers = &registers, .take = keep};

    mca_start(&mca, cpu);
    return mca;
}

static const struct mca_cpu plain;

static void every_bank_reports_after_the_start(void **state)
{
    (void)state;
    boot(CAP_CTL, 5);
    start(&plain);
    assert_true(machine.global_ctl == UINT64_MAX);
    for (unsigned bank = 0; bank < 5; bank++)
        assert_true(machine.ctl[bank] == UINT64_MAX);
    boot(0, 5);
    start(&(struct mca_cpu){.keep_bank_0 = true});
    assert_true(machine.global_ctl == 0 && machine.ctl[0] == 0 && machine.ctl[1] == UINT64_MAX);
}

static void what_was_left_is_taken_at_the_start(void **state)
{
    (void)state;
    boot(0, 2);
    machine.status[1] = VALID | MC_STATUS_UNCORRECTED | MC_STATUS_ADDRESS_VALID | 0x9f;
    machine.address[1] = 0x1234;
    start(&plain);
    assert_int_equal(taken_count, 1);
    assert_int_equal(taken[0].bank, 1);
    assert_int_equal(taken[0].address, 0x1234);
    assert_true(machine.status[1] == 0);
}

static void a_corrected_error_is_taken_once(void **state)
{
    struct mca mca;

    (void)state;
    boot(0, 4);
    mca = start(&plain);
    machine.status[2] = VALID | MC_STATUS_MISC_VALID | 5ull << MC_STATUS_COUNT_SHIFT | 0x9f;
    machine.address[2] = 7;
    machine.misc[2] = 8;
    mca_poll(&mca, 1);
    mca_poll(&mca, 2);
    assert_int_equal(taken_count, 1);
    assert_int_equal(taken[0].address, 0);  /* not valid, says the status */
    assert_int_equal(taken[0].misc, 8);
    assert_int_equal(taken[0].count, 1);    /* without CMCI the bits are no count */
    assert_int_equal(machine.reads_of_nothing, 0);
}

static void the_bank_s_count_is_believed_where_it_is_one(void **state)
{
    struct mca mca;

    (void)state;
    boot(CAP_CMCI, 1);
    mca = start(&plain);
    machine.status[0] = VALID | 500ull << MC_STATUS_COUNT_SHIFT;
    mca_poll(&mca, 1);
    machine.status[0] = VALID;
    mca_poll(&mca, 2);
    assert_int_equal(taken[0].count, 500);
    assert_int_equal(taken[1].count, 1);
}

#define RAISED (VALID | MC_STATUS_UNCORRECTED | MC_STATUS_ENABLED)

static void polling_leaves_to_the_handler_what_it_is_raised_for(void **state)
{
    struct mca mca;
    struct mca_error worst;

    (void)state;
    boot(0, 1);
    mca = start(&plain);
    machine.status[0] = RAISED | MC_STATUS_ADDRESS_VALID;
    machine.address[0] = 9;
    mca_poll(&mca, 1);
    mca_on_cmci(&mca, 2);
    assert_int_equal(taken_count, 0);
    assert_true(mca_take_uncorrected(&mca, &worst) == (RAISED | MC_STATUS_ADDRESS_VALID));
    assert_int_equal(taken_count, 1);
    assert_true(worst.bank == 0 && worst.address == 9);
    assert_true(machine.status[0] == 0);
}

static void what_no_handler_comes_for_is_taken_by_the_next_poll(void **state)
{
    struct mca mca;

    (void)state;
    boot(0, 40);
    machine.scalable = true;
    mca = start(&(struct mca_cpu){.scalable = true});
    machine.status[39] = RAISED;
    mca_poll(&mca, 1);
    mca_on_cmci(&mca, 2);
    assert_int_equal(taken_count, 0);
    mca_poll(&mca, 500);
    assert_int_equal(taken_count, 1);
    assert_int_equal(taken[0].bank, 39);
    machine.status[39] = RAISED;            /* another: its handler has its time too */
    mca_poll(&mca, 1000);
    assert_int_equal(taken_count, 1);
}

static void an_error_that_is_not_enabled_has_no_handler(void **state)
{
    struct mca mca;

    (void)state;
    boot(0, 1);
    mca = start(&plain);
    machine.status[0] = VALID | MC_STATUS_UNCORRECTED;
    mca_poll(&mca, 1);
    assert_int_equal(taken_count, 1);
}

static void a_deferred_error_behind_a_worse_one_is_taken_too(void **state)
{
    struct mca mca;

    (void)state;
    boot(0, 2);
    machine.scalable = true;
    mca = start(&(struct mca_cpu){.scalable = true});
    machine.status[1] = VALID;
    machine.deferred[1] = VALID | MC_STATUS_DEFERRED | MC_STATUS_ADDRESS_VALID;
    machine.deferred_address[1] = 5;
    mca_poll(&mca, 1);
    assert_int_equal(taken_count, 2);
    assert_string_equal(mca_kind(taken[1].status), "deferred");
    assert_int_equal(taken[1].address, 5);
    assert_true(machine.deferred[1] == 0);
    machine.status[1] = machine.deferred[1] = VALID | MC_STATUS_DEFERRED;   /* one error, twice */
    mca_poll(&mca, 2);
    assert_int_equal(taken_count, 3);
}

/* Two banks at once: what either says counts, and the worse one is the cause, wherever it is. */
static void of_several_errors_the_worst_is_named(void **state)
{
    static const uint64_t by_severity[] = {RAISED | MC_STATUS_CONTEXT_CORRUPT, RAISED,
                                           VALID | MC_STATUS_UNCORRECTED};
    struct mca_error worst;
    struct mca mca;

    (void)state;
    boot(0, 3);
    mca = start(&plain);
    for (unsigned place = 0; place < 3; place++) {
        for (unsigned bank = 0; bank < 3; bank++)
            machine.status[bank] = by_severity[(bank + 3 - place) % 3] | (bank == 1 ? OVER : 0);
        taken_count = 0;
        assert_true(mca_take_uncorrected(&mca, &worst) == (by_severity[0] | OVER));
        assert_int_equal(taken_count, 3);
        assert_int_equal(worst.bank, place);
    }
    machine.status[0] = machine.status[2] = RAISED;
    mca_take_uncorrected(&mca, &worst);
    assert_int_equal(worst.bank, 0);        /* of two alike the first */
    assert_int_equal(mca_severity(VALID | MC_STATUS_CONTEXT_CORRUPT), 0);
    assert_int_equal(mca_severity(MC_STATUS_UNCORRECTED), 0);
}

/* Five errors, of which a bank keeps the first. */
static void a_bank_that_lost_errors_held_two_at_least(void **state)
{
    struct mca mca;

    (void)state;
    boot(0, 2);
    machine.scalable = true;
    mca = start(&(struct mca_cpu){.scalable = true});
    machine.status[0] = VALID | OVER;
    machine.deferred[1] = VALID | MC_STATUS_DEFERRED | OVER;
    mca_poll(&mca, 1);
    assert_int_equal(taken_count, 2);
    for (unsigned i = 0; i < 2; i++)
        assert_true(taken[i].count == 2 && taken[i].overflow);
    boot(CAP_CMCI, 1);
    mca = start(&plain);
    machine.status[0] = VALID | OVER | 1ull << MC_STATUS_COUNT_SHIFT;
    mca_poll(&mca, 1);
    machine.status[0] = VALID | OVER | 0x7fffull << MC_STATUS_COUNT_SHIFT;
    mca_poll(&mca, 2);
    machine.status[0] = VALID | 0x7fffull << MC_STATUS_COUNT_SHIFT;
    mca_poll(&mca, 3);
    assert_true(taken[0].count == 2 && taken[0].overflow);
    assert_true(taken[1].count == 0x7fff && taken[1].overflow);
    assert_true(taken[2].count == 0x7fff && !taken[2].overflow);
}

static void the_handler_leaves_to_polling_what_is_corrected(void **state)
{
    struct mca mca;
    struct mca_error worst;

    (void)state;
    boot(0, 1);
    mca = start(&plain);
    machine.status[0] = VALID | 0x9f;
    assert_true(mca_take_uncorrected(&mca, &worst) == 0);
    assert_true(machine.status[0] == (VALID | 0x9f));
}

static void wrong_data_that_nobody_used_is_polled(void **state)
{
    struct mca mca;

    (void)state;
    boot(CAP_SER, 1);
    mca = start(&plain);
    machine.status[0] = RAISED | MC_STATUS_SIGNALED;
    mca_poll(&mca, 1);
    assert_int_equal(taken_count, 0);
    machine.status[0] = RAISED;
    mca_poll(&mca, 2);
    assert_int_equal(taken_count, 1);
    assert_string_equal(mca_kind(taken[0].status), "uncorrected");
    assert_string_equal(mca_kind(VALID | MC_STATUS_DEFERRED), "deferred");
    assert_string_equal(mca_kind(VALID), "corrected");
}

static void scalable_banks_have_other_addresses(void **state)
{
    struct mca mca;

    (void)state;
    boot(0, 8);
    machine.scalable = true;
    mca = start(&(struct mca_cpu){.scalable = true});
    machine.status[7] = VALID | MC_STATUS_ADDRESS_VALID;
    machine.address[7] = 77;
    mca_poll(&mca, 1);
    assert_int_equal(taken[0].bank, 7);
    assert_int_equal(taken[0].address, 77);
}

static void no_more_banks_than_have_registers(void **state)
{
    (void)state;
    boot(0, 0);
    machine.cap = 70;
    machine.banks = MCA_BANKS_MOST_LEGACY;
    assert_int_equal(start(&plain).out_of_reach, 70 - MCA_BANKS_MOST_LEGACY);
    assert_int_equal(machine.reads_of_nothing, 0);
    machine.banks = MCA_BANKS_MOST;
    machine.scalable = true;
    assert_int_equal(start(&(struct mca_cpu){.scalable = true}).out_of_reach, 70 - MCA_BANKS_MOST);
    assert_int_equal(machine.reads_of_nothing, 0);
    boot(0, 0);
    start(&plain);
    assert_int_equal(taken_count, 0);
}

static void registers_that_fault_are_survived(void **state)
{
    struct mca mca;

    (void)state;
    boot(CAP_CTL | CAP_CMCI, 0);
    machine.cap |= 10;                      /* which are not there */
    mca = start(&plain);
    mca_poll(&mca, 1);
    mca_on_cmci(&mca, 2);
    assert_true(machine.reads_of_nothing > 0 && taken_count == 0 && mca.cmci_banks == 0);
}

static void a_shared_bank_s_cmci_has_one_owner(void **state)
{
    struct mca first, second;

    (void)state;
    boot(CAP_CMCI, 3);
    machine.without_ctl2 = 1 << 1;
    machine.ctl2[0] = 0x1234;               /* a threshold that firmware has left */
    first = start(&plain);
    second = start(&plain);
    assert_int_equal(first.cmci_banks, 5);
    assert_int_equal(second.cmci_banks, 0);
    assert_true(machine.ctl2[0] == (CMCI_ON | 1));
}

/* The number of CMCIs until CMCI is off. */
static unsigned storm(struct mca *mca, uint64_t now_ms)
{
    unsigned count = 0;

    while (machine.ctl2[0] & CMCI_ON && count < 1000) {
        machine.status[0] = VALID;
        mca_on_cmci(mca, now_ms);
        count++;
    }
    return count;
}

static void a_storm_falls_back_to_polling_until_it_is_over(void **state)
{
    struct mca mca;

    (void)state;
    boot(CAP_CMCI, 2);
    mca = start(&plain);
    assert_int_equal(storm(&mca, 5000), MCA_CMCIS_A_SECOND + 1);
    assert_int_equal(taken_count, MCA_CMCIS_A_SECOND + 1);
    assert_true(mca.cmci_off && !(machine.ctl2[1] & CMCI_ON));
    machine.status[1] = VALID;              /* found by polling all the same */
    mca_poll(&mca, 20000);
    assert_int_equal(taken_count, MCA_CMCIS_A_SECOND + 2);
    mca_poll(&mca, 20000 + MCA_QUIET_MS);
    assert_true(mca.cmci_off);
    mca_poll(&mca, 20001 + MCA_QUIET_MS);
    assert_true(!mca.cmci_off && machine.ctl2[0] & CMCI_ON && machine.ctl2[1] & CMCI_ON);
}

static void few_cmcis_are_no_storm(void **state)
{
    struct mca mca;

    (void)state;
    boot(CAP_CMCI, 1);
    mca = start(&plain);
    for (uint64_t now = 0; now < 600000; now += 1000 / MCA_CMCIS_A_SECOND + 1)
        mca_on_cmci(&mca, now);
    assert_false(mca.cmci_off);
}

static void codes_have_words(void **state)
{
    static const struct {
        uint16_t code;
        const char *text;
    } known[] = {
        {0x0000, "code 0x0000"}, {0x0001, "unclassified"}, {0x0005, "internal parity"},
        {0x0400, "internal timer"}, {0x0401, "internal"}, {0x0e0b, "I/O"},
        {0x000e, "cache, level 2"}, {0x0015, "TLB, data, level 1"},
        {0x0092, "memory controller, read, channel 2"}, {0x009f, "memory controller, read"},
        {0x10c3, "memory controller, scrub, channel 3"},
        {0x0136, "cache, data, data read, level 2"}, {0x0294, "memory as a cache, read, channel 4"},
        {0x0813, "bus or interconnect, read, level 3"}, {0x8000, "code 0x8000"},
    };
    char text[MCA_TEXT_SIZE];

    (void)state;
    for (unsigned i = 0; i < sizeof known / sizeof known[0]; i++) {
        mca_describe(VALID | known[i].code, text);
        assert_string_equal(text, known[i].text);
    }
    for (uint32_t code = 0; code <= UINT16_MAX; code++) {
        mca_describe(code, text);
        assert_in_range(strlen(text), 1, MCA_TEXT_SIZE - 2);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_bank_reports_after_the_start),
        cmocka_unit_test(what_was_left_is_taken_at_the_start),
        cmocka_unit_test(a_corrected_error_is_taken_once),
        cmocka_unit_test(the_bank_s_count_is_believed_where_it_is_one),
        cmocka_unit_test(polling_leaves_to_the_handler_what_it_is_raised_for),
        cmocka_unit_test(what_no_handler_comes_for_is_taken_by_the_next_poll),
        cmocka_unit_test(an_error_that_is_not_enabled_has_no_handler),
        cmocka_unit_test(a_deferred_error_behind_a_worse_one_is_taken_too),
        cmocka_unit_test(of_several_errors_the_worst_is_named),
        cmocka_unit_test(a_bank_that_lost_errors_held_two_at_least),
        cmocka_unit_test(the_handler_leaves_to_polling_what_is_corrected),
        cmocka_unit_test(wrong_data_that_nobody_used_is_polled),
        cmocka_unit_test(scalable_banks_have_other_addresses),
        cmocka_unit_test(no_more_banks_than_have_registers),
        cmocka_unit_test(registers_that_fault_are_survived),
        cmocka_unit_test(a_shared_bank_s_cmci_has_one_owner),
        cmocka_unit_test(a_storm_falls_back_to_polling_until_it_is_over),
        cmocka_unit_test(few_cmcis_are_no_storm),
        cmocka_unit_test(codes_have_words),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
