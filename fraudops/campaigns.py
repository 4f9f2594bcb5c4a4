"""The fraud of the ``course`` world: campaigns that begin at random and last for days, laid over the genuine traffic."""

import numpy as np
import pandas as pd

from fraudops.draws import Draws
from fraudops.plan import DAY, SLOTS, Config, kind_code

# kind: chance per entity and day that a campaign begins, its length in days
CAMPAIGNS = {
    "terminal": (5e-4, 14),
    "card_testing": (3.5e-4, 1),
    "leaked_card": (4.5e-4, 7),
    "stolen_card": (4e-4, 1),
    "account_takeover": (3.5e-4, 3),
}
FRIENDLY = 1.5e-3  # share of online purchases denied by the card holder
TERMINAL_SHARE = 0.4  # of a compromised terminal's transactions
WAVE = 3.0  # how many times more leaked cards in a fraud wave

# hour of the day: relative volume of card-present and online purchases
HOURS_PRESENT = np.array([1, .5, .3, .2, .3, .8, 2, 4, 6, 7, 8, 9, 10, 9, 8, 8, 9, 10, 10, 8, 6, 4, 3, 2])  # fmt: skip
HOURS_ONLINE = np.array([4, 3, 2, 1, 1, 1, 1, 2, 3, 4, 5, 5, 6, 6, 5, 5, 5, 6, 7, 9, 10, 10, 9, 6])  # fmt: skip


def overlay(
    c: Config, tx: dict[str, np.ndarray], mean: np.ndarray, web: np.ndarray, street: np.ndarray
) -> tuple[dict[str, np.ndarray], pd.DataFrame]:
    """Mark and add fraudulent transactions.

    Parameters
    ----------
    c : the world's configuration
    tx : columns of the genuine transactions, each (n,)
    mean : (customers,) each customer's usual amount
    web, street : ids of online and of physical terminals

    Returns
    -------
    The columns with the fraud in, and the table of compromises (id, kind, entity, start, end; days, end exclusive).
    """

    def begins(kind: str, n: int) -> tuple[np.ndarray, np.ndarray]:
        chance = np.full(c.days, CAMPAIGNS[kind][0])
        for drift in c.drifts:
            if drift.kind == "fraud_wave" and drift.touches == kind:
                chance[drift.onset : drift.end] *= WAVE
        return np.nonzero(Draws(c.seed, f"{kind} begins").uniform(np.arange(n)[:, None], np.arange(c.days)[None, :]) < chance)

    key, parts = [], [tx]
    index = tx["tx_id"]
    entity, start = begins("terminal", c.terminals)
    street_only = np.isin(entity, street)
    entity, start = entity[street_only], start[street_only]
    hit = np.flatnonzero(active(entity, start, tx["terminal_id"], tx["day"], c.terminals, c.days, CAMPAIGNS["terminal"][1]))
    hit = hit[Draws(c.seed, "terminal share").uniform(index[hit]) < TERMINAL_SHARE]
    tx["kind"][hit] = kind_code("terminal")
    tx["amount"][hit] *= 1 + Draws(c.seed, "terminal amount").uniform(index[hit])
    key.append(("terminal", entity, start))

    friendly = (tx["channel"] == 2) & (Draws(c.seed, "friendly").uniform(index) < FRIENDLY) & (tx["kind"] == 0)
    tx["kind"][friendly] = kind_code("friendly")

    for number, kind in enumerate(("card_testing", "leaked_card", "stolen_card", "account_takeover"), start=1):
        entity, start = begins(kind, c.customers)
        key.append((kind, entity, start))
        extra = _extra(c, kind, entity, start, mean, web, street)
        slot = number * 100 + extra.pop("k")
        begun = extra.pop("begun")
        extra["tx_id"] = extra["customer_id"] * c.days * SLOTS + begun * SLOTS + slot
        extra["kind"] = np.full(len(slot), kind_code(kind), np.int8)
        inside = extra["day"] < c.days
        parts.append({name: values[inside] for name, values in extra.items()})

    whole = {name: np.concatenate([part[name] for part in parts]) for name in tx}
    table = [
        {"kind": kind, "entity": int(e), "start": int(s), "end": min(int(s) + CAMPAIGNS[kind][1], c.days)}
        for kind, entity, start in key
        for e, s in zip(entity, start, strict=True)
    ]
    compromises = pd.DataFrame(table, columns=["kind", "entity", "start", "end"])
    return whole, compromises.rename_axis("id").reset_index()


