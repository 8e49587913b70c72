; SPDX-License-Identifier: MIT
; Where a start-up IPI lets a processor begin: real mode, at a page below 1 MiB, to which this is
; copied. SDM volume 3, 8.4.4 (MP initialisation), 10.8.5 (IA-32e mode), 9.1.4.
;
; CS is the page's number * 256 and IP 0; nothing else is known. All processors run it at once, so
; it has no stack, and what it writes all write alike: the APIC id says which CPU this is, and so
; which stack is its own.

%include "cpu/offsets.inc"
%include "smp/offsets.inc"

extern apic_x2apic
extern cpu_count
extern bringup_apic_ids
extern bringup_ap_main

section .rodata
global trampoline_start:data
global trampoline_end:data

bits 16
trampoline_start:
        cli
        cld
        mov     ax, cs
        mov     ds, ax
        xor     ebx, ebx
        mov     bx, ax
        shl     ebx, 4                          ; where this page is
        lea     eax, [ebx + gdt - trampoline_start]
        mov     [gdt_pointer + 2 - trampoline_start], eax     ; every processor writes the same
        lea     eax, [ebx + protected - trampoline_start]
        mov     [far_pointer - trampoline_start], eax
        o32 lgdt [gdt_pointer - trampoline_start]
        mov     eax, CR0_PE | CR0_ET | CR0_NE | CR0_MP  ; also clears CD and NW: caches on
        mov     cr0, eax
        jmp     dword far [far_pointer - trampoline_start]

bits 32
protected:
        mov     ax, 16
        mov     ds, ax
        mov     ss, ax
        mov     eax, CR4_PAE
        mov     cr4, eax
        mov     eax, [ebx + trampoline_cr3 - trampoline_start]
        mov     cr3, eax
        ; EFER and the tables have NX, which firmware may have hidden.
        mov     esi, [ebx + trampoline_hidden - trampoline_start]
        mov     edi, [ebx + trampoline_hidden + 4 - trampoline_start]
        mov     eax, esi
        or      eax, edi
        jz      .shown
        mov     ecx, MSR_MISC_ENABLE
        rdmsr
        not     esi
        not     edi
        and     eax, esi
        and     edx, edi
        wrmsr
.shown: mov     ecx, MSR_EFER
        rdmsr
        or      eax, EFER_LME | EFER_NXE
        wrmsr
        mov     eax, CR0_PE | CR0_MP | CR0_ET | CR0_NE | CR0_WP | CR0_PG
        mov     cr0, eax
        lea     eax, [ebx + long_mode - trampoline_start]
        mov     [ebx + long_pointer - trampoline_start], eax
        jmp     far [ebx + long_pointer - trampoline_start]

bits 64
long_mode:
        mov     rax, trampoline_long            ; in the image, not in the copy
        jmp     rax

align 8
gdt:
        dq      0
        dq      0x00cf9b000000ffff              ; 8: 32-bit code
        dq      0x00cf93000000ffff              ; 16: data
        dq      0x00209b0000000000              ; 24: 64-bit code
gdt_end:
gdt_pointer:
        dw      gdt_end - gdt - 1
        dd      0
far_pointer:
        dd      0
        dw      8
long_pointer:
        dd      0
        dw      24
; bringup.c fills these in when it copies the trampoline: hidden_bits, paging_root.
global trampoline_hidden:data
trampoline_hidden:
        dq      0
global trampoline_cr3:data
trampoline_cr3:
        dd      0
trampoline_end:

section .text
bits 64
trampoline_long:
        xor     eax, eax
        mov     ss, eax
        mov     ds, eax
        mov     es, eax
        ; The id is the APIC's, which firmware may have changed: CPUID goes on giving the first one
        ; (SDM volume 3, 10.4.6). In x2APIC mode alone it has 32 bits, so that mode comes first, and
        ; from xAPIC mode (10.12.5).
        cmp     byte [apic_x2apic], 0
        je      .xapic
        mov     ecx, MSR_APIC_BASE
        rdmsr
        or      eax, APIC_BASE_ENABLE
        wrmsr
        or      eax, APIC_BASE_X2APIC
        wrmsr
        mov     ecx, MSR_X2APIC_ID
        rdmsr
        jmp     .known
.xapic: mov     eax, [APIC_ID_REGISTER]
        shr     eax, 24
.known: xor     edi, edi
.next:  cmp     edi, [cpu_count]
        jae     .stranger
        cmp     [bringup_apic_ids + rdi * 4], eax
        je      .mine
        inc     edi
        jmp     .next
.stranger:                                      ; not in the list: nobody asked it to start
        hlt
        jmp     .stranger
.mine:  mov     rsp, CPU_WINDOWS_BASE           ; its IRQ stack, until its idle thread takes over
        mov     eax, edi
        imul    rax, rax, CPU_WINDOW
        lea     rsp, [rsp + rax + IRQ_STACK_TOP]
        xor     ebp, ebp
        call    bringup_ap_main                 ; (index); does not return
        ud2

section .note.GNU-stack noalloc noexec nowrite progbits
