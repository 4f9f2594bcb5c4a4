"""The seeded transaction simulator with an answer key.

Two presets. ``handbook`` follows the published law of the Fraud Detection Handbook's simulator (Le
Borgne et al., 2022, chapter 3). ``course`` is richer and harder: categories, channels, places,
seasons, customers and merchants that come and go, six kinds of fraud, and drift at a known onset.
Every number a customer or terminal needs is addressed by its id (see `fraudops.simulator.rng`), so
a customer lives alike among few and many, and in one thread or several.
"""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime

import numpy as np
import pandas as pd

from fraudops.simulator import geography
from fraudops.simulator.config import (
    DRIFT_KINDS,
    MEDIAN_REPORT_DAYS,
    TX_ID_SLOTS_PER_DAY,
    UNREPORTED_SHARE,
    WARM_UP_DAYS,
    SimulatorConfig,
    encode_fraud_kind,
)
from fraudops.simulator.fraud import add_fraud, is_in_campaign
from fraudops.simulator.purchases import expand_daily_counts, simulate_purchases
from fraudops.simulator.refunds import simulate_refunds
from fraudops.simulator.rng import CounterRng
from fraudops.timeline import DAY

CHANNELS = ("chip", "contactless", "online")
KINDS_OF_REFUND = ("refund", "reversal")  # as `data.KINDS` names them
PRICE_INFLATION_FACTOR = 1.35
CUSTOMERS_PER_BLOCK = 200  # customers simulated at a time
WorldColumns = dict[str, np.ndarray]


@dataclass
class World:
    """The result of a simulation.

    Attributes
    ----------
    transactions : DataFrame
        In time order: ``tx_id``, ``ts`` (s since 1970), ``customer_id``, ``terminal_id`` (int),
        ``amount_cents``, ``category``, ``channel`` (null after some faults), ``lat_cdeg``,
        ``lon_cdeg`` (hundredths of a degree, null online), ``warm_up`` (True in the first 30 days),
        and ``kind``: the kind of fraud or '' (answer key, not an input of a model).
    labels : DataFrame
        One row per reported fraud: ``tx_id, label_ts``.
    compromises : DataFrame
        Answer key: ``id, kind, entity`` (as in the canonical table), ``start, end`` (days).
    drifts : DataFrame
        Answer key: ``id, kind, shape, onset, end`` (days), ``columns, entities, harmful``.
    refunds : DataFrame
        In time order: the columns of ``transactions``. ``tx_id`` is that of the purchase, the
        amount is negative, and ``kind`` is ``refund`` or ``reversal``.
    """

    transactions: pd.DataFrame
    labels: pd.DataFrame
    compromises: pd.DataFrame
    drifts: pd.DataFrame
    refunds: pd.DataFrame


def simulate_world(config: SimulatorConfig, workers: int = 1) -> World:
    """Simulate a world.

    Equal configurations give equal bytes for any number of worker threads.

    Parameters
    ----------
    config : SimulatorConfig
    workers : int, optional
        Threads.

    Returns
    -------
    World
    """
    start = int(datetime.combine(config.start, datetime.min.time(), UTC).timestamp())
    tx, refunds, compromises = (
        _simulate_handbook if config.preset == "handbook" else _simulate_course
    )(config, workers)
    frame = _build_frame(config, tx, start, ("", *MEDIAN_REPORT_DAYS))
    rows = [
        (one.kind, one.shape, one.onset, one.end, *DRIFT_KINDS[one.kind]) for one in config.drifts
    ]
    drifts = pd.DataFrame(
        rows, columns=["kind", "shape", "onset", "end", "columns", "entities", "harmful"]
    )
    return World(
        frame,
        _simulate_labels(config, frame),
        compromises,
        drifts.rename_axis("id").reset_index(),
        _build_frame(config, refunds, start, KINDS_OF_REFUND),
    )


