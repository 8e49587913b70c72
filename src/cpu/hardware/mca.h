/* SPDX-License-Identifier: MIT */
/* The machine-check banks, by their registers alone: SDM volume 3, 15.3 (registers), 15.5 (CMCI),
 * 15.9 (what the codes mean); AMD's manual, volume 2, 9.3 (their scalable banks).
 *
 * Machine-free: registers are read and written by the caller's two functions, so that a test can be
 * a machine. One struct mca is one CPU's; no two calls for it at a time. */
#ifndef ISTSTORM_CPU_HARDWARE_MCA_H
#define ISTSTORM_CPU_HARDWARE_MCA_H

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
#define MCA_CMCIS_A_SECOND 15               /* more are too many */
#define MCA_QUIET_MS 30000                  /* without an error, before CMCI comes back on */

struct mca_error {
    unsigned bank;
    uint64_t status, address, misc;         /* 0 where the status says that they are not valid */
    uint64_t count;                         /* errors that this stands for, at least */
    bool overflow;                          /* the bank lost others */
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
    bool cmci_off;                          /* too many came */
    struct rate cmcis;
    uint64_t last_error_ms;
};

/* Facts about the CPU beside MCG_CAP. */
struct mca_cpu {
    bool scalable;                          /* AMD: CPUID 80000007 EBX bit 3 */
    bool keep_bank_0;                       /* family 6 before model 1Ah: firmware's (15.3.2.1) */
};

/* Makes every bank report. The errors that a bank holds by then are taken first. CMCI is switched
 * on in each bank whose CMCI is not another CPU's (a bank may be several CPUs'). `registers` and
 * `take` are set by the caller before. */
void mca_start(struct mca *mca, const struct mca_cpu *cpu);

/* Takes errors for which no #MC is raised: corrected errors, and wrong data that have not been
 * used. An uncorrected error is left to the #MC handler. If it is still there at the next poll, no
 * #MC comes for it, and it is taken then. A bank is cleared when its error was taken. */
void mca_poll(struct mca *mca, uint64_t now_ms);

/* The same, in the handler of a CMCI. After too many of them CMCI is switched off until
 * MCA_QUIET_MS have passed without an error. Polling finds the errors until then. */
void mca_on_cmci(struct mca *mca, uint64_t now_ms);

/* In the #MC handler: takes each uncorrected error. Returns their statuses, by OR; the worst error
 * is in `worst`. */
uint64_t mca_take_uncorrected(struct mca *mca, struct mca_error *worst);

/* The severity of an uncorrected error, to name the cause among several. From high to low: the
 * context is corrupt; #MC was raised for it; it was not. 0: there is none. */
unsigned mca_severity(uint64_t status);

/* corrected, deferred or uncorrected. */
const char *mca_kind(uint64_t status);

/* The meaning of the code in the status: "memory controller, read, channel 2". */
#define MCA_TEXT_SIZE 64
void mca_describe(uint64_t status, char out[MCA_TEXT_SIZE]);

#endif
