; SPDX-License-Identifier: MIT
; Does as firmware of AMD's families 10h and 15h before a boot loader runs: adds OFFSET to the
; APIC id of each CPU, CPUID's first id staying what it was, and leaves the APs in a loop below
; 640 KiB, in memory that it calls free. SDM volume 3, 10.4.6 (the id), 8.4.4 (start-up).
;
; Lies at PAGE, where gdb has put it (commands.py), and is called in 64-bit mode by the boot CPU.

APIC            equ 0xfee00000
ICR_INIT_OTHERS equ 0x000c4500                  ; all but this one
ICR_SIPI_OTHERS equ 0x000c4600

org PAGE
bits 16
ap:     cli
        xor     ax, ax
        mov     ds, ax
        mov     eax, PAGE
        shr     eax, 4
        mov     ds, ax
        o32 lgdt [gdtr - $$]
        lidt    [no_idt - $$]                 ; any exception ends the machine
        mov     eax, cr0
        or      al, 1
        mov     cr0, eax
        jmp     dword 8:ap32
bits 32
ap32:   mov     ax, 16
        mov     ds, ax
        add     dword [APIC + 0x20], OFFSET << 24
        lock inc dword [lifted]
.loop:  jmp     .loop                           ; until an INIT

align 16
bits 64
call_me:
        push    rcx
        push    rdx
        mov     edx, APIC
        mov     dword [rdx + 0xf0], 0x1ff       ; enabled
        mov     dword [rdx + 0x300], ICR_INIT_OTHERS
        call    wait_a_bit
        mov     dword [rdx + 0x300], ICR_SIPI_OTHERS | PAGE >> 12
.more:  pause
        cmp     dword [lifted], APS
        jb      .more
        add     dword [rdx + 0x20], OFFSET << 24
        pop     rdx
        pop     rcx
        ret

wait_a_bit:
        mov     ecx, 1000000
.more:  dec     ecx
        jnz     .more
        ret

align 8
lifted: dd      0
gdt:    dq      0, 0x00cf9b000000ffff, 0x00cf93000000ffff
gdtr:   dw      gdtr - gdt - 1
        dd      gdt
no_idt: dw      0
        dd      0
        dd      call_me                         ; the last word of the file: where to call