def _build_frame(
    config: SimulatorConfig, tx: WorldColumns, start: int, kinds: tuple[str, ...]
) -> pd.DataFrame:
    """Build the table of purchases or refunds in time order, and apply the faults of the data."""
    order = _order_by_time(tx["ts"], tx["tx_id"])
    tx["ts"] += start
    columns = {
        name: np.asarray(values).take(order)
        for name, values in tx.items()
        if name not in ("lat", "lon")
    }
    frame = pd.DataFrame(columns, copy=False)  # no other code uses the arrays
    online = frame["channel"].to_numpy() == CHANNELS.index("online")
    for name in ("lat", "lon"):
        frame[f"{name}_cdeg"] = pd.arrays.IntegerArray(tx[name][order], online)
    frame["warm_up"] = frame["ts"] < start + WARM_UP_DAYS * DAY
    frame["category"] = pd.Categorical.from_codes(frame["category"], geography.MERCHANT_CATEGORIES)
    frame["channel"] = pd.Categorical.from_codes(frame["channel"], CHANNELS)
    frame["kind"] = pd.Categorical.from_codes(frame["kind"], kinds)
    _apply_data_faults(config, frame, (frame["ts"].to_numpy() - start) // DAY)
    return frame


def find_true_compromises(world: World) -> np.ndarray:
    """Find the true compromise of each fraud: its campaign, and the card that it has struck.

    A campaign on a terminal is one compromise for each card. A fraud without a campaign, like a
    purchase that its own card holder denies, is a compromise of its own. Where two campaigns of one
    kind overlap on one card or terminal, a fraud counts for the later one.

    Parameters
    ----------
    world : World

    Returns
    -------
    ndarray of int64, shape (n,)
        A number for each transaction; -1 for a genuine one.
    """
    tx = world.transactions
    fraud = tx.loc[tx["kind"] != "", ["ts", "customer_id", "terminal_id", "kind"]]
    kind = fraud["kind"].astype(str)
    shop, card = "M" + fraud["terminal_id"].astype(str), "C" + fraud["customer_id"].astype(str)
    keys = {"kind": kind, "entity": shop.where(kind == "terminal", card)}
    fraud = fraud.assign(day=(fraud["ts"] - tx["ts"].min() // DAY * DAY) // DAY, **keys)
    key = world.compromises.rename(columns={"start": "day"}).sort_values("day")
    key = key[["id", "kind", "entity", "day"]].astype({"day": "int64"})
    # the latest campaign of this kind that had begun; table and frauds are in time order
    campaign = pd.merge_asof(fraud, key, on="day", by=["kind", "entity"])["id"].to_numpy(float)
    alone = -1.0 - np.arange(len(fraud))
    campaign = np.where(np.isnan(campaign), alone, campaign).astype(np.int64)
    found = np.full(len(tx), -1, np.int64)
    number = pd.MultiIndex.from_arrays([campaign, fraud["customer_id"].to_numpy()]).factorize()[0]
    found[(tx["kind"] != "").to_numpy()] = number
    return found


def _order_by_time(ts: np.ndarray, tx_id: np.ndarray) -> np.ndarray:
    """Order rows by time, then id; sixteen bits at a time, which NumPy sorts in linear time."""
    order = np.argsort(tx_id, kind="stable")
    for shift in range(0, int(ts.max(initial=0)).bit_length(), 16):
        order = order[np.argsort((ts[order] >> shift).astype(np.uint16), kind="stable")]
    return order


def _apply_data_faults(c: SimulatorConfig, frame: pd.DataFrame, day: np.ndarray) -> None:
    """Apply faults of the data in place: units, nulls, a renamed column."""

    faults = (  # kind, affected share, key, column, new values
        ("broken_units", 1 / 3, "terminal_id", "amount_cents", lambda values: values * 100),
        ("nulls", 0.6 * c.strength("nulls", day), "tx_id", "category", lambda values: np.nan),
        ("renamed_column", 1.0, "tx_id", "channel", lambda values: np.nan),
    )
    planned = {drift.kind for drift in c.drifts}
    for kind, share, entity, column, broken in faults:
        if kind in planned:
            struck = (c.strength(kind, day) > 0) & (
                CounterRng(c.seed, kind).uniform(frame[entity].to_numpy()) < share
            )
            frame.loc[struck, column] = broken(frame.loc[struck, column])


def _simulate_labels(config: SimulatorConfig, frame: pd.DataFrame) -> pd.DataFrame:
    fraud = frame.loc[frame["kind"].cat.codes > 0, ["tx_id", "ts", "kind"]]
    ids = fraud["tx_id"].to_numpy()
    median = np.array(list(MEDIAN_REPORT_DAYS.values()))[fraud["kind"].cat.codes.to_numpy() - 1]
    if config.preset == "handbook":
        delay = np.full(len(ids), 7.0)
        reported = np.ones(len(ids), bool)
    else:
        delay = median * np.exp(0.5 * CounterRng(config.seed, "label delay").normal(ids))
        reported = CounterRng(config.seed, "label reported").uniform(ids) > UNREPORTED_SHARE
    labels = pd.DataFrame(
        {"tx_id": ids, "label_ts": fraud["ts"].to_numpy() + (delay * DAY).astype(np.int64)}
    )
    return labels[reported].reset_index(drop=True)


def _simulate_in_blocks(
    make: Callable[[np.ndarray], WorldColumns], customers: int, workers: int
) -> WorldColumns:
    """Simulate customers block by block in threads, in order."""
    with ThreadPoolExecutor(workers) as pool:
        parts = list(
            pool.map(
                make, np.array_split(np.arange(customers), max(1, customers // CUSTOMERS_PER_BLOCK))
            )
        )
    return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}


def _simulate_handbook(
    c: SimulatorConfig, workers: int
) -> tuple[WorldColumns, WorldColumns, pd.DataFrame]:
    def draw(name: str) -> CounterRng:
        return CounterRng(c.seed, f"handbook {name}")

    shops = geography.sample_locations(c.seed, "handbook terminal", c.terminals)
    near = geography.RadiusNeighbors(
        geography.sample_locations(c.seed, "handbook customer", c.customers), shops, 5
    )
    days = np.arange(c.days)

    def life(people: np.ndarray) -> WorldColumns:
        mean = 5 + 95 * draw("mean amount").uniform(people)
        rate = 4 * draw("rate").uniform(people)
        row, day, k = expand_daily_counts(
            draw("count").poisson(rate[:, None], people[:, None], days[None, :])
        )
        index = day * TX_ID_SLOTS_PER_DAY + k
        second = np.floor(43_200 + 20_000 * draw("time").normal(people[row], index)).astype(
            np.int64
        )
        inside = (second > 0) & (second < DAY)
        row, day, index, second = row[inside], day[inside], index[inside], second[inside]
        customer, person_mean = people[row], mean[row]
        amount = person_mean * (1 + 0.5 * draw("amount").normal(customer, index))
        below = np.flatnonzero(amount < 0)
        amount[below] = (
            2 * person_mean[below] * draw("amount again").uniform(customer[below], index[below])
        )
        return {
            "customer_id": customer,
            "day": day,
            "index": index,
            "ts": day * DAY + second,
            "terminal_id": near.pick(customer, draw("terminal").uniform(customer, index)),
            "amount_cents": np.rint(amount * 100).astype(np.int64),
        }

    tx = _simulate_in_blocks(life, c.customers, workers)
    customer, terminal, day, index, cents = (
        tx[name] for name in ("customer_id", "terminal_id", "day", "index", "amount_cents")
    )
    kind = np.where(cents > 22_000, encode_fraud_kind("large_amount"), 0).astype(np.int8)
    bad_terminal, since_terminal = _sample_daily_compromises(
        draw("terminal compromise"), c.terminals, c.days, 2
    )
    kind[is_in_campaign(bad_terminal, since_terminal, terminal, day, c.terminals, c.days, 28)] = (
        encode_fraud_kind("terminal")
    )
    bad_customer, since_customer = _sample_daily_compromises(
        draw("customer compromise"), c.customers, c.days, 3
    )
    hit = np.flatnonzero(
        is_in_campaign(bad_customer, since_customer, customer, day, c.customers, c.days, 14)
    )
    hit = hit[draw("customer fraud").uniform(customer[hit], index[hit]) < 1 / 3]
    cents[hit] *= 5
    kind[hit] = encode_fraud_kind("customer")

    lat, lon = geography.to_centidegrees(shops)
    nothing = np.zeros(len(kind), np.int8)
    tx = {
        "tx_id": customer * c.days * TX_ID_SLOTS_PER_DAY + index,
        "ts": tx["ts"],
        "customer_id": customer,
        "terminal_id": terminal,
        "amount_cents": cents,
        "category": nothing,
        "channel": nothing,
        "lat": lat[terminal],
        "lon": lon[terminal],
        "kind": kind,
    }
    key = pd.DataFrame(
        {
            "kind": np.repeat(["terminal", "customer"], [len(bad_terminal), len(bad_customer)]),
            "entity": [*(f"M{one}" for one in bad_terminal), *(f"C{one}" for one in bad_customer)],
            "start": np.concatenate([since_terminal, since_customer]),
            "end": np.minimum(np.concatenate([since_terminal + 28, since_customer + 14]), c.days),
        }
    )
    no_refunds = {name: values[:0] for name, values in tx.items()}
    return tx, no_refunds, key.rename_axis("id").reset_index()


def _sample_daily_compromises(
    draws: CounterRng, n: int, days: int, per_day: int
) -> tuple[np.ndarray, np.ndarray]:
    since = np.repeat(np.arange(days), per_day)
    return (draws.uniform(since, np.tile(np.arange(per_day), days)) * n).astype(np.int64), since


def _simulate_course(
    c: SimulatorConfig, workers: int
) -> tuple[WorldColumns, WorldColumns, pd.DataFrame]:
    town = geography.build_geography(c)
    tx, compromises = add_fraud(
        c,
        town,
        _simulate_in_blocks(
            lambda people: simulate_purchases(c, town, people), c.customers, workers
        ),
    )
    amount = tx.pop("amount") * (
        1 + (PRICE_INFLATION_FACTOR - 1) * c.strength("price_inflation", tx.pop("day"))
    )
    lat, lon = geography.to_centidegrees(town.place)
    tx |= {
        "amount_cents": np.maximum(np.rint(100 * amount).astype(np.int64), 1),
        "category": town.category[tx["terminal_id"]],
        "lat": lat[tx["terminal_id"]],
        "lon": lon[tx["terminal_id"]],
    }
    nothing = {name: values[:0] for name, values in tx.items()}
    return tx, simulate_refunds(c, town, tx) if c.refunds else nothing, compromises
