/* SPDX-License-Identifier: MIT */
/* Planted faults: `inject=` breaks one thing, which a check must catch. A check that was never seen
 * to fail proves nothing.
 *
 * A fault is one macro line in the real code path, and costs nothing there while it is off: the
 * path is patched at boot, before the text becomes read-only. In C, inject_planted() is a
 * no-operation that becomes a jump; in assembly, INJECT (inject.inc) names an instruction and what
 * replaces it. */
#ifndef ISTSTORM_CPU_INJECT_H
#define ISTSTORM_CPU_INJECT_H

#include <stdbool.h>
#include <stdint.h>

/* I(symbol, name on the command line, effect). A fault that strikes one CPU strikes the second,
 * where there is one. */
#define INJECTS(I)                                                                                 \
    I(SHARED_NMI_STACK, "shared-nmi-stack", "a CPU's TSS has the NMI stack of CPU 0")              \
    I(NO_IST_ADJUST, "no-ist-adjust", "the IST value is not lowered on entry")                     \
    I(CLOBBER_REGISTER, "clobber-register", "an NMI returns with R12 changed")                     \
    I(CLOBBER_STACK, "clobber-stack", "an NMI changes a word of the interrupted stack")            \
    I(WRONG_SAVE, "wrong-save", "SYSCALL's entry saves R15 where R14 belongs")                     \
    I(LOST_BASE, "lost-base", "a breakpoint's handler leaves another FS base")                     \
    I(LOST_FLAG, "lost-flag", "a breakpoint's handler changes the saved ID flag")                  \
    I(LOST_WORD, "lost-word", "a breakpoint's handler changes a word above the saved RSP")         \
    I(LOST_DEFERRAL, "lost-deferral", "softirqs are handed to a thread that is not woken")         \
    I(LATE_SOFTIRQ, "late-softirq",                                                                \
      "a softirq is left to a thread that sleeps, when the run ends")                              \
    I(LOST_NMI, "lost-nmi", "an NMI that was asked for is not sent")                               \
    I(LOST_IRQ, "lost-irq", "an interrupt that was asked for is not sent")                         \
    I(SHORT_CHAIN, "short-chain", "a chain of interrupts leaves out a priority class")             \
    I(IDLE_WORKLOAD, "idle-workload", "a workload raises none of its events")                      \
    I(SPARED_CPU, "spared-cpu", "no NMI is sent to a CPU")                                        \
    I(RARE_TURNS, "rare-turns", "a workload takes one turn in a thousand")                         \
    I(LOST_WAKE_UP, "lost-wake-up", "a thread that was woken is not queued")                       \
    I(NEST_COUNTER, "nest-counter", "the IRQ nest counter is not lowered on exit")                 \
    I(STACK_FILL, "stack-fill", "a handler writes below the stack that it uses")                   \
    I(DEEP_STACK, "deep-stack", "a handler uses nearly all of its stack")                          \
    I(UNUSED_LEVEL, "unused-level", "a handler writes to a level that no event has entered")       \
    I(MAPPED_GUARD, "mapped-guard", "the guard page below a CPU's NMI stack is mapped")            \
    I(STACK_LEAK, "stack-leak", "a reaped thread's stack is not freed")                            \
    I(LINGERING_THREAD, "lingering-thread", "a thread does not end with the run")                  \
    I(INFO_CPU, "info-cpu", "a thread's thread_info names another CPU")                            \
    I(INFO_THREAD, "info-thread", "a thread's thread_info names another thread")                   \
    I(SHALLOW_OVERFLOW, "shallow-overflow", "a thread writes over its stack's end magic")          \
    I(EXHAUST_THREAD, "exhaust-thread", "a thread overruns its stack into the guard page")         \
    I(EXHAUST_IRQ, "exhaust-irq", "an interrupt overruns the IRQ stack into the guard page")       \
    I(EXHAUST_NMI, "exhaust-nmi", "NMIs nest past their last level")                               \
    I(EXHAUST_DEBUG, "exhaust-debug", "breakpoints nest past their last level")                    \
    I(EXHAUST_MCE, "exhaust-mce", "INT 18s nest past their last level")                            \
    I(EXHAUST_STACKFAULT, "exhaust-stackfault", "stack faults nest past their last level")         \
    I(EXHAUST_DOUBLEFAULT, "exhaust-doublefault", "double faults nest past their last level")      \
    I(WRONG_RSP0, "wrong-rsp0", "ring 3 is entered with RSP0 below the top of the stack")          \
    I(GATE_BIT, "gate-bit", "a bit of an IDT gate flips that nothing uses")                        \
    I(DESCRIPTOR_BIT, "descriptor-bit", "a bit of a CPU's GDT flips")                              \
    I(TSS_BIT, "tss-bit", "a bit of a CPU's TSS flips")                                            \
    I(MSR_BIT, "msr-bit", "a bit of a CPU's SFMASK flips")                                         \
    I(NO_SMAP, "no-smap", "a CPU does not forbid ring 0 to read ring 3's pages")                   \
    I(BACK_LINK, "back-link", "the IRQ stack's back-link is not what it was entered from")         \
    I(BOARD_ERROR, "board-error", "an NMI that nobody sent, and port 0x61 says SERR")              \
    I(MACHINE_CHECK, "machine-check", "an INT 18 is taken for a true machine check")               \
    I(CORRECTED_FLOOD, "corrected-flood", "a machine-check bank always holds a corrected error")   \
    I(APIC_ERROR, "apic-error", "a CPU does with its APIC what is not allowed")                    \
    I(TOO_HOT, "too-hot", "a CPU says that its temperature was critical")                          \
    I(HUNG_CPU, "hung-cpu", "a CPU spins with interrupts off")                                     \
    I(HUNG_BOOT_CPU, "hung-boot-cpu", "the boot CPU spins with interrupts off")                    \
    I(HUNG_PAIR, "hung-pair", "a CPU and the one after it spin with interrupts off")               \
    I(HUNG_HOLDER, "hung-holder", "a CPU hangs with a lock that the boot CPU needs")               \
    I(HUNG_ALL, "hung-all", "all CPUs spin with interrupts off, one of them with NMIs blocked")    \
    I(STOPPED_TIMERS, "stopped-timers", "no CPU's timer interrupts any more")                      \
    I(NO_RESCHEDULE_EOI, "no-reschedule-eoi", "no CPU ends the reschedule interrupt in its APIC")  \
    I(HUNG_CHECK, "hung-check", "a probe of a rule of the manual never ends")                      \
    I(HUNG_TRIAL, "hung-trial", "a trial at an instruction boundary never ends")                   \
    I(SILENT_TARGET, "silent-target", "a measurement's target spins with interrupts off")          \
    I(STRAY_SAMPLE, "stray-sample", "an interrupt's sample says the thread's stack")               \
    I(STRAY_WAKER, "stray-waker", "a wake-up's sample says the waker's stack")                     \
    I(DEAF_CPU, "deaf-cpu", "a CPU spins with interrupts off and NMIs blocked")                    \
    I(CLOCK_BACK, "clock-back", "a CPU's time-stamp counter steps back by 1000 seconds")           \
    I(CLOCK_SLIP, "clock-slip", "a CPU's time-stamp counter steps back by 60 microseconds")        \
    I(CLOCK_APART, "clock-apart", "a counter that began 100 s behind steps back by 60 us")         \
    I(TRIPLE_FAULT, "triple-fault", "an exception finds an empty IDT: the machine resets")         \
    I(DIES_TELLING, "dies-telling",                                                                \
      "a failure is found, and the machine resets before it is reported")                          \
    I(STUCK_UART, "stuck-uart", "the last serial port's transmitter never empties")                \
    I(LATE_AP, "late-ap", "a processor is not sent its start-up IPIs")                             \
    I(WRONG_VECTOR, "wrong-vector", "a rule's check sees another exception than the one that came")

