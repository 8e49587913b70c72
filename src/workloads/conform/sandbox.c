/* SPDX-License-Identifier: MIT */
/* Builds a sandbox, catches what comes in it, and puts the machine back. SDM volume 3, 6.10 to
 * 6.14. */
#include "workloads/conform/sandbox.h"

#include "cpu/above.h"
#include "cpu/verdict.h"
#include "cpu/gdt.h"
#include "cpu/inject.h"
#include "cpu/ist.h"
#include "cpu/paging.h"
#include "cpu/stacks.h"
#include "cpu/syscall.h"
#include "cpu/x86.h"
#include "lib/string.h"
#include "smp/apic.h"
#include "workloads/run/watch.h"

#define DESCRIPTOR_CODE 0x00209b0000000000ull
#define DESCRIPTOR_READ_ONLY 0x0000910000000000ull
#define DESCRIPTOR_DPL3 (3ull << 45)
#define DESCRIPTOR_PRESENT (1ull << 47)
#define DESCRIPTOR_BIG (1ull << 54)
#define DESCRIPTOR_TSS 0x0000890000000000ull
#define DESCRIPTOR_BUSY (1ull << 41)
#define USER_STACK_PAGE (USER_BASE + (1ull << 38))
#define MOST_IN_SERVICE 16

struct table_register {
    uint16_t limit;
    uint64_t base;
} __attribute__((packed));

/* sandbox.asm */
extern char sandbox_escape[];
bool sandbox_call(uint64_t *escape_rsp, const char *probe, uint64_t rdi, uint64_t rsi,
                  uint64_t rdx);
bool sandbox_call_user(uint64_t *escape_rsp, const struct sandbox_pushed *to, uint64_t rdi);
void sandbox_unblock_nmi(void);
uint64_t sandbox_catch(struct sandbox_frame *frame);    /* called by sandbox.asm alone */

extern char user_text_start[];

static struct sandbox boxes[2] __attribute__((aligned(4096)));     /* CPU 0's, and one other's */

/* State that a probe may leave changed. */
static const uint32_t kept_msrs[] = {
    MSR_EFER,    MSR_STAR,    MSR_LSTAR,       MSR_CSTAR, MSR_SFMASK,
    MSR_FS_BASE, MSR_GS_BASE, MSR_KERNEL_GS_BASE, MSR_PAT,
};
#define KEPT_MSRS (sizeof(kept_msrs) / sizeof(kept_msrs[0]))
static const enum apic_register kept_registers[] = {
    APIC_SVR, APIC_TPR, APIC_LVT_LINT0, APIC_LVT_LINT1, APIC_LVT_ERROR, APIC_TIMER_DIVIDE,
    APIC_LVT_TIMER, APIC_TIMER_INITIAL,
};
#define KEPT_REGISTERS (sizeof(kept_registers) / sizeof(kept_registers[0]))

/* The image's own interrupts, which may have been on their way, and are no check's. They are sent
 * again when the sandbox is left; and a tick always, since the timer began anew: without one, many
 * short checks in a row would look like a CPU that hangs. */
static const uint8_t own_vectors[] = {VECTOR_TIMER, VECTOR_RESCHEDULE, VECTOR_CALL};
#define OWN_VECTORS sizeof(own_vectors)

static struct kept {
    uint64_t flags, cr0, cr3, cr4;
    uint64_t msrs[KEPT_MSRS];
    uint32_t registers[KEPT_REGISTERS];
} kept[2];

bool sandbox_prepare(void)
{
    return paging_map_new(USER_STACK_PAGE, USER_STACK_PAGE + PAGE_SIZE, PAGE_USER_DATA);
}

uint64_t sandbox_user(const char *address)
{
    return USER_BASE + (uintptr_t)address - (uintptr_t)user_text_start;
}

uint64_t sandbox_user_stack(void)
{
    return USER_STACK_PAGE + PAGE_SIZE;
}

static enum sandbox_stack stack_of(unsigned vector)
{
    switch (vector) {
    case VECTOR_NMI: return ON_NMI;
    case VECTOR_DB: return ON_DEBUG;
    case VECTOR_DF: return ON_DF;
    case VECTOR_MC: return ON_MC;
    default: return vector < VECTOR_FIRST_EXTERNAL ? ON_FAULT : ON_INTERRUPT;
    }
}

