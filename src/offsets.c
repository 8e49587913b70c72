/* SPDX-License-Identifier: MIT */
/* The constants that assembly needs, computed by the compiler; the makefile turns this file's
 * output into NASM's %defines. Nothing here is linked. */
#include <stddef.h>

#include "boot/finish.h"
#include "cpu/entries.h"
#include "cpu/frame.h"
#include "cpu/inject.h"
#include "cpu/marks.h"
#include "cpu/percpu.h"
#include "cpu/softirq.h"
#include "cpu/vectors.h"
#include "cpu/x86.h"
#include "smp/apic.h"
#include "workloads/conform/sandbox.h"
#include "workloads/latency_overhead.h"
#include "workloads/sweep_words.h"
#include "workloads/user_words.h"
#include "workloads/victim_block.h"

#define DEFINE(name, value) __asm__ volatile(".ascii \"->" #name " %0\"" : : "i"((uint64_t)(value)))

#define BOOT_STACK_SIZE 16384

enum vector_entry {
    TRAP,
    IRQ,
    IST_DEBUG,
    IST_BREAKPOINT,
    IST_NMI,
    IST_DOUBLEFAULT,
    IST_STACKFAULT,
    IST_MCE
};

void offsets(void);
void offsets(void)
{
    DEFINE(BOOT_STACK_SIZE, BOOT_STACK_SIZE);
    DEFINE(CR0_PE, CR0_PE);
    DEFINE(CR0_MP, CR0_MP);
    DEFINE(CR0_ET, CR0_ET);
    DEFINE(CR0_NE, CR0_NE);
    DEFINE(CR0_WP, CR0_WP);
    DEFINE(CR0_PG, CR0_PG);
    DEFINE(CR4_PAE, CR4_PAE);
    DEFINE(MSR_EFER, MSR_EFER);
    DEFINE(EFER_LME, EFER_LME);
    DEFINE(EFER_NXE, EFER_NXE);
    DEFINE(MSR_GS_BASE, MSR_GS_BASE);
    DEFINE(RFLAGS_FIXED, RFLAGS_FIXED);
    DEFINE(RFLAGS_TF, RFLAGS_TF);
    DEFINE(RFLAGS_AC, RFLAGS_AC);
    DEFINE(RFLAGS_NT, RFLAGS_NT);
    DEFINE(RFLAGS_RF, RFLAGS_RF);
    DEFINE(DEBUG_EXIT_PORT, DEBUG_EXIT_PORT);
    DEFINE(FINISH_REFUSED, FINISH_REFUSED);

    DEFINE(KERNEL_CS, KERNEL_CS);
    DEFINE(KERNEL_DS, KERNEL_DS);
    DEFINE(USER_CS, USER_CS);
    DEFINE(USER_DS, USER_DS);
    DEFINE(CPU_WINDOW, CPU_WINDOW);
    DEFINE(CPU_WINDOWS_BASE, CPU_WINDOWS_BASE);
    DEFINE(IRQ_STACK_TOP, offsetof(struct cpu_window, stack_IRQ) + IRQSTACKSIZE);
    DEFINE(TSS_IST, offsetof(struct percpu, tss.ist));
    DEFINE(TSS_RSP0, offsetof(struct percpu, tss.rsp[0]));
    DEFINE(PERCPU_NMI_RESUME, offsetof(struct percpu, nmi_resume));
    DEFINE(PERCPU_SELF, offsetof(struct percpu, self));
    DEFINE(PERCPU_NMI_BLOCKS_GIVEN_UP, offsetof(struct percpu, nmi_blocks_given_up));
    DEFINE(NMI_STACK_LOW, offsetof(struct cpu_window, stack_NMI));
    DEFINE(NMI_STACK_TOP, offsetof(struct cpu_window, stack_NMI) + EXCEPTION_STKSZ * IST_LEVELS);
    DEFINE(PERCPU_USER_RSP, offsetof(struct percpu, user_rsp));
    DEFINE(PERCPU_IRQ_NEST, offsetof(struct percpu, irq_nest));
    DEFINE(PERCPU_IRQ_STACK_TOP, offsetof(struct percpu, irq_stack_top));
    DEFINE(PERCPU_NMI_RARE, offsetof(struct percpu, nmi_rare));
    DEFINE(PERCPU_SOFTIRQ_PENDING, offsetof(struct percpu, softirq_pending));
    DEFINE(PERCPU_SOFTIRQS, offsetof(struct percpu, events[EVENT_SOFTIRQ]));
    DEFINE(PERCPU_NEED_RESCHED, offsetof(struct percpu, need_resched));

    DEFINE(FRAME_VECTOR, offsetof(struct trap_frame, vector));
    DEFINE(FRAME_CS, offsetof(struct trap_frame, cs));
    DEFINE(FRAME_RAX, offsetof(struct trap_frame, rax));
    DEFINE(FRAME_SIZE, sizeof(struct trap_frame));
    DEFINE(FRAME_RIP, offsetof(struct trap_frame, rip));
    DEFINE(FRAME_RSP, offsetof(struct trap_frame, rsp));
    DEFINE(FRAME_RFLAGS, offsetof(struct trap_frame, rflags));
    DEFINE(FRAME_RSP, offsetof(struct trap_frame, rsp));

    DEFINE(MARKS_TRIGGER, offsetof(struct marks, trigger));
    DEFINE(MARKS_SENT, offsetof(struct marks, sent));
    DEFINE(MARKS_BACK, offsetof(struct marks, back));
    DEFINE(MARKS_ENTRY, offsetof(struct marks, entry));
    DEFINE(MARKS_SWITCHED, offsetof(struct marks, switched));
    DEFINE(MARKS_HANDLER, offsetof(struct marks, handler));
    DEFINE(MARKS_SERVICE, offsetof(struct marks, service));
    DEFINE(MARKS_RETURNED, offsetof(struct marks, returned));
    DEFINE(COUNTED_INSTRUCTIONS, COUNTED_INSTRUCTIONS);
    DEFINE(MARKS_RSP, offsetof(struct marks, rsp));
    DEFINE(MARKS_DONE, offsetof(struct marks, done));
    DEFINE(BENCH_IST, BENCH_IST);
    DEFINE(BENCH_LEVEL_SIZE, DEBUG_STKSZ);
    DEFINE(APIC_EOI_REGISTER, APIC_REGISTERS + APIC_EOI);
    DEFINE(MSR_X2APIC_EOI, MSR_X2APIC(APIC_EOI));
    DEFINE(MSR_X2APIC_ICR, MSR_X2APIC(APIC_ICR_LOW));
    DEFINE(SOFTIRQ_STORM, SOFTIRQ_STORM);
    DEFINE(SOFTIRQ_RESTARTS, SOFTIRQ_RESTARTS);

#define DEFINE_STACK(symbol, name, ist, size, levels)                                              \
    DEFINE(symbol##_STACK_IST, ist);                                                               \
    DEFINE(symbol##_STACK_LEVEL_SIZE, size);
    CPU_STACKS(DEFINE_STACK)

#define DEFINE_VECTOR(number, symbol, name, entry, ist, dpl)                                       \
    DEFINE(VECTOR_##number##_ENTRY, entry);                                                        \
    DEFINE(VECTOR_##number##_IST, ist);                                                            \
    DEFINE(VECTOR_##number##_DPL, dpl);                                                            \
    DEFINE(VECTOR_##symbol, number);
    VECTORS(DEFINE_VECTOR)
    DEFINE(VECTOR_SYSCALL, VECTOR_SYSCALL);
    DEFINE(VECTORS_WITH_ERROR_CODE, VECTORS_WITH_ERROR_CODE);
    DEFINE(VECTOR_FIRST_EXTERNAL, VECTOR_FIRST_EXTERNAL);
    DEFINE(ENTRY_TRAP, TRAP);
    DEFINE(ENTRY_IRQ, IRQ);
    DEFINE(ENTRY_IST_DEBUG, IST_DEBUG);
    DEFINE(ENTRY_IST_BREAKPOINT, IST_BREAKPOINT);
    DEFINE(ENTRY_IST_NMI, IST_NMI);
    DEFINE(ENTRY_IST_DOUBLEFAULT, IST_DOUBLEFAULT);
    DEFINE(ENTRY_IST_STACKFAULT, IST_STACKFAULT);
    DEFINE(ENTRY_IST_MCE, IST_MCE);

#define DEFINE_ENTRY(symbol, name, levels, nmi, breakpoint_ist, about, gives_up)                   \
    DEFINE(ENTRY_##symbol, ENTRY_##symbol);                                                        \
    DEFINE(BREAKPOINT_IST_OF_##name, breakpoint_ist);
    ENTRIES(DEFINE_ENTRY)
    DEFINE(ENTRY_COUNT, ENTRY_COUNT);
    DEFINE(NMI_AREA_OWED, offsetof(struct nmi_area, owed));
    DEFINE(NMI_AREA_RAX, offsetof(struct nmi_area, rax));
    DEFINE(NMI_AREA_RIP, offsetof(struct nmi_area, rip));
    DEFINE(NMI_AREA_CS, offsetof(struct nmi_area, cs));
    DEFINE(NMI_AREA_SS, offsetof(struct nmi_area, ss));
    DEFINE(NMI_AREA_RETURN_CS, offsetof(struct nmi_area, return_cs));
    DEFINE(NMI_AREA_RETURN_RFLAGS, offsetof(struct nmi_area, return_rflags));
    DEFINE(NMI_AREA_RETURN_RSP, offsetof(struct nmi_area, return_rsp));
    DEFINE(NMI_AREA_RETURN_SS, offsetof(struct nmi_area, return_ss));
    DEFINE(PATH_IST, PATH_IST);
    DEFINE(PATH_TRAP, PATH_TRAP);
    DEFINE(PATH_IRQ, PATH_IRQ);
    DEFINE(PATH_SYSCALL, PATH_SYSCALL);
    DEFINE(PATH_EXIT, PATH_EXIT);
    DEFINE(PATH_SOFTIRQ, PATH_SOFTIRQ);
    DEFINE(PATH_SWITCH, PATH_SWITCH);
    DEFINE(PATH_ANY_VECTOR, PATH_ANY_VECTOR);

    DEFINE(SANDBOX_STUB_SIZE, SANDBOX_STUB_SIZE);
    DEFINE(USER_SYSCALLS, USER_SYSCALLS);
    DEFINE(SWEEP_NOT_CANONICAL, SWEEP_NOT_CANONICAL);
    DEFINE(SWEEP_REGISTER_STEP, SWEEP_REGISTER_STEP);
    DEFINE(SWEEP_ASKS, SWEEP_ASKS);
    DEFINE(SWEEP_CALLS, SWEEP_CALLS);
    DEFINE(SWEEP_DO_TRAP, SWEEP_DO_TRAP);
    DEFINE(SWEEP_DO_CALL, SWEEP_DO_CALL);
    DEFINE(SWEEP_DO_BREAKPOINT, SWEEP_DO_BREAKPOINT);
    DEFINE(SWEEP_DO_OVERFLOW, SWEEP_DO_OVERFLOW);
    DEFINE(SWEEP_DO_STEP, SWEEP_DO_STEP);
    DEFINE(ABSENT_SS, ABSENT_SS);
    DEFINE(ABSENT_USER_SS, ABSENT_USER_SS);
    DEFINE(VICTIM_REGISTERS, offsetof(struct victim_block, registers));
    DEFINE(VICTIM_RSP, offsetof(struct victim_block, rsp));
    DEFINE(VICTIM_ROUNDS, offsetof(struct victim_block, rounds));
    DEFINE(VICTIM_ROUNDS_PER_LOOK, VICTIM_ROUNDS_PER_LOOK);

#define DEFINE_INJECT(symbol, name, about) DEFINE(INJECT_##symbol, INJECT_##symbol);
    INJECTS(DEFINE_INJECT)
    DEFINE(PATCH_SMAP, PATCH_SMAP);
    DEFINE(PATCH_TRACE, PATCH_TRACE);
}