def _extra(
    c: Config, kind: str, entity: np.ndarray, start: np.ndarray, mean: np.ndarray, web: np.ndarray, street: np.ndarray
) -> dict[str, np.ndarray]:
    """The transactions a campaign adds to its customer's card, as columns; `begun` is the campaign's first day."""

    def draw(name: str) -> Draws:
        return Draws(c.seed, f"{kind} {name}")

    most = {"card_testing": 9, "leaked_card": 10, "stolen_card": 7, "account_takeover": 6}[kind]
    number = np.maximum((draw("number").uniform(entity, start) * (most + 1)).astype(np.int64), min(3, most))
    who, begun = np.repeat(entity, number), np.repeat(start, number)
    k = np.arange(len(who)) - np.repeat(np.cumsum(number) - number, number)
    n = np.repeat(number, number)
    at = begun * 100 + k
    u, v, w = (draw(name).uniform(who, at) for name in ("amount", "time", "merchant"))
    usual = mean[who]
    online = np.ones(len(who), bool)
    if kind == "card_testing":  # small purchases minutes apart, then the cash-out
        cash_out = k >= n - 2
        first = draw("first").uniform(entity, start) * 0.8
        second = (np.repeat(first, number) * DAY + k * 240 + v * 120 + cash_out * 1800).astype(np.int64)
        amount, day = np.where(cash_out, usual * (2 + 3 * u), 0.5 + 4 * u), begun
    elif kind == "leaked_card":  # used online for a week, at amounts that do not stand out alone
        second, amount = clock(v, online), usual * (0.8 + 2.2 * u)
        day = begun + (draw("day").uniform(who, at) * 7).astype(np.int64)
    elif kind == "stolen_card":  # used in shops anywhere within hours
        online = np.zeros(len(who), bool)
        first = np.repeat(draw("first").uniform(entity, start) * 0.7, number)
        second = (first * DAY + np.sort(k) * 900 + v * 800).astype(np.int64)
        amount, day = usual * (0.7 + 1.8 * u), begun
    else:  # account takeover: few, large, at night, over three days
        second = (v * 6 * 3600).astype(np.int64)
        amount = usual * (2 + 4 * u)
        day = begun + (draw("day").uniform(who, at) * 3).astype(np.int64)
    shop = np.where(online, web[(w * len(web)).astype(np.int64)], street[(w * len(street)).astype(np.int64)])
    tap = np.where(amount < 50, 1, 0)
    return {
        "customer_id": who, "terminal_id": shop, "day": day, "ts": day * DAY + np.minimum(second, DAY - 1), "amount": amount,
        "channel": np.where(online, 2, tap).astype(np.int8), "k": k, "begun": begun,
    }  # fmt: skip


def active(
    entity: np.ndarray, since: np.ndarray, of: np.ndarray, day: np.ndarray, n: int, days: int, length: int
) -> np.ndarray:
    """Which transactions fall in a campaign of their entity: a boolean (n,), by a table of entity and day."""
    table = np.zeros((n, days + 1), np.int32)
    np.add.at(table, (entity, since), 1)
    np.add.at(table, (entity, np.minimum(since + length, days)), -1)
    active = np.cumsum(table, axis=1) > 0
    return active[of, day]


def clock(u: np.ndarray, online: np.ndarray) -> np.ndarray:
    """Second of the day (int64, 0 to 86,399) from a uniform draw, by the hourly profile of the channel."""

    def at(profile: np.ndarray) -> np.ndarray:
        edges = np.concatenate([[0], np.cumsum(profile) / profile.sum()])
        return np.interp(u, edges, np.arange(25) * 3600)

    return np.minimum(np.where(online, at(HOURS_ONLINE), at(HOURS_PRESENT)).astype(np.int64), DAY - 1)
