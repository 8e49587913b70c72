; SPDX-License-Identifier: MIT
; The way in and out of the kernel: from a stub to the handler's stack, and back. SDM volume 3,
; 6.12.1, 6.14. Why the stacks are as they are: stacks.h. What the frame looks like: frame.h.
;
; Every path does these, and no more:
;   - save what the handler may change, and hand it the frame: 15 registers;
;   - see to GS: the kernel's base on entry, what was there before on exit;
;   - see to the stack: the adjustment of an IST entry, or the nest counter of the IRQ stack;
;   - clear DF for the C ABI, and mark the frame for the backtrace: an odd RBP points at a frame,
;     not at a caller.
;
; WHAT EACH INSTRUCTION BUYS, over a gate and an IRET alone. The sums are those of
; test/path_lengths.json, as the sweep steps through them: from the stub's first to the IRET,
; without the workload's own handler, whose RET is its own. Common to all that come by a gate is the
; frame:
;    3  the stub: one frame for all vectors, with its number; and the jump. Two, where the processor
;       pushes an error code
;   30  15 pushes and 15 pops: the registers, which C, the oops and whoever looks at the frame need
;    3  CLD, the odd RBP, the handler's argument
;    2  CALL, and RET or the jump to the exit
;    2  ADD, vector and error code off the stack; IRETQ
;    3  in C: PUSH, MOV and POP of RBP, which a backtrace needs
; These are 43. What each path has besides is told where it stands.

%include "cpu/entry.inc"
%include "cpu/marks.inc"

extern trap_handler
extern irq_handler
extern irq_nested_handler
extern softirq_handlers
extern softirq_count
extern softirq_hand_over
extern debug_handler
extern breakpoint_handler
extern nmi_handler
extern double_fault_handler
extern stack_fault_handler
extern machine_check_handler
extern irq_preempt
extern syscall_handler
extern thread_exit

section .text

; Exceptions without an IST code: on the interrupted stack, or on RSP0 from ring 3. A software trap
; is 54 instructions: the frame's 43; TEST and JZ twice, whose GS base it is, by CS, since IF is
; clear wherever CS and GS disagree; and in trap.c two for whether it comes from ring 3, three for
; whether it is an exception, two for the handler. An exception is 59: a #PF is told apart by two,
; its hook is found and called by two, TEST and JE ask whether that expected it, and RET and the
; jump are both there. From ring 3 it is 31 more: SWAPGS twice; CLAC; the check's call, LEA and JMP
; behind it; three for the empty stack, two for the nest counter, 19 for the levels of six stacks,
; its RET.
TRAP_ENTRY trap, trap_handler, PATH_ANY_VECTOR, UNDER_ALL & ~UNDER(RET), leave_frame

; Rounds of softirqs: what is pending in EBX, more than nothing. Interrupts off before and after, on
; the IRQ stack at nest counter 0; EBX and R12 are used up. What is raised meanwhile is the next
; round's, and who raises for ever is handed to the softirq thread (softirq.h).
;
; The first handler comes eight instructions after the test that found it. The limit; the pending
; mask taken and cleared; STI; the count; which softirq, taken from the mask; the call.
%macro SOFTIRQ_ROUNDS 0
        mov     r12d, SOFTIRQ_RESTARTS
%%round:
        mov     dword [gs:PERCPU_SOFTIRQ_PENDING], 0
        sti
%%next:
        INJECT  PATCH_TRACE, {inc qword [gs:PERCPU_SOFTIRQS]}, {call [softirq_count]}
        tzcnt   edi, ebx                        ; of a mask that is not 0, BSF does the same
        btr     ebx, edi
        call    [softirq_handlers + rdi * 8]
        test    ebx, ebx
        jnz     %%next
        cli
        mov     ebx, [gs:PERCPU_SOFTIRQ_PENDING]
        test    ebx, ebx
        jle     %%done
        dec     r12d
        jnz     %%round
        call    softirq_hand_over
%%done:
%endmacro

; External interrupts. The counter goes up before RSP moves and comes down after RSP is back: only
; an NMI, #DB or #MC can see the two disagree, and those decide by RSP.
;
; What each of the 70 instructions buys: the frame's 43. TEST and JZ, twice: the GS base, as for a
; trap. INC and JNZ: the counter, and whose stack it says that this is. MOV: to the IRQ stack. Two
; pushes: the back-link and the way back. In irq.c, eight: RSP, back-link and counter say the same;
; the dispatch and the count, three. MOV, TEST and JG: softirqs. POP and DEC: off the stack again.
; CMP and JE: whether another thread is due. A nested one is 60: without the stack's four, the
; softirqs' three and the thread's two, and its check is seven. A softirq in it is 14 more: seven up
; to its call; TEST and JNZ, for others that were pending; CLI; MOV, TEST and JLE, for those that
; were raised meanwhile; the jump back.
;
; IRQ_ENTRY name, what comes first on the IRQ stack
%macro IRQ_ENTRY 2
global %{1}_entry:function
%{1}_entry:
        test    byte [rsp + 24], 3
        jz      %{1}_swapped
        swapgs
        CLEAR_AC
global %{1}_swapped:function
%{1}_swapped:                                   ; irq_swapped: GS is the kernel's
        push    rax
        PUSH_ALL_BUT_RAX
        cld
        lea     rbp, [rsp + 1]
        mov     rdi, rsp
        inc     dword [gs:PERCPU_IRQ_NEST]
