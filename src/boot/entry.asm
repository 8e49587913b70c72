; SPDX-License-Identifier: MIT
; From GRUB to C: the multiboot2 header, and the way from its 32-bit entry state to long mode.
; Multiboot2 3.1 (header) and 3.3 (machine state); SDM volume 3, 10.8.5 (initialising IA-32e mode).
;
; GRUB jumps here with paging off, interrupts off, flat 32-bit segments, the magic number in EAX and
; the address of the boot information in EBX, and no stack. What is not said there (GDTR, IDTR, LSS)
; is not relied on.

%include "offsets.inc"

extern main

section .multiboot2 alloc noexec nowrite align=8
header:
        dd      0xe85250d6                      ; magic, architecture 0 (32-bit protected mode)
        dd      0
        dd      header_end - header
        dd      -(0xe85250d6 + 0 + (header_end - header))
align 8
        dw      4, 1                            ; console flags, optional: EGA text will do
        dd      12
        dd      2
align 8
        dw      5, 1                            ; framebuffer, optional: any size, 32 bits
        dd      20
        dd      0, 0, 32
align 8
        dw      0, 0                            ; end
        dd      8
header_end:

section .boot.text alloc exec nowrite
bits 32
global boot_entry:function
boot_entry:
        cli
        cld
        mov     esp, boot_stack_top
        mov     edi, eax                        ; main's two arguments, where the C ABI wants them
        mov     esi, ebx

        pushfd                                  ; CPUID exists if EFLAGS.ID can change
        pop     eax
        mov     ecx, eax
        xor     eax, 1 << 21
        push    eax
        popfd
        pushfd
        pop     eax
        cmp     eax, ecx
        mov     ebp, text_no_cpuid
        je      refuse
        mov     eax, 0x80000000
        cpuid
        cmp     eax, 0x80000001
        mov     ebp, text_no_long_mode
        jb      refuse
        mov     eax, 0x80000001
        cpuid
        test    edx, 1 << 29                    ; long mode
        jz      refuse

        ; The first 4 GiB, identity-mapped in 2 MiB pages, until paging.c has made the real tables.
        mov     eax, boot_pdpt + 3
        mov     [boot_pml4], eax
        mov     eax, boot_pd + 3
        mov     ecx, 0
.pdpt:  mov     [boot_pdpt + ecx * 8], eax
        add     eax, 4096
        inc     ecx
        cmp     ecx, 4
        jb      .pdpt
        mov     eax, 0x83                       ; present, writable, 2 MiB
        mov     ecx, 0
.pd:    mov     [boot_pd + ecx * 8], eax
        add     eax, 2 << 20
        inc     ecx
        cmp     ecx, 4 * 512
        jb      .pd

        mov     eax, CR4_PAE
        mov     cr4, eax
        mov     eax, boot_pml4
        mov     cr3, eax
        mov     ecx, MSR_EFER
        rdmsr
        or      eax, EFER_LME
        wrmsr
        mov     eax, CR0_PE | CR0_MP | CR0_ET | CR0_NE | CR0_PG
        mov     cr0, eax
        lgdt    [boot_gdt_pointer]
        jmp     8:long_mode

; The text at EBP on COM1 and the VGA screen, QEMU's exit status for "refused", and a halt: the one
; refusal that C cannot make.
refuse:
        mov     esi, com1_setup
        mov     ecx, (com1_setup_end - com1_setup) / 2
        xor     edx, edx
.setup: mov     dl, [esi]
        mov     dh, COM1 >> 8
        mov     al, [esi + 1]
        out     dx, al
        add     esi, 2
        loop    .setup
        mov     esi, ebp
        mov     edi, VGA_TEXT
        mov     ah, 0x0f                        ; white on black
.next:  lodsb
        test    al, al
        jz      .said
        cmp     al, ' '
        jb      .serial                         ; no glyphs for CR and LF
        stosw
.serial:
        mov     bl, al
        mov     ecx, UART_PATIENCE              ; a UART that never gets ready must not keep us
.wait:  mov     dx, COM1 + 5
        in      al, dx
        test    al, 0x20
        jnz     .ready
        loop    .wait
.ready: mov     al, bl
        mov     dx, COM1
        out     dx, al
        jmp     .next
.said:  mov     al, FINISH_REFUSED
        out     DEBUG_EXIT_PORT, al
.halt:  cli
        hlt
        jmp     .halt

COM1            equ 0x3f8
VGA_TEXT        equ 0xb8000
UART_PATIENCE   equ 1000000

bits 64
long_mode:
        xor     eax, eax
        mov     ds, eax
        mov     es, eax
        mov     ss, eax
        mov     fs, eax
        mov     gs, eax
        mov     rsp, boot_stack_top
        xor     ebp, ebp                        ; where backtraces end
        call    main
.halt:  cli                                     ; main does not return
        hlt
        jmp     .halt

section .rodata
text_no_cpuid:
        db      "iststorm: REFUSED: this CPU has no CPUID instruction, so no long mode", 13, 10, 0
text_no_long_mode:
        db      "iststorm: REFUSED: this CPU has no long mode (64-bit)", 13, 10, 0
com1_setup:                                     ; register, value: 115200 baud, 8N1, no interrupts
        db      0xf9, 0, 0xfb, 0x80, 0xf8, 1, 0xf9, 0, 0xfb, 3, 0xfa, 7
com1_setup_end:
align 8
boot_gdt:
        dq      0
        dq      0x00209a0000000000              ; 64-bit code
boot_gdt_pointer:
        dw      $ - boot_gdt - 1
        dq      boot_gdt

section .bss nobits alloc noexec write align=4096
boot_pml4:      resb 4096
boot_pdpt:      resb 4096
boot_pd:        resb 4 * 4096
global boot_guard:data
boot_guard:     resb 4096                       ; never mapped by paging.c
boot_stack:     resb BOOT_STACK_SIZE
boot_stack_top:

section .note.GNU-stack noalloc noexec nowrite progbits
