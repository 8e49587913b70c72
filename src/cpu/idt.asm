; SPDX-License-Identifier: MIT
; The IDT and its stubs: a constant table for all CPUs, made from the list in vectors.h. SDM volume
; 3, 6.10, 6.14.1.
;
; A stub makes the frames of all vectors alike (an error code of 0 where the processor pushes none),
; says which vector it is, and goes on to the entry of its kind. All stubs have one size, so their
; addresses are arithmetic.

%include "offsets.inc"

%assign STUB_SIZE 16

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

; Where stubs lie in their section, the middle and high parts of whose addresses are one number.
%assign PLAIN_STUBS 0
%assign STAMPED_STUBS PLAIN_STUBS + 256 * STUB_SIZE
%assign STAMPED_SIZE 64
%assign BARE_STUBS STAMPED_STUBS + 256 * STAMPED_SIZE
%assign ADJUSTED_STUB BARE_STUBS + STAMPED_SIZE

; The time, with its order against what comes before: SDM volume 2, RDTSC. RAX and RDX are used up.
%macro STAMP 1
        lfence
        rdtsc
        shl     rdx, 32
        or      rax, rdx
        mov     [marks + %1], rax
%endmacro

%macro STAMP_AND_KEEP 1
        push    rax
        push    rdx
        STAMP   %1
        pop     rdx
        pop     rax
%endmacro

; STUBS name, offset in the section, size, 1 to stamp first
%macro STUBS 4
%1:
%assign vector 0
%rep 256
    VECTOR_FACTS vector
    %if %4
        STAMP_AND_KEEP MARKS_ENTRY
    %endif
    %if vector >= 32 || ((VECTORS_WITH_ERROR_CODE >> vector) & 1) = 0
        push    0
    %endif
        push    strict dword vector
        JUMP_TO_ENTRY
        ; Negative, so an error, where a stub grew too large.
        times (vector + 1) * %3 - ($ - %1) int3
    %assign vector vector + 1
%endrep
        times %2 + 256 * %3 - ($ - idt_stubs) int3
%endmacro

extern marks

section .idt_stubs alloc exec nowrite align=4096
global idt_stubs:function
STUBS idt_stubs, PLAIN_STUBS, STUB_SIZE, 0
STUBS stamped_stubs, STAMPED_STUBS, STAMPED_SIZE, 1

; The gate alone, and the gate with the adjustment that IST_ENTRY in entry.asm makes: for the price
; of each.
bare_stub:
        STAMP_AND_KEEP MARKS_ENTRY
        mov     [marks + MARKS_RSP], rsp
        iretq
        times ADJUSTED_STUB - ($ - idt_stubs) int3
adjusted_stub:
        push    rax
        mov     rax, rsp
        and     rax, -CPU_WINDOW
        sub     qword [rax + TSS_IST + (BENCH_IST - 1) * 8], BENCH_LEVEL_SIZE
        STAMP_AND_KEEP MARKS_ENTRY
        mov     [marks + MARKS_RSP], rsp
        mov     rax, rsp
        and     rax, -CPU_WINDOW
        add     qword [rax + TSS_IST + (BENCH_IST - 1) * 8], BENCH_LEVEL_SIZE
        pop     rax
        iretq

extern idt_stubs_low
extern idt_stubs_middle

; IDT name, offset of its stubs, their size, the vector whose gate is not present (256: none),
; offset of VECTOR_BENCH's stub or -1, its IST code
%macro IDT 6
align 16
global %1:data (%%end - %1)
%1:
    %assign vector 0
    %rep 256
        VECTOR_FACTS vector
        %if vector = VECTOR_BENCH && %5 >= 0
        dw      idt_stubs_low + %5
            %assign ist %6
        %else
        dw      idt_stubs_low + %2 + vector * %3
        %endif
        dw      KERNEL_CS
        db      ist
        %if vector = %4
        db      0x0e | dpl << 5                 ; not present
        %else
        db      0x8e | dpl << 5                 ; present, interrupt gate
        %endif
        dw      idt_stubs_middle
        dd      0, 0
        %assign vector vector + 1
    %endrep
%%end:
%endmacro

section .rodata
IDT idt, PLAIN_STUBS, STUB_SIZE, 256, -1, 0
IDT idt_without_gp, PLAIN_STUBS, STUB_SIZE, VECTOR_GP, -1, 0
; Those of the benchmark, each loaded on the one CPU that is measured, and for that long.
IDT idt_stamped, STAMPED_STUBS, STAMPED_SIZE, 256, -1, 0
IDT idt_bare, PLAIN_STUBS, STUB_SIZE, 256, BARE_STUBS, 0
IDT idt_bare_ist, PLAIN_STUBS, STUB_SIZE, 256, BARE_STUBS, BENCH_IST
IDT idt_adjusted, PLAIN_STUBS, STUB_SIZE, 256, ADJUSTED_STUB, BENCH_IST

section .note.GNU-stack noalloc noexec nowrite progbits
