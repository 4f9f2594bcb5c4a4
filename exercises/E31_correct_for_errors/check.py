"""Check of E31: the share of fraud, corrected for the errors of reviewers."""

from fraudops.exercises import Misconception, Probe


def make_probes(random):
    many, few = int(random.integers(12, 25)), int(random.integers(30, 60))
    return [
        Probe(([True] * many + [False] * (100 - many), 0.1, 0.02), "a sample with many frauds"),
        Probe(([False] * few, 0.1, 0.02), "a sample without a fraud"),
        Probe(([True, False] * few, 0.0, 0.1), "reviewers who miss nothing"),
        Probe(([True] * few + [False], 0.3, 0.05), "nearly all are called fraud"),
    ]


def compute(called, accuses, divisor):
    return (sum(called) / len(called) - accuses) / divisor


def clip(share):
    return min(max(share, 0.0), 1.0)


def answer(called, misses, accuses):
    return clip(compute(called, accuses, 1 - misses - accuses))


MISCONCEPTIONS = (
    Misconception(
        "as_called",
        "This is the share that the reviewers called fraud. It contains the honest "
        "customers whom they accused.",
        lambda called, misses, accuses: compute(called, 0, 1),
    ),
    Misconception(
        "misses_forgotten",
        "The accused honest ones are taken out, but the missed frauds are not put back. "
        "Divide by 1 − misses − accuses.",
        lambda called, misses, accuses: clip(compute(called, accuses, 1)),
    ),
    Misconception(
        "not_a_share",
        "A small sample gives a value below 0 or above 1. No share is there: cut it off "
        "at 0 and at 1.",
        lambda called, misses, accuses: compute(called, accuses, 1 - misses - accuses),
    ),
    Misconception(
        "accuses_not_in_the_divisor",
        "The divisor is 1 − misses − accuses: how much more often a fraud is called fraud"
        " than an honest transaction.",
        lambda called, misses, accuses: clip(compute(called, accuses, 1 - misses)),
    ),
)
