# SPDX-License-Identifier: MIT
"""Under icount a given seed repeats every byte of the report."""

import pytest
from runs import Run


@pytest.mark.parametrize("run, smp, time", [
    ("storm", "2", ("time=100ms",)), ("nmi", "3", ("time=100ms",)), ("sweep", "1", ())])
def test_a_seed_repeats_every_byte(launch, run, smp, time):
    words = (f"run={run}", "seed=42", *time)
    first, second = (launch(Run(f"icount {run} {which}", "slow", words=words, smp=smp, icount=True))
                     for which in ("first", "second"))
    assert first.status == 0, first.explain()
    assert first.text == second.text
