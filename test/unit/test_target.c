/* SPDX-License-Identifier: MIT */
/* Tests of workloads/run/target.h: from each CPU of machines of every small size, to whom each kind
 * of target sends, and which CPU is passed over. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "machine.h"
#include "workloads/run/target.h"

enum { MOST = 9, TURNS = 400, APART = 3 };

static struct random dice;
static unsigned sent[MAX_CPUS];         /* to each CPU */

/* Every third CPU takes part, this one is the one at that place. */
static void begin(uint32_t count, uint32_t place, enum target kind)
{
    machine_make(MOST * APART);
    for (uint32_t i = 0; i < count; i++)
        target_cpus[i] = i * APART;
    target_count = count;
    target_kind = kind;
    machine_be(target_cpus[place]);
    memset(sent, 0, sizeof(sent));
    random_seed(&dice, 1);
}

static void turns(unsigned count)
{
    while (count-- > 0)
        sent[target_other(&dice)]++;
}

static void others_are_all_but_this_one(void **state)
{
    static const enum target kinds[] = {TARGET_OTHERS, TARGET_MIXED};

    (void)state;
    for (unsigned kind = 0; kind < 2; kind++) {
        for (uint32_t count = 2; count <= MOST; count++) {
            for (uint32_t place = 0; place < count; place++) {
                begin(count, place, kinds[kind]);
                turns(2 * (count - 1));
                for (uint32_t cpu = 0; cpu < MOST * APART; cpu++)
                    assert_int_equal(sent[cpu], cpu % APART || cpu / APART >= count ||
                                                cpu / APART == place ? 0 : 2);
            }
        }
    }
}

static void a_neighbour_is_the_next_and_the_first_behind_the_last(void **state)
{
    (void)state;
    for (uint32_t count = 1; count <= MOST; count++) {
        for (uint32_t place = 0; place < count; place++) {
            begin(count, place, TARGET_NEIGHBOUR);
            assert_int_equal(target_other(&dice), (place + 1) % count * APART);
            assert_int_equal(target_after(2), (place + 2) % count * APART);
        }
    }
}

static void self_is_this_one(void **state)
{
    static const enum target with_self[] = {TARGET_MIXED, TARGET_SELF};
    static const enum target without[] = {TARGET_NEIGHBOUR, TARGET_RANDOM, TARGET_OTHERS};

    (void)state;
    begin(MOST, 5, TARGET_SELF);
    assert_int_equal(target_other(&dice), 5 * APART);
    for (unsigned i = 0; i < sizeof(with_self) / sizeof(with_self[0]); i++) {
        target_kind = with_self[i];
        assert_true(target_includes_self());
    }
    for (unsigned i = 0; i < sizeof(without) / sizeof(without[0]); i++) {
        target_kind = without[i];
        assert_false(target_includes_self());
    }
}

static void one_cpu_alone_is_its_own_target(void **state)
{
    (void)state;
    for (unsigned kind = TARGET_MIXED; kind <= TARGET_OTHERS; kind++) {
        begin(1, 0, kind);
        assert_int_equal(target_other(&dice), 0);
    }
}

/* And nobody who does not take part. */
static void random_targets_hit_every_cpu(void **state)
{
    (void)state;
    begin(MOST, 2, TARGET_RANDOM);
    turns(TURNS);
    for (uint32_t cpu = 0; cpu < MOST * APART; cpu++)
        assert_int_equal(sent[cpu] > 0, cpu % APART == 0);
}

static void nothing_is_sent_to_a_lost_cpu(void **state)
{
    (void)state;
    begin(4, 1, TARGET_NEIGHBOUR);
    cpu_at(2 * APART)->lost = true;
    cpu_at(3 * APART)->lost = true;
    assert_int_equal(target_other(&dice), 0);
    target_kind = TARGET_RANDOM;
    turns(TURNS);
    target_kind = TARGET_OTHERS;
    turns(TURNS);
    assert_true(sent[0] && sent[APART] && !sent[2 * APART] && !sent[3 * APART]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(others_are_all_but_this_one),
        cmocka_unit_test(a_neighbour_is_the_next_and_the_first_behind_the_last),
        cmocka_unit_test(self_is_this_one),
        cmocka_unit_test(one_cpu_alone_is_its_own_target),
        cmocka_unit_test(random_targets_hit_every_cpu),
        cmocka_unit_test(nothing_is_sent_to_a_lost_cpu),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
