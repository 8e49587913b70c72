; SPDX-License-Identifier: MIT
; Code of ring 3 threads: one label a behaviour. At RSP lie struct user_words (user.c): an address
; of the kernel's data, and one of its text. SDM volume 3, 5.11, 4.6, 6.15.

%include "cpu/offsets.inc"

section .user_text alloc exec nowrite align=4096

%macro USER_CODE 1
global user_%1:function
user_%1:
%endmacro

USER_CODE invalid
        ud2
USER_CODE divide
        xor     ecx, ecx
        div     ecx
USER_CODE halt
        hlt
USER_CODE cli
        cli
USER_CODE out
        out     0x80, al
USER_CODE int_closed
        int     VECTOR_NMI                      ; a gate that ring 3 may not use
USER_CODE read_kernel
        mov     rax, [rsp]
        mov     rax, [rax]
USER_CODE write_kernel
        mov     rax, [rsp]
        mov     [rax], rax
USER_CODE jump_to_kernel
        jmp     [rsp + 8]
USER_CODE write_text
        lea     rax, [rel user_write_text]
        mov     [rax], al
USER_CODE run_stack
        jmp     rsp
USER_CODE below_stack
        mov     rax, [rsp - 4096]
USER_CODE non_canonical
        mov     rax, 0x0001000000000000
        mov     rax, [rax]
USER_CODE absent_ss
        mov     eax, ABSENT_USER_SS
        mov     ss, eax
USER_CODE wrmsr
        wrmsr

section .note.GNU-stack noalloc noexec nowrite progbits
