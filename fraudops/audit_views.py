"""What the review page and the model card show, as data: performance, lists, one case, champion, ledger."""

import itertools
import math
from dataclasses import dataclass
from datetime import UTC, datetime

import numpy as np
import pandas as pd
import sqlalchemy as sa

from fraudops import anchors, cases, ledger, store
from fraudops.metrics import Costs, bootstrap, confusion, money, money_saved
from fraudops.timeline import DAY, MATURE_DAYS, day_of
from fraudops.workspace import UserError, Workspace, read_json

AMOUNT_BANDS = (0, 1_000, 5_000, 20_000, 100_000, math.inf)  # cents


def review_costs(workspace: Workspace) -> Costs:
    """The costs that the champion's threshold was chosen by; the library's defaults before there is one."""
    file = workspace.root / "models" / "champion.json"
    return Costs(review=int(read_json(file)["review_cost_cents"])) if file.is_file() else Costs()


def clock(ts: float) -> str:
    """A time in seconds since 1970 as people read it, UTC."""
    return datetime.fromtimestamp(ts, UTC).strftime("%Y-%m-%d %H:%M")


# --- performance ---


def decided(engine: sa.Engine) -> pd.DataFrame:
    """`cases.predictions_with_labels`, of which there must be some.

    Raises
    ------
    UserError
        If no model has decided on anything yet.
    """
    frame = cases.predictions_with_labels(engine)
    if frame.empty:
        raise UserError(
            "The database holds no predictions. The notebook 3_2_serve makes them: run `python run_all.py --until 3_2_serve`."
        )
    return frame


