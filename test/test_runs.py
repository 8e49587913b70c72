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
