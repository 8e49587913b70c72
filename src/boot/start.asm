; SPDX-License-Identifier: MIT
; From GRUB to C: the multiboot2 header, and the way from its 32-bit entry state to long mode.
; Multiboot2 3.1 (header) and 3.3 (machine state); SDM volume 3, 10.8.5 (initialising IA-32e mode).
;
; GRUB jumps here with paging off, interrupts off, flat 32-bit segments, the magic number in EAX and
; the address of the boot information in EBX, and no stack. The image does not rely on
; anything else (GDTR, IDTR, LSS).
;
; The image may lie anywhere below 4 GiB, from a page's start on. Until paging is on, with the image
; where it is linked, EBP holds where it begins, and each address here is a distance from there.

%include "cpu/offsets.inc"
%include "boot/offsets.inc"

extern main
extern image_first_entry
extern image_pages
extern boot_memory_offset
extern boot_stack_offset
extern image_load_address

TABLE           equ 3                           ; present, writable
BOOT_IMAGE_TABLES equ 3                         ; of 2 MiB each; the linker asks whether they do
global BOOT_IMAGE_TABLES

%define AT(label) ebp + (label - boot_start)
%define MEMORY(label) ebp + boot_memory_offset + (label - boot_memory)

section .boot.text alloc exec nowrite align=64
boot_start:                                     ; where the image begins
boot_gdt:
        dq      0
        dq      0x00209a0000000000              ; 64-bit code
boot_gdt_end:
boot_gdt_pointer:
        dw      boot_gdt_end - boot_gdt - 1
        dq      boot_gdt
com1_setup:                                     ; register, value: 115200 baud, 8N1, no interrupts
        db      0xf9, 0, 0xfb, 0x80, 0xf8, 1, 0xf9, 0, 0xfb, 3, 0xfa, 7
com1_setup_end:

align 64, db 0                                  ; the entry stays 64 bytes in, whatever else is
bits 32
global boot_entry:function
boot_entry:
        cli
        cld
        mov     edi, eax                        ; main's first two arguments, where the C ABI wants
        mov     esi, ebx                        ; them
        lea     esp, [ebx + 8]                  ; a stack of one word, the information's second,
        call    .here                           ; which is reserved
.here:  pop     ebp
        sub     ebp, .here - boot_start
        lea     esp, [ebp + boot_stack_offset]

        pushfd                                  ; CPUID exists if EFLAGS.ID can change
        pop     eax
        mov     ecx, eax
        xor     eax, 1 << 21
        push    eax
        popfd
        pushfd
        pop     eax
        cmp     eax, ecx
        lea     ebx, [AT(text_no_cpuid)]
        je      refuse
        mov     eax, 0x80000000
        cpuid
        cmp     eax, 0x80000001
        lea     ebx, [AT(text_no_long_mode)]
        jb      refuse
        mov     eax, 0x80000001
        cpuid
        lea     ebx, [AT(text_no_long_mode)]
        test    edx, 1 << 29                    ; long mode
        jz      refuse

        ; Until paging.c has made the real tables: the first 4 GiB, identity-mapped in 2 MiB pages,
        lea     eax, [MEMORY(boot_pdpt) + TABLE]
        mov     [MEMORY(boot_pml4)], eax
        lea     eax, [MEMORY(boot_pd) + TABLE]
        xor     ecx, ecx
.pdpt:  mov     [MEMORY(boot_pdpt) + ecx * 8], eax
        add     eax, 4096
        inc     ecx
        cmp     ecx, 4
        jb      .pdpt
        mov     eax, TABLE | 0x80               ; 2 MiB
        xor     ecx, ecx
.pd:    mov     [MEMORY(boot_pd) + ecx * 8], eax
        add     eax, 2 << 20
        inc     ecx
        cmp     ecx, 4 * 512
        jb      .pd

        ; and the image, page by page, where it is linked.
        lea     eax, [MEMORY(boot_image_pdpt) + TABLE]
        mov     [MEMORY(boot_pml4) + 511 * 8], eax
        lea     eax, [MEMORY(boot_image_pd) + TABLE]
        mov     [MEMORY(boot_image_pdpt) + 510 * 8], eax
        lea     eax, [MEMORY(boot_image_pt) + TABLE]
        xor     ecx, ecx
