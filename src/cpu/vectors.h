/* SPDX-License-Identifier: MIT */
/* Every vector that means something, a line each: the one list behind the IDT, its stubs and the
 * vectors' names. SDM volume 3, tables 6-1 (exceptions) and 10.5.2 (valid interrupt vectors),
 * 6.14.5 (the IST field).
 *
 * V(number, symbol, name, entry, IST code, least privilege that may INT it)
 *   entry TRAP: stays on the interrupted stack (or RSP0);  IST_x: its own hardware stack;  IRQ: the
 *   IRQ stack.
 * Vectors that are not listed get a stub too: below 32 as TRAP (reserved by the manual: an oops),
 * above as IRQ. External interrupts lie in descending order of urgency: the APIC's priority class
 * is vector / 16. */
#ifndef ISTSTORM_CPU_VECTORS_H
#define ISTSTORM_CPU_VECTORS_H

#define VECTORS(V)                                                                                 \
    V(0, DE, "#DE", TRAP, 0, 0)                                                                    \
    V(1, DB, "#DB", IST_DEBUG, 4, 0)                                                               \
    V(2, NMI, "NMI", IST_NMI, 3, 0)                                                                \
    V(3, BP, "#BP", IST_BREAKPOINT, 4, 3)                                                          \
    V(4, OF, "#OF", TRAP, 0, 3)                                                                    \
    V(5, BR, "#BR", TRAP, 0, 0)                                                                    \
    V(6, UD, "#UD", TRAP, 0, 0)                                                                    \
    V(7, NM, "#NM", TRAP, 0, 0)                                                                    \
    V(8, DF, "#DF", IST_DOUBLEFAULT, 2, 0)                                                         \
    V(10, TS, "#TS", TRAP, 0, 0)                                                                   \
    V(11, NP, "#NP", TRAP, 0, 0)                                                                   \
    V(12, SS, "#SS", IST_STACKFAULT, 1, 0)                                                         \
    V(13, GP, "#GP", TRAP, 0, 0)                                                                   \
    V(14, PF, "#PF", TRAP, 0, 0)                                                                   \
    V(16, MF, "#MF", TRAP, 0, 0)                                                                   \
    V(17, AC, "#AC", TRAP, 0, 0)                                                                   \
    V(18, MC, "#MC", IST_MCE, 5, 0)                                                                \
    V(19, XM, "#XM", TRAP, 0, 0)                                                                   \
    V(20, VE, "#VE", TRAP, 0, 0)                                                                   \
    V(21, CP, "#CP", TRAP, 0, 0)                                                                   \
    V(28, HV, "#HV", TRAP, 0, 0)                                                                   \
    V(29, VC, "#VC", TRAP, 0, 0)                                                                   \
    V(30, SX, "#SX", TRAP, 0, 0)                                                                   \
    V(32, PIC_FIRST, "PIC", IRQ, 0, 0)                                                             \
    V(48, VICTIM, "victim", TRAP, 0, 3)                                                            \
    V(49, BENCH, "benchmark", TRAP, 0, 3)                                                          \
    V(52, WINDOW, "window", TRAP, 0, 3)                                                            \
    V(51, SWEEP, "sweep", TRAP, 0, 3)                                                              \
    V(50, BENCH_USER, "benchmark's ring 3", TRAP, 0, 3)                                            \
    V(210, BENCH_OUTER, "benchmark's outer", IRQ, 0, 0)                                            \
    V(211, BENCH_LOAD, "benchmark's load", IRQ, 0, 0)                                              \
    V(224, TIMER, "timer", IRQ, 0, 0)                                                              \
    V(225, RESCHEDULE, "reschedule", IRQ, 0, 0)                                                    \
    V(226, CALL, "call", IRQ, 0, 0)                                                                \
    V(227, CMCI, "CMCI", IRQ, 0, 0)                                                                \
    V(228, THERMAL, "thermal", IRQ, 0, 0)                                                          \
    V(240, APIC_ERROR, "APIC error", IRQ, 0, 0)                                                    \
    V(241, BENCH_IRQ, "benchmark", IRQ, 0, 0)                                                      \
    V(242, BENCH_RAISE, "benchmark's softirq", IRQ, 0, 0)                                          \
    V(243, SWEEP_IRQ, "sweep", IRQ, 0, 0)                                                          \
    V(244, SWEEP_INNER, "sweep's inner", IRQ, 0, 0)                                                \
    V(255, SPURIOUS, "spurious", IRQ, 0, 0)

enum vector {
#define VECTOR_ENUM(number, symbol, name, entry, ist, dpl) VECTOR_##symbol = number,
    VECTORS(VECTOR_ENUM)
#undef VECTOR_ENUM
};

#define VECTOR_COUNT 256
#define VECTOR_SYSCALL 256                  /* in a frame: no vector, but SYSCALL */
#define VECTOR_FIRST_EXTERNAL 32
#define CR8_ALL_BUT_BENCH 14 /* priority class 15 alone gets through: the benchmark, the sweep */

/* The storm's own interrupts: one vector in each of these priority classes, lowest first. */
#define STORM_CLASS_FIRST 4
#define STORM_CLASSES 10
#define STORM_VECTOR(level) ((STORM_CLASS_FIRST + (level)) * 16)
#define STORM_REMOTE 1                      /* added to it: the vector that other CPUs send */
#define VECTOR_PAIR_OUTER (STORM_VECTOR(0) + 8)
#define VECTOR_PAIR_MESSENGER (STORM_VECTOR(STORM_CLASSES - 1) + 9)
#define VECTOR_PAIR_INNER (STORM_VECTOR(STORM_CLASSES - 1) + 8)
#define VECTOR_DEBUG_PROBE (STORM_VECTOR(0) + 10)
#define VECTOR_STORM_SOFTIRQ (STORM_VECTOR(0) + 2)  /* the first of four, one a softirq */

/* The IST code that the benchmark's own gate has where it is measured with one: DEBUG_STACK's. */
#define BENCH_IST 4

/* Exceptions whose delivery pushes an error code (SDM volume 3, table 6-1; 29 and 30 are AMD's). A
 * bit a vector. */
#define VECTORS_WITH_ERROR_CODE                                                                    \
    (1u << VECTOR_DF | 1u << VECTOR_TS | 1u << VECTOR_NP | 1u << VECTOR_SS | 1u << VECTOR_GP |     \
     1u << VECTOR_PF | 1u << VECTOR_AC | 1u << VECTOR_CP | 1u << VECTOR_VC | 1u << VECTOR_SX)

#endif
