/* SPDX-License-Identifier: MIT */
/* A sandbox: a GDT, a TSS, an IDT and stacks of its own, in which one CPU runs a few instructions
 * and everything that they raise is caught, written down and come back from. SDM volume 3, 6.10 to
 * 6.14.
 *
 * Each vector's gate has an IST code by the kind of event, so that what came is read from a stack
 * that the event did not find in use, whatever RSP was. Interrupts are off and this CPU's APIC
 * timer stands still as long as it is entered; control, debug and APIC registers, the MSRs of
 * SYSCALL and the segment bases are put back when it is left. Thread context, one sandbox a CPU. */
#ifndef ISTSTORM_WORKLOADS_CONFORM_SANDBOX_H
#define ISTSTORM_WORKLOADS_CONFORM_SANDBOX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "cpu/frame.h"
#include "cpu/idt.h"
#include "cpu/percpu.h"
#include "cpu/vectors.h"

/* Selectors beside the image's own, which mean the same in here. */
enum sandbox_selector {
    ABSENT_CS = 0x48,           /* ring 0 code that is not present */
    ABSENT_USER_CS = 0x53,      /* the same, of ring 3 */
    WIDE_CS = 0x58,             /* L and D both set, which is reserved */
    READ_ONLY_DS = 0x60,        /* data that SS may not be */
    BEYOND_GDT = 0x68,
    SANDBOX_GDT_WORDS = BEYOND_GDT / 8
};

/* The stack of each kind of event in here: IST codes. A check may point the last one where it
 * likes. */
enum sandbox_stack {
    ON_INTERRUPTED,
    ON_FAULT,
    ON_NMI,
    ON_DEBUG,
    ON_DF,
    ON_MC,
    ON_INTERRUPT,
    ON_SPARE,
    SANDBOX_STACKS = ON_SPARE
};

#define SANDBOX_RETURN 0x81     /* INT SANDBOX_RETURN ends a probe, from ring 3 too */
#define SANDBOX_OPEN 0x82       /* a gate that ring 3 may use */
#define SANDBOX_CLOSED 0x83     /* and one that it may not */
#define SANDBOX_STACK_SIZE 4096
#define SANDBOX_STUB_SIZE 16
#define SANDBOX_EVENTS 12       /* that are kept; one more ends the probe */

/* Pushed by sandbox.asm, below what the processor did. */
struct sandbox_frame {
    uint64_t registers[FRAME_REGISTERS];        /* in the order of struct trap_frame */
    uint64_t handler_rflags;
    uint64_t vector;
    uint64_t pushed[6];                         /* an error code or not, RIP, CS, RFLAGS ... */
};

struct sandbox_pushed {
    uint64_t rip, cs, rflags, rsp, ss;
};

/* One event, as its handler found it. */
struct sandbox_event {
    uint64_t vector, error_code;
    bool has_error_code;
    struct sandbox_pushed pushed;
    uint64_t rcx, r11;                          /* of what was interrupted */
    uint64_t rsp, rflags, cs, ss;               /* in the handler, after the processor's pushes */
    uint64_t cr2, dr6, dr7;
};

struct sandbox;

/* The outcome of an event. */
enum sandbox_way {
    RESUME,                                     /* by IRET, with what was pushed */
    END                                         /* the probe ends here */
};

/* Is told of an event of its vector, after it was kept; may change what IRET will load. */
typedef enum sandbox_way sandbox_hook(struct sandbox *box, struct sandbox_pushed *pushed);

struct sandbox {
    struct gate idt[VECTOR_COUNT];              /* first: sandbox.asm's catcher finds it by SIDT */
    uint64_t gdt[SANDBOX_GDT_WORDS + 1];
    struct tss tss;
    sandbox_hook *hooks[VECTOR_COUNT];          /* NULL: faults end, the others resume */
    struct sandbox_event events[SANDBOX_EVENTS];
    unsigned count;                             /* of events that were kept */
    bool keep_dr6;                              /* else each #DB's handler clears it */
    bool returned;                              /* from ring 3, by SANDBOX_RETURN */
    bool draining;                              /* nothing that comes means anything */
    uint32_t cpu;                               /* whose it is */
    uint32_t owed;                              /* bit i: the image's own interrupt i of these */
    uint64_t escape_rsp;                        /* sandbox.asm's */
    uint64_t mark;                              /* for checks: what a probe or hook noted */
    uint8_t stacks[SANDBOX_STACKS][SANDBOX_STACK_SIZE] __attribute__((aligned(16)));
    uint64_t scratch[512] __attribute__((aligned(4096)));
};

/* Memory for ring 3's stacks. Once, before any sandbox is entered. False: out of memory. */
bool sandbox_prepare(void);

/* This CPU's. Enter, and leave again; the machine may have been left in any state between. */
struct sandbox *sandbox_enter(void);
void sandbox_leave(struct sandbox *box);

/* Forgets events and hooks, and makes gates, TSS and registers as they are at the beginning. */
void sandbox_reset(struct sandbox *box);

/* Runs a probe with RDI, RSI and RDX; true: it came to its end. */
bool sandbox_run(struct sandbox *box, const char *probe, uint64_t rdi, uint64_t rsi, uint64_t rdx);

/* The same in ring 3, at sandbox_user(probe), with these flags beside those that are fixed. */
bool sandbox_run_user(struct sandbox *box, const char *probe, uint64_t rdi, uint64_t rflags);

/* Where ring 3 sees an address of the section .user_text; and the top of its stack. */
uint64_t sandbox_user(const char *address);
uint64_t sandbox_user_stack(void);

/* The first instruction of a vector's handler. */
extern char sandbox_stubs[];
static inline char *sandbox_stub(unsigned vector)
{
    return sandbox_stubs + vector * SANDBOX_STUB_SIZE;
}

/* The top of one of its stacks. */
static inline uint64_t sandbox_stack_top(const struct sandbox *box, enum sandbox_stack stack)
{
    return (uintptr_t)box->stacks[stack - 1] + SANDBOX_STACK_SIZE;
}

/* A probe: instructions in Intel's syntax, with a label before and one behind them. Any vector may
 * come of them; registers that the ABI keeps are put back. */
#define PROBE_IN(section, name, end, ...)                                                          \
    extern char name[], name##_end[];                                                              \
    __asm__(".pushsection " section ",\"ax\",@progbits\n"                                          \
            ".intel_syntax noprefix\n" #name ":\n\t" __VA_ARGS__ "\n" #name "_end:\n\t" end "\n"   \
            ".att_syntax prefix\n"                                                                 \
            ".popsection")
#define PROBE(name, ...) PROBE_IN(".text", name, "ret", __VA_ARGS__)
#define USER_PROBE(name, ...) PROBE_IN(".user_text", name, "int 0x81", __VA_ARGS__)

#endif
