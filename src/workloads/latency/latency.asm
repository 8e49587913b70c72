; SPDX-License-Identifier: MIT
; The measured code, instruction by instruction: how each event is caused, and the handlers that
; stamp it.
;
; Each function that causes an event leaves marks (marks.h). An empty pair of stamps costs what
; latency_empty shows, which is subtracted from each difference.

%include "cpu/offsets.inc"
%include "cpu/inject.inc"
%include "workloads/latency/marks.inc"
%include "smp/offsets.inc"
%include "workloads/latency/offsets.inc"

%define WAIT_MOST 20000000                      ; rounds for an event that does not come

extern apic_x2apic
extern softirq_flush

; As softirq_raise and apic_eoi do it.
%macro RAISE 0
        or      dword [gs:PERCPU_SOFTIRQ_PENDING], 1 << LATENCY_SOFTIRQ
%endmacro
%macro END_INTERRUPT 0
        cmp     byte [apic_x2apic], 0
        jne     %%x2apic
        mov     dword [APIC_EOI_REGISTER], 0
%%done:
[section .text.unlikely exec]
%%x2apic:
        mov     ecx, MSR_X2APIC_EOI
        xor     eax, eax
        xor     edx, edx
        wrmsr
        jmp     %%done
__?SECT?__
%endmacro

section .text

; The empty pairs: of two stamps; of a trigger's, a stamping stub's and a handler's.
global latency_empty:function
latency_empty:
        STAMP   MARKS_TRIGGER
        STAMP   MARKS_BACK
        ret
%macro EMPTY_STUB 0
        STAMP   MARKS_TRIGGER
        push    rax
        push    rdx
        STAMP   MARKS_ENTRY
        pop     rdx
        pop     rax
%endmacro

global latency_empty_stub:function
latency_empty_stub:
        EMPTY_STUB
        STAMP   MARKS_HANDLER
        ret

; The pair of a gate that comes and goes (latency_bare_stub), without INT and IRET.
global latency_empty_bare:function
latency_empty_bare:
        EMPTY_STUB
        mov     [marks + MARKS_RSP], rsp
        STAMP   MARKS_BACK
        ret

; With the PAUSE of a sender's loop.
global latency_empty_pause:function
latency_empty_pause:
        STAMP   MARKS_TRIGGER
        pause
        STAMP   MARKS_BACK
        ret

; The step's pair: with the instructions that only set it up.
global latency_empty_step:function
latency_empty_step:
        pushfq
        STAMP   MARKS_TRIGGER
        popfq
        STAMP   MARKS_BACK
        ret

; Whether the TSC counts instructions: so many of them between two stamps.
global latency_counted:function
latency_counted:
        STAMP   MARKS_TRIGGER
        times COUNTED_INSTRUCTIONS nop
        STAMP   MARKS_BACK
        ret

; void latency_X(void): an exception on this CPU.
%macro CAUSE 2
global latency_%1:function
latency_%1:
        STAMP   MARKS_TRIGGER
        %2
        STAMP   MARKS_BACK
        ret
%endmacro
CAUSE trap, int VECTOR_BENCH
CAUSE breakpoint, int3
CAUSE machine_check, int VECTOR_MC

; Faults, which come back behind the instruction because the handler says so in the frame.
%macro FAULT 2
global latency_%1:function
latency_%1:
        mov     qword [resume], .back
        STAMP   MARKS_TRIGGER
        %2
.back:  STAMP   MARKS_BACK
        ret
%endmacro
FAULT stack_fault, {mov ss, edi}                ; a selector of a segment that is not present
FAULT double_fault, {mov rax, [rdi]}            ; not canonical, while #GP has no gate

; A single step: the trap comes after the NOP, the first instruction that begins with TF set. The
; handler clears TF in the frame.
global latency_step:function
latency_step:
        pushfq
        or      qword [rsp], RFLAGS_TF
        STAMP   MARKS_TRIGGER
        popfq
        nop
        STAMP   MARKS_BACK
        ret

; void latency_send(volatile uint32_t *icr, uint32_t command, uint32_t destination): an interrupt
; or NMI, then waits for it. icr NULL: x2APIC mode. latency_send_stamped: with a stamp between.
; PAUSE comes only where the first look finds nothing: an emulator lets the other CPU run then.
%macro SEND 2
global %1:function
%1:
        mov     r8d, edx
        mov     ecx, WAIT_MOST
        test    rdi, rdi
        jz      .x2apic
        STAMP   MARKS_TRIGGER
        mov     [rdi], esi
    %if %2
        STAMP   MARKS_SENT
    %endif
.look:  cmp     qword [marks + MARKS_DONE], 0
        je      .wait
        STAMP   MARKS_BACK
        ret
