; SPDX-License-Identifier: MIT
; Instructions that end their thread on purpose: contracts in events.h. SDM volume 3, 6.15.

section .text

; With interrupts off: one that comes while there is no stack to push on is acknowledged by the APIC
; and then lost to the #DF, and without its EOI every interrupt of its class and below waits for
; ever.
global fault_overflow:function
fault_overflow:
        cli
.again: call    .again

global fault_lose_stack:function
fault_lose_stack:
        cli
        mov     rsp, rdi
        push    rdi
        ud2

section .note.GNU-stack noalloc noexec nowrite progbits
