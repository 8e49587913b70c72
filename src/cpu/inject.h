/* SPDX-License-Identifier: MIT */
/* Planted faults: what `inject=` can break, so that every check has been seen to catch something.
 *
 * A fault is planted one line deep in the real code path, and costs nothing there while it is off:
 * the path is patched at boot, before the text becomes read-only. In C, inject_planted() is a
 * no-operation that becomes a jump; in assembly, INJECT (inject.inc) names an instruction and what
 * replaces it. */
#ifndef ISTSTORM_CPU_INJECT_H
#define ISTSTORM_CPU_INJECT_H

#include <stdbool.h>
#include <stdint.h>

/* I(symbol, name on the command line, what it breaks). The CPU is the second where there is one. */
#define INJECTS(I)                                                                                 \
    I(SHARED_NMI_STACK, "shared-nmi-stack", "a CPU's TSS has the NMI stack of CPU 0")              \
    I(NO_IST_ADJUST, "no-ist-adjust", "the IST value is not lowered on entry")                     \
    I(CLOBBER_REGISTER, "clobber-register", "an NMI returns with R12 changed")                     \
    I(CLOBBER_STACK, "clobber-stack", "an NMI changes a word of the interrupted stack")            \
    I(LOST_SOFTIRQ, "lost-softirq", "a pending softirq is cleared and not run")                    \
    I(LOST_DEFERRAL, "lost-deferral", "softirqs are handed to a thread that is not woken")         \
    I(LOST_NMI, "lost-nmi", "an NMI that was asked for is not sent")                               \
    I(LOST_IRQ, "lost-irq", "an interrupt that was asked for is not sent")                         \
    I(LOST_WAKE_UP, "lost-wake-up", "a thread that was woken is not queued")                       \
    I(NEST_COUNTER, "nest-counter", "the IRQ nest counter is not lowered on exit")                 \
    I(STACK_FILL, "stack-fill", "a handler writes below the stack that it uses")                   \
    I(DEEP_STACK, "deep-stack", "a handler uses nearly all of its stack")                          \
    I(STACK_LEAK, "stack-leak", "a reaped thread's stack is not freed")                            \
    I(SHALLOW_OVERFLOW, "shallow-overflow", "a thread writes over its stack's end magic")          \
    I(EXHAUST_THREAD, "exhaust-thread", "a thread overruns its stack into the guard page")         \
    I(EXHAUST_IRQ, "exhaust-irq", "an interrupt overruns the IRQ stack into the guard page")       \
    I(EXHAUST_NMI, "exhaust-nmi", "NMIs nest past their last level")                               \
    I(EXHAUST_DEBUG, "exhaust-debug", "breakpoints nest past their last level")                    \
    I(EXHAUST_MCE, "exhaust-mce", "INT 18s nest past their last level")                            \
    I(EXHAUST_STACKFAULT, "exhaust-stackfault", "stack faults nest past their last level")         \
    I(EXHAUST_DOUBLEFAULT, "exhaust-doublefault", "double faults nest past their last level")      \
    I(WRONG_RSP0, "wrong-rsp0", "ring 3 is entered with RSP0 below the top of the stack")          \
    I(NO_SMAP, "no-smap", "a CPU does not forbid ring 0 to read ring 3's pages")                   \
    I(NO_EOI, "no-eoi", "an interrupt of another CPU is not ended in the APIC")                    \
    I(BACK_LINK, "back-link", "the IRQ stack's back-link is not what it was entered from")         \
    I(MACHINE_CHECK, "machine-check", "an INT 18 is taken for a true machine check")               \
    I(CORRECTED_FLOOD, "corrected-flood", "a machine-check bank always holds a corrected error")   \
    I(APIC_ERROR, "apic-error", "a CPU does with its APIC what is not allowed")                    \
    I(TOO_HOT, "too-hot", "a CPU says that its temperature was critical")                          \
    I(PACKAGE_TOO_HOT, "package-too-hot", "a CPU's package says that it was critically hot")       \
    I(HUNG_CPU, "hung-cpu", "a CPU spins with interrupts off")                                     \
    I(HUNG_BOOT_CPU, "hung-boot-cpu", "the boot CPU spins with interrupts off")                    \
    I(HUNG_PAIR, "hung-pair", "a CPU and the one after it spin with interrupts off")               \
    I(HUNG_HOLDER, "hung-holder", "a CPU hangs with a lock that the boot CPU needs")               \
    I(SILENT_TARGET, "silent-target", "a benchmark's target spins with interrupts off")            \
    I(STRAY_SAMPLE, "stray-sample", "an interrupt's sample says the thread's stack")               \
    I(STRAY_WAKER, "stray-waker", "a wake-up's sample says the waker's stack")                     \
    I(DEAF_CPU, "deaf-cpu", "a CPU spins with interrupts off and NMIs blocked")                    \
    I(CLOCK_BACK, "clock-back", "a CPU's time-stamp counter steps back by 1000 seconds")           \
    I(CLOCK_BEHIND, "clock-behind", "a CPU's time-stamp counter is a second behind the others'")   \
    I(TRIPLE_FAULT, "triple-fault", "an exception finds an empty IDT: the machine resets")         \
    I(STUCK_UART, "stuck-uart", "the last serial port's transmitter never empties")                \
    I(LATE_AP, "late-ap", "a processor is not sent its start-up IPIs")                             \
    I(WRONG_VECTOR, "wrong-vector", "run=conform sees another exception than the one that came")

enum inject {
#define INJECT_ENUM(symbol, name, about) INJECT_##symbol,
    INJECTS(INJECT_ENUM)
#undef INJECT_ENUM
        INJECT_COUNT,
    PATCH_SMAP = INJECT_COUNT, /* not a fault, but made the same way: CLAC where there is SMAP */
    PATCH_TRACE                 /* likewise: each CPU keeps its last events */
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