.wait:  pause
        dec     ecx
        jnz     .look
        ret
.x2apic:
        mfence                                  ; SDM volume 3, 10.12.3
        STAMP   MARKS_TRIGGER
        mov     ecx, MSR_X2APIC_ICR
        mov     eax, esi
        mov     edx, r8d
        wrmsr
    %if %2
        STAMP   MARKS_SENT
    %endif
        mov     ecx, WAIT_MOST
        jmp     .look
%endmacro
SEND latency_send, 0
SEND latency_send_stamped, 1

; void latency_be_busy(const volatile uint32_t *word, uint32_t value, uint64_t service): what
; another CPU's event interrupts, until *word is no longer value. The mark `service` is no longer
; what it was when a handler has been there: then this is the first look behind it, and the time of
; the first instruction back. Waiting is what an interrupt finds it at, and the look is what it
; comes back to. Under an emulator that runs one CPU at a time, these two instructions and the stamp
; are in the sender's round trip, too.
global latency_be_busy:function
latency_be_busy:
        mov     rcx, rdx
.wait:  cmp     [rdi], esi
        jne     .over
        pause
        cmp     [marks + MARKS_SERVICE], rcx
        je      .wait
        TIME
        mov     rcx, [marks + MARKS_SERVICE]    ; behind the stamp it may be the next event's
        mov     [marks + MARKS_RETURNED], rax
        jmp     .wait
.over:  ret

; latency_be_halted also returns behind the event. Without a stamp where that came
; before the HLT.
global latency_be_halted:function
latency_be_halted:
        cmp     [rdi], esi
        jne     .over
        cmp     [marks + MARKS_SERVICE], rdx
        jne     .over
        hlt
        cmp     [marks + MARKS_SERVICE], rdx
        je      latency_be_halted
        STAMP   MARKS_RETURNED
.over:  ret

; void latency_softirq(void): raised and run from a thread.
global latency_softirq:function
latency_softirq:
        sub     rsp, 8
        STAMP   MARKS_TRIGGER
        RAISE
        call    softirq_flush
        STAMP   MARKS_BACK
        add     rsp, 8
        ret

; The handler of every exception and NMI: bool latency_hook(struct trap_frame *frame).
global latency_nmi:function
latency_nmi:
global latency_hook:function
latency_hook:
        STAMP   MARKS_HANDLER
        mov     [marks + MARKS_RSP], rsp
        and     qword [rdi + FRAME_RFLAGS], ~RFLAGS_TF
        STAMP   MARKS_SERVICE
        mov     eax, 1
        mov     [marks + MARKS_DONE], rax
        ret

global latency_fault_hook:function
latency_fault_hook:
        STAMP   MARKS_HANDLER
        mov     [marks + MARKS_RSP], rsp
        mov     rax, [resume]
        mov     [rdi + FRAME_RIP], rax
        STAMP   MARKS_SERVICE
        mov     eax, 1
        mov     [marks + MARKS_DONE], rax
        ret

; Of an interrupt: with the EOI, which is part of the service. RDI, its frame, is on the thread's
; stack.
global latency_irq:function
latency_irq:
        STAMP   MARKS_HANDLER
        INJECT  INJECT_STRAY_SAMPLE, {mov [marks + MARKS_RSP], rsp}, {mov [marks + MARKS_RSP], rdi}
        END_INTERRUPT
        STAMP   MARKS_SERVICE
        mov     qword [marks + MARKS_DONE], 1
        ret

; Of an interrupt that raises a softirq: what every such handler must do, and no more.
global latency_raise:function
latency_raise:
        RAISE
        END_INTERRUPT
        ret

; Of a softirq.
global latency_softirq_handler:function
latency_softirq_handler:
        STAMP   MARKS_HANDLER
        mov     [marks + MARKS_RSP], rsp
        STAMP   MARKS_SERVICE
        mov     qword [marks + MARKS_DONE], 1
        ret

; Ring 3: into the kernel and back, over and over, by INT or by SYSCALL, which uses RCX and R11 up.
; The times of both sides lie in R8 and R9 when VECTOR_BENCH_USER asks the kernel to look at them.
; No memory is touched.
%macro TIME_INTO 1
        TIME
        mov     %1, rax
%endmacro
%macro RING_3 2+
global %1:function
%1:
        TIME_INTO r8
        %2
        TIME_INTO r9
        int     VECTOR_BENCH_USER
        jmp     %1
%endmacro
section .user_text alloc exec nowrite align=4096
RING_3 latency_user, int VECTOR_BENCH
RING_3 latency_user_syscall, syscall

section .bss
resume: resq    1

section .note.GNU-stack noalloc noexec nowrite progbits
