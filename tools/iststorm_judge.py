# SPDX-License-Identifier: MIT
"""Which of many numbers grew between some runs before and some runs after, by more than chance.

A number has moved only where all runs of one side lie beyond all runs of the other, by more than a
floor and more than a threshold. Its strength is the gap over the spread within the sides. Of a
thousand numbers some move by chance alone. The same runs show what chance does: when nothing has
changed, each division of them into two sides of the same sizes is as good as the true one. So a
number has moved for certain only if it is stronger than the strongest that any other division
shows, in any number of its family. When the runs are alike, the true division is the strongest of N
with a chance of one in N, for all numbers of a family together and however they depend on each
other: the permutation test with the maximum statistic (Westfall and Young, 1993). Families are few,
and each adds its chance; they keep noisy numbers from hiding quiet ones. Take runs of both sides in
turns: a drift of the host then goes through both.
"""

import collections
import dataclasses
import math

# With fewer divisions than these, nothing is certain: four runs a side have so many.
FEWEST_DIVISIONS = 35


@dataclasses.dataclass
class Number:
    """A number, as measured in each run before and after."""
    measurement: str
    name: str
    unit: str
    before: list
    after: list
    floor: float = 0
    family: str = ""
    verdict: str = "same"


def divisions(before, after):
    """In how many ways as many runs can be divided; which half is which does not matter."""
    return math.comb(before + after, after) // (2 if before == after else 1)


def strength(lower, upper, floor, percent):
    """How clearly all of `upper` is above all of `lower`; 0: not by enough."""
    gap, allowed = min(upper) - max(lower), abs(max(lower)) * percent / 100
    if gap <= floor or gap <= allowed:
        return 0
    spread = max(max(upper) - min(upper), max(lower) - min(lower))
    return gap / max(spread + max(floor, allowed), 1e-9)


def cuts(number, percent):
    """(strength, which runs are above) for each division that parts its values in two heaps: at
    most the one with the highest above, and the one with the lowest below."""
    values = sorted((value, place) for place, value in enumerate(number.before + number.after))
    for size in {len(number.before), len(number.after)}:
        lower, upper = values[:-size], values[-size:]
        found = strength([value for value, _ in lower], [value for value, _ in upper],
                         number.floor, percent)
        if found:
            yield found, {place for _, place in upper}


def judge(numbers, percent):
    """Sets the numbers' verdicts: same, slower or faster, with a question mark where there are too
    few runs, and returns whether there are enough."""
    limits, moved = collections.Counter(), []
    for number in numbers:
        old = set(range(len(number.before)))
        new = set(range(len(old), len(old) + len(number.after)))
        for found, above in cuts(number, percent):
            if above in (old, new):
                moved.append((found, number, "slower" if above == new else "faster"))
            else:
                limits[number.family] = max(limits[number.family], found)
    certain = bool(numbers) and divisions(
        len(numbers[0].before), len(numbers[0].after)) >= FEWEST_DIVISIONS
    for found, number, verdict in moved:
        if found > limits[number.family]:
            number.verdict = verdict if certain else verdict + "?"
    return certain


def judge_counted(numbers, percent):
    """Where instructions are counted, nothing is left to chance: every growth is one."""
    for number in numbers:
        for lower, upper, verdict in ((number.before, number.after, "slower"),
                                      (number.after, number.before, "faster")):
            if min(upper) - max(lower) > abs(max(lower)) * percent / 100:
                number.verdict = verdict
