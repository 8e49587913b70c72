/* SPDX-License-Identifier: MIT */
/* Victims, and the comparison of what they hold: the check `whole`. SDM volume 3, 6.12.1 (what an
 * interrupt saves and IRET restores). */
#include "workloads/run/collisions.h"
#include "workloads/run/victim.h"

#include <stddef.h>

#include "cpu/verdict.h"
#include "cpu/features.h"
#include "cpu/late.h"
#include "cpu/percpu.h"
#include "cpu/claim.h"
#include "cpu/vectors.h"
#include "cpu/x86.h"
#include "lib/random.h"
#include "lib/string.h"
#include "sched/thread.h"
#include "sched/user.h"
#include "workloads/run/victim_block.h"

_Noreturn void victim_enter(struct victim_block *block);    /* victim.asm */
extern char victim_loop[];

static struct {
    uint64_t looks;
    uint64_t unused[7];
} CPU_TABLE(counts);

uint64_t victim_rounds(void)
{
    uint64_t total = 0;

    for (uint32_t cpu = 0; cpu < cpu_count; cpu++)
        total += __atomic_load_n(&counts[cpu].looks, __ATOMIC_RELAXED);
    return total;
}

static void fill(struct victim_block *block, uintptr_t address, struct random *random)
{
    for (unsigned i = 0; i < FRAME_REGISTERS; i++)
        block->registers[i] = random_next(random);
    block->rsp = address;
    block->rounds = 0;
    block->key = random_next(random);
    for (unsigned i = 0; i < VICTIM_WORDS; i++)
        block->words[i] = block->key ^ i;
}

static void check_registers(struct trap_frame *frame, const struct victim_block *block)
{
    static const char *const names[FRAME_REGISTERS] = {FRAME_REGISTER_NAMES};

    for (unsigned i = 0; i < FRAME_REGISTERS; i++) {
        if (frame->registers[i] == block->registers[i])
            continue;
        check_failed(CHECK_WHOLE, "victim", "ring %u victim: %s is 0x%lx, not 0x%lx",
                     (unsigned)frame->cs & 3, names[i], frame->registers[i], block->registers[i]);
        frame->registers[i] = block->registers[i];
    }
}

static void check_words(const struct trap_frame *frame, const struct victim_block *block)
{
    for (unsigned i = 0; i < VICTIM_WORDS; i++)
        if (block->words[i] != (block->key ^ i))
            check_failed(CHECK_WHOLE, "victim",
                         "ring %u victim: the word at 0x%lx of its stack is 0x%lx, not 0x%lx",
                         (unsigned)frame->cs & 3,
                         frame->rsp + offsetof(struct victim_block, words[i]), block->words[i],
                         block->key ^ i);
}

/* In ring 0 AC means nothing without SMAP, and nothing clears it. */
static void check_flags(const struct trap_frame *frame)
{
    bool user = frame_from_user(frame);
    uint64_t mask = RFLAGS_TF | RFLAGS_IF | RFLAGS_DF | RFLAGS_NT;
    uint64_t expected = RFLAGS_IF | RFLAGS_DF | (user ? RFLAGS_AC : 0);

    mask |= user || cpu_features.smap ? RFLAGS_AC : 0;
    if ((frame->rflags & mask) != expected)
        check_failed(CHECK_WHOLE, "victim", "ring %u victim: RFLAGS is 0x%lx, not 0x%lx in 0x%lx",
                     (unsigned)frame->cs & 3, frame->rflags, expected, mask);
}

void victim_check_entry(const struct trap_frame *frame, const char *event)
{
    uint64_t flags = read_flags(), wrong = flags & (RFLAGS_TF | RFLAGS_IF | RFLAGS_DF | RFLAGS_NT);

    if (frame_from_user(frame) && (cpu_features.smap || frame->vector == VECTOR_SYSCALL))
        wrong |= flags & RFLAGS_AC;
    if (__builtin_expect(!wrong, 1))
        return;
    __asm__ volatile("cld" : : : "memory");
    check_failed(CHECK_WHOLE, event,
                 "the handler runs with RFLAGS 0x%lx: its entry left 0x%lx of them set", flags,
                 wrong);
}

/* The victim asks to be looked at: because it is time, or because something differs. */
static void look(struct trap_frame *frame)
{
    struct victim_block block;
    enum collision before = collision_enter(COLLISION_TRAP, frame);

    victim_check_entry(frame, "victim");
    if (!frame_from_user(frame)) {
        memcpy(&block, (const void *)frame->rsp, sizeof(block));
    } else if (!user_read(&block, frame->rsp, sizeof(block))) {
        check_failed(CHECK_WHOLE, "victim", "ring 3 victim: RSP is 0x%lx, where it has no memory",
                     frame->rsp);
        collision_leave(before);
        thread_exit();
    }
    if (frame->rsp != block.rsp)
        check_failed(CHECK_WHOLE, "victim", "ring %u victim: RSP is 0x%lx, not 0x%lx",
                     (unsigned)frame->cs & 3, frame->rsp, block.rsp);
    check_flags(frame);
    check_registers(frame, &block);
    check_words(frame, &block);
    counts[cpu_index()].looks++;
    collision_leave(before);
    if (thread_stopping())
        thread_exit();
    thread_yield();
}

void victim_prepare(void)
{
    claim_this_vector(VECTOR_VICTIM, "victim", look);
}

void victim_ring0(void *random)
{
    struct victim_block block __attribute__((aligned(16)));

    fill(&block, (uintptr_t)&block, random);
    victim_enter(&block);
}

void victim_ring3(void *random)
{
    struct victim_block block;

    fill(&block, user_stack_address(sizeof(block)), random);
    user_enter(victim_loop, &block, sizeof(block));
    check_failed(CHECK_LEAK, "victim", "no memory for a ring 3 victim's stack");
}
