"""Training-serving skew as a daily job: a sample of the answered transactions is computed again.

What the service stored with its answers is compared with what `features.sql` gives over the
database, as the job for online-offline consistency of Chronon (Airbnb, 2023) does. Numbers that a
source brings already computed (``given_*``) are not compared.
"""

import json

import numpy as np
import pandas as pd
import sqlalchemy as sa

from fraudops import store
from fraudops.data import TRANSACTION_COLUMNS
from fraudops.errors import UserError
from fraudops.features import (
    CATEGORICAL_FEATURES,
    FEATURES,
    NUMERIC_FEATURES,
    WINDOW_GAP_SECONDS,
    LateEvents,
    compute_feature_matrix,
    compute_sums_sql,
    to_column_arrays,
)
from fraudops.models import build_input_frame
from fraudops.monitoring import AlertLog, FeatureSkew, SkewReport, write_monitor_metrics
from fraudops.timeline import DAY, day_of
from fraudops.workspace import Workspace

SKEW_SAMPLE = 200  # transactions of a day
# both sides divide the same integers; the place of a row in an array may change the last bit
ABSOLUTE_TOLERANCE, RELATIVE_TOLERANCE = 1e-9, 1e-12
COMMIT_SECONDS = 60  # an entry has the time at which it is written, and is seen at its commit
MAX_FAILED_RETRIES = 20  # rows that differ either way: then it is skew, and no accident
DIFFERENCES = ("mismatches", "missing", "extra")


def check_skew(
    workspace: Workspace, day: int | None = None, sample: int = SKEW_SAMPLE
) -> SkewReport:
    """Compare a day, write the result, and publish an alert if features differ.

    Parameters
    ----------
    workspace : Workspace
    day : int, optional
        Its first second, since 1970. Default: the latest day with an answered transaction.
    sample : int, optional
        How many transactions of the day are drawn. The day is the seed.

    Returns
    -------
    SkewReport

    Raises
    ------
    UserError
        If no transaction of the day was answered, or the sample is below 1.
    """
    engine = store.connect(workspace)
    try:
        with store.read_transaction(engine) as connection:
            report = compare_day(connection, day, sample)
    finally:
        engine.dispose()
    alerts = report.make_alerts(SkewReport.load_latest(workspace, before=report.day))
    report.save(workspace)
    AlertLog.publish(workspace, alerts)
    write_monitor_metrics(workspace)
    return report


