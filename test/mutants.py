#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Break the sources in one line, again and again, and show which check sees it.

Each mutant drops one thing that the stacks depend on: an adjustment, a back-link, an EOI, a
swapgs, a guard page; or one that the benchmark's numbers do. It is built in a copy of the tree and
run, its own runs and tests first and then the quick runs, until one of them fails: the mutant is
killed. One that none kills shows what nothing checks, and fails this script, as does one whose text
the sources no longer have exactly once.

exit status:
  0   every mutant was killed
  1   one survived, or a run failed before anything was mutated
  64  wrong usage, or a mutant that does not match the sources
"""

import argparse
import concurrent.futures
import dataclasses
import pathlib
import queue
import shutil
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT / "tools"), str(ROOT / "test")]
sys.dont_write_bytecode = True

import iststorm_report  # noqa: E402  (found through the path above)
import runs  # noqa: E402
from runs import Run  # noqa: E402

EXIT_SURVIVED = 1
EXIT_USAGE = 64
BUILD_LIMIT_S = 300
RUN_LIMIT_S = 60  # of the host's clock; a mutant may well hang
ENTRY = "src/cpu/entry.asm"
ENTRY_INC = "src/cpu/entry.inc"


@dataclasses.dataclass(frozen=True)
class Test:
    """A test that needs more than a run, or none: a command that fails in the tree."""
    name: str
    command: tuple


@dataclasses.dataclass(frozen=True)
class Mutant:
    """What `find`, which stands once in the file, becomes. `runs`, Runs and Tests, come first."""
    name: str
    path: str
    find: str
    put: str
    runs: tuple = ()

    def matches(self, tree):
        return (tree / self.path).read_text(encoding="ascii").count(self.find)


def alone(workload, smp="2", **options):
    return Run(f"run={workload} smp {smp}", "mutant", words=(f"run={workload}", "time=500ms"),
               smp=smp, **options)


def unit(name):
    return Test(f"unit {name}", ("make", "-s", "CI=", f"unit-test_{name}"))


def pytest(path, names):
    """Those of its tests that have one of the names."""
    return Test(f"{path} {names}", (sys.executable, "-m", "pytest", "-q", "-x", "-p",
                                    "no:cacheprovider", path, "-k", names))


def bench_test(name):
    return pytest("test/test_latency.py", name)


STORM = Run("storm smp 4", "mutant", words=("time=1s",), smp="4")
BENCH = Run("bench smp 2", "mutant", words=("run=latency", "samples=100"), smp="2", icount=True,
            timeout=240)
STAGES, SAMPLES, BATCH, HISTOGRAM, OFFSET = (
    unit(name) for name in ("latency_stages", "latency_samples", "latency_batch", "histogram",
                            "latency_offset"))
STAGES_C, SAMPLES_C, BATCH_C = (
    f"src/workloads/latency_{name}.c" for name in ("stages", "samples", "batch"))
LATENCY_ASM = "src/workloads/latency.asm"
STAMPS = pytest("test/test_stamps.py", "test")
# Without the lengths of its paths, which every line that is dropped changes.
SWEEP = dataclasses.replace(next(run for run in runs.RUNS if run.name == "run=sweep entry=shift"),
                            checks=(runs.swept("shift"),))
DEBUG, NMI, IRQ, SOFTIRQ, USER, FAULT, PAIRS = (
    alone(name) for name in ("debug", "nmi", "irq", "softirq", "user", "fault", "pairs"))
ENTRIES = {run.name.removeprefix("entry="): run for run in runs.RUNS
           if run.name.startswith("entry=")}
NONE, NONE_NESTED = ENTRIES["none"], ENTRIES["none nested"]
REPEAT, REPEAT_PAIRS = ENTRIES["repeat windows"], ENTRIES["repeat pairs"]
RET, RET_PAIRS = ENTRIES["ret windows"], ENTRIES["ret pairs"]
THREAD = Run("run=thread,switch smp 4", "mutant", words=("run=thread,switch", "time=2s"), smp="4")
HOLDER, HOLDER_ON_2, HUNG_PAIR, SHUTDOWN, ALONE, CLOCK_BACK_ON_1 = (
    next(run for run in runs.RUNS if run.name == name) for name in (
        "inject=hung-holder", "hung-holder on 2", "inject=hung-pair", "shutdown and reset",
        "hung-cpu alone", "clock-back on 1"))

MUTANTS = [
    # The IST entries.
    Mutant("IST value not lowered on entry", ENTRY_INC,
           "        INJECT  INJECT_NO_IST_ADJUST, {sub qword [rax + TSS_IST_OF(%1)], "
           "%{1}_LEVEL_SIZE}, {nop}\n", "", (DEBUG,)),
    Mutant("IST value lowered one instruction later", ENTRY_INC,
           "        INJECT  INJECT_NO_IST_ADJUST, {sub qword",
           "        nop\n        INJECT  INJECT_NO_IST_ADJUST, {sub qword", (SWEEP,)),
    Mutant("IST value not raised on exit", ENTRY_INC,
           "        INJECT  INJECT_NO_IST_ADJUST, {add qword [rax + TSS_IST_OF(%1)], "
           "%{1}_LEVEL_SIZE}, {nop}\n", "", (DEBUG,)),
    Mutant("IST entry without swapgs", ENTRY_INC,
           "        test    edx, edx\n        js      %%kernel_gs\n        swapgs\n",
           "        test    edx, edx\n        js      %%kernel_gs\n", (NMI,)),
    Mutant("IST exit without swapgs", ENTRY_INC,
           "        test    ebx, ebx\n        js      %%kernel_gs\n        swapgs\n",
           "        test    ebx, ebx\n        js      %%kernel_gs\n", (NMI,)),
    Mutant("IST entry decides for swapgs by CS", ENTRY_INC,
           "        test    edx, edx\n        js      %%kernel_gs\n",
           "        test    byte [rsp + FRAME_CS], 3\n        jz      %%kernel_gs\n", (NMI,)),
    Mutant("IST entry without cld", ENTRY_INC,
           "        PUSH_ALL_BUT_RAX\n        cld\n        lea     rbp, [rsp + 1]\n"
           "        mov     rdi, rsp\n        mov     ecx",
           "        PUSH_ALL_BUT_RAX\n        lea     rbp, [rsp + 1]\n"
           "        mov     rdi, rsp\n        mov     ecx", (NMI,)),
    Mutant("IST entry keeps ring 3's AC", ENTRY_INC, "        CLEAR_AC\n%%kernel_gs:\n",
           "%%kernel_gs:\n", (NMI,)),
    Mutant("events on an IST stack not counted down", "src/cpu/ist.c",
           "    this_cpu->ist_next[kind] = below + level_sizes[kind];\n", "", (NMI,)),
    Mutant("DR6 not cleared", "src/cpu/ist.c", "    write_dr6(DR6_IDLE);\n", "", (DEBUG,)),
    Mutant("RF not set after an execution breakpoint", "src/workloads/debug.c",
           "        frame->rflags |= RFLAGS_RF;", "        ;", (DEBUG,)),
    Mutant("TF not cleared by the step's end", "src/workloads/debug.asm",
           "        and     qword [rsp], ~RFLAGS_TF\n", "", (DEBUG,)),

    # The entry disciplines.
    Mutant("entry= is read and not obeyed", "src/boot/main.c",
           "    entry_chosen = &entries[options.entry];\n", "", (NONE,)),
    Mutant("entry=none: the second event's frame is not looked at", "src/cpu/ist.c",
           "    if (__builtin_expect(end != this_cpu->ist_next[kind], 0) ||\n"
           "        __builtin_expect", "    if (__builtin_expect", (NONE_NESTED,)),
    Mutant("entry=none: breakpoints nest all the same", "src/workloads/debug.c",
           "return entry_chosen->breakpoint_ist ? entry_chosen->levels - 1 : ",
           "return ", (NONE,)),

    Mutant("entry=repeat: a nested NMI is not told by the count", "src/cpu/entry_repeat.asm",
           "        jne     nmi_repeat_nested\n", "", (REPEAT_PAIRS,)),
    Mutant("entry=repeat: a nested NMI is not told by its RIP", "src/cpu/entry_repeat.asm",
           "        jz      nmi_repeat_nested\n", "", (REPEAT,)),
    Mutant("entry=repeat: the IRET itself is not in the window", "src/cpu/entry_repeat.asm",
           "        ja      nmi_repeat_first\n", "        jae     nmi_repeat_first\n", (REPEAT,)),
    Mutant("entry=repeat: a nested NMI is not owed", "src/cpu/entry_repeat.asm",
           "        inc     qword [PUSHED(OWED)]\n", "", (REPEAT,)),
    Mutant("entry=repeat: the outer NMI is not sent back", "src/cpu/entry_repeat.asm",
           "        mov     qword [rax], nmi_repeat_again\n", "", (REPEAT,)),
    Mutant("entry=repeat: an NMI's handler meets breakpoints", "src/cpu/ist.c",
           "    this_cpu->dr7_in_nmi = read_dr7();\n    write_dr7(DR7_IDLE);\n",
           "    this_cpu->dr7_in_nmi = read_dr7();\n", (REPEAT,)),
    Mutant("entry=repeat: runs stay owed to who blocks NMIs", "src/cpu/ist.c",
           "    entry_prepare(cpu_index());\n", "", (REPEAT,)),
    Mutant("entry=ret: at the NMI's first instructions it is not asked", "src/cpu/entry_ret.asm",
           "        jae     %%iret\n", "        jmp     %%iret\n", (RET,)),
    Mutant("entry=ret: the NMI's level is not asked", "src/cpu/entry_ret.asm",
           "        jne     %%in_nmi\n", "", (RET,)),
    Mutant("entry=ret: RF is lost", "src/cpu/entry_ret.asm",
           "%define CANNOT_BE_POPPED RFLAGS_RF | ", "%define CANNOT_BE_POPPED ", (RET,)),
    Mutant("entry=ret: exceptions without an IST code return by IRET", "src/cpu/entry_ret.asm",
           "        JUMP_TO_RET .by_ret\n        jmp     leave_frame\n",
           "        jmp     leave_frame\n", (RET_PAIRS,)),
    Mutant("entry=ret: the flags are not restored", "src/cpu/entry_ret.asm",
           "        popfq\n", "        lea     rsp, [rsp + 8]\n", (RET_PAIRS,)),

    # Exceptions and returns.
    Mutant("exception entry without swapgs", ENTRY_INC,
           "        swapgs\n        CLEAR_AC\nglobal %{1}_swapped",
           "        CLEAR_AC\nglobal %{1}_swapped", (STORM,)),
    Mutant("exception entry without cld", ENTRY_INC,
           "        cld\n        lea     rbp, [rsp + 1]\n        mov     rdi, rsp\n"
           "        call    %2\n",
           "        lea     rbp, [rsp + 1]\n        mov     rdi, rsp\n"
           "        call    %2\n", (STORM,)),
    Mutant("exception entry keeps ring 3's AC", ENTRY_INC, "        CLEAR_AC\nglobal %{1}_swapped",
           "global %{1}_swapped", (STORM,)),
    Mutant("return to ring 3 without swapgs", ENTRY,
           "        swapgs\nglobal leave_swapped", "global leave_swapped", (STORM,)),
    Mutant("SYSCALL without swapgs", ENTRY, "syscall_entry:\n        swapgs\n",
           "syscall_entry:\n", (USER,)),
    Mutant("SYSCALL stays on ring 3's stack", ENTRY, "        mov     rsp, [gs:TSS_RSP0]\n", "",
           (USER,)),
    Mutant("a ring 3 thread ends without swapgs", ENTRY,
           "        swapgs\n        jmp     thread_exit\n", "        jmp     thread_exit\n",
           (USER,)),
    Mutant("NMIs have the debug stack's IST code", "src/cpu/vectors.h",
           'V(2, NMI, "NMI", IST_NMI, 3, 0)', 'V(2, NMI, "NMI", IST_NMI, 4, 0)', (NMI,)),
    Mutant("#SS has no IST code", "src/cpu/vectors.h",
           'V(12, SS, "#SS", IST_STACKFAULT, 1, 0)', 'V(12, SS, "#SS", IST_STACKFAULT, 0, 0)',
           (FAULT,)),
    Mutant("RSP0 not set at a switch", "src/sched/schedule.c",
           "    this_cpu->tss.rsp[0] = thread_stack(next) + THREAD_SIZE;\n", "", (STORM,)),
    Mutant("gates let interrupts in", "src/cpu/idt.asm",
           "        db      0x8e | dpl << 5 ", "        db      0x8f | dpl << 5 ", (IRQ,)),

    # The IRQ stack and softirqs.
    Mutant("interrupt entry without swapgs", ENTRY,
           "        swapgs\n        CLEAR_AC\nglobal %{1}_swapped",
           "        CLEAR_AC\nglobal %{1}_swapped", (IRQ,)),
    Mutant("interrupt entry keeps ring 3's AC", ENTRY, "        CLEAR_AC\nglobal %{1}_swapped",
           "global %{1}_swapped", (IRQ,)),
    Mutant("interrupt entry without cld", ENTRY,
           "        cld\n        lea     rbp, [rsp + 1]\n        mov     rdi, rsp\n"
           "        inc ", "        lea     rbp, [rsp + 1]\n        mov     rdi, rsp\n"
           "        inc ", (IRQ,)),
    Mutant("nest counter not raised by an interrupt", ENTRY,
           "        inc     dword [gs:PERCPU_IRQ_NEST]\nglobal %{1}_counted",
           "global %{1}_counted", (IRQ,)),
    Mutant("nested interrupts start the IRQ stack anew", ENTRY,
           "        jnz     irq_nested ", "        nop ", (IRQ,)),
    Mutant("nest counter not lowered by a nested interrupt", ENTRY,
           "        call    irq_nested_handler\n        dec     dword [gs:PERCPU_IRQ_NEST]\n",
           "        call    irq_nested_handler\n", (IRQ,)),
    Mutant("no back-link from the IRQ stack", ENTRY,
           "INJECT_BACK_LINK, {push rdi}", "INJECT_BACK_LINK, {push rsi}", (IRQ,)),
    Mutant("nest counter not lowered by an interrupt", ENTRY,
           "        INJECT  INJECT_NEST_COUNTER, {dec dword [gs:PERCPU_IRQ_NEST]}, \\\n",
           "        INJECT  INJECT_NEST_COUNTER, {test dword [gs:PERCPU_IRQ_NEST], eax}, \\\n",
           (IRQ,)),
    Mutant("an interrupt schedules off a thread's stack", "src/sched/schedule.c",
           "    if (stack_find((uintptr_t)frame).kind == THREAD_STACK)\n        schedule();",
           "    (void)frame;\n    schedule();", (PAIRS,)),
    Mutant("no back-link from a thread's softirqs", ENTRY,
           "        push    rax\n        push    rax\n        SOFTIRQ_ROUNDS\n",
           "        push    0\n        push    rax\n        SOFTIRQ_ROUNDS\n", (SOFTIRQ,)),
    Mutant("nest counter not lowered after a thread's softirqs", ENTRY,
           "        pop     rsp\n        dec     dword [gs:PERCPU_IRQ_NEST]\n",
           "        pop     rsp\n", (SOFTIRQ,)),
    Mutant("softirqs with interrupts off", ENTRY, "        sti\n%%next:\n", "%%next:\n",
           (SOFTIRQ,)),
    Mutant("interrupts stay on after softirqs", ENTRY,
           "        jnz     %%next\n        cli\n", "        jnz     %%next\n", (SOFTIRQ,)),
    Mutant("softirqs at every depth", ENTRY, "        call    irq_nested_handler\n",
           "        call    irq_nested_handler\n        mov     ebx, [gs:PERCPU_SOFTIRQ_PENDING]\n"
           "        test    ebx, ebx\n        jle     .none\n        SOFTIRQ_ROUNDS\n.none:\n",
           (STORM,)),
    Mutant("no restart limit for softirqs", ENTRY,
           "        dec     r12d\n        jnz     %%round\n", "        jmp     %%round\n",
           (SOFTIRQ,)),
    Mutant("a handed over softirq is run by interrupts too", "src/cpu/softirq.c",
           "    this_cpu->softirq_pending |= SOFTIRQ_DEFERRED;\n", "", (SOFTIRQ,)),
    Mutant("interrupt without EOI", "src/workloads/irq.c",
           "        return;\n    apic_eoi();\n", "        return;\n", (IRQ,)),
    Mutant("tick without EOI", "src/sched/schedule.c",
           "this_cpu->current->name);\n    apic_eoi();\n", "this_cpu->current->name);\n",
           (THREAD,)),

    # CPUs.
    Mutant("a CPU's PAT has no entry for write-combining", "src/cpu/paging.c",
           "    set_combining();\n", "", (STORM,)),

    # Threads.
    Mutant("the reaper does not wait for a round", "src/sched/reaper.c",
           "    wait_until_forgotten();\n    for", "    for", (THREAD,)),
    Mutant("CPUs do not forget dead stacks", "src/sched/reaper.c",
           "    write_cr3(paging_root);\n", "", (THREAD,)),
    Mutant("a new thread has no end magic", "src/sched/thread.c",
           "    *end_magic_of(thread) = STACK_END_MAGIC;\n", "", (THREAD,)),
    Mutant("a thread's end magic is not looked at", "src/sched/thread.c",
           " &&\n           *end_magic_of(thread) == STACK_END_MAGIC;", ";",
           (runs.fault_run("shallow-overflow"),)),
    Mutant("a thread's guard page is mapped", "src/sched/thread.c",
           "    if (!paging_map_new(low, low + THREAD_SIZE, PAGE_DATA))",
           "    if (!paging_map_new(low - PAGE_SIZE, low + THREAD_SIZE, PAGE_DATA))", (THREAD,)),
    Mutant("a zombie's stack stays mapped", "src/sched/thread.c",
           "    paging_hide(low, low + THREAD_SIZE);\n", "", (THREAD,)),

    # What is checked.
    Mutant("a CPU stack's guard page is mapped", "src/cpu/percpu.c",
           "(high - shape->level_size * shape->levels, high,",
           "(high - shape->level_size * shape->levels - PAGE_SIZE, high,",
           (STORM,)),
    Mutant("a level's end magic is not looked at", "src/workloads/check.c",
           "        check_magics();\n", "", (runs.fault_run("stack-fill"),)),
    Mutant("stacks come too near their end", "src/workloads/check.c",
           "    if (size - used < STACK_MARGIN)", "    if (size < used)",
           (runs.fault_run("deep-stack"),)),

    # What the hardware says.
    Mutant("corrected errors never are too many", "src/cpu/mce.c",
           "error->count, clock_ms()) || told", "error->count, clock_ms()) || true",
           (runs.fault_run("corrected-flood"),)),
    Mutant("a package's critical temperature is counted alone", "src/lib/heat.c",
           "? package_status : 0;", "? 0 : 0;", (runs.fault_run("package-too-hot"),)),
    Mutant("a stuck serial port is no fault", "src/lib/console.c",
           "        if (!o->serial.stuck && o->lost == 0)", "        if (o->lost < UINT64_MAX)",
           (runs.fault_run("stuck-uart"),)),

    # Who watches.
    Mutant("the wait for a lock has no end", "src/cpu/spinlock.c",
           "over |= nobody_tells(wait);", "over |= is_own(wait);", (HOLDER_ON_2,)),
    Mutant("who waits for a lock is called hung", "src/workloads/watch.c",
           "return holder ? holder->index : silent;", "return holder ? silent : silent;",
           (HOLDER,)),
    Mutant("whose tick is the oldest is blamed", "src/cpu/lastword.c",
           "#define TICKS_TO_STAND_OUT 2 ", "#define TICKS_TO_STAND_OUT 0 ", (SHUTDOWN,)),
    Mutant("the HPET watches for ever", "src/workloads/watch_alone.c",
           "    if (alone.asked_at == ticks)", "    if (alone.asked_at != ticks && !ticks)",
           (ALONE,)),
    Mutant("a clock that steps back is not stepped over", "src/cpu/clock.c", "epoch - back, false,",
           "epoch, false,", (CLOCK_BACK_ON_1,)),
    Mutant("only the next CPU is watched", "src/workloads/watch.c", "#define MOST_WATCHED 8\n",
           "#define MOST_WATCHED 1\n", (HUNG_PAIR,)),
    # The benchmark.
    Mutant("a wake-up of another CPU is not sent", "src/workloads/latency_causes.c",
           "    thread_wake(partner);\n    for (unsigned i", "    for (unsigned i", (BENCH,)),
    Mutant("a sample's stack is not looked at", "src/workloads/latency_measure.c",
           "    if (on.kind != stack || !is_own || on.level != 0)",
           "    if (on.kind == GUARD_PAGE)", (runs.fault_run("stray-sample"),)),
    Mutant("any thread's stack will do for a sample", "src/workloads/latency_measure.c",
           "thread_of_slot(on.owner) == thread : ", "thread : ",
           (runs.fault_run("stray-waker"),)),
    Mutant("a sample is never negative", STAGES_C,
           "            value[stage] -= stage_overhead(m, costs, stage);",
           "            value[stage] -= value[stage] > stage_overhead(m, costs, stage)\n"
           "                                ? stage_overhead(m, costs, stage) : value[stage];",
           (STAGES,)),
    Mutant("what the stamps cost is not taken off", STAGES_C,
           "            value[stage] -= stage_overhead(m, costs, stage);",
           "            value[stage] -= 0 * stage_overhead(m, costs, stage);", (STAGES,)),
    Mutant("one-way has the offset added", STAGES_C, "s->handler) - offset", "s->handler) + offset",
           (STAGES,)),
    Mutant("entry has the offset added", STAGES_C, "s->entry) - offset", "s->entry) + offset",
           (STAGES,)),
    Mutant("a target's way back is the sender's", STAGES_C, "between(s->service, s->returned)",
           "between(s->service, s->back)", (STAGES,)),
    Mutant("the clocks' offset is measured the wrong way round", "src/workloads/latency_offset.c",
           "(int64_t)(there - asked - (answered - asked) / 2)",
           "(int64_t)(asked - there + (answered - asked) / 2)", (OFFSET,)),
    Mutant("any offset serves", "src/workloads/latency_offset.c",
           "median > 0 && wrong <= (uint64_t)median / PART_OF_MEDIAN", "median > 0 && wrong",
           (OFFSET,)),
    Mutant("the warm-up is kept", SAMPLES_C,
           "    if (!samples_kept(s))\n        return;\n    record", "    record", (SAMPLES,)),
    Mutant("the first sample is not the first", SAMPLES_C, "if (s->taken++ == 0)",
           "if (s->taken++ == 1)", (SAMPLES,)),
    Mutant("the worst are in no order", SAMPLES_C,
           "s->worst[place + 1].value < worst.value", "s->worst[place + 1].value > worst.value",
           (SAMPLES,)),
    Mutant("a round with an SMI is SMI-free", SAMPLES_C, "i < s->in_round && !smi",
           "i < s->in_round", (SAMPLES,)),
    Mutant("a percentile is of the rank below", "src/lib/histogram.c",
           "(h->count * parts + whole - 1) / whole", "h->count * parts / whole", (HISTOGRAM,)),
    Mutant("a percentile needs half as many samples", "src/lib/histogram.c",
           "#define FEWEST_BEYOND 10", "#define FEWEST_BEYOND 5", (HISTOGRAM,)),
    Mutant("a gap is not counted", BATCH_C, "    b->gaps += gap > still;\n", "", (BATCH,)),
    Mutant("preparing a sample is a gap", BATCH_C, " - b->prepared;", ";", (BATCH,)),
    Mutant("the thermal status is not told", BATCH_C, "= end->thermal,", "= REPORT_UNKNOWN,",
           (BATCH,)),
    Mutant("a stamp does not wait", "src/cpu/marks.inc", "        lfence\n", "        nop\n",
           (STAMPS,)),
    Mutant("C's stamp does not wait", "src/cpu/x86.h", 'volatile("lfence\\n\\t"',
           'volatile("nop\\n\\t"', (STAMPS,)),
    Mutant("a command of x2APIC mode does not wait", LATENCY_ASM,
           "        mfence                                  ; SDM", "        nop ; SDM", (STAMPS,)),
    Mutant("a target says that it is back before it knows what for", LATENCY_ASM,
           "        mov     rcx, [marks + MARKS_SERVICE]    ; behind the stamp it may be the next "
           "event's\n        mov     [marks + MARKS_RETURNED], rax\n",
           "        mov     [marks + MARKS_RETURNED], rax\n    %rep 400\n        pause\n"
           "    %endrep\n        mov     rcx, [marks + MARKS_SERVICE]\n", (BENCH,)),
    Mutant("a handler is done before its last stamp", LATENCY_ASM,
           "        END_INTERRUPT\n        STAMP   MARKS_SERVICE\n"
           "        mov     qword [marks + MARKS_DONE], 1\n",
           "        END_INTERRUPT\n        mov     qword [marks + MARKS_DONE], 1\n"
           "        STAMP   MARKS_SERVICE\n", (STAMPS,)),
    Mutant("cold-tlb flushes nothing", "src/workloads/latency_crew.c",
           "write_cr3(read_cr3());", "(void)read_cr3();", (STAMPS,)),
    Mutant("the open loop is not random", "src/workloads/latency.c",
           "random_next(&dice) % mean;", "mean / 2;", (bench_test("open_loop_is_random"),)),
    Mutant("loaded has no load", "src/workloads/latency_crew.c",
           "    if (m->mode == MODE_LOADED)\n        load_others(m);\n", "    (void)load_others;\n",
           (bench_test("load_interrupts"),)),
    Mutant("a target that is to sleep does not", LATENCY_ASM, "        hlt\n", "        pause\n",
           (bench_test("ought_to_sleep"),)),
    Mutant("gaps are not looked for", "src/workloads/latency_measure.c",
           "batch_note_sample(&now.batch, !samples_kept(&now.samples),",
           "batch_note_sample(&now.batch, true,", (bench_test("gaps_are"),)),
    Mutant("a pair is left out", "src/workloads/latency.c", "(i % cpus + i / cpus) % cpus",
           "(i % cpus + i / cpus / 2) % cpus", (bench_test("every_pair"),)),
    Mutant("a stage that is withheld is told", "src/workloads/latency_measure.c",
           "        if (!now.samples.all[stage].count || is_withheld(m, stage))",
           "        if (!now.samples.all[stage].count)", (bench_test("withheld"),)),
    Mutant("break= breaks nothing", "src/workloads/latency_measure.c",
           "value[STAGE_ROUND_TRIP] > (int64_t)latency_break_cycles", "false",
           (bench_test("break_shows"),)),
]


def copy_sources(tree):
    """What git has or would take."""
    listing = subprocess.run(["git", "ls-files", "-z", "-c", "-o", "--exclude-standard"], cwd=ROOT,
                             capture_output=True, text=True, check=True).stdout
    for name in filter(None, listing.split("\0")):
        if (ROOT / name).is_file():
            (tree / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, tree / name)
    if (ROOT / "build" / "obj").is_dir():   # make sees by the times what of it is old
        shutil.copytree(ROOT / "build" / "obj", tree / "build" / "obj")


def build(tree):
    """None, or the last line of what the compiler or linker said."""
    done = subprocess.run(["make", "-s", "-j2", "CI=", "kernel"], cwd=tree,
                          stdin=subprocess.DEVNULL, capture_output=True, text=True,
                          timeout=BUILD_LIMIT_S, check=False)
    if done.returncode == 0:
        return None
    errors = [line for line in done.stderr.splitlines() if "error" in line or "ASSERT" in line]
    return (errors or done.stderr.splitlines() or ["make failed"])[0]


def try_test(tree, test):
    """None, or the line that says what failed."""
    done = subprocess.run(test.command, cwd=tree, stdin=subprocess.DEVNULL, capture_output=True,
                          text=True, check=False)
    if done.returncode == 0:
        return None
    said = (done.stdout + done.stderr).splitlines()
    return next((line for line in said if "FAILED" in line), f"status {done.returncode}")


def try_run(tree, run):
    """None, or what shows that this run is not as it should be."""
    if isinstance(run, Test):
        return try_test(tree, run)
    run = dataclasses.replace(run, media="memory", timeout=run.timeout or RUN_LIMIT_S)
    log = tree / "build" / "run.log"
    done = subprocess.run([tree / "tools" / "run", "--quiet", "--log", log, *run.arguments()],
                          cwd=tree, stdin=subprocess.DEVNULL, capture_output=True, check=False)
    text = log.read_text(encoding="utf-8", errors="replace")
    report = iststorm_report.read_report(iststorm_report.last_boot(text.split("\n")))
    problem = next(run.problems(Result(done.returncode, report)), None)
    if problem is None:
        return None
    if report.verdict is None:
        said = done.stderr.decode("utf-8", "replace").strip()
        return "no verdict: " + said.split("no verdict: ")[-1]
    faults = report.of_type("fault")
    if report.verdict == "FAIL" and faults and run.verdict != "FAIL":
        return f"check {faults[0]['check']}: {report.reason}"
    return problem


@dataclasses.dataclass
class Result:
    """As much of a run as Run.problems looks at."""
    status: int
    report: iststorm_report.Report


def runs_of(mutant):
    quick = [run for run in runs.RUNS if run.group == "quick"]
    return [*mutant.runs, *(run for run in quick if run not in mutant.runs)]


def kill(tree, mutant):
    """Who killed it, as text; None when it survived. The tree is as before afterwards."""
    path = tree / mutant.path
    original = path.read_text(encoding="ascii")
    path.write_text(original.replace(mutant.find, mutant.put), encoding="ascii")
    try:
        if (error := build(tree)) is not None:
            return f"the build: {error}"
        for run in runs_of(mutant):
            if (problem := try_run(tree, run)) is not None:
                return f"{run.name}: {problem}"
        return None
    finally:
        path.write_text(original, encoding="ascii")


def check_baseline(tree, mutants):
    """Without a mutant all is well, or the mutants' deaths would say nothing."""
    if (error := build(tree)) is not None:
        return f"the build: {error}"
    for run in dict.fromkeys(run for mutant in mutants for run in mutant.runs):
        if (problem := try_run(tree, run)) is not None:
            return f"{run.name}: {problem}"
    return None


