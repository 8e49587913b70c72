; SPDX-License-Identifier: MIT
; entry=ret: what interrupts an NMI returns without an IRET, so that NMIs stay blocked until the
; NMI's own. SDM volume 3, 6.7.1; volume 2, POPF, RET.
;
; THE THEORY. The entries are those of entry.asm, with the same adjustment. At an exception's exit:
;
;  - Is this inside an NMI? Its level is taken, or, at its first and last instructions, where it is
;    not yet taken or given back already, RSP was on its stack. Not from ring 3, and not in
;    SYSCALL's first instructions, whose RSP is ring 3's and may be anything.
;  - Then the flags and the address to return to are pushed on the interrupted stack, below the
;    interrupted RSP, where nothing is (no red zone, and no entry uses what is below its RSP); the
;    frame's RIP makes room for that new RSP. After the pops: POP RSP, POPFQ, RET.
;  - Not if RF, TF or NT is set in the saved flags. POPF cannot set RF, without which an instruction
;    breakpoint comes again, for ever; TF would trap before RET is over, in the wrong place. Then it
;    is an IRET, and NMIs are unblocked: counted, in nmi_blocks_given_up.
;
; Not covered: an exception inside an exception at the NMI's first or last instructions.
; Its RSP is on the first one's stack, and no level of the NMI's is taken: it returns by IRET,
; uncounted.
;
; SS and CS are as they were: an exception in ring 0 changes neither. An interrupt comes inside an
; NMI only if the handler turns interrupts on, and has then given its blocking up by itself.

%include "cpu/entry.inc"
%include "cpu/stubs.inc"
%include "cpu/disciplines/ret.inc"

DECLARE_ENTRIES

extern trap_handler
extern debug_handler
extern breakpoint_handler
extern nmi_handler
extern double_fault_handler
extern stack_fault_handler
extern machine_check_handler
extern leave_frame
extern syscall_entry
extern syscall_switched

%define CANNOT_BE_POPPED RFLAGS_RF | RFLAGS_TF | RFLAGS_NT

section .text.entry progbits alloc exec nowrite align=16
align STUB_SIZE
global stubs_ret:function
stubs_ret:
        STUBS   RET, 0, VECTOR_FIRST_EXTERNAL, UNDER(RET)

; JUMP_TO_RET label: to it where that is the way back; else on, to an IRET. The frame is at RSP, GS
; is the kernel's, and RAX is used up.
%macro JUMP_TO_RET 1
        test    byte [rsp + FRAME_CS], 3
        jnz     %%iret
        mov     eax, [gs:TSS_IST_OF(NMI_STACK)]
        and     eax, CPU_WINDOW - 1
        cmp     eax, NMI_STACK_TOP
        jne     %%in_nmi
        mov     rax, [rsp + FRAME_RSP]
        sub     rax, [gs:PERCPU_SELF]
        sub     rax, NMI_STACK_LOW
        cmp     rax, NMI_STACK_TOP - NMI_STACK_LOW
        jae     %%iret
        cmp     qword [rsp + FRAME_RIP], syscall_entry
        jb      %%in_nmi
        cmp     qword [rsp + FRAME_RIP], syscall_switched
        jb      %%iret
%%in_nmi:
        test    dword [rsp + FRAME_RFLAGS], CANNOT_BE_POPPED
        jz      %1
        inc     qword [gs:PERCPU_NMI_BLOCKS_GIVEN_UP]
%%iret:
%endmacro

; The two words for POPFQ and RET, and the way to them. The frame of an exception without an IST
; code ends right below the interrupted RSP: its SS and RSP are overwritten here, and needed no
; more.
%macro PREPARE_RET 0
        mov     rax, [rsp + FRAME_RSP]
        mov     rcx, [rsp + FRAME_RIP]
        mov     rdx, [rsp + FRAME_RFLAGS]
        sub     rax, 16
        mov     [rax + 8], rcx
        mov     [rax], rdx
        mov     [rsp + FRAME_RIP], rax
%endmacro

; After the pop of RAX.
%macro RETURN_BY_RET 0
        add     rsp, 16                         ; vector, error code
        pop     rsp
        popfq
        ret
%endmacro

global leave_frame_ret:function
leave_frame_ret:
        JUMP_TO_RET .by_ret
        jmp     leave_frame
.by_ret:
        PREPARE_RET
        POP_ALL_BUT_RAX
        pop     rax
        RETURN_BY_RET
        ENTRY_PATH PATH_EXIT, PATH_ANY_VECTOR, UNDER(RET), leave_frame_ret

TRAP_ENTRY trap_ret, trap_handler, PATH_ANY_VECTOR, UNDER(RET), leave_frame_ret

; RET_ENTRY name, stack, handler, vector
%macro RET_ENTRY 4
global %1:function
%1:
        push    rax
        LOWER_IST %2
        SAVE_AND_FIND_GS
        call    %3
        JUMP_TO_RET .by_ret
        LEAVE_IST %2
.by_ret:
        PREPARE_RET
        PUT_GS_BACK
        POP_ALL_BUT_RAX
        RAISE_IST %2
        pop     rax
        RETURN_BY_RET
        ENTRY_PATH PATH_IST, %4, UNDER(RET), %1
%endmacro

RET_ENTRY debug_entry_ret, DEBUG_STACK, debug_handler, VECTOR_DB
RET_ENTRY breakpoint_entry_ret, DEBUG_STACK, breakpoint_handler, VECTOR_BP
IST_ENTRY nmi_entry_ret, NMI_STACK, nmi_handler, VECTOR_NMI, UNDER(RET)
RET_ENTRY double_fault_entry_ret, DOUBLEFAULT_STACK, double_fault_handler, VECTOR_DF
RET_ENTRY stack_fault_entry_ret, STACKFAULT_STACK, stack_fault_handler, VECTOR_SS
RET_ENTRY machine_check_entry_ret, MCE_STACK, machine_check_handler, VECTOR_MC

section .note.GNU-stack noalloc noexec nowrite progbits
