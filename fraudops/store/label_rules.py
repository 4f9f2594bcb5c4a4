"""The rule which label counts for a transaction, and the predictions beside their labels.

Several labels may exist for one transaction. A chargeback counts before a reviewer's label, and
fraud counts before genuine. A transaction without a label counts as genuine once it is older than
`LABEL_MATURITY_DAYS`. A label counts from its arrival (`label_ts`).
"""

import pandas as pd
import sqlalchemy as sa

from fraudops.store.rows import read_frame
from fraudops.store.schema import labels, predictions, transactions
from fraudops.timeline import DAY, LABEL_MATURITY_DAYS

# the first label in this order counts; 'chargeback' sorts before 'reviewer'
_PRIORITY = (labels.c.source, labels.c.is_fraud.desc())


def mature_before(known_at: int) -> int:
    """Compute the time before which a transaction without a label counts as genuine.

    Parameters
    ----------
    known_at : int
        Seconds since 1970.

    Returns
    -------
    int
        Seconds since 1970.

    Examples
    --------
    >>> mature_before(8 * 86_400)
    86400
    """
    return known_at - LABEL_MATURITY_DAYS * DAY


def effective_label_sql(known_at: int) -> sa.ColumnElement[int]:
    """Build the rule as an SQL expression over a row of `predictions`.

    Parameters
    ----------
    known_at : int
        Labels count that arrived before this time (seconds since 1970).

    Returns
    -------
    sqlalchemy.ColumnElement
        1 for fraud, 0 for genuine, NULL if it is not known yet.
    """
    first = (
        sa.select(labels.c.is_fraud)
        .where(labels.c.tx_id == predictions.c.tx_id, labels.c.label_ts < known_at)
        .order_by(*_PRIORITY)
        .limit(1)
        .correlate(predictions)
        .scalar_subquery()
    )
    genuine = sa.case((predictions.c.ts < mature_before(known_at), 0))
    return sa.func.coalesce(first, genuine)


def load_counting_labels(
    connection: sa.Connection, known_at: int, *conditions: sa.ColumnElement
) -> pd.DataFrame:
    """Load the label that counts for each labelled transaction.

    Parameters
    ----------
    connection : sqlalchemy.Connection
    known_at : int
        Labels count that arrived before this time (seconds since 1970).
    *conditions : sqlalchemy.ColumnElement
        Conditions on `labels`.

    Returns
    -------
    pandas.DataFrame
        Index tx_id; columns source and is_fraud (1 or 0).
    """
    columns = (labels.c.tx_id, labels.c.source, labels.c.is_fraud)
    query = sa.select(*columns).where(labels.c.label_ts < known_at, *conditions)
    rows = read_frame(connection, query.order_by(*_PRIORITY))
    return rows.drop_duplicates("tx_id").set_index("tx_id")


def load_reviewer_labels(engine: sa.Engine, known_at: int) -> pd.DataFrame:
    """Load the newest label of a reviewer for each transaction that has one.

    Parameters
    ----------
    engine : sqlalchemy.Engine
    known_at : int
        Labels count that were given before this time (seconds since 1970).

    Returns
    -------
    pandas.DataFrame
        Columns tx_id, is_fraud, label_ts.
    """
    columns = (labels.c.tx_id, labels.c.is_fraud, labels.c.label_ts)
    query = sa.select(*columns).where(labels.c.source == "reviewer", labels.c.label_ts < known_at)
    with engine.connect() as connection:
        rows = read_frame(connection, query.order_by(labels.c.label_ts, labels.c.tx_id))
    return rows.drop_duplicates("tx_id", keep="last")


def load_predictions_with_labels(engine: sa.Engine, as_of: int | None = None) -> pd.DataFrame:
    """Load every prediction beside the label that counts.

    Parameters
    ----------
    engine : sqlalchemy.Engine
    as_of : int, optional
        Labels count that arrived before this time (seconds since 1970); default: the end of the
        day of the last prediction.

    Returns
    -------
    pandas.DataFrame
        In time order: tx_id, ts, customer_id, terminal_id, amount_cents, category, channel,
        model_version, probability, decision, flagged (bool), label (1 fraud, 0 genuine, <NA> not
        known yet), label_source (chargeback, reviewer, 'no report' or None).
    """
    p, t = predictions.c, transactions.c
    about = (t.customer_id, t.terminal_id, t.amount_cents, t.category, t.channel)
    query = (
        sa.select(p.tx_id, p.ts, *about, p.model_version, p.probability, p.decision)
        .join(transactions, t.tx_id == p.tx_id)
        .order_by(p.ts, p.tx_id)
    )
    with engine.connect() as connection:
        frame = read_frame(connection, query)
        if as_of is None:
            as_of = int(frame["ts"].max() // DAY + 1) * DAY if len(frame) else 0
        known = load_counting_labels(connection, as_of)
    frame["flagged"] = frame["decision"] != "approve"
    frame["label"] = known["is_fraud"].reindex(frame["tx_id"]).astype("Int64").array
    frame["label_source"] = known["source"].reindex(frame["tx_id"]).to_numpy()
    no_report = frame["label"].isna() & (frame["ts"] < mature_before(as_of))
    frame.loc[no_report, "label"] = 0
    frame.loc[no_report, "label_source"] = "no report"
    return frame
