; SPDX-License-Identifier: MIT
; The stubs and the entry that stamp the time: in place of the IDT's own where the way to a handler
; is measured stage by stage (idts.h). SDM volume 3, 6.14.
;
; A stamping stub keeps the time of its first instruction among the marks, and goes on as the stub
; that it stands for: by the same instructions, to the same entry.

%include "cpu/stubs.inc"
%include "cpu/irq_entry.inc"
%include "cpu/disciplines/none.inc"
%include "cpu/disciplines/repeat.inc"
%include "cpu/disciplines/ret.inc"
%include "workloads/latency/offsets.inc"
%include "workloads/latency/marks.inc"

DECLARE_ENTRIES
extern debug_entry_none
extern breakpoint_entry_none
extern nmi_entry_none
extern double_fault_entry_none
extern stack_fault_entry_none
extern machine_check_entry_none
extern debug_entry_repeat
extern breakpoint_repeat_entry
extern nmi_entry_repeat
extern double_fault_entry_repeat
extern stack_fault_entry_repeat
extern machine_check_entry_repeat
extern debug_entry_ret
extern breakpoint_entry_ret
extern nmi_entry_ret
extern double_fault_entry_ret
extern stack_fault_entry_ret
extern machine_check_entry_ret
extern irq_handler
extern irq_nested
extern cpu_above
extern leave_frame
extern softirq_handlers
extern softirq_hand_over

%assign STAMPED_SIZE 64                         ; a cache line

%macro STAMP_AND_KEEP 1
        push    rax
        push    rdx
        STAMP   %1
        pop     rdx
        pop     rax
%endmacro

; A stub and its vector: struct stamping in idts.c.
%macro LIST_STAMPING 2                          ; vector, stub
[section .rodata]
        dq      %2
        dq      %1
__?SECT?__
%endmacro

; STAMPING vector, discipline
%macro STAMPING 2
        LIST_STAMPING %1, %%start
align STAMPED_SIZE
%%start:
        STAMP_AND_KEEP MARKS_ENTRY
        PUSH_VECTOR %1
        GO_TO_ENTRY %2, %1
        ; Negative, so an error, where a stub grew too large.
        times STAMPED_SIZE - ($ - %%start) int3
%endmacro

section .rodata
align 8
global latency_stampings:data
latency_stampings:
section .text

; Of each discipline: the exceptions that are measured, and the trap, whose stub all have in common.
%macro DISCIPLINE 2                             ; as in disciplines.def
        STAMPING VECTOR_DB, %1
        STAMPING VECTOR_NMI, %1
        STAMPING VECTOR_BP, %1
        STAMPING VECTOR_DF, %1
        STAMPING VECTOR_SS, %1
        STAMPING VECTOR_MC, %1
        STAMPING VECTOR_BENCH, SHIFT
%endmacro
%include "cpu/disciplines.inc"

; Of all: the interrupts, whose entry stamps the switch to the IRQ stack, too.
IRQ_ENTRY latency_irq, {STAMP MARKS_SWITCHED}
%macro STAMPING_IRQ 1
        LIST_STAMPING %1, %%start
align STAMPED_SIZE
%%start:
        STAMP_AND_KEEP MARKS_ENTRY
        PUSH_VECTOR %1
        jmp     near latency_irq_entry
%endmacro
        STAMPING_IRQ VECTOR_BENCH_IRQ
        STAMPING_IRQ VECTOR_BENCH_RAISE

; The gate alone, and the gate with the adjustment that IST_ENTRY in cpu/entry.inc makes: for the
; price of each.
global latency_bare_stub:function
latency_bare_stub:
        STAMP_AND_KEEP MARKS_ENTRY
        mov     [marks + MARKS_RSP], rsp
        iretq
global latency_adjusting_stub:function
latency_adjusting_stub:
        push    rax
        mov     rax, rsp
        and     rax, -CPU_WINDOW
        sub     qword [rax + TSS_IST_OF(DEBUG_STACK)], DEBUG_STACK_LEVEL_SIZE
        STAMP_AND_KEEP MARKS_ENTRY
        mov     [marks + MARKS_RSP], rsp
        mov     rax, rsp
        and     rax, -CPU_WINDOW
        add     qword [rax + TSS_IST_OF(DEBUG_STACK)], DEBUG_STACK_LEVEL_SIZE
        pop     rax
        iretq

section .note.GNU-stack noalloc noexec nowrite progbits
