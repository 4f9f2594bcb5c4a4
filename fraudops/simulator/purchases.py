"""The genuine purchases of the course world, customer by customer."""

import numpy as np

from fraudops.simulator.config import TX_ID_SLOTS_PER_DAY, SimulatorConfig
from fraudops.simulator.geography import (
    CATEGORY_AMOUNT_FACTORS,
    Geography,
    compute_daily_volume,
    sample_second_of_day,
)
from fraudops.simulator.rng import CounterRng

# share of customers who join or leave during the simulation
CUSTOMER_JOINING_SHARE, CUSTOMER_LEAVING_SHARE = (0.12, 0.08)
AWAY_DAY_SHARE = 0.02  # share of days on which a customer shops elsewhere
NEW_TERMINAL_PURCHASE_SHARE = (
    0.3  # share of card-present purchases that go to the merchants of a drift of new terminals
)


def expand_daily_counts(counts: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Expand counts (people, days) to one row per transaction: person, day and running number."""
    flat = counts.ravel()
    cell = np.repeat(np.arange(flat.size), flat)
    first = np.cumsum(flat) - flat
    row, day = np.divmod(cell, counts.shape[1])
    return row, day, np.arange(cell.size) - np.repeat(first, flat)


def sample_usual_amounts(c: SimulatorConfig, people: np.ndarray) -> np.ndarray:
    """Sample the usual amount of each customer, in money."""
    return 35 * np.exp(0.5 * CounterRng(c.seed, "mean amount").normal(people))


def sample_customer_lifetimes(
    c: SimulatorConfig, people: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Sample the first and last day (excluded) of each customer."""
    comes, goes = CounterRng(c.seed, "customer comes"), CounterRng(c.seed, "customer goes")
    first = np.where(
        comes.uniform(people) < CUSTOMER_JOINING_SHARE,
        (c.days * comes.uniform(people, 1)).astype(np.int64),
        0,
    )
    last = np.where(
        goes.uniform(people) < CUSTOMER_LEAVING_SHARE,
        (c.days * goes.uniform(people, 1)).astype(np.int64),
        c.days,
    )
    return first, np.where(last > first, last, c.days)


def is_weekend_night(c: SimulatorConfig, day: np.ndarray) -> np.ndarray:
    """Tell whether a day is a Friday or a Saturday."""
    return np.isin((day + c.start.weekday()) % 7, (4, 5))


def simulate_purchases(
    c: SimulatorConfig, town: Geography, people: np.ndarray
) -> dict[str, np.ndarray]:
    """Simulate the genuine transactions of some customers.

    They do not depend on which other customers are simulated. Columns: tx_id, ts (s from the
    world's start), customer_id, terminal_id, amount (money), channel (0 chip, 1 contactless, 2
    online), day.
    """

    def draw(name: str) -> CounterRng:
        return CounterRng(c.seed, name)

    days = np.arange(c.days)
    rate = 0.2 + 3.5 * draw("rate").uniform(people)
    taste = 0.05 + 0.4 * draw("online share").uniform(people)
    first, last = sample_customer_lifetimes(c, people)
    is_active = (days >= first[:, None]) & (days < last[:, None])
    counts = draw("count").poisson(
        rate[:, None] * compute_daily_volume(c) * is_active, people[:, None], days[None, :]
    )

    row, day, k = expand_daily_counts(counts)
    customer, index = people[row], day * TX_ID_SLOTS_PER_DAY + k
    online = draw("channel").uniform(customer, index) < taste[row] * (
        1 + 0.4 * c.strength("benign_season", day)
    )
    pick = draw("merchant").uniform(customer, index)
    terminal = np.where(
        online,
        town.web[(pick**2 * len(town.web)).astype(np.int64)],
        town.street[town.near.pick(customer, pick)],
    )
    terminal = _replace_closed_merchants(c, town, customer, index, day, online, terminal)
    if town.fresh_near is not None:
        share = NEW_TERMINAL_PURCHASE_SHARE * c.strength("new_terminals", day)
        moves = np.flatnonzero(
            ~online & (draw("tries a new merchant").uniform(customer, index) < share)
        )
        terminal[moves] = town.fresh[town.fresh_near.pick(customer[moves], pick[moves])]
    away = np.flatnonzero(~online & (draw("away").uniform(customer, day) < AWAY_DAY_SHARE))
    where = 100 * np.column_stack(
        [draw(f"away {axis}").uniform(customer[away], day[away]) for axis in "xy"]
    )
    terminal[away] = town.trip(where, pick[away])

    second = sample_second_of_day(
        draw("time").uniform(customer, index), online, is_weekend_night(c, day)
    )
    spread = np.exp(0.55 * draw("amount").normal(customer, index))
    amount = (
        sample_usual_amounts(c, people)[row]
        * CATEGORY_AMOUNT_FACTORS[town.category[terminal]]
        * spread
    )
    tap = draw("contactless").uniform(customer, index) < np.where(amount < 50, 0.75, 0.15)
    columns = {
        "tx_id": customer * c.days * TX_ID_SLOTS_PER_DAY + index,
        "ts": day * 86_400 + second,
        "customer_id": customer,
        "terminal_id": terminal,
        "amount": amount,
        "channel": np.where(online, 2, np.where(tap, 1, 0)).astype(np.int8),
        "day": day,
    }
    is_open = (day >= town.opens[terminal]) & (day < town.closes[terminal])
    return {name: values[is_open] for name, values in columns.items()}


def _replace_closed_merchants(
    c: SimulatorConfig,
    town: Geography,
    customer: np.ndarray,
    index: np.ndarray,
    day: np.ndarray,
    online: np.ndarray,
    terminal: np.ndarray,
) -> np.ndarray:
    """Replace a closed merchant by another one; drop the purchase if that is closed too."""
    shut = np.flatnonzero((day < town.opens[terminal]) | (day >= town.closes[terminal]))
    u = CounterRng(c.seed, "second merchant").uniform(customer[shut], index[shut])
    web = town.web[(u * len(town.web)).astype(np.int64)]
    terminal[shut] = np.where(online[shut], web, town.street[town.near.pick(customer[shut], u)])
    return terminal
