/* SPDX-License-Identifier: MIT */
/* Tests of cpu/backtrace.h: calls and frames over several stacks, whatever ends them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "cpu/backtrace.c"
#include "machine.h"

#define SLOT 2
#define TASK_TOP (thread_slot_stack(SLOT) + THREAD_SIZE)

static char said[8192];
static uintptr_t unreadable;        /* a page */

void report_note(const char *fmt, ...)
{
    size_t used = strlen(said);
    va_list args;

    va_start(args, fmt);
    used += (size_t)vsnprintf(said + used, sizeof said - used, fmt, args);
    va_end(args);
    snprintf(said + used, sizeof said - used, "\n");
}

const char *symbol_find(uint64_t address, uint64_t *offset)
{
    *offset = address & 0xff;
    return address >= 0x1000 && address < 0x2000 ? "known" : NULL;
}

bool paging_readable(uintptr_t address, size_t size)
{
    return !unreadable || address + size <= unreadable || address >= unreadable + PAGE_SIZE;
}

static int begin(void **state)
{
    (void)state;
    machine_make(2);
    machine_map(thread_slot_stack(SLOT), TASK_TOP);
    said[0] = '\0';
    unreadable = 0;
    return 0;
}

/* A call's two words there: who is to be returned to, and the RBP of that one. */
static uintptr_t put_call(uintptr_t at, uint64_t rip, uint64_t rbp)
{
    ((uint64_t *)at)[0] = rbp;
    ((uint64_t *)at)[1] = rip;
    return at;
}

/* A frame that ends there; its RBP mark. */
static uintptr_t put_frame(uintptr_t end, uint64_t rip, uint64_t rbp, uint64_t rsp)
{
    struct trap_frame *frame = (struct trap_frame *)end - 1;

    memset(frame, 0, sizeof *frame);
    frame->rip = rip;
    frame->rbp = rbp;
    frame->rsp = rsp;
    frame->cs = KERNEL_CS;
    return (uintptr_t)frame + 1;
}

static const struct trap_frame *frame_of(uintptr_t mark)
{
    return (const struct trap_frame *)(mark - 1);
}

/* An NMI in a breakpoint's second level, in an interrupt, in a thread two calls deep. */
static uintptr_t nest(void)
{
    uintptr_t outer = put_call(TASK_TOP - 64, 0x1003, 0);
    uintptr_t inner = put_call(TASK_TOP - 128, 0x1002, outer);
    uintptr_t irq = put_frame(TASK_TOP - 160, 0x1001, inner, TASK_TOP - 144);
    uintptr_t handler = put_call(stack_top(1, IRQ_STACK, 0) - 64, 0x5000, irq);
    uintptr_t debug = put_frame(stack_top(1, DEBUG_STACK, 1), 0x1004, handler,
                                stack_top(1, IRQ_STACK, 0) - 96);

    return put_frame(stack_top(1, NMI_STACK, 0), 0x1005, debug, stack_top(1, DEBUG_STACK, 1) - 300);
}

static void all_stacks_are_told(void **state)
{
    (void)state;
    backtrace_report(frame_of(nest()));
    assert_string_equal(said,
                        "  stacks: <NMI> <DB[1]> <IRQ> <TASK>\n"
                        "  <DB[1]>  0x000000001005 known+0x5\n"
                        "  <IRQ>    0x000000001004 known+0x4\n"
                        "  <IRQ>    0x000000005000\n"
                        "  <TASK>   0x000000001001 known+0x1\n"
                        "  <TASK>   0x000000001002 known+0x2\n"
                        "  <TASK>   0x000000001003 known+0x3\n");
}

/* At the very top of an empty stack, RSP is still on it. */
static void an_empty_stack_is_told_too(void **state)
{
    (void)state;
    backtrace_report(frame_of(put_frame(stack_top(0, NMI_STACK, 0), 0x1000, 0, TASK_TOP)));
    assert_string_equal(said, "  stacks: <NMI> <TASK>\n  <TASK>   0x000000001000 known+0x0\n");
}

static void ring_3_is_the_end(void **state)
{
    uintptr_t user = put_frame(TASK_TOP, 0x1001, 0x1000, 0x7000), nmi;

    (void)state;
    ((struct trap_frame *)(user - 1))->cs = USER_CS;
    nmi = put_frame(stack_top(0, NMI_STACK, 0), 0x1002, user, TASK_TOP - 256);
    backtrace_report(frame_of(nmi));
    assert_string_equal(said, "  stacks: <NMI> <TASK>\n  <TASK>   0x000000001002 known+0x2\n");
}

