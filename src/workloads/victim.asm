; SPDX-License-Identifier: MIT
; The victim's loop: every register against its copy on the stack, over and over. The same code in
; rings 0 and 3, so it refers to nothing but RSP. What lies there: struct victim_block in
; victim_block.h.

%include "offsets.inc"

section .user_text alloc exec nowrite align=4096

; void victim_loop(struct victim_block *block): in ring 0 by a call that never returns, in ring 3 by
; IRET with RSP set.
global victim_enter:function
victim_enter:
        mov     rsp, rdi
global victim_loop:function
victim_loop:
        std                                     ; to be kept, and not to be met by any handler
        mov     eax, cs
        test    al, 3
        jz      .load
        pushfq                                  ; AC likewise: in ring 0 it is SMAP's
        or      qword [rsp], RFLAGS_AC
        popfq
.load:
%macro FOR_ALL 1                                ; in the order of struct trap_frame
        %1      r15, 0
        %1      r14, 1
        %1      r13, 2
        %1      r12, 3
        %1      r11, 4
        %1      r10, 5
        %1      r9, 6
        %1      r8, 7
        %1      rdi, 8
        %1      rsi, 9
        %1      rbp, 10
        %1      rbx, 11
        %1      rdx, 12
        %1      rcx, 13
        %1      rax, 14
%endmacro
%macro LOAD 2
        mov     %1, [rsp + VICTIM_REGISTERS + %2 * 8]
%endmacro
%macro CHECK 2
        cmp     %1, [rsp + VICTIM_REGISTERS + %2 * 8]
        jne     .look
%endmacro
        FOR_ALL LOAD
.again: mov     dword [rsp + VICTIM_ROUNDS], VICTIM_ROUNDS_PER_LOOK
.round: FOR_ALL CHECK
        cmp     rsp, [rsp + VICTIM_RSP]
        jne     .look
        dec     dword [rsp + VICTIM_ROUNDS]
        jnz     .round
.look:  int     VECTOR_VICTIM                   ; the kernel compares everything, and tells
        jmp     .again

section .note.GNU-stack noalloc noexec nowrite progbits
