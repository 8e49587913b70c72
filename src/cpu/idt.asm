; SPDX-License-Identifier: MIT
; The IDT and its stubs: a constant table for all CPUs, made from the list in vectors.h. SDM volume
; 3, 6.10, 6.14.1.
;
; A stub makes the frames of all vectors alike (an error code of 0 where the processor pushes none),
; says which vector it is, and goes on to the entry of its kind. All stubs have one size, so their
; addresses are arithmetic. Each discipline (entries.h) has the exceptions' for itself.

%include "offsets.inc"
%include "cpu/entry_path.inc"
%include "cpu/marks.inc"

%assign STUB_SIZE 16

; The entry of an event under one discipline.
%macro ENTERED_BY 3                             ; event, discipline, entry
    %define %1_of_%2 %3
    %ifndef DECLARED_%3
    %define DECLARED_%3
    extern  %3
    %endif
%endmacro

; Of an event, under each discipline.
%macro ENTRIES_OF 5
ENTERED_BY %1, shift, %2
ENTERED_BY %1, none, %3
ENTERED_BY %1, repeat, %4
ENTERED_BY %1, ret, %5
%endmacro

ENTRIES_OF trap, trap_entry, trap_entry, trap_entry, trap_ret_entry
ENTRIES_OF irq, irq_entry, irq_entry, irq_entry, irq_entry
extern irq_stamped_entry
ENTRIES_OF nmi, nmi_entry, nmi_entry_plain, nmi_entry_repeat, nmi_entry
ENTRIES_OF debug, debug_entry, debug_entry_plain, debug_entry_repeat, debug_entry_ret
ENTRIES_OF breakpoint, breakpoint_entry, breakpoint_entry_plain, breakpoint_repeat_entry, \
        breakpoint_entry_ret
ENTRIES_OF double_fault, double_fault_entry, double_fault_entry_plain, double_fault_entry_plain, \
        double_fault_entry_ret
ENTRIES_OF stack_fault, stack_fault_entry, stack_fault_entry_plain, stack_fault_entry_plain, \
        stack_fault_entry_ret
ENTRIES_OF machine_check, machine_check_entry, machine_check_entry_plain, \
        machine_check_entry_plain, machine_check_entry_ret

; What a vector that is not in the list gets: an exception's gate is a trap (and an oops), the
; others' an interrupt.
%macro VECTOR_FACTS 1
    %ifdef VECTOR_%1_ENTRY
        %assign entry VECTOR_%1_ENTRY
        %assign ist VECTOR_%1_IST
        %assign dpl VECTOR_%1_DPL
        %assign listed 1
    %else
        %assign listed 0
        %assign ist 0
        %assign dpl 0
        %if %1 < VECTOR_FIRST_EXTERNAL
            %assign entry ENTRY_TRAP
        %else
            %assign entry ENTRY_IRQ
        %endif
    %endif
%endmacro

; JUMP_TO_ENTRY discipline
%macro JUMP_TO_ENTRY 1
    %if entry = ENTRY_TRAP
        jmp     near trap_of_%1
    %elif entry = ENTRY_IRQ
        jmp     near irq_of_%1
    %elif entry = ENTRY_IST_DEBUG
        jmp     near debug_of_%1
    %elif entry = ENTRY_IST_BREAKPOINT
        jmp     near breakpoint_of_%1
    %elif entry = ENTRY_IST_NMI
        jmp     near nmi_of_%1
    %elif entry = ENTRY_IST_DOUBLEFAULT
        jmp     near double_fault_of_%1
    %elif entry = ENTRY_IST_STACKFAULT
        jmp     near stack_fault_of_%1
    %elif entry = ENTRY_IST_MCE
        jmp     near machine_check_of_%1
    %else
        %error "a vector's entry has no stub"
    %endif
%endmacro

%assign STAMPED_SIZE 64

%macro STAMP_AND_KEEP 1
        push    rax
        push    rdx
        STAMP   %1
        pop     rdx
        pop     rax
%endmacro

; The kind of path that a stub begins, where its vector is in the list.
%macro STUB_PATH 2                              ; disciplines, start
    %if entry = ENTRY_TRAP
        ENTRY_PATH PATH_TRAP, vector, %1, %2
    %elif entry = ENTRY_IRQ
        ENTRY_PATH PATH_IRQ, vector, %1, %2
    %else
        ENTRY_PATH PATH_IST, vector, %1, %2
    %endif
%endmacro

; Other interrupts leave the stamps alone, and so does the second INT of the benchmark's ring 3.
%define VECTOR_IS_MEASURED(v) ((v) < 32 || (v) = VECTOR_BENCH || (v) = VECTOR_BENCH_IRQ || \
                               (v) = VECTOR_BENCH_RAISE)

