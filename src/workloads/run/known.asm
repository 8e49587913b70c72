; SPDX-License-Identifier: MIT
; Raises events with every register known, and looks at all of them behind it. Contracts: known.h;
; what is loaded and where: known_block.h. SDM volume 3, 6.12.1 (what an event saves and IRET
; restores).
;
; The same code in rings 0 and 3, so it refers to nothing but RSP, and to what lies there. Between
; POPFQ, the last that is loaded, and PUSHFQ, the first that is kept, no instruction changes a
; register or a flag but the trigger itself.

%include "cpu/entry.inc"
%include "lib/kept.inc"
%include "workloads/run/register_list.inc"
%include "smp/offsets.inc"
%include "workloads/run/offsets.inc"

section .user_text alloc exec nowrite align=4096

%macro LOAD 2
        mov     %1, [rdi + KNOWN_REGISTERS + %2 * 8]
%endmacro

; Of struct known_stack, from RSP while an event is raised.
%define AT(field) rsp + KNOWN_STACK_ %+ field - KNOWN_STACK_RESULT

; uint64_t known_enter(struct known *known): 0 when all is as it was loaded.
global known_enter:function
known_enter:
        PUSH_KEPT
        pushfq
        push    rdi
%assign word KNOWN_WORDS
%rep KNOWN_WORDS
    %assign word word - 1
        push    qword [rdi + KNOWN_WORDS_LOADED + word * 8]
%endrep
        push    qword [rdi + KNOWN_TRIGGER]
        push    rsp
        push    0
        push    qword [rdi + KNOWN_RFLAGS]
        FOR_REGISTERS LOAD
        popfq
        jmp     [AT(TRIGGER)]

; Where every trigger ends. A frame that is to go on behind its event goes on here.
%macro COMPARE 2                                ; offset in struct known_stack, in struct known
        mov     rcx, [rbx + %1]
        xor     rcx, [rdi + %2]
%endmacro
global known_back:function
known_back:
        pushfq
        push    rax
        PUSH_ALL_BUT_RAX
        cld
        mov     rbx, rsp
        lea     rax, [rbx + KNOWN_STACK_TRIGGER]
        cmp     rax, [rbx + KNOWN_STACK_SELF]
        jne     known_rsp_is_lost
        mov     rdi, [rbx + KNOWN_STACK_KNOWN]
        COMPARE KNOWN_STACK_RFLAGS, KNOWN_RFLAGS_KEPT
        mov     eax, ecx
        and     eax, KNOWN_FLAGS
%assign i 0
%rep FRAME_REGISTERS
        COMPARE KNOWN_STACK_REGISTERS + i * 8, KNOWN_REGISTERS + i * 8
        or      rax, rcx
    %assign i i + 1
%endrep
%assign i 0
%rep KNOWN_WORDS
        COMPARE KNOWN_STACK_WORDS + i * 8, KNOWN_WORDS_LOADED + i * 8
        or      rax, rcx
    %assign i i + 1
%endrep
        mov     rcx, [rbx + KNOWN_STACK_RESULT]
        mov     [rdi + KNOWN_RESULT], rcx
        mov     [rdi + KNOWN_DIFFERS], rax
        test    rax, rax
        jz      .whole
        mov     rsi, rbx
        add     rdi, KNOWN_FOUND
        mov     ecx, KNOWN_STACK_SIZE / 8
        rep movsq
.whole:
        lea     rsp, [rbx + KNOWN_STACK_SIZE]
        popfq
        POP_KEPT
        ret

; Nothing below RSP can be believed: an oops that says so, and in ring 3 the thread's end.
global known_rsp_is_lost:function
known_rsp_is_lost:
        ud2

; The triggers. TRIGGER name: as C knows it. GOES_ON: to the comparison. MAY_FAULT label: in ring 0
; it goes on there when this instruction has faulted; in ring 3 its hook sees to that.
%macro TRIGGER 1
global known_%1:data
known_%1:
%endmacro
%macro GOES_ON 0
        jmp     known_back
%endmacro
%macro MAY_FAULT 2+                             ; label, instruction
%%here:
        %2
[section .fixups alloc noexec nowrite]
        dq      %%here, %1
__?SECT?__
%endmacro

TRIGGER nothing
        nop
        GOES_ON

TRIGGER int3
        int3
TRIGGER int3_after
        GOES_ON

TRIGGER trap
        int     VECTOR_SOFTWARE
        GOES_ON

TRIGGER int_irq
        int     VECTOR_INT_IRQ
        GOES_ON

