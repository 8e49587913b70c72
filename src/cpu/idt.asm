; SPDX-License-Identifier: MIT
; The IDT and its stubs: a constant table for all CPUs, made from the list in vectors.h. SDM volume
; 3, 6.10, 6.14.1.
;
; A stub makes the frames of all vectors alike (an error code of 0 where the processor pushes none),
; says which vector it is, and goes on to the entry of its kind. All stubs have one size, so their
; addresses are arithmetic.

%include "offsets.inc"

STUB_SIZE       equ 16

extern trap_entry
extern irq_entry
extern debug_entry
extern breakpoint_entry
extern nmi_entry
extern double_fault_entry
extern stack_fault_entry
extern machine_check_entry

; What a vector that is not in the list gets: an exception's gate is a trap (and an oops), the
; others' an interrupt.
%macro VECTOR_FACTS 1
    %ifdef VECTOR_%1_ENTRY
        %assign entry VECTOR_%1_ENTRY
        %assign ist VECTOR_%1_IST
        %assign dpl VECTOR_%1_DPL
    %else
        %assign ist 0
        %assign dpl 0
        %if %1 < VECTOR_FIRST_EXTERNAL
            %assign entry ENTRY_TRAP
        %else
            %assign entry ENTRY_IRQ
        %endif
    %endif
%endmacro

%macro JUMP_TO_ENTRY 0
    %if entry = ENTRY_TRAP
        jmp     near trap_entry
    %elif entry = ENTRY_IRQ
        jmp     near irq_entry
    %elif entry = ENTRY_IST_DEBUG
        jmp     near debug_entry
    %elif entry = ENTRY_IST_BREAKPOINT
        jmp     near breakpoint_entry
    %elif entry = ENTRY_IST_NMI
        jmp     near nmi_entry
    %elif entry = ENTRY_IST_DOUBLEFAULT
        jmp     near double_fault_entry
    %elif entry = ENTRY_IST_STACKFAULT
        jmp     near stack_fault_entry
    %elif entry = ENTRY_IST_MCE
        jmp     near machine_check_entry
    %else
        %error "a vector's entry has no stub"
    %endif
%endmacro

section .idt_stubs alloc exec nowrite align=4096
global idt_stubs:function
idt_stubs:
%assign vector 0
%rep 256
    VECTOR_FACTS vector
    %if vector >= 32 || ((VECTORS_WITH_ERROR_CODE >> vector) & 1) = 0
        push    0
    %endif
        push    strict dword vector
        JUMP_TO_ENTRY
        ; Negative, so an error, where a stub grew too large.
        times (vector + 1) * STUB_SIZE - ($ - idt_stubs) int3
    %assign vector vector + 1
%endrep

extern idt_stubs_low
extern idt_stubs_middle

; IDT_TABLE name, the vector whose gate is not present (256: none)
%macro IDT_TABLE 2
align 16
global %1:data (%1.end - %1)
%1:
    %assign vector 0
    %rep 256
        VECTOR_FACTS vector
        dw      idt_stubs_low + vector * STUB_SIZE
        dw      KERNEL_CS
        db      ist
        %if vector = %2
        db      0x0e | dpl << 5                 ; not present
        %else
        db      0x8e | dpl << 5                 ; present, interrupt gate
        %endif
        dw      idt_stubs_middle
        dd      0, 0
        %assign vector vector + 1
    %endrep
.end:
%endmacro

section .rodata
IDT_TABLE idt, 256
IDT_TABLE idt_without_gp, VECTOR_GP

section .note.GNU-stack noalloc noexec nowrite progbits
