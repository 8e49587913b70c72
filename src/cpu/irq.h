/* SPDX-License-Identifier: MIT */
/* External interrupts on the IRQ stack. The rules:
 *
 *  1. The first interrupt of a CPU (its nest counter goes from -1 to 0) leaves the thread's stack
 *     for the IRQ stack; nested ones stay on it. entry.asm does it.
 *  2. The topmost word of the IRQ stack is the back-link: the RSP it was entered from.
 *  3. A handler runs with interrupts off. One that allows nested interrupts turns them on before
 *     its EOI, so only higher priority classes come, and off again before it returns.
 *  4. The handler sends the EOI: this room does not know the APIC.
 *  5. At the outermost exit, and only there, softirqs run: on the IRQ stack, with interrupts on.
 *  6. Nothing on the IRQ stack is ever scheduled away: a reschedule waits until RSP is back on the
 *     thread's stack.
 *
 * SDM volume 3, 6.14; Linux's kernel-stacks document, "Interrupt stack". */
#ifndef ISTSTORM_CPU_IRQ_H
#define ISTSTORM_CPU_IRQ_H

#include "cpu/frame.h"

#endif
