; SPDX-License-Identifier: MIT
; Instructions that fault on purpose, and where to go on: contracts in events.h. SDM volume 3, 6.15.

section .text

%macro FIXUP 2                                  ; the instruction, where to go on
[section .fixups alloc noexec nowrite]
        dq      %1, %2
__?SECT?__
%endmacro

global fault_load_ss:function
fault_load_ss:
.load:  mov     ss, edi
.on:    ret
        FIXUP   fault_load_ss.load, fault_load_ss.on

global fault_read:function
fault_read:
.read:  mov     rax, [rdi]
.on:    ret
        FIXUP   fault_read.read, fault_read.on

; A memory operand based on RBP or RSP is a stack access: its non-canonical address is #SS, not #GP
; (SDM volume 3, 6.15, interrupt 12).
global fault_read_through_rbp:function
fault_read_through_rbp:
        push    rbp
        mov     rbp, rdi
.read:  mov     rax, [rbp]
.on:    pop     rbp
        ret
        FIXUP   fault_read_through_rbp.read, fault_read_through_rbp.on

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
