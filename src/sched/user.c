/* SPDX-License-Identifier: MIT */
/* Ring 3: mappings, the way there by a hand-made frame, and reading its memory. SDM volume 3, 4.6,
 * 5.8, 6.12. */
#include "sched/user.h"

#include "cpu/features.h"
#include "cpu/frame.h"
#include "cpu/image.h"
#include "cpu/inject.h"
#include "cpu/paging.h"
#include "cpu/percpu.h"
#include "lib/string.h"
#include "sched/thread.h"

#define USER_STACKS (USER_BASE + (1ull << 32))

extern char user_text_start[], user_text_end[];
_Noreturn void frame_resume(struct trap_frame *frame);      /* entry.asm */

bool user_init(void)
{
    uintptr_t text = (uintptr_t)user_text_start;

    for (uintptr_t at = text; at < (uintptr_t)user_text_end; at += PAGE_SIZE)
        if (!paging_map(USER_BASE + (at - text), image_physical((const void *)at), PAGE_USER_TEXT))
            return false;
    return true;
}

/* SMAP is lifted by the AC flag. Interrupts are off meanwhile, since a switch would leave AC to the
 * next thread. */
static void copy_across(void *to, const void *from, size_t size)
{
    uint64_t flags = interrupts_save();

    if (cpu_features.smap)
        __asm__ volatile("stac" : : : "memory");
    memcpy(to, from, size);
    if (cpu_features.smap)
        __asm__ volatile("clac" : : : "memory");
    interrupts_restore(flags);
}

/* A page of its own, with a hole below it. */
static uintptr_t stack_page(const struct thread *thread)
{
    return USER_STACKS +
           (thread_stack(thread) - THREAD_SLOTS_BASE) / THREAD_SLOT * (2 * PAGE_SIZE) + PAGE_SIZE;
}

uintptr_t user_stack_address(size_t size)
{
    return (stack_page(thread_current()) + PAGE_SIZE - size) & ~(uintptr_t)15;
}

bool user_read(void *to, uintptr_t from, size_t size)
{
    if (from < USER_BASE || from + size < from || !paging_readable(from, size))
        return false;
    copy_across(to, (const void *)from, size);
    return true;
}

bool user_write(uintptr_t to, const void *from, size_t size)
{
    if (to < USER_BASE || to + size < to || !paging_readable(to, size))
        return false;
    copy_across((void *)to, from, size);
    return true;
}

uintptr_t user_address(const void *code)
{
    return USER_BASE + ((uintptr_t)code - (uintptr_t)user_text_start);
}

void user_enter(const void *code, const void *copy, size_t size)
{
    struct thread *self = thread_current();
    uintptr_t page = stack_page(self), stack = user_stack_address(size);

    if (!paging_map_new(page, page + PAGE_SIZE, PAGE_USER_DATA))
        return;
    self->user_stack = (uint8_t *)page;
    copy_across((void *)stack, copy, size);
    struct trap_frame frame = {
        .rip = user_address(code),
        .cs = USER_CS,
        .rflags = RFLAGS_FIXED | RFLAGS_IF,
        .rsp = stack,
        .ss = USER_DS,
    };
    interrupts_off();
    if (inject_planted(INJECT_WRONG_RSP0) && cpu_index() == inject_cpu())
        this_cpu->tss.rsp[0] -= 16;
    frame_resume(&frame);
}
