/* SPDX-License-Identifier: MIT */
/* Asks and answers: see exchange.h. */
#include "smp/exchange.h"

#include <stddef.h>

#include "cpu/clock.h"
#include "cpu/claim.h"
#include "cpu/late.h"
#include "cpu/patience.h"
#include "cpu/percpu.h"
#include "cpu/vectors.h"
#include "smp/apic.h"

#define LOOKS_TO_PAUSE 16           /* the answer has mostly come by then, and its time is exact */

/* By the CPU that is asked. One CPU at a time may ask it. */
static struct {
    uint32_t asker;                 /* its index + 1; 0: nobody */
    bool asked;                     /* until it has answered */
    int64_t answered;
    int64_t move;                   /* its clock, before it answers */
} CPU_TABLE(slots);

/* The fence makes RDTSC wait for the reads before it. */
static int64_t read_clock(void)
{
    __asm__ volatile("lfence" : : : "memory");
    return clock_cycles();
}

static bool wait_for_answer(uint32_t cpu, void (*pause)(void))
{
    struct patience patience = patience_with(cpu);

    for (unsigned looks = 0; __atomic_load_n(&slots[cpu].asked, __ATOMIC_ACQUIRE); looks++) {
        if (patience_is_over(&patience))
            return false;
        if (looks < LOOKS_TO_PAUSE)
            cpu_relax_rarely();
        else
            pause();
    }
    return true;
}

/* A CPU that hangs meanwhile loses the slot. */
static bool take(uint32_t cpu)
{
    uint32_t asker = 0;

    while (!__atomic_compare_exchange_n(&slots[cpu].asker, &asker, cpu_index() + 1, false,
                                        __ATOMIC_ACQUIRE, __ATOMIC_RELAXED))
        if (asker == 0 || !cpu_is_lost(asker - 1))
            return false;
    return true;
}

/* A CPU that has not answered yet is asked no more: its late answer would be taken for another
 * question's. */
static bool ask(uint32_t cpu, int64_t move, void (*pause)(void), struct exchange *exchange)
{
    bool answered;

    while (!take(cpu))
        pause();
    if ((answered = wait_for_answer(cpu, pause))) {
        slots[cpu].move = move;
        exchange->asked = read_clock();
        __atomic_store_n(&slots[cpu].asked, true, __ATOMIC_RELEASE);
        apic_send_ipi(cpu_at(cpu)->apic_id, VECTOR_EXCHANGE);
        answered = wait_for_answer(cpu, pause);
        exchange->back = read_clock();
        exchange->answered = slots[cpu].answered;
    }
    __atomic_store_n(&slots[cpu].asker, 0, __ATOMIC_RELEASE);
    return answered;
}

bool exchange_times(uint32_t cpu, void (*pause)(void), struct exchange *exchange)
{
    return ask(cpu, 0, pause, exchange);
}

bool exchange_move_clock(uint32_t cpu, int64_t cycles, void (*pause)(void))
{
    struct exchange exchange;

    return ask(cpu, cycles, pause, &exchange);
}

static void answer(struct trap_frame *frame)
{
    uint32_t cpu = cpu_index();

    (void)frame;
    count_event(EVENT_IPI);
    if (__atomic_load_n(&slots[cpu].asked, __ATOMIC_ACQUIRE)) {
        clock_move(slots[cpu].move);
        slots[cpu].answered = read_clock();
        __atomic_store_n(&slots[cpu].asked, false, __ATOMIC_RELEASE);
    }
    apic_eoi();
}

void exchange_init(void)
{
    claim_this_vector(VECTOR_EXCHANGE, "exchange", answer);
}
