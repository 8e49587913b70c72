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
import os
import pathlib
import queue
import re
import shutil
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT / "tools"), str(ROOT / "test")]
sys.dont_write_bytecode = True

import iststorm_tool  # noqa: E402  (found through the path above)
import runs  # noqa: E402
from runs import Run  # noqa: E402

EXIT_SURVIVED = 1
EXIT_USAGE = 64
BUILD_LIMIT_S = 300
RUN_LIMIT_S = 60  # of the host's clock; a mutant may well hang
ENTRY = "src/cpu/entry.asm"
ENTRY_INC = "src/cpu/entry.inc"
IRQ_ENTRY = "src/cpu/irq_entry.inc"


@dataclasses.dataclass(frozen=True)
class Test:
    """A test that needs more than a run, or none: a command that fails in the tree."""
    name: str
    command: tuple
    limit: int = 0      # seconds of the host's clock; 0 is no limit


@dataclasses.dataclass(frozen=True)
class Mutant:
    """`find`, which stands once in the file, is replaced. `runs`, Runs and Tests, come first."""
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


def node(*names):
    """The tests of these ids, until one fails."""
    return (sys.executable, "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", *names)


def in_tree(run):
    """A row. Where a check of it compares the report with the tree's own image or list, it is the
    mutated tree's test: what ROOT has need not be equal."""
    if any(re.search("swept_lengths|lists_all", check.__qualname__) for check in run.checks):
        return Test(run.name, node(f"test/test_runs.py::test_run[{run.name}]"))
    return run


def bench_test(name):
    return pytest("test/test_latency.py", name)


STORM = Run("storm smp 4", "mutant", words=("time=1s",), smp="4")
BENCH = Run("bench smp 2", "mutant", words=("run=latency", "samples=100"), smp="2", icount=True,
            timeout=240)
STAGES, SAMPLES, BATCH, HISTOGRAM, OFFSET = (
    unit(name) for name in ("latency_stages", "latency_samples", "latency_batch", "histogram",
                            "latency_offset"))
STAGES_C, SAMPLES_C, BATCH_C = (
    f"src/workloads/latency/{name}.c" for name in ("stages", "samples", "batch"))
LATENCY_ASM = "src/workloads/latency/latency.asm"
STAMPS = pytest("test/test_stamps.py", "test")
# Without the lengths of its paths, which every line that is dropped changes.
SWEEP = dataclasses.replace(next(run for run in runs.RUNS if run.name == "run=sweep entry=shift"),
                            checks=(runs.swept("shift"),))
DEBUG, NMI, IRQ, SOFTIRQ, USER, FAULT, PAIRS, WINDOWS = (
    alone(name) for name in ("debug", "nmi", "irq", "softirq", "user", "fault", "pairs", "windows"))
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

