# SPDX-License-Identifier: MIT
"""Events that others overtake while they are pending, as on a host that gives its CPUs no time."""

from runs import Run

ASKED = 3           # interrupts that a SYSCALL of ring 3 sends to its CPU
LATE_US = 11000     # a tick and more


def test_a_tick_before_the_interrupt_that_ring_3_asked_for(launch):
    """Another thread runs behind the tick, and takes the interrupt."""
    run = Run("tick first", "slow", smp="1", icount=True,
              words=("run=user,switch", "time=300ms", "seed=7"))
    result = launch(run, gdb=(
        f"python wait_before('apic_send_ipi', {LATE_US}, {ASKED})",))
    assert not list(run.problems(result)), result.explain()


def test_a_senders_nmi_when_the_watchs_is_due(launch):
    """It comes to a CPU that seems to have been silent, and the watch's goes to another."""
    run = Run("watch is due", "slow", icount=True, words=("run=nmi", "target=others", "time=300ms",
                                                          "seed=7"))
    watches = "'watch_all.c'::watches"
    sent = ("continue", "set var first_comparator = 0", f"set var {watches}[0].asked_ms = 0",
            *(f"set var {watches}[{cpu}].tick_at = 1ull << 63" for cpu in range(2)))
    result = launch(run, gdb=("hbreak apic_send_nmi", *sent * 10, "delete"))
    assert not list(run.problems(result)), result.explain()
