/* SPDX-License-Identifier: MIT */
/* Walks frame pointers. An even RBP points at a caller's RBP. An odd one points at a trap frame,
 * which entry.asm marks so. */
#include "cpu/backtrace.h"

#include <stddef.h>

#include "lib/symbols.h"
#include "cpu/paging.h"
#include "cpu/x86.h"
#include "lib/format.h"
#include "lib/report.h"

#define MOST_STEPS 60

/* A point on the way: where, and on which stack. */
struct step {
    uint64_t rip, rbp, rsp;
};

/* Only our own stacks are read, since only they hold frames and links. Ring 3's RBP may be any
 * value. */
static bool readable(uintptr_t address, size_t size)
{
    enum stack_kind kind = stack_find(address).kind;

    return kind <= THREAD_STACK && paging_readable(address, size);
}

/* Goes one call or frame back; false at the end, or where memory cannot be read. */
static bool step_back(struct step *at)
{
    if (at->rbp & 1) {
        const struct trap_frame *frame = (const struct trap_frame *)(at->rbp - 1);
        if (!readable((uintptr_t)frame, sizeof(*frame)) || frame_from_user(frame))
            return false;
        *at = (struct step){frame->rip, frame->rbp, frame->rsp};
        return true;
    }
    const uint64_t *link = (const uint64_t *)at->rbp;
    if (at->rbp & 7 || !readable(at->rbp, 2 * sizeof(*link)) || !link[1])
        return false;
    *at = (struct step){link[1], link[0], at->rbp + 2 * sizeof(*link)};
    return true;
}

static void format_stack(char *out, size_t size, const struct stack_place *place)
{
    if (place->level > 0)
        format(out, size, "<%s[%u]>", stack_name(place->kind), place->level);
    else
        format(out, size, "<%s>", stack_name(place->kind));
}

static void report_step(const struct step *at)
{
    struct stack_place place = stack_of_rsp(at->rsp);
    char stack[16];
    uint64_t offset;
    const char *symbol = symbol_find(at->rip, &offset);

    format_stack(stack, sizeof(stack), &place);
    if (symbol)
        report_note("  %-8s 0x%012lx %s+0x%lx", stack, at->rip, symbol, offset);
    else
        report_note("  %-8s 0x%012lx", stack, at->rip);
}

static bool same_place(const struct stack_place *a, const struct stack_place *b)
{
    return a->kind == b->kind && a->owner == b->owner && a->level == b->level;
}

static unsigned collect_stacks(struct step at, struct stack_place *out, unsigned most)
{
    unsigned count = 0, steps = 0;

    do {
        struct stack_place place = stack_of_rsp(at.rsp);
        if (count == 0 || !same_place(&out[count - 1], &place))
            out[count++] = place;
    } while (count < most && steps++ < MOST_STEPS && step_back(&at));
    return count;
}

unsigned backtrace_stacks(struct stack_place *out, unsigned most)
{
    struct step here = {0, (uint64_t)__builtin_frame_address(0), read_rsp()};

    return collect_stacks(here, out, most);
}

/* One line shows the whole chain: <NMI> <DB[1]> <IRQ> <TASK>. */
static void report_chain(struct step at)
{
    struct stack_place places[8];
    unsigned count = collect_stacks(at, places, 8);
    char line[8 * 12] = "";
    size_t used = 0;

    for (unsigned i = 0; i < count; i++) {
        char stack[12];
        format_stack(stack, sizeof(stack), &places[i]);
        used += format(line + used, sizeof(line) - used, "%s%s", i ? " " : "", stack);
    }
    report_note("  stacks: %s", line);
}

void backtrace_report(const struct trap_frame *frame)
{
    struct step at = {frame->rip, frame->rbp, frame->rsp};
    unsigned steps = 0;

    /* The chain starts on the handler's own stack, so that the line begins with the event. */
    report_chain((struct step){frame->rip, (uint64_t)frame + 1, (uint64_t)frame});
    do
        report_step(&at);
    while (steps++ < MOST_STEPS && step_back(&at));
}