def judged(frame: pd.DataFrame) -> pd.DataFrame:
    """The predictions of days old enough that every transaction has a label.

    On younger days only the frauds that were reported early have one, and precision would look better than it is.

    Parameters
    ----------
    frame : what `cases.predictions_with_labels` gives
    """
    if frame.empty:
        return frame
    end = (int(frame["ts"].max()) // DAY + 1 - MATURE_DAYS) * DAY
    return frame[(frame["ts"] < end) & frame["label"].notna()]


def summary(rows: pd.DataFrame, costs: Costs) -> dict[str, float]:
    """Counts, rates and money of judged predictions: `metrics.confusion`, rows, and saved_cents."""
    y, flagged, cents = _arrays(rows)
    return confusion(y, flagged) | {"rows": len(rows), "saved_cents": money_saved(y, flagged, cents, costs)}


def _arrays(rows: pd.DataFrame) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    return rows["label"].to_numpy(int), rows["flagged"].to_numpy(bool), rows["amount_cents"].to_numpy(np.int64)


def by_day(rows: pd.DataFrame, costs: Costs) -> pd.DataFrame:
    """`summary` of each day, in order; the index is the date."""
    days = {day_of(int(ts)): summary(part, costs) for ts, part in rows.groupby(rows["ts"] // DAY * DAY)}
    return pd.DataFrame.from_dict(days, orient="index")


def intervals(rows: pd.DataFrame, costs: Costs, rounds: int = 200, seed: int = 0) -> pd.DataFrame:
    """Precision, recall, F1 and euros saved with 95 % intervals; whole customers are drawn again.

    Returns
    -------
    index precision, recall, f1, saved; columns figure, low, high. NaN where a rate is over nothing.
    """
    y, flagged, cents = _arrays(rows)
    saved = (np.where(y == 1, cents, 0) - money(y, flagged, cents, costs)) / 100
    tp, positive = y * flagged, flagged.astype(int)
    statistics = {
        "precision": (lambda chosen: _rate(tp[chosen].sum(), positive[chosen].sum())),
        "recall": (lambda chosen: _rate(tp[chosen].sum(), y[chosen].sum())),
        "f1": (lambda chosen: _rate(2 * tp[chosen].sum(), positive[chosen].sum() + y[chosen].sum())),
        "saved": (lambda chosen: float(saved[chosen].sum())),
    }
    everything, customers, out = np.arange(len(rows)), rows["customer_id"].to_numpy(), {}
    for name, statistic in statistics.items():
        figure = statistic(everything) if len(rows) else math.nan
        known = not math.isnan(figure)
        out[name] = [figure, *(bootstrap(statistic, customers, rounds, seed=seed) if known else (math.nan, math.nan))]
    return pd.DataFrame.from_dict(out, orient="index", columns=["figure", "low", "high"])


def _rate(top: int, bottom: int) -> float:
    return top / bottom if bottom else math.nan


def amount_band(rows: pd.DataFrame) -> pd.Series:
    """The amount band of each row, in words that sort by size."""
    pairs = itertools.pairwise(AMOUNT_BANDS)
    names = [f"{low // 100:,} or more" if high == math.inf else f"{low // 100:,} to {high // 100:,}" for low, high in pairs]
    return pd.cut(rows["amount_cents"], AMOUNT_BANDS, right=False, labels=names)


def by_segment(rows: pd.DataFrame, segment: pd.Series, costs: Costs, most: int = 12, rounds: int = 100) -> pd.DataFrame:
    """Performance of each segment: rows, frauds, recall and precision with 95 % intervals, euros saved.

    Parameters
    ----------
    segment : (n,) the segment of each row; beyond the `most` largest they are taken together as 'other'
    """
    names = segment.astype(str)
    largest = names.value_counts().index[:most]
    names = names.where(names.isin(largest), "other")
    in_order = isinstance(segment.dtype, pd.CategoricalDtype)
    table = {}
    for name in [str(one) for one in segment.cat.categories] if in_order else sorted(set(names)):
        if not (names == name).any():
            continue
        part = rows[names == name]
        figures = intervals(part, costs, rounds)
        table[name] = {"rows": len(part), "frauds": int(part["label"].sum())}
        for figure in ("recall", "precision"):
            table[name] |= {figure: figures.loc[figure, "figure"], f"{figure}_low": figures.loc[figure, "low"]}
            table[name] |= {f"{figure}_high": figures.loc[figure, "high"]}
        table[name]["saved"] = figures.loc["saved", "figure"]
    rates = [f"{figure}{end}" for figure in ("recall", "precision") for end in ("", "_low", "_high")]
    return pd.DataFrame.from_dict(table, orient="index", columns=None if table else ["rows", "frauds", *rates, "saved"])


# --- lists ---


def readable(rows: pd.DataFrame) -> pd.DataFrame:
    """Predictions with times, money and labels in words."""
    known = rows["label"].map({1: "fraud", 0: "genuine"}).astype(object)
    return pd.DataFrame(
        {
            "time (UTC)": [clock(ts) for ts in rows["ts"]],
            "transaction": rows["tx_id"].to_numpy(),
            "amount": [f"{cents / 100:,.2f}" for cents in rows["amount_cents"]],
            "score": [f"{p:.2%}" for p in rows["probability"]],
            "label": known.where(known.notna(), "not known yet").to_numpy(),
            "from": rows["label_source"].fillna("").to_numpy(),
            "customer": rows["customer_id"].to_numpy(),
            "terminal": rows["terminal_id"].to_numpy(),
            "category": rows["category"].to_numpy(),
            "channel": rows["channel"].to_numpy(),
            "model": rows["model_version"].to_numpy(),
        }
    )


# --- one case ---


def history(past: pd.DataFrame) -> pd.DataFrame:
    """A customer's earlier transactions (see `case_views.Case`) as people read them."""
    return pd.DataFrame(
        {
            "time (UTC)": [clock(ts) for ts in past["ts"]],
            "amount": [f"{cents / 100:,.2f}" for cents in past["amount_cents"]],
            "terminal": past["terminal_id"],
            "category": past["category"],
            "channel": past["channel"],
            "known then": ["reported fraud" if reported else "" for reported in past["reported"]],
        }
    )


def linked(rows: pd.DataFrame) -> pd.DataFrame:
    """Linked cases (see `case_views.Case`) as people read them."""
    states = {"open": "open", "second": "waits for a second person"}
    return pd.DataFrame(
        {
            "time (UTC)": [clock(ts) for ts in rows["ts"]],
            "transaction": rows["tx_id"],
            "amount": [f"{cents / 100:,.2f}" for cents in rows["amount_cents"]],
            "shared": rows["shared"],
            "state": [states.get(state, verdict) for state, verdict in zip(rows["state"], rows["verdict"], strict=True)],
        }
    )


# --- who decided ---


def deciders(engine: sa.Engine) -> pd.DataFrame:
    """Each model version with what it decided: version, predictions, flagged, first and last transaction, first_scored (s)."""
    p = store.predictions
    flagged = sa.func.sum(sa.case((p.c.decision != "approve", 1), else_=0)).label("flagged")
    columns = [
        p.c.model_version.label("version"), sa.func.count().label("predictions"), flagged, sa.func.min(p.c.ts).label("first"),
        sa.func.max(p.c.ts).label("last"), sa.func.min(p.c.scored_at).label("first_scored"),
    ]  # fmt: skip
    with engine.connect() as connection:
        found = store.frame(connection, sa.select(*columns).group_by(p.c.model_version).order_by(sa.literal_column("first")))
    return found.assign(first=found["first"].map(clock), last=found["last"].map(clock))


def decisions_of(engine: sa.Engine, actor: str) -> pd.DataFrame:
    """The verdicts of one reviewer in order, without opinions on blind cases; columns of `store.decisions`."""
    d = store.decisions
    with engine.connect() as connection:
        return store.frame(connection, sa.select(d).where(d.c.actor == actor, d.c.stage != "opinion").order_by(d.c.id))


# --- champion and ledger ---


@dataclass(frozen=True)
class Chain:
    """The state of the ledger: what is broken (None if nothing), its number of entries and its head."""

    broken: str | None
    entries: int
    head: str


def chain(engine: sa.Engine, workspace: Workspace | None = None, registry: bool = True) -> Chain:
    """Verify the ledger, with a workspace also against every head that was kept outside the database.

    Parameters
    ----------
    registry : look at the head that MLflow keeps too, which takes seconds the first time
    """
    broken = anchors.verify(workspace, engine, registry) if workspace else None
    with store.reading(engine) as connection:
        entries, head = ledger.last(connection)
        return Chain(broken or (None if workspace else ledger.verify(connection)), entries, head)