/* An RBP that leads nowhere ends it: RBP at 0, beside a word, on no stack, in a page that is not
 * there, half on it, or with no way back. */
static void what_cannot_be_read_is_the_end(void **state)
{
    uintptr_t whole = put_call(TASK_TOP - 64, 0x1001, 0);
    uintptr_t lost = put_call(TASK_TOP - 128, 0, whole);
    const uint64_t ends[] = {0, whole + 4, 0x30000000, 0x30000001, lost, TASK_TOP - 4096,
                             thread_slot_stack(SLOT) - 8, CPU_WINDOWS_BASE + 64};

    (void)state;
    unreadable = TASK_TOP - 4096 - PAGE_SIZE;
    put_call(TASK_TOP - 4096 - 16, 0x1001, 0);
    for (unsigned i = 0; i < sizeof ends / sizeof ends[0]; i++) {
        said[0] = '\0';
        if (i == 5)
            unreadable = TASK_TOP - 4096;
        backtrace_report(frame_of(put_frame(stack_top(0, NMI_STACK, 0), 0x1000, ends[i],
                                            TASK_TOP - 8)));
        assert_string_equal(said, "  stacks: <NMI> <TASK>\n  <TASK>   0x000000001000 known+0x0\n");
    }
    said[0] = '\0';
    unreadable = 0;
    backtrace_report(frame_of(put_frame(stack_top(0, NMI_STACK, 0), 0x1000, whole, TASK_TOP - 96)));
    assert_non_null(strstr(said, "0x000000001001"));
}

static unsigned count_lines(void)
{
    unsigned count = 0;

    for (const char *c = said; *c; c++)
        count += *c == '\n';
    return count;
}

static void a_ring_of_calls_has_an_end(void **state)
{
    uintptr_t ring = put_call(TASK_TOP - 64, 0x1001, TASK_TOP - 64);

    (void)state;
    backtrace_report(frame_of(put_frame(stack_top(0, NMI_STACK, 0), 0x1000, ring, TASK_TOP - 96)));
    assert_int_equal(count_lines(), 1 + 1 + MOST_STEPS);
}

/* No more stacks than there is room for; the same level of another CPU's is another one. */
static void as_many_stacks_as_are_asked_for(void **state)
{
    struct step at;
    struct stack_place places[5];
    uintptr_t mark = nest();

    (void)state;
    at = (struct step){0x1000, mark, mark - 1};
    memset(places, 0xee, sizeof places);
    assert_int_equal(collect_stacks(at, places, 4), 4);
    assert_int_equal(places[0].kind, NMI_STACK);
    assert_int_equal(places[1].kind, DEBUG_STACK);
    assert_int_equal(places[1].level, 1);
    assert_int_equal(places[2].kind, IRQ_STACK);
    assert_int_equal(places[2].owner, 1);
    assert_int_equal(places[3].kind, THREAD_STACK);
    assert_int_equal(places[3].owner, SLOT);
    memset(places, 0xee, sizeof places);
    assert_int_equal(collect_stacks(at, places, 2), 2);
    assert_int_equal((uint32_t)places[2].kind, 0xeeeeeeee);
    mark = put_frame(stack_top(0, NMI_STACK, 0), 0x1000, mark, mark - 1);
    at = (struct step){0x1000, mark, mark - 1};
    assert_int_equal(collect_stacks(at, places, 5), 5);
    assert_int_equal(places[0].owner, 0);
    assert_int_equal(places[1].owner, 1);
}

/* And the ninth is left out. */
static void eight_stacks_are_told(void **state)
{
    uintptr_t mark = put_frame(stack_top(0, DEBUG_STACK, 3), 0x1000, 0, TASK_TOP - 8);

    (void)state;
    for (unsigned i = 0; i < 8; i++) {
        uint64_t rsp = mark - 1;

        mark = put_frame(stack_top(i % 2, NMI_STACK, i / 2), 0x1000, mark, rsp);
    }
    backtrace_report(frame_of(mark));
    assert_non_null(strstr(said, "  stacks: <NMI[3]> <NMI[3]> <NMI[2]> <NMI[2]> <NMI[1]> <NMI[1]> "
                           "<NMI> <NMI>\n"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(all_stacks_are_told, begin),
        cmocka_unit_test_setup(an_empty_stack_is_told_too, begin),
        cmocka_unit_test_setup(ring_3_is_the_end, begin),
        cmocka_unit_test_setup(what_cannot_be_read_is_the_end, begin),
        cmocka_unit_test_setup(a_ring_of_calls_has_an_end, begin),
        cmocka_unit_test_setup(as_many_stacks_as_are_asked_for, begin),
        cmocka_unit_test_setup(eight_stacks_are_told, begin),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
