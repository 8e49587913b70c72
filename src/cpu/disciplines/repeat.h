/* SPDX-License-Identifier: MIT */
/* entry=repeat: what lies at the top of its NMI stack. See repeat.asm. SDM volume 3, 6.7.1. */
#ifndef ISTSTORM_CPU_DISCIPLINES_REPEAT_H
#define ISTSTORM_CPU_DISCIPLINES_REPEAT_H

#include <stdint.h>

/* Lowest address first. */
struct nmi_area {
    uint64_t return_rip, return_cs, return_rflags, return_rsp, return_ss; /* what its IRET takes */
    uint64_t owed;                  /* runs of the handler, with the one under way */
    uint64_t rax, vector, error_code; /* pushed by the stub and the entry of each NMI */
    uint64_t rip, cs, rflags, rsp, ss; /* pushed by the processor */
};

#endif
