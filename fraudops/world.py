"""The seeded transaction simulator with an answer key.

Two presets. ``handbook`` follows the published law of the Fraud Detection Handbook's simulator (Le Borgne et al., 2022,
chapter 3). ``course`` is richer and harder: categories, channels, places, seasons, customers and merchants that come and
go, six kinds of fraud, and drift at a known onset. Every number a customer or terminal needs is addressed by its id (see
`fraudops.draws`), so a customer lives alike among few and many, and in one thread or several.
"""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime

import numpy as np
import pandas as pd

from fraudops import town as towns
from fraudops.campaigns import active, overlay
from fraudops.draws import Draws
from fraudops.plan import DAY, DRIFTS, REPORT_DAYS, SLOTS, UNREPORTED, WARM_UP_DAYS, Config, kind_code
from fraudops.shopping import expand, purchases

CHANNELS = ("chip", "contactless", "online")
INFLATION = 1.35
BLOCK = 200  # customers made at a time
Columns = dict[str, np.ndarray]


@dataclass
class World:
    """What a simulation gives.

    Attributes
    ----------
    transactions : frame in time order: ``tx_id, ts`` (s, UTC), ``customer_id, terminal_id`` (int), ``amount_cents``,
        ``category, channel`` (null where a drift of nulls or a renamed column has emptied them), ``lat_cdeg, lon_cdeg``
        (hundredths of a degree, null online), ``warm_up`` (True in the first 30 days), and ``kind``, the kind of fraud or
        '' (answer key, not an input of any model)
    labels : one row for each fraud that is reported: ``tx_id, label_ts``
    compromises : answer key: ``id, kind, entity`` (C and M numbers as in the canonical table), ``start, end`` (days)
    drifts : answer key: ``id, kind, shape, onset, end`` (days), ``columns, entities, harmful``
    """

    transactions: pd.DataFrame
    labels: pd.DataFrame
    compromises: pd.DataFrame
    drifts: pd.DataFrame


