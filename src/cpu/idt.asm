; SPDX-License-Identifier: MIT
; The stubs of the discipline `shift`, and those of the vectors above the exceptions, which all
; disciplines share. SDM volume 3, 6.10. The gates are aimed at them by idt.c.

%include "cpu/stubs.inc"

DECLARE_ENTRIES

section .text.entry progbits alloc exec nowrite align=16
align STUB_SIZE
global stubs_shift:function
stubs_shift:
        STUBS   SHIFT, 0, VECTOR_FIRST_EXTERNAL, UNDER(SHIFT)
global stubs_external:function
stubs_external:
        STUBS   SHIFT, VECTOR_FIRST_EXTERNAL, VECTOR_COUNT, UNDER_ALL

section .note.GNU-stack noalloc noexec nowrite progbits
