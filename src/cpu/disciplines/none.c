/* SPDX-License-Identifier: MIT */
/* entry=none: what its entries call. TSS.ist[] is as it was: see none.asm. SDM volume 3, 6.14.5. */
#include "cpu/discipline.h"
#include "cpu/ist_handlers.h"

extern const char stubs_none[]; /* none.asm */

const struct discipline discipline_none = {
    .stubs = stubs_none,
    .levels = 1,
    .nested_nmi = NMI_IS_FATAL,
    .breakpoint_has_ist = true,
    .about = "TSS.ist[] stays: a second event overwrites the first's frame",
    .gives_up = "#DB with #BP, NMI, #MC, #SS and #DF inside themselves",
};

IST_HANDLER(nmi_handler_none, take_nmi, .lowered = false)
IST_HANDLER(debug_handler_none, take_debug, .lowered = false)
IST_HANDLER(breakpoint_handler_none, take_breakpoint, .lowered = false)
IST_HANDLER(machine_check_handler_none, take_machine_check, .lowered = false)
IST_HANDLER(stack_fault_handler_none, take_stack_fault, .lowered = false)
IST_HANDLER(double_fault_handler_none, take_double_fault, .lowered = false)