static void build_idt(struct sandbox *box)
{
    for (unsigned vector = 0; vector < VECTOR_COUNT; vector++) {
        bool open = vector == VECTOR_BP || vector == VECTOR_OF || vector == SANDBOX_OPEN ||
                    vector == SANDBOX_RETURN;
        box->idt[vector] = (struct gate){
            .selector = KERNEL_CS,
            .type_dpl = GATE_INTERRUPT(open ? 3 : 0),
        };
        gate_aim(&box->idt[vector], sandbox_stub(vector), stack_of(vector));
    }
}

static void build_tables(struct sandbox *box)
{
    uint64_t tss = (uintptr_t)&box->tss, limit = sizeof(box->tss) - 1;

    memset(&box->tss, 0, sizeof(box->tss));
    box->tss.io_map_base = sizeof(box->tss);
    box->tss.rsp[0] = sandbox_stack_top(box, ON_SPARE);
    for (unsigned stack = ON_FAULT; stack <= ON_SPARE; stack++)
        box->tss.ist[stack - 1] = sandbox_stack_top(box, stack);
    memcpy(box->gdt, this_cpu->self->gdt, sizeof(this_cpu->gdt));
    box->gdt[TSS_SELECTOR / 8] =
        DESCRIPTOR_TSS | limit | (tss & 0xffffff) << 16 | (tss >> 24 & 0xff) << 56;
    box->gdt[TSS_SELECTOR / 8 + 1] = tss >> 32;
    box->gdt[ABSENT_CS / 8] = DESCRIPTOR_CODE & ~DESCRIPTOR_PRESENT;
    box->gdt[ABSENT_USER_CS / 8] = (DESCRIPTOR_CODE | DESCRIPTOR_DPL3) & ~DESCRIPTOR_PRESENT;
    box->gdt[WIDE_CS / 8] = DESCRIPTOR_CODE | DESCRIPTOR_BIG;
    box->gdt[READ_ONLY_DS / 8] = DESCRIPTOR_READ_ONLY;
    build_idt(box);
}

static void load_tables(const struct sandbox *box)
{
    struct table_register gdt = {SANDBOX_GDT_WORDS * 8 - 1, (uintptr_t)box->gdt};

    __asm__ volatile("lgdt %0; ltr %w1" : : "m"(gdt), "r"(TSS_SELECTOR));
    idt_load(box->idt);
}

static void clear_debug_registers(void)
{
    write_dr7(DR7_IDLE);
    __asm__ volatile("mov %0, %%dr0; mov %0, %%dr1; mov %0, %%dr2; mov %0, %%dr3" : : "r"(0ul));
    write_dr6(DR6_IDLE);
}

void sandbox_reset(struct sandbox *box)
{
    memset(box->hooks, 0, sizeof(box->hooks));
    memset(box->events, 0, sizeof(box->events));
    memset(box->scratch, 0, sizeof(box->scratch));
    box->count = 0;
    box->mark = 0;
    box->keep_dr6 = box->draining = false;
    box->owed = 0;
    build_tables(box);
    load_tables(box);
    clear_debug_registers();
}

static void keep_state(struct kept *k)
{
    k->cr0 = read_cr0();
    k->cr3 = read_cr3();
    k->cr4 = read_cr4();
    for (unsigned i = 0; i < KEPT_MSRS; i++)
        k->msrs[i] = read_msr(kept_msrs[i]);
    for (unsigned i = 0; i < KEPT_REGISTERS; i++)
        k->registers[i] = apic_read(kept_registers[i]);
}

/* Writes only state that has changed: some of it costs a flush. */
static void restore_processor(const struct kept *k)
{
    if (read_cr0() != k->cr0)
        write_cr0(k->cr0);
    if (read_cr4() != k->cr4)
        write_cr4(k->cr4);
    if (read_cr3() != k->cr3)
        write_cr3(k->cr3);
    for (unsigned i = 0; i < KEPT_MSRS; i++)
        if (read_msr(kept_msrs[i]) != k->msrs[i])
            write_msr(kept_msrs[i], k->msrs[i]);
    clear_debug_registers();
}

