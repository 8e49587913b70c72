; SPDX-License-Identifier: MIT
; Blocking NMIs on purpose: see nmi.h.

%include "cpu/offsets.inc"
%include "lib/kept.inc"

PATIENCE        equ 1000000                     ; rounds of PAUSE for one's own NMI

section .text.entry progbits alloc exec nowrite align=16

; bool nmi_block(void (*send_to_self)(void)): RSP is kept where the NMI handler finds it. The NMI
; may come at any instruction after that; everything below the kept RSP is then forgotten.
global nmi_block:function
nmi_block:
        PUSH_KEPT
        sub     rsp, 8                          ; the ABI's alignment
        mov     [gs:PERCPU_NMI_RESUME], rsp
        mov     byte [gs:PERCPU_NMI_RARE], 1    ; and stays so: NMIs that block are not timed
        call    rdi
        mov     ecx, PATIENCE
.wait:  pause
        dec     ecx
        jnz     .wait
        xor     eax, eax
        jmp     leave_block

; void nmi_resume(void): on the NMI stack, whose level the handler has given back.
global nmi_resume:function
nmi_resume:
        mov     rsp, [gs:PERCPU_NMI_RESUME]
        mov     eax, 1
leave_block:
        mov     qword [gs:PERCPU_NMI_RESUME], 0
        add     rsp, 8
        POP_KEPT
        ret

section .note.GNU-stack noalloc noexec nowrite progbits
