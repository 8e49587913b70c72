; SPDX-License-Identifier: MIT
; The victim's loop: every register against its copy on the stack, over and over. The same code in
; rings 0 and 3, so it refers to nothing but RSP. struct victim_block lies there
; (victim_block.h).

%include "cpu/offsets.inc"
%include "workloads/run/register_list.inc"
%include "workloads/run/offsets.inc"

section .victim_text alloc exec nowrite align=16

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
%macro LOAD 2
        mov     %1, [rsp + VICTIM_REGISTERS + %2 * 8]
%endmacro
%macro CHECK 2
        cmp     %1, [rsp + VICTIM_REGISTERS + %2 * 8]
        jne     .look
%endmacro
        FOR_REGISTERS LOAD
.again: mov     dword [rsp + VICTIM_ROUNDS], VICTIM_ROUNDS_PER_LOOK
.round: FOR_REGISTERS CHECK
        cmp     rsp, [rsp + VICTIM_RSP]
        jne     .look
        dec     dword [rsp + VICTIM_ROUNDS]
        jnz     .round
.look:  int     VECTOR_VICTIM                   ; the kernel compares everything, and tells
        jmp     .again

section .note.GNU-stack noalloc noexec nowrite progbits