enum inject {
#define INJECT_ENUM(symbol, name, about) INJECT_##symbol,
    INJECTS(INJECT_ENUM)
#undef INJECT_ENUM
        INJECT_COUNT,
    PATCH_SMAP = INJECT_COUNT   /* no fault, but made the same way: CLAC where there is SMAP */
};

extern const char *const inject_names[INJECT_COUNT];

/* Patches every site of the fault. Before paging_init, on the BSP, before any other CPU
 * runs. */
void inject_plant(enum inject fault);

/* An instruction of five bytes or more, which the fault makes a jump to the label. */
#define INJECT_NOTHING ".byte 0x0f, 0x1f, 0x44, 0x00, 0x00"
#define INJECT_JUMP(fault, instruction, label, ...)                         \
    __asm__ goto("1: " instruction "\n\t"                                   \
                 ".pushsection .inject.code, \"a\"\n"                      \
                 "2: .byte 0xe9; .long %l[" #label "] - (1b + 5)\n\t"       \
                 ".popsection\n\t"                                          \
                 ".pushsection .inject.sites, \"a\"\n\t"                  \
                 ".quad 1b, 2b\n\t"                                         \
                 ".long 5, %c0\n\t"                                         \
                 ".popsection"                                              \
                 :                                                          \
                 : "i"(fault), ##__VA_ARGS__                                \
                 : "memory"                                                 \
                 : label)

static inline __attribute__((always_inline)) bool inject_planted(const enum inject fault)
{
    INJECT_JUMP(fault, INJECT_NOTHING, planted);
    return false;
planted:
    return true;
}

#endif
