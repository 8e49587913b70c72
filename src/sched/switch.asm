; SPDX-License-Identifier: MIT
; The switch saves six registers and RSP. It is only called with interrupts off, so it need not save
; the flags.

%include "cpu/offsets.inc"
%include "cpu/entry_path.inc"
%include "lib/kept.inc"

extern thread_exit

section .text.entry progbits alloc exec nowrite align=16
global switch_to:function
switch_to:
        PUSH_KEPT
        mov     [rdi], rsp
        mov     rsp, rsi
        POP_KEPT
        ret
        ENTRY_PATH PATH_SWITCH, PATH_ANY_VECTOR, UNDER_ALL, switch_to

; Six zeroes for the registers (RBP 0 ends backtraces), the address to return to, and no caller
; behind that.
global switch_prepare:function
switch_prepare:
        lea     rax, [rdi - 9 * 8]
        mov     [rax + 6 * 8], rsi
        xor     ecx, ecx
        mov     [rax + 0 * 8], rcx
        mov     [rax + 1 * 8], rcx
        mov     [rax + 2 * 8], rcx
        mov     [rax + 3 * 8], rcx
        mov     [rax + 4 * 8], rcx
        mov     [rax + 5 * 8], rcx
        mov     [rax + 7 * 8], rcx
        mov     [rax + 8 * 8], rcx
        ret

; A ring 3 thread that is to end comes here by the changed frame of an IST handler, whose exit has
; just put ring 3's GS base back.
global thread_end_from_user:function
thread_end_from_user:
        swapgs
        jmp     thread_exit

section .note.GNU-stack noalloc noexec nowrite progbits
