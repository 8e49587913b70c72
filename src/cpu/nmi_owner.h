/* SPDX-License-Identifier: MIT */
/* Tells our own NMIs from foreign ones. SDM volume 3, 6.7: an NMI carries nothing that tells its
 * sender.
 *
 * So a sender announces its NMIs in the target's area before it sends them. An NMI that was not
 * announced is foreign: a watchdog's, a board's, a hypervisor's. It is counted and reported, and is
 * no failure by itself. */
#ifndef ISTSTORM_CPU_NMI_OWNER_H
#define ISTSTORM_CPU_NMI_OWNER_H

#include <stdbool.h>
#include <stdint.h>

/* Announces so many NMIs to a CPU; 0: none of them can come any more. A target has one sender at a
 * time. Any context. */
void nmi_expect(uint32_t cpu, uint32_t count);

/* In an NMI's hook. True: the NMI was announced, and one less is outstanding now. */
bool nmi_is_expected(void);

/* In the hook of an NMI that has a cause of its own. True: an announced NMI is still to come to
 * this CPU, and may have merged with this one. The next hook is asked, too; if they did not merge,
 * the announced one comes once more, and is not foreign. */
bool nmi_may_have_merged(void);

/* Takes an NMI that no hook took: counts it, and reads port 0x61, which may give the board's
 * reason. Not in the handler of any other NMI. */
void nmi_take_foreign(void);

/* The number of foreign NMIs, by CPU. */
extern uint64_t nmis_unexplained[];

#endif