static bool any_in_service(void)
{
    uint32_t any = 0;

    for (unsigned word = 0; word < VECTOR_COUNT / 32; word++)
        any |= apic_read(APIC_ISR + word * 16);
    return any != 0;
}

/* Takes and forgets what is still pending, while it finds the sandbox's handlers. */
static void drain(struct sandbox *box)
{
    box->draining = true;
    for (unsigned i = 0; i < MOST_IN_SERVICE && any_in_service(); i++)
        apic_eoi();
    apic_write(APIC_TPR, 0);
    sandbox_unblock_nmi();
    __asm__ volatile("sti; nop; nop; cli" : : : "memory");
    apic_take_errors();
}

/* The count too: a period as short as a check's one shot, if only until the image's own count is
 * written, keeps an emulator's other thread busy for good. */
static void stop_timer(void)
{
    apic_write(APIC_LVT_TIMER, APIC_LVT_MASKED);
    apic_write(APIC_TIMER_INITIAL, 0);
}

struct sandbox *sandbox_enter(void)
{
    struct sandbox *box = &boxes[cpu_index() != 0];
    struct kept *k = &kept[cpu_index() != 0];

    k->flags = interrupts_save();
    box->cpu = cpu_index();
    keep_state(k);
    stop_timer();
    sandbox_reset(box);
    return box;
}

static void load_own_tables(void)
{
    this_cpu->self->gdt[TSS_SELECTOR / 8] &= ~DESCRIPTOR_BUSY;
    gdt_load(this_cpu->self);
}

void sandbox_leave(struct sandbox *box)
{
    const struct kept *k = &kept[box - boxes];

    restore_processor(k);
    build_tables(box);
    load_tables(box);
    stop_timer();
    apic_write(APIC_SVR, k->registers[0]);
    drain(box);
    load_own_tables();
    for (unsigned i = 0; i < KEPT_REGISTERS; i++)
        apic_write(kept_registers[i], k->registers[i]);
    for (unsigned i = 0; i < OWN_VECTORS; i++)
        if (own_vectors[i] == VECTOR_TIMER || box->owed >> i & 1)
            apic_send_ipi(this_cpu->apic_id, own_vectors[i]);
    interrupts_restore(k->flags);
}

/* inject=hung-check */
PROBE(endless, "swapgs\n1: pause\n jmp 1b");

bool sandbox_run(struct sandbox *box, const char *probe, uint64_t rdi, uint64_t rsi, uint64_t rdx)
{
    if (inject_planted(INJECT_HUNG_CHECK))
        probe = endless;
    bool ended = sandbox_call(&box->escape_rsp, probe, rdi, rsi, rdx);

    write_dr7(DR7_IDLE);
    return ended;
}

bool sandbox_run_user(struct sandbox *box, const char *probe, uint64_t rdi, uint64_t rflags)
{
    struct sandbox_pushed to = {.rip = sandbox_user(probe),
                                .cs = USER_CS,
                                .rflags = RFLAGS_FIXED | rflags,
                                .rsp = sandbox_user_stack(),
                                .ss = USER_DS};

    box->returned = false;
    sandbox_call_user(&box->escape_rsp, &to, rdi);
    write_dr7(DR7_IDLE);
    return box->returned;
}

/* The IDT is the sandbox's first member. */
static struct sandbox *find_box(void)
{
    struct table_register idtr;

    __asm__ volatile("sidt %0" : "=m"(idtr));
    return (struct sandbox *)idtr.base;
}

/* RSP is aligned to 16 before the pushes (SDM volume 3, 6.14.2), so five or six of them can be told
 * apart by where they end. */
static bool has_error_code(const struct sandbox_frame *frame)
{
    return (uintptr_t)frame->pushed % 16 == 0;
}

static void keep_event(struct sandbox *box, const struct sandbox_frame *frame)
{
    struct sandbox_event *event = &box->events[box->count++];
    bool with_code = has_error_code(frame);

    *event = (struct sandbox_event){
        .vector = frame->vector,
        .has_error_code = with_code,
        .error_code = with_code ? frame->pushed[0] : 0,
        .rcx = ((const struct trap_frame *)frame)->rcx,
        .r11 = ((const struct trap_frame *)frame)->r11,
        .rsp = (uintptr_t)frame->pushed,
        .rflags = frame->handler_rflags,
        .cr2 = read_cr2(),
        .dr6 = read_dr6(),
        .dr7 = read_dr7(),
    };
    memcpy(&event->pushed, &frame->pushed[with_code], sizeof(event->pushed));
    __asm__ volatile("mov %%cs, %0" : "=r"(event->cs));
    __asm__ volatile("mov %%ss, %0" : "=r"(event->ss));
}

