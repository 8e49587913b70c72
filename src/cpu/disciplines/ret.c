/* SPDX-License-Identifier: MIT */
/* entry=ret: its row of the table. The handlers are shift's, since its entries lower TSS.ist[] in
 * the same way: see ret.asm. SDM volume 3, 6.7.1, 6.14.5. */
#include "cpu/discipline.h"

#include "cpu/percpu.h"

extern const char stubs_ret[]; /* ret.asm */

const struct discipline discipline_ret = {
    .stubs = stubs_ret,
    .levels = IST_LEVELS,
    .nested_nmi = NMI_WAITS,
    .breakpoint_has_ist = true,
    .abandon_nmi = shift_abandon_nmi,
    .about = "as shift, and what interrupts an NMI returns by RET, so that NMIs stay blocked",
    .gives_up = "the blocking, where RF, TF or NT is set; memory below RSP in ring 0",
};
