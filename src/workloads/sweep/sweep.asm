; SPDX-License-Identifier: MIT
; The sweep's probe, its way of blocking NMIs, and the instructions that cause each path's event:
; see sweep.h. SDM volume 3, 6.7.1, 6.14; volume 2, IRET, POPF.

%include "cpu/entry.inc"
%include "lib/kept.inc"
%include "workloads/sweep/offsets.inc"

PATIENCE        equ 1000000                     ; rounds of PAUSE for one's own NMI

extern sweep_probe
extern sweep_registers_came

section .text

; Vector 1's gate while the sweep stands at a boundary, on a stack of its own. True from C: leave
; without an IRET, so that NMIs stay as they are. Interrupts are off, and RF and TF are clear, since
; POPF cannot carry them. Nothing is written to the interrupted stack, not even below its RSP.
global sweep_probe_entry:function
sweep_probe_entry:
        push    0
        push    VECTOR_DB
        push    rax
        SAVE_AND_FIND_GS
        mov     esi, ebx
        call    sweep_probe
        test    al, al
        jnz     .without_iret
        PUT_GS_BACK
        POP_ALL_BUT_RAX
        pop     rax
        add     rsp, 16                         ; vector, error code
        iretq
.without_iret:
        PUT_GS_BACK
        mov     rax, [rsp + FRAME_RSP]
        mov     [rel leave_rsp], rax
        mov     rax, [rsp + FRAME_RIP]
        mov     [rel leave_rip], rax
        POP_ALL_BUT_RAX
        pop     rax
        add     rsp, FRAME_RFLAGS - FRAME_VECTOR
        popfq
        mov     rsp, [rel leave_rsp]
        jmp     [rel leave_rip]

global sweep_block_nmis:function
sweep_block_nmis:
        PUSH_KEPT
        push    0                               ; the ABI's alignment
        mov     [rel block_rsp], rsp
        call    rdi
        mov     ecx, PATIENCE
.wait:  pause
        dec     ecx
        jnz     .wait
        mov     eax, ecx
        jmp     block_over
; The NMI's gate meanwhile: no IST code, so the frame is below what is kept.
global sweep_block_stub:function
sweep_block_stub:
        mov     rsp, [rel block_rsp]
        mov     eax, 1
block_over:
        pop     rcx
        POP_KEPT
        ret

; CAUSE name, {instruction}: with a known value in every register before it, which C compares behind
; it. The instruction stands between sweep_causes and sweep_causes_end, as does what it returns to.
%assign CAUSE_REGISTER 0
%macro LOAD 1-*
    %assign CAUSE_REGISTER 0
    %rep %0
        mov     %1, SWEEP_NOT_CANONICAL + CAUSE_REGISTER * SWEEP_REGISTER_STEP
        %assign CAUSE_REGISTER CAUSE_REGISTER + 1
        %rotate 1
    %endrep
%endmacro

%macro CAUSE 2
global sweep_cause_%1:function
sweep_cause_%1:
        PUSH_KEPT
        LOAD    r15, r14, r13, r12, r11, r10, r9, r8, rdi, rsi, rbp, rbx, rdx, rcx, rax
        %2
global sweep_after_%1:function
sweep_after_%1:
        cld
        push    rax
        PUSH_ALL_BUT_RAX
        mov     rdi, rsp
        call    sweep_registers_came
        add     rsp, FRAME_VECTOR               ; the registers
        POP_KEPT
        ret
%endmacro

%macro STEP_ONCE 0
        pushfq
        or      qword [rsp], RFLAGS_TF
        popfq
        nop
%endmacro

; NMIs are blocked, and one is latched: this IRET lets it in, at the instruction behind it.
%macro RELEASE_NMI 0
        mov     [rel release_rsp], rsp
        push    KERNEL_DS
        push    qword [rel release_rsp]
        pushfq
        push    KERNEL_CS
        push    sweep_after_nmi
        iretq
%endmacro

global sweep_causes:data
sweep_causes:
CAUSE trap, int VECTOR_SWEEP
CAUSE overflow, int VECTOR_OF                   ; as any exception, which no fault's RF comes with
CAUSE breakpoint, int3
CAUSE machine_check, int VECTOR_MC
CAUSE irq, int VECTOR_SWEEP_IRQ
CAUSE debug, STEP_ONCE
CAUSE nmi, RELEASE_NMI
CAUSE stack_fault, {mov ss, [rel absent_ss]}
CAUSE double_fault, {mov rax, [rbx]}            ; not canonical, while #GP has no gate
global sweep_causes_end:data
sweep_causes_end:

; Ring 3: asks, does as it is told, and asks again. All registers but those that SYSCALL takes keep
; their values, which C looks at each time.
section .user_text alloc exec nowrite align=4096
global user_sweep:function
user_sweep:
        LOAD    r15, r14, r13, r12, r11, r10, r9, r8, rdi, rsi, rbp, rbx, rdx, rcx, rax
.again: mov     eax, SWEEP_ASKS
        syscall
        cmp     eax, SWEEP_DO_TRAP
        je      .trap
        cmp     eax, SWEEP_DO_CALL
        je      .call
        cmp     eax, SWEEP_DO_OVERFLOW
        je      .overflow
        cmp     eax, SWEEP_DO_STEP
        je      .step
        cmp     eax, SWEEP_DO_BREAKPOINT
        jne     .again
        int3
        jmp     .again
.trap:  int     VECTOR_SWEEP
        jmp     .again
.overflow:
        int     VECTOR_OF
        jmp     .again
.step:  STEP_ONCE
        jmp     .again
.call:  mov     eax, SWEEP_CALLS
        syscall
        jmp     .again

section .rodata
absent_ss:      dw ABSENT_SS

section .bss
align 8
block_rsp:      resq 1
release_rsp:    resq 1
leave_rsp:      resq 1
leave_rip:      resq 1

section .note.GNU-stack noalloc noexec nowrite progbits
