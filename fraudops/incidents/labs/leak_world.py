"""The world of the lab *The challenger that is too good*: one given column knows later reports."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from fraudops.incidents.labs.clock import run_at
from fraudops.incidents.labs.small_operation import TRAIN_DAY, SmallOperation, fit_small
from fraudops.incidents.labs.story import COLLEAGUES, draw_story, get_moment
from fraudops.ledger import REGISTERED_MODEL_NAME
from fraudops.models import average_precision
from fraudops.timeline import DAY, day_of, format_time
from fraudops.workspace import Workspace

LEAK_LAB = "too-good-challenger"
LEAK_CUSTOMERS = 180
HONEST_DAYS, COUNTED_DAYS = 30, 1  # that the honest count and the faulty one look back
MORNINGS_APART = 7  # days
AHEAD_DAYS = (7, 8, 9, 10)
LEAK_FIRST_TRAINING = 40  # day of the story
TEST_DAYS = 7
COLUMNS = (
    "given_card_alerts",
    "given_shop_alerts",
    "given_card_pace",
    "given_shop_age",
    "given_category_rank",
)
CAN_LEAK = COLUMNS[:2]
CORRECTED = "given_category_rank"
CHAMPION, CHALLENGER = "1", "2"


@dataclass(frozen=True)
class LeakPlan:
    """What the seed decides.

    Attributes
    ----------
    morning : int
        Day of the story on which the first table was written.
    column : str
        The one that knows the future.
    ahead : int
        So many days.
    corrected : int
        Day of the story whose categories were corrected between the tables.
    author : str
    """

    morning: int
    column: str
    ahead: int
    corrected: int
    author: str

    @classmethod
    def draw(cls, seed: int) -> LeakPlan:
        """Draw the plan of a seed."""
        random = draw_story(LEAK_LAB, seed)
        morning = int(random.integers(55, 59))
        return cls(
            morning=morning,
            column=str(random.choice(CAN_LEAK)),
            ahead=int(random.choice(AHEAD_DAYS)),
            corrected=morning - int(random.integers(11, 15)),
            author=str(random.choice(COLLEAGUES)),
        )

    @property
    def mornings(self) -> tuple[int, int]:
        """The moments of both tables, in seconds since 1970."""
        return get_moment(self.morning), get_moment(self.morning + MORNINGS_APART)

    @property
    def names(self) -> tuple[str, str]:
        """The names of the files of both tables."""
        first, second = (f"features_{day_of(one)}.parquet" for one in self.mornings)
        return first, second


def count_between(
    events: pd.DataFrame, key: str, at: pd.DataFrame, start: np.ndarray, end: np.ndarray
) -> np.ndarray:
    """Count for each row the events of its entity in a period.

    Parameters
    ----------
    events : DataFrame
        Columns `key` and ``at`` (seconds).
    key : str
    at : DataFrame of shape (n, ...)
        Column `key`.
    start, end : ndarray of shape (n,)
        Seconds; `start` is included, `end` is not.

    Returns
    -------
    ndarray of float, shape (n,)
    """
    times = {one: np.sort(part.to_numpy()) for one, part in events.groupby(key)["at"]}
    counts = np.zeros(len(at))
    for entity, places in at.groupby(key).indices.items():
        known = times.get(entity, np.array([], np.int64))
        last, first = np.searchsorted(known, end[places]), np.searchsorted(known, start[places])
        counts[places] = last - first
    return counts


def count_reported_purchases(
    rows: pd.DataFrame, key: str, reports: pd.DataFrame, ahead: int
) -> np.ndarray:
    """Count reported purchases of an entity by the time of the purchase: the fault of this lab.

    Parameters
    ----------
    rows : DataFrame of shape (n, ...)
        ``tx_id, ts`` and `key`.
    key : str
    reports : DataFrame
        ``tx_id``, `key` and ``label_ts``.
    ahead : int
        Reports count that arrive up to so many seconds after the row.

    Returns
    -------
    ndarray of float, shape (n,)
    """
    made = rows.set_index("tx_id")["ts"]
    known = reports[["tx_id", key, "label_ts"]].assign(made=reports["tx_id"].map(made))
    pairs = rows[[key, "ts"]].reset_index().merge(known.drop(columns="tx_id"), on=key)
    age, wait = pairs["ts"] - pairs["made"], pairs["label_ts"] - pairs["ts"]
    counted = pairs.loc[age.between(0, COUNTED_DAYS * DAY) & (wait < ahead), "index"]
    return counted.value_counts().reindex(rows.index, fill_value=0).to_numpy(float)


def make_table(house: SmallOperation, plan: LeakPlan, morning: int) -> pd.DataFrame:
    """Make the given columns of all purchases before a morning, from what it knew.

    Parameters
    ----------
    house : SmallOperation
    plan : LeakPlan
    morning : int
        Seconds since 1970.

    Returns
    -------
    DataFrame
        ``tx_id, ts, customer_id`` and `COLUMNS`.
    """
    tx = house.transactions
    rows = tx[tx["ts"] < morning].reset_index(drop=True)
    ts = rows["ts"].to_numpy()
    known = house.reports[house.reports["label_ts"] < morning]
    counts = {}
    for name, key in zip(CAN_LEAK, ("customer_id", "terminal_id"), strict=True):
        if name == plan.column:
            counts[name] = count_reported_purchases(rows, key, known, plan.ahead * DAY)
        else:
            arrived = known.rename(columns={"label_ts": "at"})
            counts[name] = count_between(arrived, key, rows, ts - HONEST_DAYS * DAY, ts)
    purchases = rows.rename(columns={"ts": "at"})
    rank = rows["category"].astype("category").cat.codes.to_numpy(float)
    is_corrected = ts // DAY == get_moment(plan.corrected) // DAY
    if morning == plan.mornings[0]:  # half of that day came without a category
        rank[is_corrected & (np.arange(len(ts)) % 2 == 0)] = -1.0
    first_seen = rows.groupby("terminal_id")["ts"].transform("min").to_numpy()
    counts["given_card_pace"] = count_between(purchases, "customer_id", rows, ts - DAY, ts)
    counts["given_shop_age"] = (ts - first_seen) // DAY * 1.0
    counts[CORRECTED] = rank
    return rows[["tx_id", "ts", "customer_id"]].assign(**{name: counts[name] for name in COLUMNS})


def build_leak_world(workspace: Workspace, seed: int) -> str:
    """Write both tables and the reports, and register champion and challenger.

    Parameters
    ----------
    workspace : Workspace
    seed : int

    Returns
    -------
    str
        The symptom.
    """
    plan = LeakPlan.draw(seed)
    second = plan.mornings[1]
    house = SmallOperation.make(workspace, seed, LEAK_CUSTOMERS, plan.morning + MORNINGS_APART)
    tables = [make_table(house, plan, one) for one in plan.mornings]
    for name, table in zip(plan.names, tables, strict=True):
        with workspace.atomic_write(f"challenger/{name}") as temporary:
            table.to_parquet(temporary, index=False)
    reports = house.reports[house.reports["label_ts"] < second]
    with workspace.atomic_write("data/labels.parquet") as temporary:
        reports.to_parquet(temporary, index=False)
    given = tables[1][["tx_id", *COLUMNS]]
    wide = SmallOperation(
        workspace,
        house.transactions,
        house.reports,
        house.features.merge(given, on="tx_id"),
        house.engine,
        house.registry,
    )
    end = plan.morning - MORNINGS_APART
    models = {}
    for version, source in ((CHAMPION, house), (CHALLENGER, wide)):
        days = (TRAIN_DAY, end, end)
        rows, test = source.select(*days), source.select(end, plan.morning, plan.morning + 7)
        fitted = fit_small(rows)
        period = {"train_from": str(day_of(rows.ts.min())), "train_to": str(day_of(rows.ts.max()))}
        period |= {"test_from": str(day_of(test.ts.min())), "test_to": str(day_of(test.ts.max()))}
        source.register(fitted, rows, f"training {version}", **period)
        models[version] = average_precision(test.y, fitted.predict_probability(test.X))
    with run_at(get_moment(LEAK_FIRST_TRAINING + 5, 10)):
        house.registry.promote(house.engine, CHAMPION, "first model of this operation")
    house.registry.client.set_registered_model_alias(
        REGISTERED_MODEL_NAME, "challenger", CHALLENGER
    )
    house.engine.dispose()
    return (
        f"{plan.author} writes on {format_time(second + 9 * 3600)} (UTC):\n\n> I have registered "
        f"version {CHALLENGER} as challenger. It has five new columns `given_…` from our data "
        f"team. Average precision on the test days is {models[CHALLENGER]:.2f}, the champion has "
        f"{models[CHAMPION]:.2f}. No version before was so good. The test days lie after the "
        "training days, I have checked that. Please promote it today.\n\nThe data team writes the "
        f"table of the new columns once a week, by the same rule. Two tables are in `challenger/`: "
        f"`{plan.names[0]}` and `{plan.names[1]}`, each of the morning of its day. The fraud "
        "reports are in `data/labels.parquet`. The registry is in `mlflow/`."
    )