.image_pd:
        mov     [MEMORY(boot_image_pd) + ecx * 8], eax
        add     eax, 4096
        inc     ecx
        cmp     ecx, BOOT_IMAGE_TABLES
        jb      .image_pd
        lea     edx, [MEMORY(boot_image_pt)]
        add     edx, image_first_entry
        lea     eax, [ebp + TABLE]
        xor     ecx, ecx
.image_pt:
        mov     [edx + ecx * 8], eax
        add     eax, 4096
        inc     ecx
        cmp     ecx, image_pages
        jb      .image_pt

        mov     eax, CR4_PAE
        mov     cr4, eax
        lea     eax, [MEMORY(boot_pml4)]
        mov     cr3, eax
        mov     ecx, MSR_EFER
        rdmsr
        or      eax, EFER_LME
        wrmsr
        mov     eax, CR0_PE | CR0_MP | CR0_ET | CR0_NE | CR0_PG
        mov     cr0, eax
        lea     eax, [AT(boot_gdt)]
        push    eax
        push    (boot_gdt_end - boot_gdt - 1) << 16
        lgdt    [esp + 2]
        push    8
        lea     eax, [AT(long_mode)]
        push    eax
        retfd

bits 64
long_mode:
        mov     rax, where_linked
        jmp     rax
where_linked:
        lgdt    [boot_gdt_pointer]
        xor     eax, eax
        mov     ds, eax
        mov     es, eax
        mov     ss, eax
        mov     fs, eax
        mov     gs, eax
        mov     rsp, boot_stack_top
        mov     edx, ebp                        ; upper halves say nothing when coming from 32 bits
        mov     edi, edi
        mov     esi, esi
        mov     [image_load_address], rdx
        xor     ebp, ebp                        ; where backtraces end
        call    main
.halt:  cli                                     ; main does not return
        hlt
        jmp     .halt

; The text at EBX on COM1 and the VGA screen, QEMU's exit status for "refused", and a halt: the one
; refusal that C cannot make.
bits 32
refuse:
        lea     esi, [AT(com1_setup)]
        mov     ecx, (com1_setup_end - com1_setup) / 2
        xor     edx, edx
.setup: mov     dl, [esi]
        mov     dh, COM1 >> 8
        mov     al, [esi + 1]
        out     dx, al
        add     esi, 2
        loop    .setup
        mov     esi, ebx
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

text_no_cpuid:
        db      "iststorm: REFUSED: this CPU has no CPUID instruction, so no long mode", 13, 10, 0
text_no_long_mode:
        db      "iststorm: REFUSED: this CPU has no long mode (64-bit)", 13, 10, 0
align 8, db 0
header:
        dd      0xe85250d6                      ; magic, architecture 0 (32-bit protected mode)
        dd      0
        dd      header_end - header
        dd      -(0xe85250d6 + 0 + (header_end - header))
align 8, db 0
        dw      4, 1                            ; console flags, optional: EGA text will do
        dd      12
        dd      2
align 8, db 0
        dw      5, 1                            ; framebuffer, optional: any size, 32 bits
        dd      20
        dd      0, 0, 32
align 8, db 0
        dw      10, 1                           ; relocatable, optional: on a page, as low as may be
        dd      24
        dd      1 << 20, 0xffffffff, 4096, 1
align 8, db 0
        dw      0, 0                            ; end
        dd      8
header_end:

section .bss nobits alloc noexec write align=4096
global boot_memory:data
boot_memory:
boot_pml4:      resb 4096
boot_pdpt:      resb 4096
boot_pd:        resb 4 * 4096
boot_image_pdpt: resb 4096
boot_image_pd:  resb 4096
boot_image_pt:  resb BOOT_IMAGE_TABLES * 4096

; Below it iststorm.ld has a guard page, which paging.c leaves unmapped.
section .boot.stack nobits alloc noexec write align=4096
                resb BOOT_STACK_SIZE
global boot_stack_top:data
boot_stack_top:

section .note.GNU-stack noalloc noexec nowrite progbits
