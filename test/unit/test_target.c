/* SPDX-License-Identifier: MIT */
/* Tests of workloads/run/target.h: from each CPU of machines of every small size, to whom each kind
 * of target sends, which CPU is passed over, and that a claim has one sender. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "machine.h"
#include "workloads/run/target.h"

enum { MOST = 9, TURNS = 400, APART = 3 };

static struct target_claims claims;
static struct random dice;
static unsigned sent[MAX_CPUS];         /* to each CPU */
static uint32_t last;

static void note_sent(uint32_t cpu, struct random *random)
{
    assert_ptr_equal(random, &dice);
    assert_true(claims.taken[cpu]);
    sent[cpu]++;
    last = cpu;
}

/* Every third CPU takes part, this one is the one at that place. */
static void begin(uint32_t count, uint32_t place, enum target kind)
{
    machine_make(MOST * APART);
    for (uint32_t i = 0; i < count; i++)
        target_cpus[i] = i * APART;
    target_count = count;
    target_kind = kind;
    machine_be(target_cpus[place]);
    memset(&claims, 0, sizeof(claims));
    memset(sent, 0, sizeof(sent));
    random_seed(&dice, 1);
}

static void turn(void)
{
    target_turn(&claims, &dice, note_sent);
    for (uint32_t cpu = 0; cpu < MAX_CPUS; cpu++)
        assert_false(claims.taken[cpu]);
}

static void others_are_all_but_this_one(void **state)
{
    (void)state;
    for (uint32_t count = 1; count <= MOST; count++) {
        for (uint32_t place = 0; place < count; place++) {
            begin(count, place, TARGET_OTHERS);
            turn();
            for (uint32_t cpu = 0; cpu < MOST * APART; cpu++)
                assert_int_equal(sent[cpu],
                                 cpu % APART == 0 && cpu / APART < count && cpu / APART != place);
        }
    }
}

static void a_neighbour_is_the_next_and_the_first_behind_the_last(void **state)
{
    (void)state;
    for (uint32_t count = 1; count <= MOST; count++) {
        for (uint32_t place = 0; place < count; place++) {
            begin(count, place, TARGET_NEIGHBOUR);
            turn();
            assert_int_equal(last, (place + 1) % count * APART);
            assert_int_equal(sent[last], 1);
        }
    }
}

static void self_is_this_one(void **state)
{
    (void)state;
    begin(MOST, 5, TARGET_SELF);
    turn();
    assert_int_equal(last, 5 * APART);
}

/* And nobody who does not take part. */
static void random_and_mixed_targets_hit_every_cpu(void **state)
{
    static const enum target kinds[] = {TARGET_RANDOM, TARGET_MIXED};

    (void)state;
    for (unsigned kind = 0; kind < 2; kind++) {
        begin(MOST, 2, kinds[kind]);
        for (unsigned i = 0; i < TURNS; i++)
            turn();
        for (uint32_t cpu = 0; cpu < MOST * APART; cpu++)
            assert_int_equal(sent[cpu] > 0, cpu % APART == 0);
        if (kinds[kind] == TARGET_MIXED)
            assert_true(sent[2 * APART] > TURNS / 3);
    }
}

static void nothing_is_sent_to_a_lost_cpu(void **state)
{
    (void)state;
    begin(4, 1, TARGET_NEIGHBOUR);
    cpu_at(2 * APART)->lost = true;
    cpu_at(3 * APART)->lost = true;
    turn();
    assert_int_equal(last, 0);
    target_kind = TARGET_RANDOM;
    for (unsigned i = 0; i < TURNS; i++)
        turn();
    assert_true(sent[0] && sent[APART] && !sent[2 * APART] && !sent[3 * APART]);
}

static void a_target_has_one_sender(void **state)
{
    (void)state;
    begin(3, 0, TARGET_OTHERS);
    claims.taken[APART] = true;
    target_turn(&claims, &dice, note_sent);
    assert_true(claims.taken[APART] && !sent[APART] && sent[2 * APART] == 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(others_are_all_but_this_one),
        cmocka_unit_test(a_neighbour_is_the_next_and_the_first_behind_the_last),
        cmocka_unit_test(self_is_this_one),
        cmocka_unit_test(random_and_mixed_targets_hit_every_cpu),
        cmocka_unit_test(nothing_is_sent_to_a_lost_cpu),
        cmocka_unit_test(a_target_has_one_sender),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
