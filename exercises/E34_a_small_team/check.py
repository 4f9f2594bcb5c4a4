"""Check of E34: the reviews that are expected to save most."""

import pandas as pd

from fraudops.exercises import Misconception, Probe


def make_probes(random):
    def table(rows):
        frame = pd.DataFrame(rows, columns=["probability", "amount"])
        return frame.assign(tx_id=[f"t{one}" for one in random.permutation(90)[: len(rows)]])

    near = float(random.uniform(0.9, 0.95))
    busy = [(near, 30.0), (0.5, 400.0), (0.02, 5_000.0), (0.3, 900.0), (0.01, 9_000.0)]
    quiet = [(0.5, 400.0), (near, 4.0), (0.001, 900.0), (0.3, 90.0)]
    return [
        Probe((table(busy), 8.0, 3), "a busy evening"),
        Probe((table(quiet), 8.0, 4), "a quiet night"),
        Probe((table(busy), 8.0, 1), "one review"),
    ]


def choose(tx, review_cost, capacity, key, only_useful=True):
    tx = tx.assign(saving=tx["probability"] * tx["amount"] - review_cost)
    useful = tx[tx["saving"] > 0] if only_useful else tx
    first = useful.sort_values(key, ascending=False) if key else useful
    return first["tx_id"].head(capacity).tolist()


def answer(tx, review_cost, capacity):
    return choose(tx, review_cost, capacity, "saving")


MISCONCEPTIONS = (
    Misconception(
        "by_probability",
        "The highest probability is not the most useful review. The team checks small "
        "amounts that are surely fraud, and large ones pass.",
        lambda *arguments: choose(*arguments, "probability"),
    ),
    Misconception(
        "by_amount",
        "The largest amount is not the most useful review. Most large purchases are honest.",
        lambda *arguments: choose(*arguments, "amount"),
    ),
    Misconception(
        "fills_the_time",
        "The team reviews because it has time. Each of these reviews costs more than it saves.",
        lambda *arguments: choose(*arguments, "saving", only_useful=False),
    ),
    Misconception(
        "first_come",
        "You take the first useful ones in the order of the table. If not all can be "
        "reviewed, the most useful ones go first.",
        lambda *arguments: choose(*arguments, None),
    ),
)
