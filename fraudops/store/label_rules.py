"""Which label counts for a transaction, and the predictions beside it."""

import pandas as pd
import sqlalchemy as sa

from fraudops import store
from fraudops.store import schema
from fraudops.timeline import DAY, LABEL_MATURITY_DAYS


def effective_label_sql(before: int, mature: int) -> sa.ColumnElement[int]:
    """1 fraud, 0 genuine, null not known yet: the rule of `cases.predictions_with_labels`, as SQL.

    Parameters
    ----------
    before : labels count that arrived before this moment (s)
    mature : without a label a transaction of before this moment counts as genuine
    """
    p, f = schema.predictions, schema.labels
    said = (
        sa.select(f.c.is_fraud)
        .where(f.c.tx_id == p.c.tx_id, f.c.label_ts < before)
        .order_by(f.c.source, f.c.is_fraud.desc())  # 'chargeback' sorts before 'reviewer'
        .limit(1)
        .correlate(p)
        .scalar_subquery()
    )
    return sa.func.coalesce(said, sa.case((p.c.ts < mature, 0)))


def load_reviewer_labels(engine: sa.Engine, known_at: int) -> pd.DataFrame:
    """What reviewers had said by a moment (s since 1970): tx_id, is_fraud, label_ts; of several words on one the last."""
    f = store.labels
    query = sa.select(f.c.tx_id, f.c.is_fraud, f.c.label_ts).where(
        f.c.source == "reviewer", f.c.label_ts < known_at
    )
    with engine.connect() as connection:
        return store.read_frame(
            connection, query.order_by(f.c.label_ts, f.c.tx_id)
        ).drop_duplicates("tx_id", keep="last")


def load_predictions_with_labels(engine: sa.Engine, as_of: int | None = None) -> pd.DataFrame:
    """Every prediction beside what is known of it.

    Parameters
    ----------
    as_of : seconds since 1970; labels that arrived later are left out (default: a day after the last prediction)

    Returns
    -------
    (n, 13) in time order: tx_id, ts, customer_id, terminal_id, amount_cents, category, channel, model_version, probability,
    decision, flagged (bool), label (1 fraud, 0 genuine, <NA> not known yet) and label_source. A chargeback counts before a
    reviewer's word, fraud before genuine; without either a transaction counts as genuine once older than `MATURE_DAYS`.
    """
    p, t, f = store.predictions, store.transactions, store.labels
    tx_columns = [
        t.c[name] for name in ("customer_id", "terminal_id", "amount_cents", "category", "channel")
    ]
    query = (
        sa.select(p.c.tx_id, p.c.ts, *tx_columns, p.c.model_version, p.c.probability, p.c.decision)
        .join(t, t.c.tx_id == p.c.tx_id)
        .order_by(p.c.ts, p.c.tx_id)
    )
    with engine.connect() as connection:
        frame = store.read_frame(connection, query)
        if as_of is None:
            as_of = int(frame["ts"].max() // DAY + 1) * DAY if len(frame) else 0
        order = (f.c.source, f.c.is_fraud.desc())  # 'chargeback' sorts before 'reviewer'
        given = store.read_frame(
            connection,
            sa.select(f.c.tx_id, f.c.source, f.c.is_fraud)
            .where(f.c.label_ts < as_of)
            .order_by(*order),
        )
    frame["flagged"] = frame["decision"] != "approve"
    given = given.drop_duplicates("tx_id").set_index("tx_id")
    frame["label"] = given["is_fraud"].reindex(frame["tx_id"]).astype("Int64").array
    frame["label_source"] = given["source"].reindex(frame["tx_id"]).to_numpy()
    silent = frame["label"].isna() & (frame["ts"] < as_of - LABEL_MATURITY_DAYS * DAY)
    frame.loc[silent, "label"] = 0
    frame.loc[silent, "label_source"] = "no report"
    return frame
