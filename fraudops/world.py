"""The seeded transaction simulator with an answer key.

Two presets. ``handbook`` follows the published law of the Fraud Detection Handbook's simulator (Le Borgne et al., 2022,
chapter 3). ``course`` is richer: categories, channels, seasons, five kinds of fraud, and drift at a known onset.
Every number a customer or terminal needs is addressed by its id (see `fraudops.draws`).
"""

from dataclasses import dataclass, field
from datetime import UTC, datetime

import numpy as np
import pandas as pd
from scipy.spatial import cKDTree

from fraudops.campaigns import active, clock, overlay
from fraudops.draws import Draws
from fraudops.plan import DAY, REPORT_DAYS, SLOTS, UNREPORTED, Config, kind_code

CATEGORIES = ("grocery", "fuel", "restaurant", "health", "fashion", "electronics", "travel", "entertainment")
CATEGORY_AMOUNT = np.array([0.7, 1.0, 0.6, 0.8, 1.2, 2.2, 2.8, 0.7])
ONLINE_SHARE = 0.06  # of merchants


@dataclass
class World:
    """What a simulation gives.

    Attributes
    ----------
    transactions : (n, 8) frame in time order: ``tx_id, ts`` (s, UTC), ``customer_id, terminal_id`` (int), ``amount_cents``,
        ``category, channel``, and ``kind``, the kind of fraud or '' (answer key, not an input of any model)
    labels : one row for each fraud that is reported: ``tx_id, label_ts``
    compromises, drifts : the answer key
    """

    transactions: pd.DataFrame
    labels: pd.DataFrame
    compromises: pd.DataFrame
    drifts: pd.DataFrame = field(default_factory=pd.DataFrame)


def simulate(config: Config) -> World:
    """Simulate a world; equal configurations give equal bytes."""
    start = int(datetime.combine(config.start, datetime.min.time(), UTC).timestamp())
    tx, compromises = (_handbook if config.preset == "handbook" else _course)(config)
    tx["ts"] += start
    order = np.lexsort((tx["tx_id"], tx["ts"]))
    frame = pd.DataFrame({name: np.asarray(values)[order] for name, values in tx.items()})
    frame["category"] = pd.Categorical.from_codes(frame["category"], CATEGORIES)
    frame["channel"] = pd.Categorical.from_codes(frame["channel"], ("chip", "contactless", "online"))
    kinds = ("", *REPORT_DAYS)
    frame["kind"] = pd.Categorical.from_codes(frame["kind"], kinds)
    drifts = pd.DataFrame([vars(d) for d in config.drifts], columns=["kind", "onset", "end", "touches", "harmful"])
    return World(frame, _labels(config, frame), compromises, drifts)


def _labels(config: Config, frame: pd.DataFrame) -> pd.DataFrame:
    fraud = frame.loc[frame["kind"].cat.codes > 0, ["tx_id", "ts", "kind"]]
    ids = fraud["tx_id"].to_numpy()
    median = np.array(list(REPORT_DAYS.values()))[fraud["kind"].cat.codes.to_numpy() - 1]
    if config.preset == "handbook":
        delay = np.full(len(ids), 7.0)
        reported = np.ones(len(ids), bool)
    else:
        delay = median * np.exp(0.5 * Draws(config.seed, "label delay").normal(ids))
        reported = Draws(config.seed, "label reported").uniform(ids) > UNREPORTED
    labels = pd.DataFrame({"tx_id": ids, "label_ts": fraud["ts"].to_numpy() + (delay * DAY).astype(np.int64)})
    return labels[reported].reset_index(drop=True)


