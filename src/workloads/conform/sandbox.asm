; SPDX-License-Identifier: MIT
; The sandbox's stubs and the way out of whatever a probe raised: contracts in sandbox.h. SDM volume
; 3, 6.12.1, 6.14.

%include "cpu/offsets.inc"
%include "lib/kept.inc"
%include "workloads/conform/offsets.inc"

extern sandbox_catch

section .text

; A stub a vector, each SANDBOX_STUB_SIZE long. Nothing changes the flags before they are kept.
align SANDBOX_STUB_SIZE
global sandbox_stubs:function
sandbox_stubs:
%assign vector 0
%rep 256
        push    strict dword vector
        jmp     near catch
        times (vector + 1) * SANDBOX_STUB_SIZE - ($ - sandbox_stubs) int3
    %assign vector vector + 1
%endrep

; Neither GS nor the stack's kind is known, and the flags may be anything. The C code finds its
; sandbox by SIDT, and says whether there is an error code to drop.
catch:
        pushfq
        cld
        push    rax
        push    rcx
        push    rdx
        push    rbx
        push    rbp
        push    rsi
        push    rdi
        push    r8
        push    r9
        push    r10
        push    r11
        push    r12
        push    r13
        push    r14
        push    r15
        mov     rdi, rsp
        mov     rbx, rsp
        and     rsp, -16
        call    sandbox_catch
        mov     rsp, rbx
        test    eax, eax
        pop     r15
        pop     r14
        pop     r13
        pop     r12
        pop     r11
        pop     r10
        pop     r9
        pop     r8
        pop     rdi
        pop     rsi
        pop     rbp
        pop     rbx
        pop     rdx
        pop     rcx
        pop     rax
        lea     rsp, [rsp + 16]                 ; the flags and the vector; ZF is still EAX's
        jz      .plain
        lea     rsp, [rsp + 8]
.plain: iretq

; bool sandbox_call(uint64_t *escape_rsp, const char *probe, rdi, rsi, rdx)
global sandbox_call:function
sandbox_call:
        PUSH_KEPT
        sub     rsp, 8
        mov     [rdi], rsp
        mov     rax, rsi
        mov     rdi, rdx
        mov     rsi, rcx
        mov     rdx, r8
        call    rax
        mov     eax, 1
        jmp     return

; bool sandbox_call_user(uint64_t *escape_rsp, const struct sandbox_pushed *to, rdi)
global sandbox_call_user:function
sandbox_call_user:
        PUSH_KEPT
        sub     rsp, 8
        mov     [rdi], rsp
        push    qword [rsi + 32]
        push    qword [rsi + 24]
        push    qword [rsi + 16]
        push    qword [rsi + 8]
        push    qword [rsi]
        mov     rdi, rdx
        iretq

; Where the catcher's IRET goes to end a probe: RSP is what escape_rsp says.
global sandbox_escape:function
sandbox_escape:
        xor     eax, eax
return:
        add     rsp, 8
        POP_KEPT
        ret

; void sandbox_unblock_nmi(void): an IRET to the next instruction (SDM volume 3, 6.7.1).
global sandbox_unblock_nmi:function
sandbox_unblock_nmi:
        mov     rax, rsp
        push    KERNEL_DS
        push    rax
        push    RFLAGS_FIXED
        push    KERNEL_CS
        lea     rax, [rel .on]
        push    rax
        iretq
.on:    ret

section .note.GNU-stack noalloc noexec nowrite progbits
