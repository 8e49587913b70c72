; SPDX-License-Identifier: MIT
; entry=none: the plain gates, without an adjustment. SDM volume 3, 6.14.5.
;
; The hardware starts every event of one IST code at the same place, so a second one that comes
; while the first is under way overwrites its frame. What is given up: #DB, #BP, NMI, #MC, #SS and
; #DF inside themselves, at any instruction from the hardware's push to the IRET. What is won: three
; instructions on entry and three on exit. ist.c names the second event that comes.

%include "cpu/entry.inc"

extern debug_handler_plain
extern breakpoint_handler_plain
extern nmi_handler_plain
extern double_fault_handler_plain
extern stack_fault_handler_plain
extern machine_check_handler_plain

section .text

PLAIN_ENTRY debug_entry_plain, debug_handler_plain, VECTOR_DB, UNDER(NONE)
PLAIN_ENTRY breakpoint_entry_plain, breakpoint_handler_plain, VECTOR_BP, UNDER(NONE)
PLAIN_ENTRY nmi_entry_plain, nmi_handler_plain, VECTOR_NMI, UNDER(NONE)
; Of repeat too.
%define UNDER_BOTH UNDER(NONE) | UNDER(REPEAT)
PLAIN_ENTRY double_fault_entry_plain, double_fault_handler_plain, VECTOR_DF, UNDER_BOTH
PLAIN_ENTRY stack_fault_entry_plain, stack_fault_handler_plain, VECTOR_SS, UNDER_BOTH
PLAIN_ENTRY machine_check_entry_plain, machine_check_handler_plain, VECTOR_MC, UNDER_BOTH

section .note.GNU-stack noalloc noexec nowrite progbits
