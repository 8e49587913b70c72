; SPDX-License-Identifier: MIT
; The instructions that raise #DB and #BP, with labels where C expects the saved RIP. SDM volume 3,
; 17.3; volume 2, INT n.

%include "offsets.inc"

section .text

; void debug_int3(void)
global debug_int3:function
debug_int3:
        int3
global debug_int3_after:data
debug_int3_after:
        ret

; bool debug_int3_keeps_carry(void): with CF set, which an exit that loses the flags would clear.
global debug_int3_keeps_carry:function
debug_int3_keeps_carry:
        stc
        int3
        setc    al
        ret

; bool debug_icebp(void): INT1, the one-byte form that sets nothing in DR6. False where it is #UD,
; as on some emulators.
global debug_icebp:function
debug_icebp:
        mov     eax, 1
.int1:  db      0xf1
        ret
.missing:
        xor     eax, eax
        ret
[section .fixups alloc noexec nowrite]
        dq      debug_icebp.int1, debug_icebp.missing
__?SECT?__

; void debug_step(uint64_t count): single-steps `count` rounds of two instructions. With TF set by
; POPFQ, the trap comes after each instruction that begins with TF set: the rounds, and the three
; that clear it.
global debug_step:function
debug_step:
        mov     rcx, rdi
        pushfq
        or      qword [rsp], RFLAGS_TF
        popfq
.round: dec     rcx
        jnz     .round
        pushfq
        and     qword [rsp], ~RFLAGS_TF
        popfq
        ret

; void debug_execute(void): an instruction to set an execution breakpoint on. The fault comes before
; it.
global debug_execute:function
debug_execute:
        nop
global debug_execute_target:data
debug_execute_target:
        nop
        ret

; void debug_write(uint64_t *word, uint64_t value): the trap of a data breakpoint comes after the
; instruction.
global debug_write:function
debug_write:
        mov     [rdi], rsi
global debug_write_after:data
debug_write_after:
        ret

section .note.GNU-stack noalloc noexec nowrite progbits
