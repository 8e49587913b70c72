/* SPDX-License-Identifier: MIT */
/* Blocking NMIs on purpose: SDM volume 3, 6.7.1.
 *
 * The processor blocks NMIs from the delivery of one until the next IRET. A handler that leaves
 * without an IRET leaves them blocked; then an NMI that is sent is latched, and the next IRET lets
 * it in at exactly the instruction that it returns to. */
#ifndef ISTSTORM_CPU_NMI_H
#define ISTSTORM_CPU_NMI_H

#include <stdbool.h>

/* Takes an NMI, which `send_to_self` sends, and returns with NMIs blocked. False: it did not come,
 * as when they are blocked already. Any context in ring 0, interrupts off. */
bool nmi_block(void (*send_to_self)(void));

/* For the NMI handler: back to nmi_block. */
_Noreturn void nmi_resume(void);

#endif
