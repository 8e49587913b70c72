# SPDX-License-Identifier: MIT
"""The table of runs.py, a test a row."""

import pytest
import runs


@pytest.mark.parametrize("run", [
    pytest.param(run, id=run.name, marks=getattr(pytest.mark, run.group))
    for run in sorted(runs.RUNS, key=lambda run: runs.GROUPS.index(run.group))])
def test_run(run, launch):
    result = launch(run)
    problems = list(run.problems(result))
    assert not problems, "\n".join(problems) + "\n" + result.explain()


def test_double_faults_past_their_last_level_shut_down(launch):
    """There is nobody left to name it: the host sees an end without a verdict."""
    result = launch(runs.Run("inject=exhaust-doublefault", "fault",
                             words=("inject=exhaust-doublefault", "time=1s")))
    assert result.status == 3, result.explain()
    assert result.report.verdict is None
