; SPDX-License-Identifier: MIT
; entry=repeat: an NMI that comes while one is handled makes its handler run once more. SDM volume
; 3, 6.7.1. The idea is the one that Linux has used since 3.3.
;
; THE THEORY. The hardware starts every NMI at the top of the NMI stack, whatever is there. So the
; first one copies its frame further down, twice: under the registers, where the handler finds it,
; and, at the end, to where its IRET takes it from. The rest at the top may then be overwritten.
; A word beside it (struct nmi_area, in repeat.h) counts the runs that the handler owes.
;
;  - An NMI that finds runs owed is nested: an IRET of some exception has unblocked NMIs too early.
;    It adds one, and returns. It touches nothing but the top, the count, and the return frame.
;  - The exit takes one run off, and starts over if one is left. From the instruction behind that
;    until the IRET nothing is owed, and yet the return frame is in use: two boundaries,
;    nmi_repeat_counted and nmi_repeat_return. An NMI there is told by the RIP that it interrupted,
;    with ring 0's CS, since ring 3 may jump to any address and be interrupted there, before the
;    fault. It too adds a run, and writes nmi_repeat_again into the return frame, so that the IRET
;    that it came before goes there.
;  - RSP is not asked: in SYSCALL's first instructions it is ring 3's, and may point here.
;
; Not covered: NMIs that are unblocked before the frame is copied, or that come inside an
; exception at the two boundaries. Only an IRET unblocks them, of a #DB or a #MC there: DR7 is off
; in the handlers (repeat.c), not in these instructions. #BP has no IST code: it would land on
; whatever RSP is, and no INT3 stands where that is not a stack. #DB, #MC, #SS and #DF inside
; themselves are as under entry=none.

%include "cpu/disciplines/plain.inc"
%include "cpu/stubs.inc"
%include "cpu/disciplines/repeat.inc"

DECLARE_ENTRIES

extern nmi_handler_repeat
extern debug_handler_repeat
extern breakpoint_handler_repeat
extern double_fault_handler_repeat
extern stack_fault_handler_repeat
extern machine_check_handler_repeat
extern leave_frame

section .text.entry progbits alloc exec nowrite align=16
align STUB_SIZE
global stubs_repeat:function
stubs_repeat:
        STUBS   REPEAT, 0, VECTOR_FIRST_EXTERNAL, UNDER(REPEAT)

; Fields of the area: after the entry's first push RSP is at its RAX; further down, at its start.
%define PUSHED(field) rsp - NMI_AREA_RAX + NMI_AREA_ %+ field
%define AREA(field) rsp + NMI_AREA_ %+ field
%define COPIED_WORDS 5

global nmi_entry_repeat:function
nmi_entry_repeat:
        push    rax
        cmp     qword [PUSHED(OWED)], 0
        jne     nmi_repeat_nested
        mov     rax, [PUSHED(RIP)]
        sub     rax, nmi_repeat_counted
        cmp     rax, nmi_repeat_return - nmi_repeat_counted
        ja      nmi_repeat_first
        test    byte [PUSHED(CS)], 3
        jz      nmi_repeat_nested
nmi_repeat_first:
        mov     rax, [rsp]
        mov     qword [PUSHED(OWED)], 1
        sub     rsp, NMI_AREA_RAX
        times COPIED_WORDS push qword [AREA(SS)]        ; SS, RSP, RFLAGS, CS, RIP: RSP moves along
global nmi_repeat_run:function
nmi_repeat_run:
        push    0
        push    VECTOR_NMI
        push    rax
        SAVE_AND_FIND_GS
        call    nmi_handler_repeat
        PUT_GS_BACK
%assign word 0
%rep COPIED_WORDS
        mov     rax, [rsp + FRAME_RIP + word]
        mov     [rsp + FRAME_SIZE + word], rax          ; the area's return frame, right above
    %assign word word + 8
%endrep
        POP_ALL_BUT_RAX
        pop     rax
        add     rsp, 16 + COPIED_WORDS * 8              ; vector, error code, the handler's copy
        dec     qword [AREA(OWED)]
global nmi_repeat_counted:function
nmi_repeat_counted:
        jnz     nmi_repeat_again
global nmi_repeat_return:function
nmi_repeat_return:
        iretq

; RSP at the area, all registers as they were interrupted, and the handler's copy still below.
nmi_repeat_again:
        sub     rsp, COPIED_WORDS * 8
        jmp     nmi_repeat_run

nmi_repeat_nested:
        inc     qword [PUSHED(OWED)]
        lea     rax, [rsp - NMI_AREA_RAX]
        mov     qword [rax], nmi_repeat_again
        mov     qword [PUSHED(RETURN_CS)], KERNEL_CS
        mov     qword [PUSHED(RETURN_RFLAGS)], RFLAGS_FIXED
        mov     [PUSHED(RETURN_RSP)], rax
        mov     qword [PUSHED(RETURN_SS)], KERNEL_DS
        pop     rax
        add     rsp, 16                                 ; vector, error code
        iretq
        ENTRY_PATH PATH_IST, VECTOR_NMI, UNDER(REPEAT), nmi_entry_repeat

PLAIN_ENTRY debug_entry_repeat, debug_handler_repeat, VECTOR_DB, UNDER(REPEAT)
PLAIN_ENTRY double_fault_entry_repeat, double_fault_handler_repeat, VECTOR_DF, UNDER(REPEAT)
PLAIN_ENTRY stack_fault_entry_repeat, stack_fault_handler_repeat, VECTOR_SS, UNDER(REPEAT)
PLAIN_ENTRY machine_check_entry_repeat, machine_check_handler_repeat, VECTOR_MC, UNDER(REPEAT)
TRAP_ENTRY breakpoint_repeat, breakpoint_handler_repeat, VECTOR_BP, UNDER(REPEAT), leave_frame

section .note.GNU-stack noalloc noexec nowrite progbits