global %{1}_counted:function
%{1}_counted:                                   ; irq_counted: RSP is not yet where it says
        jnz     irq_nested                      ; from -1 to 0: leaves the thread's stack
        mov     rsp, [gs:PERCPU_IRQ_STACK_TOP]
        %2
        INJECT  INJECT_BACK_LINK, {push rdi}, {push rsi}        ; the back-link
        push    rdi                             ; again, for the ABI's alignment: the way back
        call    irq_handler
        mov     ebx, [gs:PERCPU_SOFTIRQ_PENDING]
        test    ebx, ebx                        ; negative: they are the softirq thread's
        jg      %{1}_softirqs
%{1}_leave:
        pop     rsp
global %{1}_back:function
%{1}_back:                                      ; irq_back: it is back, the counter is not
        INJECT  INJECT_NEST_COUNTER, {dec dword [gs:PERCPU_IRQ_NEST]}, \
                {test dword [gs:PERCPU_IRQ_NEST], eax}
        cmp     byte [gs:PERCPU_NEED_RESCHED], 0
        je      leave_frame
        mov     rdi, rsp
        call    [irq_preempt]
        jmp     leave_frame

%{1}_softirqs:
        SOFTIRQ_ROUNDS
        jmp     %{1}_leave
%endmacro

IRQ_ENTRY irq_stamped, {STAMP MARKS_SWITCHED}   ; the benchmark's
IRQ_ENTRY irq, {}
; On the IRQ stack already: it stays, runs no softirqs and schedules nothing.
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

; SYSCALL leaves RSP and GS as ring 3 had them, RIP in RCX and the flags in R11. Until RSP is ours
; only an IST event can come (the flags' mask has IF and TF). What an interrupt would have pushed is
; pushed here, so that everybody sees the same frame; the way back is an IRET.
;
; Of 81 instructions these are the frame's 43, but for the stub's jump; SWAPGS, twice; two to keep
; RSP and to load ours; five, what an interrupt would have pushed; TEST and JZ: the exit is the
; others', too. In syscall.c 26 for the check of what comes from ring 3, as for a trap, and two: the
; frame is found again, and handed to the hook. There is no CLAC: the flags' mask has AC.
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
        PUSH_ALL_BUT_RAX
        cld
        lea     rbp, [rsp + 1]
        mov     rdi, rsp
        call    syscall_handler
        jmp     leave_frame
        ENTRY_PATH PATH_SYSCALL, VECTOR_SYSCALL, UNDER_ALL, syscall_entry

; Where an IST handler's frame sends a ring 3 thread that is to end: the handler's exit has just put
; ring 3's GS back.
global thread_end_from_user:function
thread_end_from_user:
        swapgs
        jmp     thread_exit

; void frame_resume(struct trap_frame *frame): starts what a hand-made frame says, as if it had been
; interrupted.
global frame_resume:function
frame_resume:
        mov     rsp, rdi
        jmp     leave_frame

; An IST entry. Between the hardware's push and the SUB another event of the same code would
; overwrite the frame, so the SUB comes as early as it can: one push and two moves. The stack lies
; in its CPU's window, so RSP says where the TSS is although nobody knows yet whose GS base is
; loaded. That is found out from the base itself (ours lie in the upper half, ring 3's never do): CS
; cannot tell, since we may have interrupted an entry before its SWAPGS or an exit after it.
;
; What each of a #BP's 72 instructions buys: the frame's 43; one of the pushes is before the rest,
; to have RAX for the window. Three on entry, three on exit: the level, so that an event of the same
; code does not overwrite the frame. Five on entry, two on exit: whose GS base it is, which nothing
; but the base can say. Then, in ist.c, seven: the frame lies where this CPU's stack, kind and level
; say, and TSS.ist[] was lowered; one: the hook's call. On the way out two: whether it was expected;
; one: the count; five: the deepest level there was, and this one given back. A #DB has four more:
; DR6 kept and cleared; a #MC seven: whether it is one, or INT 18. An NMI has none of the two, but
; two for whether another CPU asks something by it. From ring 3 there are three more: SWAPGS twice,
; and CLAC.
;
; IST_ENTRY name, stack, handler, vector, disciplines
%macro IST_ENTRY 5
global %{1}_entry:function
%{1}_entry:
        push    rax
        LOWER_IST %2
        SAVE_AND_FIND_GS
        call    %3
        LEAVE_IST %2
        ENTRY_PATH PATH_IST, %4, %5, %{1}_entry
%endmacro

IST_ENTRY debug, DEBUG_STACK, debug_handler, VECTOR_DB, UNDER(SHIFT)
IST_ENTRY breakpoint, DEBUG_STACK, breakpoint_handler, VECTOR_BP, UNDER(SHIFT)
IST_ENTRY nmi, NMI_STACK, nmi_handler, VECTOR_NMI, UNDER(SHIFT) | UNDER(RET)
IST_ENTRY double_fault, DOUBLEFAULT_STACK, double_fault_handler, VECTOR_DF, UNDER(SHIFT)
IST_ENTRY stack_fault, STACKFAULT_STACK, stack_fault_handler, VECTOR_SS, UNDER(SHIFT)
IST_ENTRY machine_check, MCE_STACK, machine_check_handler, VECTOR_MC, UNDER(SHIFT)

; void softirq_run_pending(void): from a thread's stack, to the IRQ stack through the same counter
; and with the same back-link as an interrupt. Interrupts off on entry and on return.
;
; Of 32 instructions three ask what is pending, and one keeps it; three are the frame's of a
; backtrace and four keep what the rounds use; RSP is kept by one; two are the counter's, two take
; RSP there and back, two push; 13 are one softirq's; and RET.
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
