"""Check of E26: the lower bound of a paired difference."""

import numpy as np

from fraudops.exercises import Misconception, Probe


def make_probes(random):
    base = random.uniform(0, 900, size=8).round()
    gains = random.uniform(3, 9, size=8).round()
    luck = np.array([-20.0, 4, -11, 90, -15, 6, -9, -12]) + int(random.integers(1, 9))
    return [
        Probe((base, base + gains), "a small gain with every customer"),
        Probe((base, base + luck), "a gain with one customer"),
    ]


def answer(champion, challenger):
    return bound(challenger - champion)


def bound(difference, divisor=None):
    n = np.sqrt(len(difference)) if divisor is None else divisor
    return float(difference.mean() - 1.645 * difference.std(ddof=1) / n)


def forget_the_pairs(champion, challenger):
    variance = (champion.var(ddof=1) + challenger.var(ddof=1)) / len(champion)
    return float(challenger.mean() - champion.mean() - 1.645 * np.sqrt(variance))


MISCONCEPTIONS = (
    Misconception(
        "unpaired",
        "You treat the two models as two groups of customers. The differences between "
        "customers then hide the difference between models, and a good challenger is "
        "refused.",
        forget_the_pairs,
    ),
    Misconception(
        "point_estimate",
        "This is the mean gain, without its uncertainty. A challenger that was lucky with"
        " one customer is promoted.",
        lambda champion, challenger: float((challenger - champion).mean()),
    ),
    Misconception(
        "deviation_for_error",
        "You subtract the standard deviation of single customers. The mean of n customers"
        " is more certain: divide by the root of n.",
        lambda champion, challenger: bound(challenger - champion, divisor=1),
    ),
)
