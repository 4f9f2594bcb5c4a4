"""Check of E04: each transaction once, with its newest content."""

import pandas as pd

from fraudops.exercises import Misconception, Probe


def observe(function, stored, delivered):
    merged = function(stored, delivered)
    return sorted(zip(merged["tx_id"], merged["amount_cents"], strict=True))


def make_probes(random):
    a, b, c, d = (int(one) for one in random.choice(range(100, 9_000), 4, replace=False))

    def table(ids, amounts):
        return pd.DataFrame({"tx_id": list(ids), "amount_cents": amounts})

    return [
        Probe((table("ab", [a, b]), table("ab", [a, b])), "the same file again", observe),
        Probe((table("ab", [a, b]), table("c", [c])), "a new transaction", observe),
        Probe((table("ab", [a, b]), table("bc", [d, c])), "one is corrected", observe),
    ]


def concat(stored, delivered):
    return pd.concat([stored, delivered])


def answer(stored, delivered):
    return concat(stored, delivered).drop_duplicates("tx_id", keep="last")


MISCONCEPTIONS = (
    Misconception(
        "counts_twice",
        "A transaction that comes twice counts twice. Its amount is in every sum two times.",
        concat,
    ),
    Misconception(
        "both_versions",
        "Two rows with one tx_id and different amounts are not equal, so both stay. The "
        "id says that they are one transaction.",
        lambda stored, delivered: concat(stored, delivered).drop_duplicates(keep="last"),
    ),
    Misconception(
        "correction_lost",
        "The first row of each transaction stays, so the correction is lost. The newest "
        "content counts.",
        lambda stored, delivered: concat(stored, delivered).drop_duplicates("tx_id"),
    ),
    Misconception(
        "only_the_delivery",
        "A delivery does not replace everything. What it does not mention must stay.",
        lambda stored, delivered: delivered,
    ),
)