def _expand(counts: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """From counts per (customer, day): customer, day and running number of each transaction, all (n,) int64."""
    flat = counts.ravel()
    cell = np.repeat(np.arange(flat.size), flat)
    first = np.cumsum(flat) - flat
    customer, day = np.divmod(cell, counts.shape[1])
    return customer, day, np.arange(cell.size) - np.repeat(first, flat)


class _Neighbours:
    """The terminals within a radius of each customer, as one flat list, so that a draw picks by offset."""

    def __init__(self, homes: np.ndarray, places: np.ndarray, radius: float):
        tree = cKDTree(places)
        near = tree.query_ball_point(homes, radius, return_sorted=True)
        empty = [i for i, found in enumerate(near) if not found]
        if empty:
            nearest = tree.query(homes[empty])[1]
            for i, terminal in zip(empty, nearest, strict=True):
                near[i] = [terminal]
        self.size = np.fromiter((len(found) for found in near), np.int64, len(near))
        self.first = np.cumsum(self.size) - self.size
        self.flat = np.concatenate([np.asarray(found, np.int64) for found in near])

    def pick(self, customer: np.ndarray, u: np.ndarray) -> np.ndarray:
        return self.flat[self.first[customer] + (u * self.size[customer]).astype(np.int64)]


def _places(seed: int, name: str, n: int) -> np.ndarray:
    ids = np.arange(n)
    return 100 * np.column_stack([Draws(seed, f"{name} x").uniform(ids), Draws(seed, f"{name} y").uniform(ids)])


def _handbook(c: Config) -> tuple[dict, pd.DataFrame]:
    def draw(name: str) -> Draws:
        return Draws(c.seed, f"handbook {name}")

    people, days = np.arange(c.customers), np.arange(c.days)
    near = _Neighbours(_places(c.seed, "handbook customer", c.customers), _places(c.seed, "handbook terminal", c.terminals), 5)
    mean = 5 + 95 * draw("mean amount").uniform(people)
    rate = 4 * draw("rate").uniform(people)
    customer, day, k = _expand(draw("count").poisson(rate[:, None], people[:, None], days[None, :]))
    index = day * SLOTS + k
    second = np.floor(43_200 + 20_000 * draw("time").normal(customer, index)).astype(np.int64)
    inside = (second > 0) & (second < DAY)
    customer, day, index, second = customer[inside], day[inside], index[inside], second[inside]
    mine = mean[customer]
    amount = mine * (1 + 0.5 * draw("amount").normal(customer, index))
    below = np.flatnonzero(amount < 0)
    amount[below] = 2 * mine[below] * draw("amount again").uniform(customer[below], index[below])
    terminal = near.pick(customer, draw("terminal").uniform(customer, index))
    cents = np.rint(amount * 100).astype(np.int64)

    kind = np.where(cents > 22_000, kind_code("large_amount"), 0).astype(np.int8)
    bad_terminal, since_terminal = _compromised_daily(draw("terminal compromise"), c.terminals, c.days, 2)
    kind[active(bad_terminal, since_terminal, terminal, day, c.terminals, c.days, 28)] = kind_code("terminal")
    bad_customer, since_customer = _compromised_daily(draw("customer compromise"), c.customers, c.days, 3)
    hit = np.flatnonzero(active(bad_customer, since_customer, customer, day, c.customers, c.days, 14))
    hit = hit[draw("customer fraud").uniform(customer[hit], index[hit]) < 1 / 3]
    cents[hit] *= 5
    kind[hit] = kind_code("customer")

    tx = {
        "tx_id": customer * c.days * SLOTS + index, "ts": day * DAY + second, "customer_id": customer, "terminal_id": terminal,
        "amount_cents": cents, "category": np.zeros(len(cents), np.int8), "channel": np.zeros(len(cents), np.int8),
        "kind": kind,
    }  # fmt: skip
    key = pd.concat([
        pd.DataFrame({"kind": "terminal", "entity": bad_terminal, "start": since_terminal, "end": since_terminal + 28}),
        pd.DataFrame({"kind": "customer", "entity": bad_customer, "start": since_customer, "end": since_customer + 14}),
    ])  # fmt: skip
    return tx, key.rename_axis("id").reset_index(drop=True).rename_axis("id").reset_index()


def _compromised_daily(draws: Draws, n: int, days: int, per_day: int) -> tuple[np.ndarray, np.ndarray]:
    since = np.repeat(np.arange(days), per_day)
    return (draws.uniform(since, np.tile(np.arange(per_day), days)) * n).astype(np.int64), since


def _course(c: Config) -> tuple[dict, pd.DataFrame]:
    def draw(name: str) -> Draws:
        return Draws(c.seed, name)

    people, days = np.arange(c.customers), np.arange(c.days)
    shops = np.arange(c.terminals)
    online_shop = draw("merchant is online").uniform(shops) < ONLINE_SHARE
    online_shop[:1] = True
    web = np.flatnonzero(online_shop)
    street = np.flatnonzero(~online_shop) if (~online_shop).any() else shops
    category = (draw("merchant category").uniform(shops) * len(CATEGORIES)).astype(np.int8)
    near = _Neighbours(_places(c.seed, "customer", c.customers), _places(c.seed, "terminal", c.terminals)[street], 8)

    mean = 35 * np.exp(0.5 * draw("mean amount").normal(people))
    rate = 0.2 + 3.5 * draw("rate").uniform(people)
    online = 0.05 + 0.4 * draw("online share").uniform(people)
    calendar = pd.date_range(c.start, periods=c.days)
    volume = np.array([0.9, 0.9, 0.95, 1.0, 1.15, 1.25, 0.85])[calendar.dayofweek]
    volume = volume * np.where((calendar.day >= 25) & (calendar.day <= 28), 1.12, 1.0)
    volume = volume * np.where((calendar.month == 12) & (calendar.day >= 10), 1.3, 1.0)

    customer, day, k = _expand(draw("count").poisson(rate[:, None] * volume, people[:, None], days[None, :]))
    index = day * SLOTS + k
    is_online = draw("channel").uniform(customer, index) < online[customer]
    pick = draw("merchant").uniform(customer, index)
    terminal = np.where(is_online, web[(pick**2 * len(web)).astype(np.int64)], street[near.pick(customer, pick)])
    second = clock(draw("time").uniform(customer, index), is_online)
    spread = np.exp(0.55 * draw("amount").normal(customer, index))
    amount = mean[customer] * CATEGORY_AMOUNT[category[terminal]] * spread
    tap = draw("contactless").uniform(customer, index) < np.where(amount < 50, 0.75, 0.15)
    tx = {
        "tx_id": customer * c.days * SLOTS + index, "ts": day * DAY + second, "customer_id": customer, "terminal_id": terminal,
        "amount": amount, "channel": np.where(is_online, 2, np.where(tap, 1, 0)).astype(np.int8),
        "kind": np.zeros(len(day), np.int8), "day": day,
    }  # fmt: skip
    tx, compromises = overlay(c, tx, mean=mean, web=web, street=street)
    for drift in (d for d in c.drifts if d.kind == "price_inflation"):
        tx["amount"] = np.where((tx["day"] >= drift.onset) & (tx["day"] < drift.end), 1.35 * tx["amount"], tx["amount"])
    tx["amount_cents"] = np.maximum(np.rint(100 * tx.pop("amount")).astype(np.int64), 1)
    tx["category"] = category[tx["terminal_id"]]
    tx.pop("day")
    return tx, compromises