/* A fault would come again for ever; the others are over. */
static enum sandbox_way usual_way(const struct sandbox *box, uint64_t vector)
{
    bool over = vector == VECTOR_DB || vector == VECTOR_NMI || vector == VECTOR_BP ||
                vector == VECTOR_OF || vector >= VECTOR_FIRST_EXTERNAL;

    return over || box->draining ? RESUME : END;
}

static bool is_images_own(struct sandbox *box, uint64_t vector)
{
    for (unsigned i = 0; i < OWN_VECTORS; i++)
        if (vector == own_vectors[i] && apic_has(APIC_ISR, vector)) {
            box->owed |= 1u << i;
            return true;
        }
    return false;
}

static enum sandbox_way take(struct sandbox *box, struct sandbox_frame *frame,
                             struct sandbox_pushed *pushed)
{
    uint64_t vector = frame->vector;
    enum sandbox_way way = usual_way(box, vector);

    if (box->count < SANDBOX_EVENTS)
        keep_event(box, frame);
    else if (!box->draining)
        return END;
    if (vector == VECTOR_DB && !box->keep_dr6)
        write_dr6(DR6_IDLE);
    if (box->hooks[vector] && !box->draining)
        way = box->hooks[vector](box, pushed);
    else if (apic_has(APIC_ISR, vector))
        apic_eoi();
    return way;
}

/* Ends the probe by sending IRET there. */
static void end_probe(const struct sandbox *box, struct sandbox_pushed *pushed)
{
    write_dr7(DR7_IDLE);
    *pushed = (struct sandbox_pushed){.rip = (uintptr_t)sandbox_escape,
                                      .cs = KERNEL_CS,
                                      .rflags = RFLAGS_FIXED,
                                      .rsp = box->escape_rsp,
                                      .ss = KERNEL_DS};
}

/* From here on the processor is as the image has it: GS is this CPU's. */
static struct trap_frame come_out(const struct sandbox *box, const struct sandbox_frame *frame,
                                  const struct sandbox_pushed *pushed)
{
    struct trap_frame out = {.vector = frame->vector, .rip = pushed->rip, .cs = pushed->cs,
                             .rflags = pushed->rflags, .rsp = pushed->rsp, .ss = pushed->ss};

    restore_processor(&kept[box - boxes]);
    load_own_tables();
    memcpy(out.registers, frame->registers, sizeof(out.registers));
    return out;
}

/* Whether an NMI is no check's. One that ends this CPU's part in the run does not come back. */
static bool is_watchs(const struct sandbox *box, const struct sandbox_frame *frame,
                      const struct sandbox_pushed *pushed)
{
    bool asked = cpu_at(box->cpu)->nmi_asked && (cpu_is_lost(box->cpu) || verdict_is_ending());
    enum watch_answer answer = asked ? WATCH_NOT_MINE : watch_take_nmi(box->cpu);

    if (asked || answer == WATCH_HUNG) {
        struct trap_frame out = come_out(box, frame, pushed);
        if (answer == WATCH_HUNG)
            watch_tell_hung(&out);
        cpu_above.answer_nmi(&out);
    }
    return answer == WATCH_MINE;
}

uint64_t sandbox_catch(struct sandbox_frame *frame)
{
    struct sandbox *box = find_box();
    struct sandbox_pushed *pushed = (void *)&frame->pushed[has_error_code(frame)];

    if (frame->vector == VECTOR_NMI && is_watchs(box, frame, pushed))
        return has_error_code(frame);

    if (is_images_own(box, frame->vector)) {
        apic_eoi();
        return has_error_code(frame);
    }
    box->returned = frame->vector == SANDBOX_RETURN;
    if (box->returned || take(box, frame, pushed) == END)
        end_probe(box, pushed);
    return has_error_code(frame);
}
