/* SPDX-License-Identifier: MIT */
/* The console font, a PSF file linked into the image by font.asm: font_start[0 .. end - start). */
#ifndef ISTSTORM_LIB_FONT_H
#define ISTSTORM_LIB_FONT_H

extern const char font_start[], font_end[];

#endif
