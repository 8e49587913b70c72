/* SPDX-License-Identifier: MIT */
/* Tells NMIs apart, and asks the board about foreign ones: see nmi_owner.h. */
#include "cpu/nmi_owner.h"

#include "cpu/verdict.h"
#include "cpu/inject.h"
#include "cpu/late.h"
#include "cpu/percpu.h"
#include "cpu/hardware/nmi_reason.h"

uint64_t CPU_TABLE(nmis_unexplained);

/* Not 0: an announced NMI that may have merged with another may come yet. It comes before any that
 * is announced later: messages to an APIC keep their order. So the answer of this NMI's next hook
 * and the next announced one end it. */
static uint32_t CPU_TABLE(again);
#define UNTIL_THE_NEXT_ANNOUNCED 2

void nmi_expect(uint32_t cpu, uint32_t count)
{
    __atomic_store_n(&cpu_at(cpu)->nmis_expected, count, __ATOMIC_RELEASE);
}

/* The sender may write at the same time, when a foreign NMI comes between its own. */
bool nmi_is_expected(void)
{
    uint32_t *expected = &this_cpu->self->nmis_expected;
    uint32_t count = __atomic_load_n(expected, __ATOMIC_ACQUIRE);

    while (count && !__atomic_compare_exchange_n(expected, &count, count - 1, false,
                                                 __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE))
        ;
    if (count && again[this_cpu->index])
        again[this_cpu->index]--;
    return count;
}

bool nmi_may_have_merged(void)
{
    bool outstanding = __atomic_load_n(&this_cpu->self->nmis_expected, __ATOMIC_ACQUIRE);

    if (outstanding)
        again[this_cpu->index] = UNTIL_THE_NEXT_ANNOUNCED;
    return outstanding;
}

void nmi_take_foreign(void)
{
    if (again[cpu_index()]) {
        again[cpu_index()] = 0;
        return;
    }
    uint8_t reason = inject_planted(INJECT_BOARD_ERROR) ? NMI_SERR : nmi_read_reason();

    nmis_unexplained[cpu_index()]++;
    if (reason & NMI_SERR)
        check_failed(CHECK_HARDWARE, "NMI",
                     "port 0x61 says SERR: a device or the memory reports a system error");
    if (reason & NMI_IOCHK)
        check_failed(CHECK_HARDWARE, "NMI",
                     "port 0x61 says IOCHK: an expansion card reports an error");
}
