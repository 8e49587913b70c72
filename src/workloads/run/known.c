/* SPDX-License-Identifier: MIT */
/* Known values, and what is said where they did not come back. SDM volume 3, 6.12.1; volume 1,
 * 3.4.3 (RFLAGS); System V ABI, AMD64 supplement, 3.2.1. */
#include "workloads/run/collisions.h"
#include "workloads/run/known.h"

#include <stddef.h>

#include "cpu/verdict.h"
#include "cpu/gdt.h"
#include "cpu/late.h"
#include "cpu/percpu.h"
#include "cpu/claim.h"
#include "cpu/vectors.h"
#include "lib/format.h"
#include "lib/random.h"
#include "lib/string.h"
#include "sched/thread.h"
#include "sched/user.h"
#include "smp/apic.h"
#include "workloads/run/victim.h"

#define LOOKS_AT_IRR 1000

uint64_t known_enter(struct known *known);      /* known.asm, and the next three */
void known_enter_call(struct known *known, const void *function, uint64_t first, uint64_t second);
extern const char known_nothing[], known_nmi_x2apic[], known_nmi_xapic[];

/* How many keys a CPU has drawn. A handler may draw one while its thread does: so it is counted by
 * one instruction. */
static struct {
    uint64_t keys;
    uint64_t unused[7];
} CPU_TABLE(drawn);

#define KEYS_OF_A_CPU 48            /* bits: none meets another CPU's */

static uint64_t draw(void)
{
    uint32_t cpu = cpu_index();
    uint64_t key = __atomic_fetch_add(&drawn[cpu].keys, 1, __ATOMIC_RELAXED);

    return random_mix(verdict_seed + (((uint64_t)cpu << KEYS_OF_A_CPU) + key) * RANDOM_STEP);
}

static struct {
    uint64_t of_ring[4];
    uint64_t unused[4];
} CPU_TABLE(traps);

static void take_trap(struct trap_frame *frame)
{
    enum collision before = collision_enter(COLLISION_TRAP, frame);

    victim_check_entry(frame, "software trap");
    collision_leave(before);
    traps[cpu_index()].of_ring[frame->cs & 3]++;
}

void known_prepare(void)
{
    claim_this_vector(VECTOR_SOFTWARE, "software trap", take_trap);
}

uint64_t known_traps(unsigned ring)
{
    return traps[cpu_index()].of_ring[ring];
}

static bool claimed[MAX_CPUS];

bool known_claim_breakpoints(void)
{
    return !__atomic_exchange_n(&claimed[cpu_index()], true, __ATOMIC_ACQUIRE);
}

void known_release_breakpoints(void)
{
    __atomic_store_n(&claimed[cpu_index()], false, __ATOMIC_RELEASE);
}

static uint64_t interrupts_taken(void)
{
    return this_cpu->events[EVENT_IRQ] + this_cpu->events[EVENT_NMI] +
           this_cpu->events[EVENT_MACHINE_CHECK];
}

static void fill(struct known *known, const struct known_event *event)
{
    uint64_t value = draw();

    for (unsigned i = 0; i < FRAME_REGISTERS; i++)
        known->registers[i] = value += RANDOM_STEP;
    for (unsigned i = 0; i < KNOWN_WORDS; i++)
        known->words[i] = value += RANDOM_STEP;
    if (event->operand)
        known->registers[KNOWN_REGISTER(rdi)] = event->operand;
    known->trigger = (uint64_t)event->trigger;
    known->interrupts = interrupts_taken();
}

/* The trigger itself clears TF. */
void known_set_flags(struct known *known, uint64_t rflags)
{
    known->rflags = rflags;
    known->rflags_kept = rflags & ~(uint64_t)RFLAGS_TF;
}

/* Every other flag of those that may be set, by chance: the bits of a register's value. */
static void set_flags(struct known *known, uint64_t set, uint64_t may_set)
{
    uint64_t chance = known->registers[KNOWN_REGISTER(rax)];

    known_set_flags(known, RFLAGS_FIXED | set | (chance & may_set));
}

#define FLAGS_OF_ANY (RFLAGS_ARITHMETIC | RFLAGS_DF | RFLAGS_ID)

static bool in_thread(void)
{
    return read_rsp() - thread_stack(thread_current()) <= THREAD_SIZE;
}

/* Under entry=ret an exception inside an NMI keeps NMIs blocked unless NT is set. AC lifts SMAP, so
 * it stays clear where an operand may be ring 3's, and where another thread could come to run with
 * it. In a handler's stack RBP leads on, for the checks that walk the chain of stacks. */
static void fill_kernel(struct known *known, const struct known_event *event, uintptr_t rbp)
{
    uint64_t set = event->flags | (read_flags() & RFLAGS_IF), may_set = FLAGS_OF_ANY;

    fill(known, event);
    if (!in_thread())
        known->registers[KNOWN_REGISTER(rbp)] = rbp;
    else
        may_set |= RFLAGS_NT;
    if (!(set & RFLAGS_IF) && !event->operand)
        may_set |= RFLAGS_AC;
    set_flags(known, set, may_set);
}

#define PARTS (FRAME_REGISTERS + 1 + KNOWN_WORDS)
#define PART_RFLAGS FRAME_REGISTERS

