; SPDX-License-Identifier: MIT
; The console font, as the build unpacked it: a PSF file between font_start and font_end (font.h).

%ifndef FONT_FILE
  %error "FONT_FILE must name the PSF font to link in"
%endif

section .rodata

global font_start:data (font_end - font_start)
global font_end:data

align 8
font_start:
    incbin FONT_FILE
font_end:

section .note.GNU-stack noalloc noexec nowrite progbits
