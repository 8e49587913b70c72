/* SPDX-License-Identifier: MIT */
/* The constants of the entry code, and of the processor: see lib/offsets.h. */
#include <stddef.h>

#include "cpu/above.h"
#include "cpu/discipline.h"
#include "cpu/disciplines/repeat.h"
#include "cpu/frame.h"
#include "cpu/inject.h"
#include "cpu/percpu.h"
#include "cpu/softirq.h"
#include "cpu/vectors.h"
#include "cpu/x86.h"
#include "lib/offsets.h"

OFFSETS
{
    DEFINE(CR0_PE, CR0_PE);
    DEFINE(CR0_MP, CR0_MP);
    DEFINE(CR0_ET, CR0_ET);
    DEFINE(CR0_NE, CR0_NE);
    DEFINE(CR0_WP, CR0_WP);
    DEFINE(CR0_PG, CR0_PG);
    DEFINE(CR4_PAE, CR4_PAE);
    DEFINE(MSR_EFER, MSR_EFER);
    DEFINE(MSR_MISC_ENABLE, MSR_MISC_ENABLE);
    DEFINE(EFER_LME, EFER_LME);
    DEFINE(EFER_NXE, EFER_NXE);
    DEFINE(MSR_GS_BASE, MSR_GS_BASE);
    DEFINE(RFLAGS_FIXED, RFLAGS_FIXED);
    DEFINE(RFLAGS_TF, RFLAGS_TF);
    DEFINE(RFLAGS_AC, RFLAGS_AC);
    DEFINE(RFLAGS_NT, RFLAGS_NT);
    DEFINE(RFLAGS_RF, RFLAGS_RF);

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
    DEFINE(ABOVE_PREEMPT, offsetof(struct cpu_above, preempt));
    DEFINE(PERCPU_NEED_RESCHED, offsetof(struct percpu, need_resched));

    DEFINE(FRAME_VECTOR, offsetof(struct trap_frame, vector));
    DEFINE(FRAME_CS, offsetof(struct trap_frame, cs));
    DEFINE(FRAME_SIZE, sizeof(struct trap_frame));
    DEFINE(FRAME_RIP, offsetof(struct trap_frame, rip));
    DEFINE(FRAME_RSP, offsetof(struct trap_frame, rsp));
    DEFINE(FRAME_RFLAGS, offsetof(struct trap_frame, rflags));

    DEFINE(SOFTIRQ_RESTARTS, SOFTIRQ_RESTARTS);

#define STACK(symbol, name, ist, size, levels)                                                     \
    DEFINE(symbol##_STACK_IST, ist);                                                               \
    DEFINE(symbol##_STACK_LEVEL_SIZE, size);
#include "cpu/stacks.def"
#undef STACK
    DEFINE(THREAD_STACK_IST, THREAD_STACK_IST);

#define VECTOR(number, symbol, name, entry, handler, stack, dpl) DEFINE(VECTOR_##symbol, number);
#include "cpu/vectors.def"
#undef VECTOR
    DEFINE(VECTOR_COUNT, VECTOR_COUNT);
    DEFINE(VECTOR_FIRST_TRAP, VECTOR_FIRST_TRAP);
    DEFINE(VECTOR_LAST_TRAP, VECTOR_LAST_TRAP);
    DEFINE(VECTOR_SYSCALL, VECTOR_SYSCALL);
    DEFINE(VECTORS_WITH_ERROR_CODE, VECTORS_WITH_ERROR_CODE);
    DEFINE(VECTOR_FIRST_EXTERNAL, VECTOR_FIRST_EXTERNAL);
    DEFINE(STUB_SIZE, STUB_SIZE);

#define DISCIPLINE(symbol, name) DEFINE(DISCIPLINE_##symbol, DISCIPLINE_##symbol);
#include "cpu/disciplines.def"
#undef DISCIPLINE
    DEFINE(DISCIPLINE_COUNT, DISCIPLINE_COUNT);
    DEFINE(NMI_AREA_OWED, offsetof(struct nmi_area, owed));
    DEFINE(NMI_AREA_RAX, offsetof(struct nmi_area, rax));
    DEFINE(NMI_AREA_RIP, offsetof(struct nmi_area, rip));
    DEFINE(NMI_AREA_CS, offsetof(struct nmi_area, cs));
    DEFINE(NMI_AREA_SS, offsetof(struct nmi_area, ss));
    DEFINE(NMI_AREA_RETURN_CS, offsetof(struct nmi_area, return_cs));
    DEFINE(NMI_AREA_RETURN_RFLAGS, offsetof(struct nmi_area, return_rflags));
    DEFINE(NMI_AREA_RETURN_RSP, offsetof(struct nmi_area, return_rsp));
    DEFINE(NMI_AREA_RETURN_SS, offsetof(struct nmi_area, return_ss));
    DEFINE(ENTRY_TEXT_MOST, ENTRY_TEXT_MOST);
    DEFINE(PATH_IST, PATH_IST);
    DEFINE(PATH_TRAP, PATH_TRAP);
    DEFINE(PATH_IRQ, PATH_IRQ);
    DEFINE(PATH_SYSCALL, PATH_SYSCALL);
    DEFINE(PATH_EXIT, PATH_EXIT);
    DEFINE(PATH_SOFTIRQ, PATH_SOFTIRQ);
    DEFINE(PATH_SWITCH, PATH_SWITCH);
    DEFINE(PATH_ANY_VECTOR, PATH_ANY_VECTOR);

    DEFINE(ABSENT_SS, ABSENT_SS);
    DEFINE(ABSENT_USER_SS, ABSENT_USER_SS);

#define DEFINE_INJECT(symbol, name, about) DEFINE(INJECT_##symbol, INJECT_##symbol);
    INJECTS(DEFINE_INJECT)
    DEFINE(PATCH_SMAP, PATCH_SMAP);
}