static const char *part_name(unsigned part)
{
    static const char *const names[] = {FRAME_REGISTER_NAMES, "RFLAGS"};

    return part <= PART_RFLAGS ? names[part] : "a word of its stack";
}

static uint64_t wanted(const struct known *known, unsigned part)
{
    if (part == PART_RFLAGS)
        return known->rflags_kept & KNOWN_FLAGS;
    return part < PART_RFLAGS ? known->registers[part] : known->words[part - PART_RFLAGS - 1];
}

static uint64_t found(const struct known *known, unsigned part)
{
    if (part == PART_RFLAGS)
        return known->found.rflags & KNOWN_FLAGS;
    return part < PART_RFLAGS ? known->found.registers[part]
                              : known->found.words[part - PART_RFLAGS - 1];
}

/* The first in full, the others by name. */
static void tell(const struct known *known, const char *name, unsigned ring)
{
    unsigned first = PARTS;
    char also[80] = "";
    size_t used = 0;

    for (unsigned part = 0; part < PARTS; part++) {
        if (found(known, part) == wanted(known, part))
            continue;
        if (first == PARTS)
            first = part;
        else
            used += format(also + used, sizeof(also) - used, " %s", part_name(part));
    }
    if (first < PARTS)
        check_failed(CHECK_WHOLE, name,
                     "ring %u: %s is 0x%lx, not 0x%lx%s%s; %lu interrupts and NMIs came meanwhile",
                     ring, part_name(first), found(known, first), wanted(known, first),
                     used ? ", and wrong are" : "", also, interrupts_taken() - known->interrupts);
}

/* GS itself need not be asked: nothing works without. */
static void look_at_bases(const char *name)
{
    uint64_t fs = read_msr(MSR_FS_BASE), gs = read_msr(MSR_KERNEL_GS_BASE);
    uint64_t fs_wanted = cpu_fs_base(cpu_index()), gs_wanted = cpu_user_gs_base(cpu_index());

    if (__builtin_expect(fs == fs_wanted && gs == gs_wanted, 1))
        return;
    bool is_fs = fs != fs_wanted;
    check_failed(CHECK_WHOLE, name, "%s base is 0x%lx, not 0x%lx", is_fs ? "the FS" : "ring 3's GS",
                 is_fs ? fs : gs, is_fs ? fs_wanted : gs_wanted);
}

static uint64_t enter(struct known *known, const char *name)
{
    if (known_enter(known))
        tell(known, name, 0);
    look_at_bases(name);
    return known->result;
}

uint64_t known_raise(const struct known_event *event)
{
    struct known known;

    fill_kernel(&known, event, (uintptr_t)__builtin_frame_address(0));
    return enter(&known, event->name);
}

/* Until it waits in IRR it could come too late to be let in by the flags. Its bit goes when it is
 * taken, so it may also stay out of sight. */
void known_interrupt(const char *name, unsigned vector)
{
    struct known_event event = {.name = name, .trigger = known_nothing, .flags = RFLAGS_IF};
    uint64_t flags = interrupts_save();

    apic_send_ipi(this_cpu->apic_id, vector);
    for (unsigned looks = 0; !apic_has(APIC_IRR, vector) && looks < LOOKS_AT_IRR; looks++)
        cpu_relax();
    known_raise(&event);
    interrupts_restore(flags);
}

/* The ICR's operands: the upper halves, at which nobody looks, stay as they were drawn. */
static void set_low_half(struct known *known, unsigned i, uint32_t low)
{
    known->registers[i] = (known->registers[i] & 0xffffffff00000000ull) | low;
}

void known_nmi(const char *name)
{
    struct known_event event = {
        .name = name, .trigger = apic_x2apic ? known_nmi_x2apic : known_nmi_xapic};
    struct known known;
    uint64_t flags = interrupts_save();

    fill_kernel(&known, &event, (uintptr_t)__builtin_frame_address(0));
    set_low_half(&known, KNOWN_REGISTER(rax), APIC_COMMAND_NMI);
    if (apic_x2apic) {
        set_low_half(&known, KNOWN_REGISTER(rcx), MSR_X2APIC(APIC_ICR_LOW));
        set_low_half(&known, KNOWN_REGISTER(rdx), this_cpu->apic_id);
    } else {
        apic_aim(this_cpu->apic_id);
    }
    enter(&known, name);
    interrupts_restore(flags);
}

void known_call(const char *name, const void *function, uint64_t first, uint64_t second)
{
    struct known known;

    fill(&known, &(struct known_event){.name = name});
    set_flags(&known, 0, 0);
    memcpy(known.found.registers, known.registers, sizeof(known.registers));
    memcpy(known.found.words, known.words, sizeof(known.words));
    known.found.rflags = known.rflags_kept;
    known_enter_call(&known, function, first, second);
    tell(&known, name, 0);
    look_at_bases(name);
}

void known_fill_user(struct known *known, const struct known_event *event)
{
    fill(known, event);
    known->trigger = user_address(event->trigger);
    set_flags(known, event->flags | RFLAGS_IF, FLAGS_OF_ANY | RFLAGS_NT | RFLAGS_AC);
}

void known_look_user(const struct known *known, const char *name)
{
    if (known->differs)
        tell(known, name, 3);
    look_at_bases(name);
}
