; SPDX-License-Identifier: MIT
; The way in and out of the kernel: from a stub to the handler's stack, and back. SDM volume 3,
; 6.12.1, 6.14. Why the stacks are as they are: stacks.h. The frame: frame.h.
;
; Every path does these, and no more:
;   - save what the handler may change, and hand it the frame: 15 registers;
;   - see to GS: the kernel's base on entry, what was there before on exit;
;   - see to the stack: the adjustment of an IST entry, or the nest counter of the IRQ stack;
;   - clear DF for the C ABI, and mark the frame for the backtrace: an odd RBP points at a frame,
;     not at a caller.
;
; test/path_lengths.json has the length of every path, in instructions: none may grow unseen.

%include "cpu/irq_entry.inc"

extern trap_handler
extern irq_handler
extern irq_nested_handler
extern softirq_handlers
extern softirq_hand_over
extern cpu_above
extern syscall_handler

entry_text_most equ ENTRY_TEXT_MOST             ; the linker asks whether all entries fit
global entry_text_most

section .text.entry progbits alloc exec nowrite align=16

; Exceptions without an IST code, and software interrupts: on the interrupted stack, or on RSP0 from
; ring 3.
TRAP_ENTRY trap, trap_handler, PATH_ANY_VECTOR, UNDER_ALL, leave_frame

IRQ_ENTRY irq
; Nested: it stays on the IRQ stack, and leaves softirqs and the scheduler to the outermost one.
global irq_nested:function
irq_nested:
        call    irq_nested_handler
        dec     dword [gs:PERCPU_IRQ_NEST]
        ENTRY_PATH PATH_IRQ, PATH_ANY_VECTOR, UNDER_ALL, irq_entry

; Back to what was interrupted, from a stack that is not an IST's.
global leave_frame:function
leave_frame:
        test    byte [rsp + FRAME_CS], 3
        jz      leave_swapped
        swapgs
global leave_swapped:function
leave_swapped:
        POP_ALL_BUT_RAX
        pop     rax
        add     rsp, 16                         ; vector, error code
        iretq
        ENTRY_PATH PATH_EXIT, PATH_ANY_VECTOR, UNDER_ALL, leave_frame

; SYSCALL (SDM volume 3, 5.8.8) leaves RSP and GS as ring 3 had them, RIP in RCX and the flags in
; R11. Until RSP is the kernel's only an IST event can come: the flags' mask clears IF and TF, and
; AC too, so there is no CLAC. The entry pushes what an interrupt would have pushed, so that all
; see the same frame, and leaves by IRET.
global syscall_entry:function
global syscall_swapped:function
global syscall_switched:function
syscall_entry:
        swapgs
syscall_swapped:
        mov     [gs:PERCPU_USER_RSP], rsp
        mov     rsp, [gs:TSS_RSP0]
syscall_switched:
        push    USER_DS
        push    qword [gs:PERCPU_USER_RSP]
        push    r11
        push    USER_CS
        push    rcx
        push    0
        push    VECTOR_SYSCALL
        push    rax
        PUSH_ALL_BUT_RAX INJECT_WRONG_SAVE
        cld
        lea     rbp, [rsp + 1]
        mov     rdi, rsp
        call    syscall_handler
        jmp     leave_frame
        ENTRY_PATH PATH_SYSCALL, VECTOR_SYSCALL, UNDER_ALL, syscall_entry

; void frame_resume(struct trap_frame *frame): starts what a hand-made frame says, as if it had been
; interrupted.
global frame_resume:function
frame_resume:
        mov     rsp, rdi
        jmp     leave_frame

; The vectors that have an IST code, each with an entry (entry.inc) and a handler.
%macro VECTOR 7                                 ; as in vectors.def
    %if %{6}_STACK_IST
        extern  %5
        IST_ENTRY %4, %{6}_STACK, %5, %1, UNDER(SHIFT)
    %endif
%endmacro
%include "cpu/vectors.inc"

; void softirq_run_pending(void): from a thread's stack, to the IRQ stack through the same counter
; and with the same back-link as an interrupt. Interrupts off on entry and on return.
global softirq_run_pending:function
softirq_run_pending:
        mov     ecx, [gs:PERCPU_SOFTIRQ_PENDING]
        test    ecx, ecx
        jle     .nothing
        push    rbp
        mov     rbp, rsp
        push    rbx
        push    r12
        mov     ebx, ecx
        mov     rax, rsp
        inc     dword [gs:PERCPU_IRQ_NEST]
        mov     rsp, [gs:PERCPU_IRQ_STACK_TOP]
        push    rax
        push    rax
        SOFTIRQ_ROUNDS
        pop     rsp
        dec     dword [gs:PERCPU_IRQ_NEST]
        pop     r12
        pop     rbx
        pop     rbp
.nothing:
        ret
        ENTRY_PATH PATH_SOFTIRQ, PATH_ANY_VECTOR, UNDER_ALL, softirq_run_pending

section .note.GNU-stack noalloc noexec nowrite progbits