TRIGGER machine_check
        int     VECTOR_MC
        GOES_ON

TRIGGER invalid
        ud2

; INT1, the one-byte form that sets nothing in DR6. The result is 1 where it is #UD, as on some
; emulators.
TRIGGER icebp
        MAY_FAULT known_icebp_missing, db 0xf1
        GOES_ON
TRIGGER icebp_missing
        mov     byte [AT(RESULT)], 1
        GOES_ON

; With TF: the trap comes behind each instruction that begins with TF set. These are the jump to the
; trigger, as many NOPs as the trigger is before the end, and three that clear TF.
TRIGGER step
        times KNOWN_MOST_STEPS nop
TRIGGER step_end
        pushfq
        and     qword [rsp], ~RFLAGS_TF
        popfq
        GOES_ON

; An instruction to set an execution breakpoint on: the fault comes before it.
TRIGGER execute
        nop
TRIGGER execute_target
        nop
        GOES_ON

; For a data breakpoint on [RDI]: the trap comes behind the instruction.
TRIGGER write
        mov     [rdi], rsi
TRIGGER write_after
        GOES_ON

; #PF, or #GP where RDI is not canonical. It changes no register where it does not fault, either:
; that is for its handler's account.
TRIGGER read
        MAY_FAULT known_back, push qword [rdi]
        lea     rsp, [rsp + 8]
        GOES_ON

; A memory operand based on RBP or RSP is a stack access: its non-canonical address is #SS, not #GP
; (SDM volume 3, 6.15, interrupt 12).
TRIGGER read_stack
        xchg    rdi, rbp
        MAY_FAULT known_read_stack_faulted, push qword [rbp]
        lea     rsp, [rsp + 8]
TRIGGER read_stack_faulted
        xchg    rdi, rbp
        GOES_ON

; #SS where the segment that RDI selects is not present.
TRIGGER load_ss
        MAY_FAULT known_back, mov ss, edi
        GOES_ON

; #PF by the fetch, behind the push: its handler takes the address off the stack again.
TRIGGER fetch
        call    rdi
        GOES_ON

; SYSCALL's contract: RAX is the answer, RCX and R11 are used up.
%macro KNOWN_SYSCALL 0
        syscall
%%after:
        mov     [AT(RESULT)], rax
        mov     rcx, [AT(KNOWN)]
        mov     r11, [rcx + KNOWN_REGISTERS + 4 * 8]
        mov     rax, [rcx + KNOWN_REGISTERS + 14 * 8]
        mov     rcx, [rcx + KNOWN_REGISTERS + 13 * 8]
%endmacro
TRIGGER syscall
        KNOWN_SYSCALL
        GOES_ON
; With TF, which SYSCALL itself does not trap for (its mask clears TF); 8 instructions and the jump
; do.
TRIGGER syscall_step
        KNOWN_SYSCALL
        jmp     known_step_end

; An NMI to oneself: by one write to the APIC's ICR, whose operands are in the registers. It comes
; within some PAUSEs, or is awaited without.
%define PAUSES 8
TRIGGER nmi_x2apic
        wrmsr
        times PAUSES pause
        GOES_ON
TRIGGER nmi_xapic
        mov     [abs APIC_ICR_REGISTER], eax
        times PAUSES pause
        GOES_ON

; Ring 3's loop: RSP at a struct known. Behind each event the kernel is asked for the next, which
; it puts there, or ends the thread.
global known_user:function
known_user:
        mov     rdi, rsp
        call    known_enter
        syscall
global known_user_asks:data
known_user_asks:
        jmp     known_user

section .text

; void known_enter_call(struct known *known, const void *function, uint64_t first, uint64_t second):
; what a function keeps by the ABI is known before the call, and found behind it.
%macro FOR_KEPT 1
        %1      r15, 0
        %1      r14, 1
        %1      r13, 2
        %1      r12, 3
        %1      rbp, 10
        %1      rbx, 11
%endmacro
%macro FIND 2
        mov     [rdi + KNOWN_FOUND + KNOWN_STACK_REGISTERS + %2 * 8], %1
%endmacro
global known_enter_call:function
known_enter_call:
        PUSH_KEPT
        push    rdi
        FOR_KEPT LOAD
        mov     rax, rsi
        mov     rdi, rdx
        mov     rsi, rcx
        call    rax
        pop     rdi
        FOR_KEPT FIND
        POP_KEPT
        ret

section .note.GNU-stack noalloc noexec nowrite progbits
