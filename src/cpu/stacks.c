/* SPDX-License-Identifier: MIT */
/* Arithmetic on the list of stacks: shapes, places, fill patterns. The theory stands in
 * stacks.h. */
#include "cpu/stacks.h"

#include <stddef.h>

uint32_t cpu_count;

const struct stack_shape stack_shapes[CPU_STACK_KINDS] = {
#define STACK(symbol, name, ist, size, levels)                                                     \
    [symbol##_STACK] = {name, offsetof(struct cpu_window, stack_##symbol), size, levels, ist},
#include "cpu/stacks.def"
#undef STACK
};

static struct stack_place find_in_window(uintptr_t address)
{
    uint32_t offset = address % CPU_WINDOW;
    struct stack_place place = {.kind = GUARD_PAGE,
                                .owner = (address - CPU_WINDOWS_BASE) / CPU_WINDOW};

    if (offset < PERCPU_SIZE)
        place.kind = NO_STACK;
    for (unsigned kind = 0; kind < CPU_STACK_KINDS; kind++) {
        const struct stack_shape *shape = &stack_shapes[kind];
        uint32_t end = shape->offset + shape->level_size * shape->levels;
        if (offset < shape->offset || offset >= end)
            continue;
        place.kind = kind;
        place.level = (end - 1 - offset) / shape->level_size;
        place.high = stack_top(place.owner, kind, place.level);
        place.low = place.high - shape->level_size;
    }
    return place;
}

static struct stack_place find_in_slots(uintptr_t address)
{
    uint32_t slot = (address - THREAD_SLOTS_BASE) / THREAD_SLOT;
    struct stack_place place = {.kind = THREAD_STACK, .owner = slot};

    place.low = thread_slot_stack(slot);
    place.high = place.low + THREAD_SIZE;
    if (address < place.low)
        place.kind = GUARD_PAGE;
    return place;
}

struct stack_place stack_find(uintptr_t address)
{
    if (address - CPU_WINDOWS_BASE < (uintptr_t)MAX_CPUS * CPU_WINDOW)
        return find_in_window(address);
    if (address - THREAD_SLOTS_BASE < (uintptr_t)THREAD_SLOTS * THREAD_SLOT)
        return find_in_slots(address);
    return (struct stack_place){.kind = NO_STACK};
}

struct stack_place stack_of_rsp(uintptr_t rsp)
{
    struct stack_place at = stack_find(rsp), below = stack_find(rsp - 1);

    return at.kind > THREAD_STACK && below.kind <= THREAD_STACK ? below : at;
}

const char *stack_name(enum stack_kind kind)
{
    if (kind < CPU_STACK_KINDS)
        return stack_shapes[kind].name;
    return kind == THREAD_STACK ? "TASK" : kind == GUARD_PAGE ? "guard" : "none";
}

const char *stack_describe(uintptr_t address)
{
    static const char *const guards[CPU_STACK_KINDS] = {
#define STACK(symbol, name, ist, size, levels) "the guard page below the " name " stack",
#include "cpu/stacks.def"
#undef STACK
    };
    struct stack_place place = stack_find(address);

    if (place.kind != GUARD_PAGE)
        return place.kind == NO_STACK ? "on no stack" : "on a stack";
    if (address >= THREAD_SLOTS_BASE)
        return "the guard page below a thread's stack";
    /* The stack above a guard page is the one that it guards. */
    place = stack_find((address | (PAGE_SIZE - 1)) + 1);
    return place.kind < CPU_STACK_KINDS ? guards[place.kind] : "a guard page";
}

uintptr_t stack_top(uint32_t cpu, enum stack_kind kind, uint32_t level)
{
    const struct stack_shape *shape = &stack_shapes[kind];
    return CPU_WINDOWS_BASE + (uintptr_t)cpu * CPU_WINDOW + shape->offset +
           shape->level_size * (shape->levels - level);
}

void stack_fill(uintptr_t low, uintptr_t high)
{
    uint64_t *word = (uint64_t *)low;
    uint64_t count = (high - low) / sizeof(*word);

    __asm__ volatile("rep stosq" : "+D"(word), "+c"(count) : "a"(STACK_FILL) : "memory");
    *(uint64_t *)low = STACK_END_MAGIC;
}

uint32_t stack_used_bytes(uintptr_t low, uintptr_t high)
{
    const volatile uint64_t *word = (const volatile uint64_t *)low + 1;

    while ((uintptr_t)word < high && *word == STACK_FILL)
        word++;
    return high - (uintptr_t)word;
}