; STUBS discipline, first vector, past the last one, size, 1 to stamp first, disciplines that the
; paths belong to
%macro STUBS 6
%%start:
%assign vector %2
%rep %3 - %2
    VECTOR_FACTS vector
    %assign stamps %5 && VECTOR_IS_MEASURED(vector)
    %if stamps
        STAMP_AND_KEEP MARKS_ENTRY
    %endif
    %if vector >= 32 || ((VECTORS_WITH_ERROR_CODE >> vector) & 1) = 0
        push    0
    %endif
        push    strict dword vector
    %if stamps && entry = ENTRY_IRQ
        jmp     near irq_stamped_entry
    %else
        JUMP_TO_ENTRY %1
    %endif
    %if listed && !(%5)
        STUB_PATH %6, %%start + (vector - %2) * %4
    %endif
        ; Negative, so an error, where a stub grew too large.
        times (vector - %2 + 1) * %4 - ($ - %%start) int3
    %assign vector vector + 1
%endrep
%endmacro

; The exceptions' stubs of a discipline, and the same that stamp the time first.
%macro EXCEPTION_STUBS 2                        ; name, symbol
global stubs_%1:function
stubs_%1:
        STUBS %1, 0, VECTOR_FIRST_EXTERNAL, STUB_SIZE, 0, UNDER(%2)
stamped_%1:
        STUBS %1, 0, VECTOR_FIRST_EXTERNAL, STAMPED_SIZE, 1, 0
%endmacro

section .idt_stubs alloc exec nowrite align=4096
idt_stubs:
EXCEPTION_STUBS shift, SHIFT
EXCEPTION_STUBS none, NONE
EXCEPTION_STUBS repeat, REPEAT
EXCEPTION_STUBS ret, RET
global stubs_external:function
stubs_external:
        STUBS shift, VECTOR_FIRST_EXTERNAL, 256, STUB_SIZE, 0, UNDER_ALL
stamped_external:
        STUBS shift, VECTOR_FIRST_EXTERNAL, 256, STAMPED_SIZE, 1, 0

; The gate alone, and the gate with the adjustment that IST_ENTRY in entry.asm makes: for the price
; of each.
bare_stub:
        STAMP_AND_KEEP MARKS_ENTRY
        mov     [marks + MARKS_RSP], rsp
        iretq
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

; IDT name, discipline, its stubs for exceptions, the other vectors' stubs, their size, the vector
; whose gate is not present (256: none), VECTOR_BENCH's stub, its IST code
%macro IDT 8
align 16
global %1:data (%%end - %1)
%1:
    %assign vector 0
    %rep 256
        VECTOR_FACTS vector
        %if vector = VECTOR_BP
            %assign ist BREAKPOINT_IST_OF_%2
        %endif
        %if vector < VECTOR_FIRST_EXTERNAL
        dw      idt_stubs_low + (%3 - idt_stubs) + vector * %5
        %elif vector = VECTOR_BENCH
        dw      idt_stubs_low + (%7 - idt_stubs)
            %assign ist %8
        %else
        dw      idt_stubs_low + (%4 - idt_stubs) + (vector - VECTOR_FIRST_EXTERNAL) * %5
        %endif
        dw      KERNEL_CS
        db      ist
        %if vector = %6
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

%define BENCH(set, size) set + (VECTOR_BENCH - VECTOR_FIRST_EXTERNAL) * size

; Those of a discipline: in force, for contributory pairs, and for the benchmark's CPU.
%macro IDTS 1
IDT idt_%1, %1, stubs_%1, stubs_external, STUB_SIZE, 256, \
    BENCH(stubs_external, STUB_SIZE), 0
IDT idt_%1_without_gp, %1, stubs_%1, stubs_external, STUB_SIZE, VECTOR_GP, \
    BENCH(stubs_external, STUB_SIZE), 0
IDT idt_%1_stamped, %1, stamped_%1, stamped_external, STAMPED_SIZE, 256, \
    BENCH(stamped_external, STAMPED_SIZE), 0
IDT idt_%1_stamped_without_gp, %1, stamped_%1, stamped_external, STAMPED_SIZE, VECTOR_GP, \
    BENCH(stamped_external, STAMPED_SIZE), 0
%endmacro

section .rodata
IDTS shift
IDTS none
IDTS repeat
IDTS ret
; What a gate alone costs, whatever the discipline: each is loaded on the one CPU that is measured,
; and for that long.
IDT idt_bare, shift, stubs_shift, stubs_external, STUB_SIZE, 256, bare_stub, 0
IDT idt_bare_ist, shift, stubs_shift, stubs_external, STUB_SIZE, 256, bare_stub, BENCH_IST
IDT idt_adjusted, shift, stubs_shift, stubs_external, STUB_SIZE, 256, adjusted_stub, BENCH_IST

section .note.GNU-stack noalloc noexec nowrite progbits