def simulate(config: Config, workers: int = 1) -> World:
    """Simulate a world; equal configurations give equal bytes, whatever the number of worker threads."""
    start = int(datetime.combine(config.start, datetime.min.time(), UTC).timestamp())
    tx, compromises = (_handbook if config.preset == "handbook" else _course)(config, workers)
    order = _time_order(tx["ts"], tx["tx_id"])
    tx["ts"] += start
    columns = {name: np.asarray(values).take(order) for name, values in tx.items() if name not in ("lat", "lon")}
    frame = pd.DataFrame(columns, copy=False)  # the arrays are ours alone
    online = frame["channel"].to_numpy() == CHANNELS.index("online")
    for name in ("lat", "lon"):
        frame[f"{name}_cdeg"] = pd.arrays.IntegerArray(tx[name][order], online)
    frame["warm_up"] = frame["ts"] < start + WARM_UP_DAYS * DAY
    frame["category"] = pd.Categorical.from_codes(frame["category"], towns.CATEGORIES)
    frame["channel"] = pd.Categorical.from_codes(frame["channel"], CHANNELS)
    frame["kind"] = pd.Categorical.from_codes(frame["kind"], ("", *REPORT_DAYS))
    _break_columns(config, frame, (frame["ts"].to_numpy() - start) // DAY)
    rows = [(one.kind, one.shape, one.onset, one.end, *DRIFTS[one.kind]) for one in config.drifts]
    drifts = pd.DataFrame(rows, columns=["kind", "shape", "onset", "end", "columns", "entities", "harmful"])
    return World(frame, _labels(config, frame), compromises, drifts.rename_axis("id").reset_index())


def _time_order(ts: np.ndarray, tx_id: np.ndarray) -> np.ndarray:
    """Row numbers (n,) by time, then id, for times from 0 on: sixteen bits at a turn, which NumPy sorts in linear time."""
    order = np.argsort(tx_id, kind="stable")
    for shift in range(0, int(ts.max(initial=0)).bit_length(), 16):
        order = order[np.argsort((ts[order] >> shift).astype(np.uint16), kind="stable")]
    return order


def _break_columns(c: Config, frame: pd.DataFrame, day: np.ndarray) -> None:
    """What goes wrong on the way from the till to us, in place: units, nulls, a column under another name."""

    faults = (  # kind, share struck, by what it strikes, column, what becomes of it
        ("broken_units", 1 / 3, "terminal_id", "amount_cents", lambda values: values * 100),
        ("nulls", 0.6 * c.strength("nulls", day), "tx_id", "category", lambda values: np.nan),
        ("renamed_column", 1.0, "tx_id", "channel", lambda values: np.nan),
    )
    planned = {drift.kind for drift in c.drifts}
    for kind, share, entity, column, broken in faults:
        if kind in planned:
            struck = (c.strength(kind, day) > 0) & (Draws(c.seed, kind).uniform(frame[entity].to_numpy()) < share)
            frame.loc[struck, column] = broken(frame.loc[struck, column])


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


def _in_blocks(make: Callable[[np.ndarray], Columns], customers: int, workers: int) -> Columns:
    """The columns of all customers, made block by block (what a processor's cache holds) in threads, in order."""
    with ThreadPoolExecutor(workers) as pool:
        parts = list(pool.map(make, np.array_split(np.arange(customers), max(1, customers // BLOCK))))
    return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}


def _handbook(c: Config, workers: int) -> tuple[Columns, pd.DataFrame]:
    def draw(name: str) -> Draws:
        return Draws(c.seed, f"handbook {name}")

    shops = towns.places(c.seed, "handbook terminal", c.terminals)
    near = towns.Neighbours(towns.places(c.seed, "handbook customer", c.customers), shops, 5)
    days = np.arange(c.days)

    def life(people: np.ndarray) -> Columns:
        mean = 5 + 95 * draw("mean amount").uniform(people)
        rate = 4 * draw("rate").uniform(people)
        row, day, k = expand(draw("count").poisson(rate[:, None], people[:, None], days[None, :]))
        index = day * SLOTS + k
        second = np.floor(43_200 + 20_000 * draw("time").normal(people[row], index)).astype(np.int64)
        inside = (second > 0) & (second < DAY)
        row, day, index, second = row[inside], day[inside], index[inside], second[inside]
        customer, mine = people[row], mean[row]
        amount = mine * (1 + 0.5 * draw("amount").normal(customer, index))
        below = np.flatnonzero(amount < 0)
        amount[below] = 2 * mine[below] * draw("amount again").uniform(customer[below], index[below])
        return {
            "customer_id": customer, "day": day, "index": index, "ts": day * DAY + second,
            "terminal_id": near.pick(customer, draw("terminal").uniform(customer, index)),
            "amount_cents": np.rint(amount * 100).astype(np.int64),
        }  # fmt: skip

    tx = _in_blocks(life, c.customers, workers)
    customer, terminal, day, index, cents = (
        tx[name] for name in ("customer_id", "terminal_id", "day", "index", "amount_cents")
    )  # fmt: skip
    kind = np.where(cents > 22_000, kind_code("large_amount"), 0).astype(np.int8)
    bad_terminal, since_terminal = _compromised_daily(draw("terminal compromise"), c.terminals, c.days, 2)
    kind[active(bad_terminal, since_terminal, terminal, day, c.terminals, c.days, 28)] = kind_code("terminal")
    bad_customer, since_customer = _compromised_daily(draw("customer compromise"), c.customers, c.days, 3)
    hit = np.flatnonzero(active(bad_customer, since_customer, customer, day, c.customers, c.days, 14))
    hit = hit[draw("customer fraud").uniform(customer[hit], index[hit]) < 1 / 3]
    cents[hit] *= 5
    kind[hit] = kind_code("customer")

    lat, lon = towns.degrees(shops)
    nothing = np.zeros(len(kind), np.int8)
    tx = {
        "tx_id": customer * c.days * SLOTS + index, "ts": tx["ts"], "customer_id": customer, "terminal_id": terminal,
        "amount_cents": cents, "category": nothing, "channel": nothing, "lat": lat[terminal], "lon": lon[terminal],
        "kind": kind,
    }  # fmt: skip
    key = pd.DataFrame(
        {
            "kind": np.repeat(["terminal", "customer"], [len(bad_terminal), len(bad_customer)]),
            "entity": [*(f"M{one}" for one in bad_terminal), *(f"C{one}" for one in bad_customer)],
            "start": np.concatenate([since_terminal, since_customer]),
            "end": np.minimum(np.concatenate([since_terminal + 28, since_customer + 14]), c.days),
        }
    )
    return tx, key.rename_axis("id").reset_index()


def _compromised_daily(draws: Draws, n: int, days: int, per_day: int) -> tuple[np.ndarray, np.ndarray]:
    since = np.repeat(np.arange(days), per_day)
    return (draws.uniform(since, np.tile(np.arange(per_day), days)) * n).astype(np.int64), since


def _course(c: Config, workers: int) -> tuple[Columns, pd.DataFrame]:
    town = towns.build(c)
    tx, compromises = overlay(c, town, _in_blocks(lambda people: purchases(c, town, people), c.customers, workers))
    amount = tx.pop("amount") * (1 + (INFLATION - 1) * c.strength("price_inflation", tx.pop("day")))
    lat, lon = towns.degrees(town.place)
    return tx | {
        "amount_cents": np.maximum(np.rint(100 * amount).astype(np.int64), 1),
        "category": town.category[tx["terminal_id"]], "lat": lat[tx["terminal_id"]], "lon": lon[tx["terminal_id"]],
    }, compromises  # fmt: skip