def compare_day(
    connection: sa.Connection, day: int | None = None, sample: int = SKEW_SAMPLE
) -> SkewReport:
    """Compare the stored inputs of a day's sample with the features computed again.

    An event that was recorded after an answer is no skew: the transaction is then compared with
    what was known at the answer.

    Parameters
    ----------
    connection : Connection
    day, sample
        See `check_skew`.

    Returns
    -------
    SkewReport

    Raises
    ------
    UserError
    """
    if sample < 1:
        raise UserError(f"A sample of {sample} transactions compares nothing: give at least 1.")
    day = _find_latest_day(connection) if day is None else day
    p = store.predictions.c
    in_day = sa.select(p.tx_id).where(p.ts >= day, p.ts < day + DAY)
    ids = sorted(connection.scalars(in_day))
    if not ids:
        raise UserError(
            f"No transaction of {day_of(day)} was answered: the latest answered day is "
            f"{day_of(_find_latest_day(connection))}."
        )
    chosen = np.random.default_rng(day // DAY).choice(len(ids), min(sample, len(ids)), False)
    rows = _load_answered(connection, [ids[number] for number in sorted(chosen)])
    if not rows:
        raise UserError(
            f"None of the transactions drawn from {day_of(day)} has stored inputs: this day was "
            "answered by a version of the course that stored none."
        )
    stored = build_input_frame([json.loads(row["inputs"]) for row in rows])[list(FEATURES)]
    kinds = _find_differences(stored, _compute_inputs(connection, rows))
    late = failed = 0
    differing = np.flatnonzero((kinds != "").any(axis=1))
    first = min((rows[number]["scored_at"] for number in differing), default=0.0)
    reports = _load_reports(connection, first - COMMIT_SECONDS) if len(differing) else []
    for number in differing:
        own = stored.iloc[[number]].reset_index(drop=True)
        for wait in (0, COMMIT_SECONDS) if failed < MAX_FAILED_RETRIES else (0,):
            row = rows[number] | {"scored_at": rows[number]["scored_at"] - wait}
            events = find_late_events(connection, row, reports)
            if not any(events):
                continue
            found = _find_differences(own, _compute_inputs(connection, [row], events)).iloc[0]
            is_same = bool((found == "").all())
            if is_same or not wait:
                kinds.iloc[number] = found
            if is_same:
                late += 1
                break
            failed += bool(wait)
    counts = {name: kinds[name].value_counts() for name in FEATURES}
    return SkewReport(
        as_of=day + DAY,
        day=str(day_of(day)),
        answered=len(ids),
        compared=len(rows),
        late=late,
        features={
            name: FeatureSkew(
                compared=len(rows), **{kind: int(found.get(kind, 0)) for kind in DIFFERENCES}
            )
            for name, found in counts.items()
        },
    )


def _find_latest_day(connection: sa.Connection) -> int:
    latest = store.get_latest_ts(connection)
    if not latest:
        raise UserError(
            "No transaction was answered yet. `fraudops run --until 3_2_serve` replays some."
        )
    return latest // DAY * DAY


def _load_answered(connection: sa.Connection, ids: list[str]) -> list[dict]:
    """Load stored transactions with the time of their answer and what the model saw."""
    t, p, e = store.transactions, store.predictions, store.evidence
    query = (
        sa.select(*(t.c[name] for name in TRANSACTION_COLUMNS), p.c.scored_at, e.c.inputs)
        .join(p, p.c.tx_id == t.c.tx_id)
        .join(e, e.c.prediction_id == p.c.prediction_id)
    )
    parts = [
        connection.execute(query.where(t.c.tx_id.in_(keys))).mappings()
        for keys in store.split_keys(ids)
    ]
    return [dict(row) for part in parts for row in part]


def _compute_inputs(
    connection: sa.Connection, rows: list[dict], left_out: LateEvents | None = None
) -> pd.DataFrame:
    sums = compute_sums_sql(connection, rows, left_out)
    numbers = compute_feature_matrix(to_column_arrays(rows), sums)
    frame = pd.DataFrame(numbers, columns=list(NUMERIC_FEATURES))
    return frame.assign(**{name: [row[name] for row in rows] for name in CATEGORICAL_FEATURES})


def _find_differences(online: pd.DataFrame, offline: pd.DataFrame) -> pd.DataFrame:
    """The kind of difference of each value, or an empty text."""
    kinds = {}
    for name in FEATURES:
        one, other = online[name], offline[name]
        if name in CATEGORICAL_FEATURES:
            is_same = (one == other).to_numpy()
        else:
            is_same = np.isclose(
                one, other, rtol=RELATIVE_TOLERANCE, atol=ABSOLUTE_TOLERANCE, equal_nan=True
            )
        conditions = [is_same, one.isna(), other.isna()]
        kinds[name] = np.select(conditions, ["", "missing", "extra"], "mismatches")
    return pd.DataFrame(kinds)


def _load_reports(connection: sa.Connection, since: float) -> list[tuple[float, str, int]]:
    """Load when each fraud report was recorded, with its transaction and its own time."""
    entry = store.ledger.c
    query = sa.select(entry.at, entry.body).where(entry.event == "chargebacks", entry.at > since)
    return [
        (at, tx_id, label_ts)
        for at, body in connection.execute(query)
        for tx_id, _, _, label_ts in json.loads(body)["payload"]["labels"]
    ]


def find_late_events(
    connection: sa.Connection, row: dict, reports: list[tuple[float, str, int]]
) -> LateEvents:
    """Find the events before a transaction that were recorded after its answer.

    Transactions have the time of their own answer. The ledger has the time at which a fraud report
    or a refund was recorded.

    Parameters
    ----------
    connection : Connection
    row : dict
        A stored transaction with ``scored_at``.
    reports : list of (float, str, int)
        When each fraud report was recorded, its transaction, and its own time.

    Returns
    -------
    LateEvents
    """
    until, at = row["ts"] - WINDOW_GAP_SECONDS, row["scored_at"]
    t, p, r = store.transactions.c, store.predictions.c, store.refunds.c
    entry, sealed = store.ledger.c, store.sealed.c
    related = sa.or_(t.customer_id == row["customer_id"], t.terminal_id == row["terminal_id"])
    transactions = (
        sa.select(t.tx_id)
        .join(store.predictions, p.tx_id == t.tx_id)
        .where(related, t.ts <= until, p.scored_at > at)
    )
    refunds = (
        sa.select(r.tx_id)
        .join(store.sealed, sa.and_(sealed.kind == "refunds", sealed.key == r.tx_id))
        .join(store.ledger, entry.seq == sealed.seal)
        .where(r.customer_id == row["customer_id"], r.ts <= until, entry.at > at)
    )
    known = ((tx_id, ts) for recorded, tx_id, ts in reports if recorded > at and ts <= until)
    return LateEvents(
        frozenset(connection.scalars(transactions)),
        frozenset(known),
        frozenset(connection.scalars(refunds)),
    )
