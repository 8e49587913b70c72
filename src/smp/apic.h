/* SPDX-License-Identifier: MIT */
/* The local APIC, in xAPIC or x2APIC mode: SDM volume 3, chapter 10.
 *
 * Any context, unless it says otherwise. APIC ids are 32-bit and the machine's own. */
#ifndef ISTSTORM_SMP_APIC_H
#define ISTSTORM_SMP_APIC_H

#include <stdbool.h>
#include <stdint.h>

#include "cpu/x86.h"
#include "smp/acpi/madt.h"

/* Register offsets, table 10-1; in x2APIC mode MSR 0x800 + offset / 16. */
enum apic_register {
    APIC_ID = 0x20,
    APIC_VERSION = 0x30,
    APIC_TPR = 0x80,
    APIC_PPR = 0xa0,
    APIC_EOI = 0xb0,
    APIC_LDR = 0xd0,
    APIC_DFR = 0xe0,            /* not in x2APIC mode */
    APIC_SVR = 0xf0,
    APIC_ISR = 0x100,           /* the first of eight, 0x10 apart; so are APIC_TMR and APIC_IRR */
    APIC_TMR = 0x180,
    APIC_IRR = 0x200,
    APIC_ESR = 0x280,
    APIC_LVT_CMCI = 0x2f0,
    APIC_ICR_LOW = 0x300,
    APIC_ICR_HIGH = 0x310,
    APIC_LVT_TIMER = 0x320,
    APIC_LVT_THERMAL = 0x330,
    APIC_LVT_PERFORMANCE = 0x340,
    APIC_LVT_LINT0 = 0x350,
    APIC_LVT_LINT1 = 0x360,
    APIC_LVT_ERROR = 0x370,
    APIC_TIMER_INITIAL = 0x380,
    APIC_TIMER_CURRENT = 0x390,
    APIC_TIMER_DIVIDE = 0x3e0,
    APIC_SELF_IPI = 0x3f0,      /* in x2APIC mode alone */
};
#define APIC_LVT_MASKED (1u << 16)

/* This CPU's registers, as they are, in either mode. */
uint32_t apic_read(enum apic_register reg);
void apic_write(enum apic_register reg, uint32_t value);

/* A vector's bit in APIC_ISR, APIC_TMR or APIC_IRR. */
bool apic_has(enum apic_register first, unsigned vector);

/* Writes both halves of the ICR, when it is idle. */
void apic_send(uint32_t destination, uint32_t command);

/* Picks the mode, following the firmware's and going up to x2APIC when an id needs it or `x2apic`
 * asks for it; never down. Maps the registers, and enters the mode. Once, on the BSP. NULL, or why
 * it cannot be. */
const char *apic_init(const struct machine_topology *topology, bool x2apic);

/* This CPU's APIC: enabled, in the mode picked, every LVT entry masked but for the NMI pins that
 * the MADT names, and errors, CMCI and heat where there are entries for them; no error pending.
 * Interrupts off. */
void apic_enable(const struct machine_topology *topology);

/* Whether the thermal interrupt comes to this image. Firmware may have taken it as an SMI. */
bool apic_has_thermal(void);

/* Whether this id can be reached in the mode picked. */
bool apic_reaches(uint32_t apic_id);
const char *apic_mode(void);
extern bool apic_x2apic; /* the mode picked */

/* The registers' address in xAPIC mode: a fixed page, so that an EOI is one store. */
#define APIC_REGISTERS 0xfffffffffee00000ull

/* From the handler of an interrupt; interrupts off. */
static inline void apic_eoi(void)
{
    if (apic_x2apic)
        write_msr(MSR_X2APIC(APIC_EOI), 0);
    else
        *(volatile uint32_t *)(APIC_REGISTERS + APIC_EOI) = 0;
}

/* This CPU's id, from the APIC itself. */
uint32_t apic_read_id(void);

/* To one CPU by its physical id, this one included. */
void apic_send_ipi(uint32_t apic_id, uint8_t vector);
void apic_send_nmi(uint32_t apic_id);
void apic_send_nmi_to_self(void);
void apic_send_init(uint32_t apic_id);
void apic_send_startup(uint32_t apic_id, uint8_t page);

/* To time a sending: makes the next write to the ICR go to this id, and returns the ICR. NULL in
 * x2APIC mode, where one write to MSR_X2APIC(ICR) holds id and command. The caller must send
 * nothing else before that write. The commands for it. */
volatile uint32_t *apic_aim(uint32_t apic_id);
#define APIC_COMMAND_IPI(vector) (1u << 14 | (vector))
#define APIC_COMMAND_NMI (1u << 14 | 4u << 8)

/* The error status register, read after the write that latches it (SDM volume 3, 10.5.3). */
uint32_t apic_take_errors(void);

/* Chooses whether this CPU's performance counters interrupt it by NMI, or not at all. Each such NMI
 * masks the entry, so it must be set anew. */
void apic_set_counter_nmi(bool on);

/* The most urgent vector that is in service on this CPU: taken, and not ended; 0: none is. Any
 * context. */
unsigned apic_in_service(void);

/* This CPU's timer. It counts at calibrated_apic_hz (calibrate.h), and interrupts on VECTOR_TIMER
 * at the end of a period. */
void apic_timer_start(uint32_t initial_count, bool periodic);
uint32_t apic_timer_read(void);

#endif
