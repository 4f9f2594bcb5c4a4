"""Check of E10: the student's test is tried on honest and on leaking features."""

import numpy as np
import pandas as pd

from fraudops.exercises import Misconception, Probe


def running_mean(tx):
    order = tx["ts"].argsort(kind="stable").to_numpy()
    amounts = tx["amount"].to_numpy()[order]
    before = np.concatenate([[0.0], np.cumsum(amounts)[:-1] / np.arange(1, len(amounts))])
    result = np.empty(len(tx))
    result[order] = before
    return result


def square_of_amount(tx):
    return tx["amount"].to_numpy() ** 2


def share_of_total(tx):
    return tx["amount"].to_numpy() / tx["amount"].sum()


def number_of_all(tx):
    return np.full(len(tx), float(len(tx)))


def observe(function, compute, tx, moment):
    return bool(function(compute, tx, moment))


def make_probes(random):
    tx = pd.DataFrame(
        {"ts": np.arange(1, 7) * 10, "amount": random.uniform(5, 90, size=6).round(1)}
    )
    features = [running_mean, square_of_amount, share_of_total, number_of_all]
    return [Probe((one, tx, 30), "is this feature a leak?", observe) for one in features]


def values(compute, tx):
    return np.asarray(compute(tx), dtype=float)


def is_past(tx, moment):
    return (tx["ts"] <= moment).to_numpy()


def answer(compute, tx, moment):
    past = is_past(tx, moment)
    return not np.allclose(values(compute, tx)[past], values(compute, tx[past]))


def change_later_amounts(tx, moment):
    return tx.assign(amount=tx["amount"].where(is_past(tx, moment), tx["amount"] * 100))


def only_amounts(compute, tx, moment):
    past, changed = is_past(tx, moment), change_later_amounts(tx, moment)
    return not np.allclose(values(compute, tx)[past], values(compute, changed)[past])


def compare_all_rows(compute, tx, moment):
    return not np.allclose(values(compute, tx), values(compute, change_later_amounts(tx, moment)))


MISCONCEPTIONS = (
    Misconception(
        "shuffles_only",
        "To shuffle rows changes nothing that happened. A feature that reads the future "
        "reads the same future again.",
        lambda compute, tx, moment: False,
    ),
    Misconception(
        "compares_later_rows",
        "You compare rows after the moment as well. They may change, because their own "
        "past has changed. This is a false alarm.",
        compare_all_rows,
    ),
    Misconception(
        "only_amounts",
        "You change later amounts, but never their number. A feature that counts later "
        "rows passes your test.",
        only_amounts,
    ),
)
