"""Check of E12: the unit of each terminal, by its middle amount."""

import pandas as pd

from fraudops.exercises import Misconception, Probe


def make_table(amounts):
    rows = [(terminal, amount) for terminal, many in amounts.items() for amount in many]
    return pd.DataFrame(rows, columns=["terminal_id", "amount"])


def make_probes(random):
    base = {t: [round(float(x), 2) for x in random.uniform(15, 30, size=5)] for t in "ABC"}
    usual = make_table(base)
    outlier = {t: list(many) for t, many in base.items()}
    outlier["B"][2] = 9_000.0
    dear = {t: list(many) for t, many in base.items()}
    dear["A"][1] = 400.0
    cents = {t: [x * 100 for x in many] if t == "C" else many for t, many in base.items()}
    all_cents = {t: [x * 100 for x in many] for t, many in base.items()}
    wide = base | {"A": [*base["A"], 2_000.0]}
    low_cents = base | {"A": [x * 20 for x in base["A"]]}
    return [
        Probe((usual, make_table(base)), "an ordinary day"),
        Probe((usual, make_table(outlier)), "a ring is bought at B"),
        Probe((usual, make_table(dear)), "a coat is bought at A"),
        Probe((usual, make_table(cents)), "something is wrong at C"),
        Probe((usual, make_table(all_cents)), "something is wrong everywhere"),
        Probe((make_table(wide), make_table(low_cents)), "A sells a few expensive things"),
    ]


def compare(reference, today, statistic):
    usual = reference.groupby("terminal_id")["amount"].agg(statistic)
    ratio = today.groupby("terminal_id")["amount"].agg(statistic) / usual
    return sorted(ratio[ratio >= 10].index)


def answer(reference, today):
    return compare(reference, today, "median")


def judge_the_whole_day(reference, today):
    is_wrong = today["amount"].median() >= 10 * reference["amount"].median()
    return sorted(today["terminal_id"].unique()) if is_wrong else []


MISCONCEPTIONS = (
    Misconception(
        "mean",
        "One large purchase moves the mean of a terminal by any amount. The median does not move.",
        lambda reference, today: compare(reference, today, "mean"),
    ),
    Misconception(
        "maximum",
        "The largest amount of a terminal is one purchase. It finds a terminal that sold "
        "one expensive thing, and it hides a wrong unit where expensive things are "
        "usual.",
        lambda reference, today: compare(reference, today, "max"),
    ),
    Misconception(
        "whole_day",
        "You look at the middle of all terminals together. If a third of them is wrong, "
        "the middle of the day hardly moves.",
        judge_the_whole_day,
    ),
)
