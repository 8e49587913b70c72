; SPDX-License-Identifier: MIT
; entry=none: the plain gates, without an adjustment. SDM volume 3, 6.14.5.
;
; The hardware starts every event of one IST code at the same place, so a second one that comes
; while the first is under way overwrites its frame. Given up: #DB, #BP, NMI, #MC, #SS and
; #DF inside themselves, at any instruction from the hardware's push to the IRET. Won: three
; instructions on entry and three on exit. ist.c names the second event that comes.

%include "cpu/disciplines/plain.inc"
%include "cpu/stubs.inc"
%include "cpu/disciplines/none.inc"

DECLARE_ENTRIES

extern debug_handler_none
extern breakpoint_handler_none
extern nmi_handler_none
extern double_fault_handler_none
extern stack_fault_handler_none
extern machine_check_handler_none

section .text.entry progbits alloc exec nowrite align=16
align STUB_SIZE
global stubs_none:function
stubs_none:
        STUBS   NONE, 0, VECTOR_FIRST_EXTERNAL, UNDER(NONE)

PLAIN_ENTRY debug_entry_none, debug_handler_none, VECTOR_DB, UNDER(NONE)
PLAIN_ENTRY breakpoint_entry_none, breakpoint_handler_none, VECTOR_BP, UNDER(NONE)
PLAIN_ENTRY nmi_entry_none, nmi_handler_none, VECTOR_NMI, UNDER(NONE)
PLAIN_ENTRY double_fault_entry_none, double_fault_handler_none, VECTOR_DF, UNDER(NONE)
PLAIN_ENTRY stack_fault_entry_none, stack_fault_handler_none, VECTOR_SS, UNDER(NONE)
PLAIN_ENTRY machine_check_entry_none, machine_check_handler_none, VECTOR_MC, UNDER(NONE)

section .note.GNU-stack noalloc noexec nowrite progbits
