/* SPDX-License-Identifier: MIT */
/* The entry disciplines: ways for IST events to come and go, of which entry= chooses one at boot.
 * SDM volume 3, 6.7.1 (blocked NMIs), 6.14.5 (IST).
 *
 * Each is an IDT of its own, so that none pays for another. What differs are the exceptions;
 * external interrupts, SYSCALL and the switch are the same for all. */
#ifndef ISTSTORM_CPU_ENTRIES_H
#define ISTSTORM_CPU_ENTRIES_H

#include <stdbool.h>
#include <stdint.h>

#include "cpu/stacks.h"
#include "cpu/vectors.h"

/* entry=repeat: what lies at the top of its NMI stack, lowest address first. */
struct nmi_area {
    uint64_t return_rip, return_cs, return_rflags, return_rsp, return_ss; /* what its IRET takes */
    uint64_t owed;                  /* runs of the handler, with the one under way */
    uint64_t rax, vector, error_code; /* pushed by the stub and the entry of each NMI */
    uint64_t rip, cs, rflags, rsp, ss; /* pushed by the processor */
};

/* E(symbol, name, levels: events of one IST code that may nest, what becomes of an NMI that is let
 * in while one is handled, IST code of #BP or 0, what it does, what it gives up). README's table
 * has the two texts, each of which is one or more string literals without escapes. */
#define ENTRIES(E)                                                                                 \
    E(SHIFT, shift, IST_LEVELS, NESTS, 4,                                                          \
      "TSS.ist[] is lowered by a level on entry, and raised on exit",                              \
      "frames, to an event of the same code before the one or after the other")                    \
    E(NONE, none, 1, IS_FATAL, 4,                                                                  \
      "TSS.ist[] stays: a second event overwrites the first's frame",                              \
      "#DB with #BP, NMI, #MC, #SS and #DF inside themselves")                                     \
    E(REPEAT, repeat, 1, WAITS, 0,                                                                 \
      "an NMI's frame is copied, and one that comes inside it makes its handler run again; "       \
      "#BP has no IST code",                                                                       \
      "breakpoints in NMIs and #DB; #BP where RSP is no stack; #DB, #MC, #SS and #DF inside "      \
      "themselves")                                                                                \
    E(RET, ret, IST_LEVELS, WAITS, 4,                                                              \
      "as shift, and what interrupts an NMI returns by RET, so that NMIs stay blocked",            \
      "the blocking, where RF, TF or NT is set; memory below RSP in ring 0")

enum nested_nmi {
    NMI_NESTS,              /* on the next level */
    NMI_WAITS,              /* is handled after it */
    NMI_IS_FATAL            /* overwrites its frame */
};

enum entry_discipline {
#define ENTRY_ENUM(symbol, name, levels, nmi, breakpoint_ist, about, gives_up) ENTRY_##symbol,
    ENTRIES(ENTRY_ENUM)
#undef ENTRY_ENUM
    ENTRY_COUNT
};

struct gate;
struct entry {
    const char *name;
    uint32_t levels;
    enum nested_nmi nested_nmi;
    uint32_t breakpoint_ist;
    const struct gate *idt, *idt_without_gp, *idt_stamped, *idt_stamped_without_gp;
    const char *stubs;              /* of the exceptions; the other vectors' are one set */
};
extern const struct entry entries[ENTRY_COUNT];
extern const char *const entry_names[ENTRY_COUNT];

/* The one in force: set by main before the first IDT is loaded, and constant from then on. */
extern const struct entry *entry_chosen;

/* Makes a CPU's stacks, which are mapped and filled, ready for it. */
void entry_prepare(uint32_t cpu);

/* Runs that an NMI of that CPU still owes, the one under way among them: 0 at rest. */
uint64_t entry_nmis_owed(uint32_t cpu);

/* The IST code of a vector's gate under it. */
uint32_t entry_ist_code(unsigned vector);

/* Every way into and out of the kernel, in ranges of instructions: a vector's path is its stub, the
 * rows of its vector or of any vector of its kind, and an exit. Made beside the code, by ENTRY_PATH
 * (entry_path.inc). */
enum entry_path_kind {
    PATH_IST,
    PATH_TRAP,                      /* on the interrupted stack, or RSP0 */
    PATH_IRQ,
    PATH_SYSCALL,
    PATH_EXIT,                      /* of traps, interrupts and SYSCALL */
    PATH_SOFTIRQ,                   /* a thread's own way onto the IRQ stack and back */
    PATH_SWITCH
};

#define PATH_ANY_VECTOR 0xffffffffu
struct entry_path {
    const uint8_t *start, *end;     /* the first instruction; the first byte past the last */
    uint32_t vector;                /* or PATH_ANY_VECTOR */
    uint16_t kind;                  /* enum entry_path_kind */
    uint16_t disciplines;           /* bit i: under entries[i] */
};
extern const struct entry_path entry_paths_start[], entry_paths_end[];

/* As "#DB", or for any vector "hardirq", "exit". Any context. */
const char *entry_path_name(const struct entry_path *path);

#endif