SYSCALL_CLEARS = ("IF", "TF", "NT", "AC")   # and DF, which the entry clears, too
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
    Mutant("events on an IST stack not counted down", "src/cpu/ist_handlers.h",
           "    this_cpu->ist_next[kind] = below + ist_level_sizes[kind];\n", "", (NMI,)),
    Mutant("DR6 not cleared", "src/cpu/ist_handlers.h", "    write_dr6(DR6_IDLE);\n", "",
           (DEBUG,)),
    Mutant("RF not set after an execution breakpoint", "src/workloads/storm/debug.c",
           "        frame->rflags |= RFLAGS_RF;", "        ;", (DEBUG,)),
    Mutant("TF not cleared by the step's end", "src/workloads/run/known.asm",
           "        and     qword [rsp], ~RFLAGS_TF\n", "", (DEBUG,)),

    # The entry disciplines.
    Mutant("entry= is read and not obeyed", "src/boot/main.c",
           "    discipline_choose(options.entry);\n",
           "    discipline_choose(DISCIPLINE_SHIFT);\n", (NONE,)),
    Mutant("entry=none: the second event's frame is not looked at",
           "src/cpu/ist_handlers.h",
           "    if (__builtin_expect(end != this_cpu->ist_next[kind], 0) ||\n"
           "        __builtin_expect", "    if (__builtin_expect", (NONE_NESTED,)),
    Mutant("entry=none: breakpoints nest all the same", "src/workloads/storm/debug.c",
           "return discipline->breakpoint_has_ist ? discipline->levels - 1 : ",
           "return ", (NONE,)),

    Mutant("entry=repeat: a nested NMI is not told by the count", "src/cpu/disciplines/repeat.asm",
           "        jne     nmi_repeat_nested\n", "", (REPEAT_PAIRS,)),
    Mutant("entry=repeat: a nested NMI is not told by its RIP", "src/cpu/disciplines/repeat.asm",
           "        jz      nmi_repeat_nested\n", "", (REPEAT,)),
    Mutant("entry=repeat: the IRET itself is not in the window", "src/cpu/disciplines/repeat.asm",
           "        ja      nmi_repeat_first\n", "        jae     nmi_repeat_first\n", (REPEAT,)),
    Mutant("entry=repeat: a nested NMI is not owed", "src/cpu/disciplines/repeat.asm",
           "        inc     qword [PUSHED(OWED)]\n", "", (REPEAT,)),
    Mutant("entry=repeat: the outer NMI is not sent back", "src/cpu/disciplines/repeat.asm",
           "        mov     qword [rax], nmi_repeat_again\n", "", (REPEAT,)),
    Mutant("entry=repeat: an NMI's handler meets breakpoints",
           "src/cpu/disciplines/repeat.c",
           "    this_cpu->dr7_in_nmi = read_dr7();\n    write_dr7(DR7_IDLE);\n",
           "    this_cpu->dr7_in_nmi = read_dr7();\n", (REPEAT,)),
    Mutant("entry=repeat: runs stay owed to who blocks NMIs",
           "src/cpu/disciplines/repeat.c", "    prepare(cpu_index());\n", "", (REPEAT,)),
    Mutant("entry=ret: at the NMI's first instructions it is not asked",
           "src/cpu/disciplines/ret.asm",
           "        jae     %%iret\n", "        jmp     %%iret\n", (RET,)),
    Mutant("entry=ret: the NMI's level is not asked", "src/cpu/disciplines/ret.asm",
           "        jne     %%in_nmi\n", "", (RET,)),
    Mutant("entry=ret: RF is lost", "src/cpu/disciplines/ret.asm",
           "%define CANNOT_BE_POPPED RFLAGS_RF | ", "%define CANNOT_BE_POPPED ", (RET,)),
    Mutant("entry=ret: exceptions without an IST code return by IRET",
           "src/cpu/disciplines/ret.asm",
           "        JUMP_TO_RET .by_ret\n        jmp     leave_frame\n",
           "        jmp     leave_frame\n", (RET_PAIRS,)),
    Mutant("entry=ret: the flags are not restored", "src/cpu/disciplines/ret.asm",
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
    *(Mutant(f"SYSCALL leaves {flag} set", "src/cpu/syscall.c",
             f"RFLAGS_{flag}", "0", (USER,)) for flag in SYSCALL_CLEARS),
    Mutant("a ring 3 thread ends without swapgs", "src/sched/switch.asm",
           "        swapgs\n        jmp     thread_exit\n", "        jmp     thread_exit\n",
           (USER,)),
    Mutant("NMIs have the debug stack's IST code", "src/cpu/idt.c", "return none ? 0 : ",
           "return vector == VECTOR_NMI ? DEBUG_STACK_IST : none ? 0 : ", (NMI,)),
    Mutant("#SS has no IST code", "src/cpu/idt.c", "return none ? 0 : ",
           "return none || vector == VECTOR_SS ? 0 : ", (FAULT,)),
    Mutant("RSP0 not set at a switch", "src/sched/schedule.c",
           "    this_cpu->tss.rsp[0] = thread_stack(next) + THREAD_SIZE;\n", "", (STORM,)),
    Mutant("gates let interrupts in", "src/cpu/idt.h",
           "(GATE_PRESENT | 0x0e | ", "(GATE_PRESENT | 0x0f | ", (IRQ,)),

    # The IRQ stack and softirqs.
    Mutant("interrupt entry without swapgs", IRQ_ENTRY,
           "        swapgs\n        CLEAR_AC\nglobal %{1}_swapped",
           "        CLEAR_AC\nglobal %{1}_swapped", (IRQ,)),
    Mutant("interrupt entry keeps ring 3's AC", IRQ_ENTRY, "        CLEAR_AC\nglobal %{1}_swapped",
           "global %{1}_swapped", (IRQ,)),
    Mutant("interrupt entry without cld", IRQ_ENTRY,
           "        cld\n        lea     rbp, [rsp + 1]\n        mov     rdi, rsp\n"
           "        inc ", "        lea     rbp, [rsp + 1]\n        mov     rdi, rsp\n"
           "        inc ", (IRQ,)),
    Mutant("nest counter not raised by an interrupt", IRQ_ENTRY,
           "        inc     dword [gs:PERCPU_IRQ_NEST]\nglobal %{1}_counted",
           "global %{1}_counted", (IRQ,)),
    Mutant("nested interrupts start the IRQ stack anew", IRQ_ENTRY,
           "        jnz     irq_nested ", "        nop ", (IRQ,)),
    Mutant("nest counter not lowered by a nested interrupt", ENTRY,
           "        call    irq_nested_handler\n        dec     dword [gs:PERCPU_IRQ_NEST]\n",
           "        call    irq_nested_handler\n", (IRQ,)),
    Mutant("no back-link from the IRQ stack", IRQ_ENTRY,
           "INJECT_BACK_LINK, {push rdi}", "INJECT_BACK_LINK, {push rsi}", (IRQ,)),
    Mutant("nest counter not lowered by an interrupt", IRQ_ENTRY,
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
    Mutant("softirqs with interrupts off", IRQ_ENTRY, "        sti\n%%next:\n", "%%next:\n",
           (SOFTIRQ,)),
    Mutant("interrupts stay on after softirqs", IRQ_ENTRY,
           "        jnz     %%next\n        cli\n", "        jnz     %%next\n", (SOFTIRQ,)),
    Mutant("softirqs at every depth", ENTRY, "        call    irq_nested_handler\n",
           "        call    irq_nested_handler\n        mov     ebx, [gs:PERCPU_SOFTIRQ_PENDING]\n"
           "        test    ebx, ebx\n        jle     .none\n        SOFTIRQ_ROUNDS\n.none:\n",
           (STORM,)),
    Mutant("no restart limit for softirqs", IRQ_ENTRY,
           "        dec     r12d\n        jnz     %%round\n", "        jmp     %%round\n",
           (SOFTIRQ,)),
    Mutant("a handed over softirq is run by interrupts too", "src/cpu/softirq.c",
           "    this_cpu->softirq_pending |= SOFTIRQ_DEFERRED;\n", "", (SOFTIRQ,)),
    Mutant("interrupt without EOI", "src/workloads/storm/irq.c",
           "collision_leave(before);\n    apic_eoi();\n}\n\n/* Raised",
           "collision_leave(before);\n}\n\n/* Raised",
           (IRQ,)),
    Mutant("an event is lost on its way, and nobody tells", "src/workloads/run/flight.c",
           " ? FLIGHT_OVER : FLIGHT_LOST;", " ? FLIGHT_OVER : FLIGHT_OVER;",
           (runs.fault_run("lost-irq"),)),
    Mutant("tick without EOI", "src/sched/schedule.c",
           "this_cpu->current->name);\n    apic_eoi();\n", "this_cpu->current->name);\n",
           (THREAD,)),

    # Fairness.
    Mutant("CPUs are not compared", "src/workloads/run/runner.c",
           "        balance_look_at(w);\n", "        ;\n", (runs.fault_run("spared-cpu"),)),
    Mutant("kinds are not compared", "src/workloads/run/runner.c",
           "            balance_look_between(w, all, ms);\n", "            ;\n",
           (runs.fault_run("rare-turns"),)),

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

    # Places that no interrupt may separate.
    Mutant("interrupts between the halves of the ICR", "src/smp/apic.c",
           "    uint64_t flags = interrupts_save();\n    if (__builtin",
           "    uint64_t flags = read_flags();\n    if (__builtin", (WINDOWS,)),
    Mutant("interrupts while ring 3's memory is copied", "src/sched/user.c",
           "    uint64_t flags = interrupts_save();\n", "    uint64_t flags = read_flags();\n",
           (WINDOWS,)),
    Mutant("interrupts while a lock is held", "src/cpu/spinlock.h",
           "    uint64_t flags = interrupts_save();\n", "    uint64_t flags = read_flags();\n",
           (WINDOWS,)),
    Mutant("a wake-up between the look and the block", "src/sched/schedule.c",
           "    if (self->wake_pending) {\n        self->wake_pending = false;\n",
           "    bool pending = self->wake_pending;\n    self->wake_pending = false;\n"
           "    spinlock_release(&queue->lock, locked);\n    interrupts_restore(flags);\n"
           "    flags = interrupts_save();\n    locked = spinlock_take(&queue->lock);\n"
           "    if (pending) {\n", (WINDOWS,)),
    Mutant("interrupts while pending softirqs are taken", "src/cpu/softirq.c",
           "{\n    interrupts_off();\n    softirq_run_pending();",
           "{\n    softirq_run_pending();", (WINDOWS,)),

    # The checks.
    Mutant("a CPU stack's guard page is mapped", "src/cpu/percpu.c",
           "(high - shape->level_size * shape->levels, high,",
           "(high - shape->level_size * shape->levels - PAGE_SIZE, high,",
           (STORM,)),
    Mutant("a level's end magic is not looked at", "src/workloads/run/check.c",
           "        check_magics();\n", "", (runs.fault_run("stack-fill"),)),
    Mutant("stacks come too near their end", "src/workloads/run/check.c",
           "    if (size - used < STACK_MARGIN)", "    if (size < used)",
           (runs.fault_run("deep-stack"),)),
    Mutant("a mapped guard page is not looked for", "src/workloads/run/check.c",
           "            check_guard(cpu, kind);\n", "", (runs.fault_run("mapped-guard"),)),
    Mutant("a level that was never entered is not looked at", "src/workloads/run/check.c",
           "if (level > deepest && used)", "if (level > shape->levels)",
           (runs.fault_run("unused-level"),)),
    Mutant("softirqs that are left are not looked for", "src/workloads/run/check.c",
           "        look_at_softirqs(cpu);\n", "", (runs.fault_run("late-softirq"),)),
    Mutant("threads that are left are not counted", "src/workloads/run/check.c",
           "    if (threads_alive() != threads_before)", "    if (threads_alive() == UINT32_MAX)",
           (runs.fault_run("lingering-thread"),)),
    Mutant("a workload may receive nothing", "src/workloads/run/runner.c",
           "    if (record.received == 0)", "    if (record.received == UINT64_MAX)",
           (runs.fault_run("idle-workload"),)),
    Mutant("a chain may end early", "src/workloads/storm/irq.c",
           "    if (level + 1 < CLASSES)",
           "    if (level + 2 < CLASSES)", (IRQ,)),
    Mutant("a chain's interrupts need not nest", "src/workloads/storm/irq.c",
           "    check_depth(level);\n", "    (void)check_depth;\n",
           (runs.fault_run("short-chain"),)),
    Mutant("thread_info may name another CPU", "src/sched/thread.c",
           " && info_of(thread)->cpu == thread->cpu", "", (runs.fault_run("info-cpu"),)),
    Mutant("thread_info may name another thread", "src/sched/thread.c",
           "info_of(thread)->thread == thread && ", "", (runs.fault_run("info-thread"),)),

    # The hardware's errors.
    Mutant("corrected errors never are too many", "src/cpu/hardware/mce.c",
           "error->count, clock_ms()) || told", "error->count, clock_ms()) || true",
           (runs.fault_run("corrected-flood"),)),
    Mutant("a package's critical temperature is counted alone", "src/cpu/hardware/heat.c",
           "? package_status : 0;", "? 0 : 0;", (unit("heat"),)),
    Mutant("a stuck serial port is no fault", "src/lib/console.c",
           "        if (!o->serial.stuck && o->lost == 0)", "        if (o->lost < UINT64_MAX)",
           (runs.fault_run("stuck-uart"),)),

    # The watch.
    Mutant("the wait for a lock has no end", "src/cpu/spinlock.c",
           "over |= nobody_tells(wait);", "over |= is_own(wait);", (HOLDER_ON_2,)),
    Mutant("who waits for a lock is called hung", "src/workloads/run/watch.c",
           "return holder ? holder->index : cpu;", "return holder ? cpu : cpu;",
           (HOLDER,)),
    Mutant("whose tick is the oldest is blamed", "src/cpu/lastword_report.c",
           "STAND_OUT_EMULATED 100\n", "STAND_OUT_EMULATED 0\n", (SHUTDOWN,)),
    Mutant("the record is cleared before the verdict is out", "src/cpu/verdict.c",
           "    write_out();\n    if (console_is_out())\n        lastword_clear();\n",
           "    lastword_clear();\n    write_out();\n", (runs.fault_run("dies-telling"),)),
    Mutant("the HPET watches for ever", "src/workloads/run/watch_all.c",
           "asked_ms >= HUNG_MS)", "asked_ms > UINT64_MAX / 2)", (ALONE,)),
    Mutant("only the first CPU is asked by the HPET", "src/workloads/run/watch_all.c",
           "cpu = next_in_reach(cpu)) {\n        aims", "cpu = aim) {\n        aims",
           (runs.fault_run("hung-all"),)),
    Mutant("a clock that steps back is not stepped over", "src/cpu/clock.c", "epoch - back, false,",
           "epoch, false,", (CLOCK_BACK_ON_1,)),
    Mutant("only the next CPU is watched", "src/workloads/run/watch.c", "#define MOST_WATCHED 8\n",
           "#define MOST_WATCHED 1\n", (HUNG_PAIR,)),
    # The benchmark.
    Mutant("a wake-up of another CPU is not sent", "src/workloads/latency/causes.c",
           "    thread_wake(partner);\n    for (unsigned i", "    for (unsigned i", (BENCH,)),
    Mutant("a sample's stack is not looked at", "src/workloads/latency/measure.c",
           "    if (on.kind != stack || !is_own || on.level != 0)",
           "    if (on.kind == GUARD_PAGE)", (runs.fault_run("stray-sample"),)),
    Mutant("any thread's stack will do for a sample", "src/workloads/latency/measure.c",
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
    Mutant("the clocks' offset is measured the wrong way round", "src/workloads/latency/offset.c",
           "(int64_t)(there - asked - (answered - asked) / 2)",
           "(int64_t)(asked - there + (answered - asked) / 2)", (OFFSET,)),
    Mutant("any offset serves", "src/workloads/latency/offset.c",
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
    Mutant("a stamp does not wait", "src/workloads/latency/marks.inc", "        lfence\n",
           "        nop\n", (STAMPS,)),
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
    Mutant("cold-tlb flushes nothing", "src/workloads/latency/crew.c",
           "write_cr3(read_cr3());", "(void)read_cr3();", (STAMPS,)),
    Mutant("the open loop is not random", "src/workloads/latency/latency.c",
           "random_next(&dice) % mean;", "mean / 2;", (bench_test("open_loop_is_random"),)),
    Mutant("loaded has no load", "src/workloads/latency/crew.c",
           "    if (m->mode == MODE_LOADED)\n        load_others(m);\n", "    (void)load_others;\n",
           (bench_test("load_interrupts"),)),
    Mutant("a target that is to sleep does not", LATENCY_ASM, "        hlt\n", "        pause\n",
           (bench_test("ought_to_sleep"),)),
    Mutant("gaps are not looked for", "src/workloads/latency/measure.c",
           "batch_note_sample(&now.batch, !samples_kept(&now.samples),",
           "batch_note_sample(&now.batch, true,", (bench_test("gaps_are"),)),
    Mutant("a pair is left out", "src/workloads/latency/latency.c", "(i % cpus + i / cpus) % cpus",
           "(i % cpus + i / cpus / 2) % cpus", (bench_test("every_pair"),)),
    Mutant("a stage that is withheld is told", "src/workloads/latency/measure.c",
           "        if (!now.samples.all[stage].count || is_withheld(m, stage))",
           "        if (!now.samples.all[stage].count)", (bench_test("withheld"),)),
    Mutant("the gate before NMIs stays closed", "src/boot/setup.c", "    nmi_gate_open();\n", "",
           (pytest("test/test_firmware.py", "gate"),)),
    Mutant("firmware's SMIs are masked", "src/smp/ioapic.c", "if (!is_firmwares(ioapic, pin))",
           "if (ioapic)", (unit("ioapic"),)),
    # The way in: APs, and the image's place.
    Mutant("INIT after the trampoline", "src/smp/bringup.c",
           "    send_inits();\n    uint64_t page = copy_trampoline();\n",
           "    uint64_t page = copy_trampoline();\n    send_inits();\n",
           (pytest("test/test_bringup.py", "cpuid"),)),
    Mutant("no third start-up IPI", "src/smp/bringup.c", "{200, 100000, BRINGUP",
           "{200, BRINGUP", (pytest("test/test_bringup.py", "third"),)),
    Mutant("garbage in the MADT is an NMI", "src/smp/acpi/madt.c",
           "lint >= LINT_PINS || !are_inti_flags(flags)", "lint >= LINT_PINS", (unit("madt"),)),
    Mutant("ring 3 gets the frames of the link address", "src/sched/user.c",
           "image_physical((const void *)at)", "at - 0xffffffff80000000",
           (pytest("test/test_placement.py", "elsewhere"),)),
    Mutant("the image's frames are handed out", "src/cpu/pages.c",
           "        if (frame >= image_load_address && frame < image_physical(image_end))\n",
           "        if (frame >= image_load_address && frame < image_physical(text_end))\n",
           (pytest("test/test_placement.py", "frames"),)),
    Mutant("the image can be written to where it lies", "src/cpu/paging.c",
           "    if (end <= low || high <= start)\n", "    if (end <= low || high <= end)\n",
           (pytest("test/test_placement.py", "frames"),)),
    Mutant("the last word lies in the image", "src/cpu/lastword.c",
           "    if (image_load_address < LASTWORD_END && image_physical(image_end) > LASTWORD_BASE)"
           "\n        return false;\n", "", (pytest("test/test_placement.py", "last_word"),)),
    Mutant("the trampoline shows nothing", "src/smp/trampoline.asm", "        and     eax, esi\n",
           "", (pytest("test/test_firmware.py", "shows"),)),
    Mutant("nobody sets DE_CFG", "src/cpu/percpu.c", "    lfence_serialise();\n", "",
           (pytest("test/test_firmware.py", "gate"),)),
    Mutant("a rate is confirmed by itself", "src/smp/calibrate.c", "if (i != j && agree",
           "if (agree", (unit("calibrate"),)),
    Mutant("a counter needs one reading", "src/smp/calibrate.c", "if (is_there && was_there)",
           "if (is_there)", (unit("calibrate"),)),
    Mutant("hardware-reduced ACPI has PM1", "src/smp/acpi/acpi.c",
           "if ((flags & FADT_FLAG_REDUCED) != 0)", "if ((flags & FADT_FLAG_RESET) == 0)",
           (unit("acpi"),)),
    Mutant("the wake-up is not cleared", "src/lib/power.c",
           "if (register_exists(&r->sleep_status))", "if (!register_exists(&r->sleep_control))",
           (unit("power"),)),
    Mutant("disabled CPUs take room", "src/smp/acpi/madt.c", "(flags & CPU_ENABLED) == 0 || ", "",
           (unit("madt"),)),
    Mutant("AMD's cores are threads", "src/cpu/hardware/topology.c", "if (!(r.eax & 31))", "if (0)",
           (unit("topology"),)),
    Mutant("SMIs are not told", "src/cpu/verdict.c", "        .smis = smis,\n",
           "        .smis = REPORT_UNKNOWN,\n", (pytest("test/test_firmware.py", "smis"),)),
]


def copy_sources(tree):
    """The files that git has or would add."""
    listing = subprocess.run(["git", "ls-files", "-z", "-c", "-o", "--exclude-standard"], cwd=ROOT,
                             capture_output=True, text=True, check=True).stdout
    for name in filter(None, listing.split("\0")):
        if (ROOT / name).is_file():
            (tree / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, tree / name)
    if (ROOT / "build" / "obj").is_dir():   # make sees by the times what of it is old
        shutil.copytree(ROOT / "build" / "obj", tree / "build" / "obj")


def build(tree, ci=""):
    """None, or the last line of what the compiler or linker said; with `ci`, of warnings too."""
    done = subprocess.run(["make", "-s", "-j2", f"CI={ci}", "kernel"], cwd=tree,
                          stdin=subprocess.DEVNULL, capture_output=True, text=True,
                          timeout=BUILD_LIMIT_S, check=False)
    if done.returncode == 0:
        return None
    errors = [line for line in done.stderr.splitlines() if "error" in line or "ASSERT" in line]
    return (errors or done.stderr.splitlines() or ["make failed"])[0]


def try_test(tree, test):
    """None, or the line that says what failed, in full."""
    limit = ("timeout", "-k", "10", str(test.limit)) if test.limit else ()
    done = subprocess.run([*limit, *test.command], cwd=tree, stdin=subprocess.DEVNULL,
                          capture_output=True, text=True, errors="replace", check=False,
                          env={**os.environ, "COLUMNS": "400"})
    if done.returncode == 0:
        return None
    said = (done.stdout + done.stderr).splitlines()
    return next((line for line in said if "FAILED" in line), f"status {done.returncode}")


def try_run(tree, run):
    """None, or what shows that this run is not as it should be."""
    if isinstance(run, Test):
        return try_test(tree, run)
    media = "memory" if run.firmware == "bios" else run.media
    run = dataclasses.replace(run, media=media, timeout=run.timeout or RUN_LIMIT_S)
    result = runs.execute(run, tree, tree / "build" / "run.log")
    report, problem = result.report, next(run.problems(result), None)
    if problem is None:
        return None
    if report.verdict is None:
        return "no verdict: " + result.stderr.strip().split("no verdict: ")[-1]
    faults = report.of_type("fault")
    if report.verdict == "FAIL" and faults and run.verdict != "FAIL":
        return f"check {faults[0]['check']}: {report.reason}"
    return problem


def runs_of(mutant):
    quick = [run for run in runs.RUNS if run.group == "quick"]
    return [*mutant.runs, *(in_tree(run) for run in quick if run not in mutant.runs)]


def kill(tree, mutant):
    """Names the test that killed it; None when it survived. The tree is as before afterwards."""
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
    parser = iststorm_tool.Parser(prog="test/mutants.py", description=__doc__,
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
