"""The Handbook's law simulated as the Handbook describes it: customer by customer, day by day,
payment by payment.

Written from that description to be compared with; the draws come one by one from NumPy's
generators, the payments of a customer are appended to a list, each list becomes a frame, the frames
are put together, and frauds are added day by day. A customer is a row of a frame, and each payment
reads its fields by attribute; that alone costs half of the time, so the benchmark also prints what
is left when the row is a named tuple.
"""

from datetime import date
from random import Random

import numpy as np
import pandas as pd

from fraudops.timeline import DAY

RADIUS = 5
LARGE = 220
TERMINAL_DAYS, CUSTOMER_DAYS = 28, 14


def profiles(customers: int, terminals: int, seed: int) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Customers (place, mean and spread of amounts, rate, terminals nearby) and terminals (place),
    row by row.
    """
    random = np.random.default_rng(seed)
    people = []
    for customer in range(customers):
        x, y, mean, rate = (
            random.uniform(0, 100),
            random.uniform(0, 100),
            random.uniform(5, 100),
            random.uniform(0, 4),
        )
        people.append([customer, x, y, mean, mean / 2, rate])
    shops = [
        [terminal, random.uniform(0, 100), random.uniform(0, 100)] for terminal in range(terminals)
    ]
    people = pd.DataFrame(
        people, columns=["customer_id", "x", "y", "mean_amount", "std_amount", "mean_nb_tx_per_day"]
    )
    shops = pd.DataFrame(shops, columns=["terminal_id", "x", "y"])
    places = shops[["x", "y"]].to_numpy()
    people["available_terminals"] = people.apply(lambda one: _near(one, places), axis=1)
    return people, shops


def _near(one: pd.Series, places: np.ndarray) -> list[int]:
    distance = np.sqrt(((places - one[["x", "y"]].to_numpy(float)) ** 2).sum(axis=1))
    return list(np.flatnonzero(distance < RADIUS))


def purchases(customer: pd.Series, start: date, days: int) -> pd.DataFrame:
    """One customer's payments: a Poisson number for each day, then time, amount and terminal of
    each.
    """
    random, pick = np.random.RandomState(customer.customer_id), Random(customer.customer_id)
    rows = []
    for day in range(days):
        for _ in range(random.poisson(customer.mean_nb_tx_per_day)):
            second = int(random.normal(DAY / 2, 20_000))
            if not 0 < second < DAY:
                continue
            amount = random.normal(customer.mean_amount, customer.std_amount)
            if amount < 0:
                amount = random.uniform(0, 2 * customer.mean_amount)
            if len(customer.available_terminals) > 0:
                terminal = pick.choice(customer.available_terminals)
                rows.append(
                    [second + day * DAY, day, customer.customer_id, terminal, round(amount, 2)]
                )
    frame = pd.DataFrame(rows, columns=["second", "day", "customer_id", "terminal_id", "amount"])
    # also if empty
    frame = frame.astype(
        {"second": int, "day": int, "customer_id": int, "terminal_id": int, "amount": float}
    )
    frame["at"] = pd.to_datetime(frame["second"], unit="s", origin=pd.Timestamp(start))
    return frame


def add_frauds(
    tx: pd.DataFrame, people: pd.DataFrame, shops: pd.DataFrame, days: int, seed: int
) -> pd.DataFrame:
    """Large amounts, then each day two terminals for four weeks and three customers for two, in
    place.
    """
    tx["fraud"], tx["scenario"] = 0, 0
    tx.loc[tx["amount"] > LARGE, ["fraud", "scenario"]] = 1
    random = np.random.default_rng(seed)
    for day in range(days):
        bad = random.choice(shops["terminal_id"].to_numpy(), 2, replace=False)
        hit = tx.index[
            (tx["day"] >= day) & (tx["day"] < day + TERMINAL_DAYS) & tx["terminal_id"].isin(bad)
        ]
        tx.loc[hit, ["fraud", "scenario"]] = [1, 2]
    for day in range(days):
        bad = random.choice(people["customer_id"].to_numpy(), 3, replace=False)
        theirs = tx.index[
            (tx["day"] >= day) & (tx["day"] < day + CUSTOMER_DAYS) & tx["customer_id"].isin(bad)
        ]
        hit = random.choice(theirs, len(theirs) // 3, replace=False)
        tx.loc[hit, "amount"] *= 5
        tx.loc[hit, ["fraud", "scenario"]] = [1, 3]
    return tx


def payments(people: pd.DataFrame, start: date, days: int, as_tuples: bool = False) -> pd.DataFrame:
    """All customers' payments in time order, numbered; customers as rows of pandas, or as named
    tuples.
    """
    each = people.itertuples() if as_tuples else (customer for _, customer in people.iterrows())
    tx = pd.concat([purchases(customer, start, days) for customer in each])
    tx = tx.sort_values("at").reset_index(drop=True)
    return tx.rename_axis("tx_id").reset_index()
