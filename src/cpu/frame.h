/* SPDX-License-Identifier: MIT */
/* The trap frame, which every entry builds on the stack that it runs on. SDM volume 3, 6.14.2.
 *
 * In 64-bit mode the processor aligns RSP to 16 and then always pushes SS:RSP, so the frame has one
 * shape for every vector, ring and stack. Lowest address first. Handlers change the frame, never a
 * computed place beside it. */
#ifndef ISTSTORM_CPU_FRAME_H
#define ISTSTORM_CPU_FRAME_H

#include <stdbool.h>
#include <stdint.h>

#define FRAME_REGISTERS 15

struct trap_frame {
    union {
        uint64_t registers[FRAME_REGISTERS];        /* in the order of FRAME_REGISTER_NAMES */
        struct {                                    /* pushed by entry.asm */
            uint64_t r15, r14, r13, r12, r11, r10, r9, r8;
            uint64_t rdi, rsi, rbp, rbx, rdx, rcx, rax;
        };
    };
    uint64_t vector;                                /* pushed by the stub */
    uint64_t error_code;                            /* pushed by the processor, or 0 by the stub */
    uint64_t rip, cs, rflags, rsp, ss;              /* pushed by the processor */
};

#define FRAME_REGISTER_NAMES                                                                 \
    "r15", "r14", "r13", "r12", "r11", "r10", "r9", "r8", "rdi", "rsi", "rbp", "rbx", "rdx", \
        "rcx", "rax"

static inline bool frame_from_user(const struct trap_frame *frame)
{
    return (frame->cs & 3) != 0;
}

#endif