def hunt(mutants, jobs, say):
    """Tries to kill them all, as many at a time as there are jobs: name -> who killed it, None for
    a survivor."""
    with tempfile.TemporaryDirectory(prefix="iststorm-mutants-") as directory:
        first = pathlib.Path(directory) / "0"
        copy_sources(first)
        if (problem := check_baseline(first, mutants)) is not None:
            raise SystemExit(f"mutants: unmutated, but {problem}")
        trees = queue.SimpleQueue()
        for number in range(1, jobs + 1):
            trees.put(shutil.copytree(first, pathlib.Path(directory) / str(number)))

        def attempt(mutant):
            tree, start = trees.get(), time.monotonic()
            try:
                return mutant, kill(tree, mutant), time.monotonic() - start
            finally:
                trees.put(tree)

        killers = {}
        with concurrent.futures.ThreadPoolExecutor(jobs) as pool:
            done = pool.map(attempt, mutants)
            for number, (mutant, killer, seconds) in enumerate(done, 1):
                say(f"{number:2}/{len(mutants)}  {seconds:5.1f} s  {mutant.name}\n"
                    f"      {'killed by ' + killer if killer else 'SURVIVED'}")
                killers[mutant.name] = killer
    return killers


def main(argv):
    parser = iststorm_report.Parser(prog="test/mutants.py", description=__doc__,
                                    formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("words", nargs="*", metavar="WORD",
                        help="only the mutants whose names have one of these")
    parser.add_argument("--jobs", type=int, default=1, metavar="N", help="mutants at a time (1)")
    parser.add_argument("--list", action="store_true", help="print the mutants, and run nothing")
    options = parser.parse_args(argv)
    mutants = [mutant for mutant in MUTANTS
               if not options.words or any(word in mutant.name for word in options.words)]
    wrong = [mutant.name for mutant in mutants if mutant.matches(ROOT) != 1]
    if wrong or not mutants or options.jobs < 1:
        parser.error(f"the sources do not have exactly once: {', '.join(wrong)}" if wrong
                     else "no such mutant, or no job")
    if options.list:
        print("\n".join(f"{mutant.path}: {mutant.name}" for mutant in mutants))
        return 0
    killers = hunt(mutants, options.jobs, lambda text: print(text, flush=True))
    killed = sum(killer is not None for killer in killers.values())
    print(f"{killed} of {len(mutants)} mutants killed")
    return 0 if killed == len(mutants) else EXIT_SURVIVED


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
