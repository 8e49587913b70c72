/* SPDX-License-Identifier: MIT */
/* The entry disciplines: ways for exceptions to come and go, of which entry= chooses one at boot.
 * SDM volume 3, 6.7.1 (blocked NMIs), 6.14.5 (IST).
 *
 * `shift` is the one that cpu's own files describe: TSS.ist[] is lowered by a level on entry, and
 * raised on exit (entry.asm). Each of the others is a file or two in disciplines/, and knows what
 * it has in place of shift's entries. It has stubs of its own, so that none pays for another.
 * External interrupts, SYSCALL and the switch are the same for all. */
#ifndef ISTSTORM_CPU_DISCIPLINE_H
#define ISTSTORM_CPU_DISCIPLINE_H

#include <stdbool.h>
#include <stdint.h>

enum discipline_number {
#define DISCIPLINE(symbol, name) DISCIPLINE_##symbol,
#include "cpu/disciplines.def"
#undef DISCIPLINE
    DISCIPLINE_COUNT
};

/* The fate of an NMI that is let in while one is handled. */
enum nested_nmi {
    NMI_NESTS,              /* on the next level */
    NMI_WAITS,              /* is handled after it */
    NMI_IS_FATAL            /* overwrites its frame */
};

#define STUB_SIZE 16

struct discipline {
    const char *stubs;              /* of the exceptions, STUB_SIZE bytes each */
    uint32_t levels;                /* events of one IST code that may nest */
    enum nested_nmi nested_nmi;
    bool breakpoint_has_ist;

    /* NULL where there is nothing to do. */
    void (*prepare)(uint32_t cpu);      /* makes a CPU's stacks, mapped and filled, ready for it */
    uint64_t (*nmis_owed)(uint32_t cpu); /* runs that this CPU's NMI still owes: 0 at rest */
    void (*abandon_nmi)(void);          /* undoes the NMI's entry, for a handler without an exit */
    void (*set_dr7)(uint64_t dr7);      /* what DR7 is when a #DB's handler has returned */

    const char *about, *gives_up;   /* what it does, for `run=list` */
};

#define DISCIPLINE(symbol, name) extern const struct discipline discipline_##name;
#include "cpu/disciplines.def"
#undef DISCIPLINE

/* Raises TSS.ist[] again, as the exit that is left out would: shift's, and of those that lower it
 * in the same way. */
void shift_abandon_nmi(void);

extern const struct discipline *const disciplines[DISCIPLINE_COUNT];
extern const char *const discipline_names[DISCIPLINE_COUNT];

/* The one in force: chosen before the IDT is made, and constant from then on. */
extern const struct discipline *discipline;
extern enum discipline_number discipline_number;
static inline const char *discipline_name(void)
{
    return discipline_names[discipline_number];
}
void discipline_choose(enum discipline_number number);

/* Runs that an NMI of that CPU still owes, the one under way among them: 0 at rest. Any context. */
uint64_t discipline_nmis_owed(uint32_t cpu);

/* Every way into and out of the kernel, in ranges of instructions: a vector's path is its stub, the
 * rows of its vector or of any vector of its kind, and an exit. Made beside the code, by ENTRY_PATH
 * (entry_path.inc), for whoever wants to miss none. */
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
    const char *start, *end;
    uint32_t vector;                /* or PATH_ANY_VECTOR */
    uint16_t kind, disciplines;     /* enum entry_path_kind; a bit each */
};
/* iststorm.ld: all of them, and where their instructions lie. */
extern const struct entry_path entry_paths_start[], entry_paths_end[];
extern const char entry_text_start[], entry_text_end[];
#define ENTRY_TEXT_MOST 0x4000      /* bytes */
/* A bit for each byte of them: an instruction begins there. Made by boundaries.py. */
extern const uint8_t entry_boundaries[];

#endif
