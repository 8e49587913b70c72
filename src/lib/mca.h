/* SPDX-License-Identifier: MIT */
/* The machine-check banks, by their registers alone: SDM volume 3, 15.3 (registers), 15.5 (CMCI),
 * 15.9 (what the codes mean); AMD's manual, volume 2, 9.3 (their scalable banks).
 *
 * Machine-free: registers are read and written by the caller's two functions, so that a test can be
 * a machine. One struct mca is one CPU's; no two calls for it at a time. */
#ifndef ISTSTORM_LIB_MCA_H
#define ISTSTORM_LIB_MCA_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/msr.h"
#include "lib/rate.h"

#define MCG_STATUS_RIPV (1u << 0)
#define MCG_STATUS_MCIP (1u << 2)
#define MC_STATUS_VALID (1ull << 63)
#define MC_STATUS_OVERFLOW (1ull << 62)
#define MC_STATUS_UNCORRECTED (1ull << 61)
#define MC_STATUS_ENABLED (1ull << 60)      /* in IA32_MCi_CTL; #MC is raised for no other */
#define MC_STATUS_MISC_VALID (1ull << 59)
#define MC_STATUS_ADDRESS_VALID (1ull << 58)
#define MC_STATUS_CONTEXT_CORRUPT (1ull << 57)
#define MC_STATUS_SIGNALED (1ull << 56)
#define MC_STATUS_DEFERRED (1ull << 44)     /* AMD: wrong data, that nobody has used yet */
#define MC_STATUS_COUNT_SHIFT 38            /* of corrected errors, 15 bits, where CMCI is */

#define MCA_BANKS_MOST 64                   /* of scalable banks */
#define MCA_BANKS_MOST_LEGACY 32            /* behind them, 0x480 on are other registers */
#define MCA_CMCIS_A_SECOND 15               /* more are a storm */
#define MCA_QUIET_MS 30000                  /* without an error, before CMCI comes back on */

struct mca_error {
    unsigned bank;
    uint64_t status, address, misc;         /* 0 where the status says that they are not valid */
    uint64_t count;                         /* errors that this stands for; 1 where not counted */
};

struct mca {
    const struct msr_access *registers;
    void (*take)(const struct mca_error *error);    /* each error that was found, once */
    unsigned banks;
    unsigned out_of_reach;                  /* banks that MCG_CAP counts beyond those */
    bool scalable;                          /* AMD's addresses */
    bool counts, recovers;                  /* MCG_CAP: CMCI_P, SER_P */
    uint64_t cmci_banks;                    /* whose CMCI is this CPU's to take */
    uint64_t left_to_handler;               /* banks with an uncorrected error at the last poll */
    bool cmci_off;                          /* there was a storm of them */
    struct rate cmcis;
    uint64_t last_error_ms;
};

/* What is known of the CPU beside MCG_CAP. */
struct mca_cpu {
    bool scalable;                          /* AMD: CPUID 80000007 EBX bit 3 */
    bool keep_bank_0;                       /* family 6 before model 1Ah: firmware's (15.3.2.1) */
};

/* Every bank reports from here on; what it held until then is taken first. CMCI is switched on in
 * each bank whose CMCI is not another CPU's (a bank may be several CPUs'). `registers` and `take`
 * are set by the caller before. */
void mca_start(struct mca *mca, const struct mca_cpu *cpu);

/* Takes what no #MC is raised for: corrected errors, and wrong data that nobody has used. An
 * uncorrected error is left to the #MC handler; one that is still there at the next poll has none
 * that comes for it, and is taken then. A bank is cleared when it was taken. */
void mca_poll(struct mca *mca, uint64_t now_ms);

/* The same, in the handler of a CMCI. Too many of them, and CMCI is switched off until
 * MCA_QUIET_MS have gone by without an error: until then polling finds all that there is. */
void mca_on_cmci(struct mca *mca, uint64_t now_ms);

/* In the #MC handler: takes each uncorrected error. Their statuses, by OR; the last one's bank,
 * status and address in `last`, where there is one. */
uint64_t mca_take_uncorrected(struct mca *mca, struct mca_error *last);

/* corrected, deferred or uncorrected. */
const char *mca_kind(uint64_t status);

/* What the code in the status means: "memory controller, read, channel 2". */
#define MCA_TEXT_SIZE 64
void mca_describe(uint64_t status, char out[MCA_TEXT_SIZE]);

#endif
