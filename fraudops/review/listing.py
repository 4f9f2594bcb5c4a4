"""Lists of predictions: four lists, filters, and one page of rows at a time."""

from dataclasses import dataclass

import numpy as np
import pandas as pd
import sqlalchemy as sa

from fraudops import store
from fraudops.review.case_filters import stands
from fraudops.review.exports import export_csv
from fraudops.review.verdicts import select_hidden_cases
from fraudops.timeline import DAY

DEFAULT_PAGE_ROWS = 25
MAX_COUNTED_ROWS = 10_000  # counting stops here, so that a list of millions opens fast
ANY_VALUE = ""


@dataclass(frozen=True)
class PredictionFilter:
    """The filters of a list. An empty value does not filter.

    Attributes
    ----------
    start : int or None
        First second of the transaction, since 1970.
    end : int or None
        Excluded.
    least_cents : int
        Smallest amount.
    category : str
    channel : str
    version : str
    text : str
        A part of the id of a transaction, customer or terminal, in any case.
    reviewed : str
        ``yes``: a person's verdict counts; ``no``: none does yet; empty: both.
    order : str
        One of `LIST_ORDERS`, or empty for the order of the list.
    reviewer : str
        Only transactions on which this person has given a verdict that was not undone.
    """

    start: int | None = None
    end: int | None = None
    least_cents: int = 0
    category: str = ANY_VALUE
    channel: str = ANY_VALUE
    version: str = ANY_VALUE
    text: str = ANY_VALUE
    reviewed: str = ANY_VALUE
    order: str = ANY_VALUE
    reviewer: str = ANY_VALUE


# name of a list: what is in it
PREDICTION_LISTS = {
    "Predicted frauds": "sent to review or blocked, largest expected loss first",
    "Predicted non-frauds": "approved, highest score first",
    "False positives": "sent to review but genuine, highest score first",
    "False negatives": "approved but fraud, largest amount first",
}


LIST_ORDERS = {
    "latest first": (store.predictions.c.ts, True),
    "oldest first": (store.predictions.c.ts, False),
    "largest amount first": (store.transactions.c.amount_cents, True),
    "smallest amount first": (store.transactions.c.amount_cents, False),
    "highest score first": (store.predictions.c.probability, True),
    "lowest score first": (store.predictions.c.probability, False),
}
CASE_STATES = {
    "open": "waits for a person",
    "second": "waits for a second person",
    "closed": "reviewed",
    "settled": "label arrived first",
}


def _build_list_query(name: str, label: sa.ColumnElement[int]) -> tuple[list, sa.ColumnElement]:
    """Build the conditions and the order of a list."""
    p, t, f = store.predictions, store.transactions, store.labels
    flagged, approved = p.c.decision.in_(("review", "block")), p.c.decision == "approve"
    reported = p.c.tx_id.in_(sa.select(f.c.tx_id).where(f.c.is_fraud == 1))
    # not by its index, because approved transactions are many
    passed = p.c.decision.concat("") == "approve"
    return {
        "Predicted frauds": ([flagged], (p.c.probability * t.c.amount_cents).desc()),
        "Predicted non-frauds": ([approved], p.c.probability.desc()),
        "False positives": ([flagged, label == 0], p.c.probability.desc()),
        "False negatives": ([reported, passed, label == 1], t.c.amount_cents.desc()),
    }[name]


def _build_filter_conditions(filters: PredictionFilter) -> list[sa.ColumnElement[bool]]:
    p, t, c = store.predictions, store.transactions, store.cases
    ids = (t.c.tx_id, t.c.customer_id, t.c.terminal_id)
    is_reviewed = sa.exists().where(c.c.tx_id == p.c.tx_id, c.c.state == "closed")
    d = store.decisions
    by_reviewer = sa.exists().where(
        d.c.tx_id == p.c.tx_id, d.c.actor == filters.reviewer, stands(d)
    )
    conditions = [
        (filters.start is not None, p.c.ts >= (filters.start or 0)),
        (filters.end is not None, p.c.ts < (filters.end or 0)),
        (filters.least_cents, t.c.amount_cents >= filters.least_cents),
        (filters.category, t.c.category == filters.category),
        (filters.channel, t.c.channel == filters.channel),
        (filters.version, p.c.model_version == filters.version),
        (filters.text, sa.or_(*(one.icontains(filters.text, autoescape=True) for one in ids))),
        (filters.reviewed == "yes", is_reviewed),
        (filters.reviewed == "no", ~is_reviewed),
        (filters.reviewer, by_reviewer),
    ]
    return [condition for requested, condition in conditions if requested]


def load_prediction_page(
    engine: sa.Engine,
    name: str,
    filters: PredictionFilter,
    offset: int = 0,
    size: int = DEFAULT_PAGE_ROWS,
    actor: str = "",
) -> tuple[pd.DataFrame, int]:
    """Load one page of a list of predictions.

    Parameters
    ----------
    engine : Engine
    name : str
        One of `PREDICTION_LISTS`.
    filters : PredictionFilter
    offset : int, optional
        Rows to skip.
    size : int, optional
        Rows of a page.
    actor : str, optional
        Leave out the cases that this person may still have to judge blind: already the name of the
        list and the place in it say what the model thinks.

    Returns
    -------
    rows : DataFrame of shape (at most size, 14)
        ``tx_id, ts, customer_id, terminal_id, amount_cents, category, channel, model_version,
        probability, decision, label`` (1, 0 or missing), ``label_source``, ``review`` (in words),
        ``reviewed_by``.
    total : int
        Number of all rows, at most `MAX_COUNTED_ROWS` + 1.
    """
    p = store.predictions
    with engine.connect() as connection:
        known = (store.get_latest_ts(connection) // DAY + 1) * DAY
        label = store.effective_label_sql(known)
        conditions, order = _build_list_query(name, label)
        if filters.order:
            column, is_descending = LIST_ORDERS[filters.order]
            order = column.desc() if is_descending else column.asc()
        conditions = [*conditions, *_build_filter_conditions(filters)]
        if actor:
            conditions.append(p.c.tx_id.not_in(select_hidden_cases(actor)))
        chosen = (
            sa.select(p.c.tx_id).select_from(_JOINED).where(*conditions).order_by(order, p.c.tx_id)
        )
        ids = list(connection.scalars(chosen.limit(size).offset(offset)))
        whole = _JOINED if any(_needs_transaction(one) for one in conditions) else p
        counted = (
            sa.select(sa.literal(1))
            .select_from(whole)
            .where(*conditions)
            .limit(MAX_COUNTED_ROWS + 1)
            .subquery()
        )
        total = connection.scalar(sa.select(sa.func.count()).select_from(counted))
        parts = [_load_rows(connection, keys, known, label) for keys in store.split_keys(ids)]
        rows = pd.concat(parts) if parts else _load_rows(connection, [], known, label)
    return rows.set_index("tx_id").loc[ids].reset_index(), total


_JOINED = sa.join(
    store.predictions, store.transactions, store.transactions.c.tx_id == store.predictions.c.tx_id
)


def _load_rows(
    connection: sa.Connection, ids: list[str], known: int, label: sa.ColumnElement[int]
) -> pd.DataFrame:
    """Load the columns of a list for a few transactions, in any order."""
    p, t, c = store.predictions.c, store.transactions.c, store.cases
    columns = [t.tx_id, t.ts, t.customer_id, t.terminal_id, t.amount_cents, t.category, t.channel]
    columns += [p.model_version, p.probability, p.decision, label.label("label"), c.c.state]
    joined = _JOINED.join(c, c.c.tx_id == p.tx_id, isouter=True)
    query = sa.select(*columns).select_from(joined).where(p.tx_id.in_(ids))
    rows = store.read_frame(connection, query)
    rows["label"] = rows["label"].astype("Int64")
    counting = store.load_counting_labels(connection, known, store.labels.c.tx_id.in_(ids))
    source = counting["source"].reindex(rows["tx_id"]).astype(object).to_numpy()
    no_report = rows["label"].notna().to_numpy() & pd.isna(source)
    rows["label_source"] = np.where(no_report, "no report", np.where(pd.isna(source), None, source))
    people = _load_reviewers(connection, ids)
    states = rows.pop("state")
    rows["review"] = [CASE_STATES.get(state, "no case") for state in states]
    rows["reviewed_by"] = [", ".join(people.get(tx_id, ())) for tx_id in rows["tx_id"]]
    return rows


def _load_reviewers(connection: sa.Connection, ids: list[str]) -> dict[str, list[str]]:
    """Load who reviewed closed cases; of the others nobody is named, so that no one is led."""
    d, c = store.decisions.c, store.cases.c
    query = (
        sa.select(d.tx_id, d.actor)
        .join_from(store.decisions, store.cases, c.tx_id == d.tx_id)
        .where(d.tx_id.in_(ids), c.state == "closed", d.stage != "opinion", d.verdict != "unsure")
        .order_by(d.id)
    )
    people: dict[str, list[str]] = {}
    for tx_id, name in connection.execute(query):
        if name not in people.setdefault(tx_id, []):
            people[tx_id].append(name)
    return people


def export_predictions(engine: sa.Engine, name: str, filters: PredictionFilter, actor: str) -> str:
    """Export the first `MAX_COUNTED_ROWS` rows of a list as CSV, and record it.

    Parameters
    ----------
    engine : Engine
    name : str
        One of `PREDICTION_LISTS`.
    filters : PredictionFilter
    actor : str
        Needs the permission ``export``. Left out are the same cases as on the page.

    Returns
    -------
    str

    Raises
    ------
    UserError
        If the person may not export.
    """
    rows, total = load_prediction_page(engine, name, filters, 0, MAX_COUNTED_ROWS, actor)
    values = rows.astype(object).where(rows.notna(), "")
    rest = "" if total <= MAX_COUNTED_ROWS else f", the first {MAX_COUNTED_ROWS:,}"
    what = f"list “{name}”{rest}"
    return export_csv(engine, what, list(rows), values.itertuples(index=False), actor)


def _needs_transaction(condition: sa.ColumnElement) -> bool:
    """Tell whether a condition uses a column of the transaction, so that counting must join it."""
    return any(
        column.table is store.transactions
        for column in sa.sql.visitors.iterate(condition)
        if isinstance(column, sa.Column)
    )


def get_latest_scored_day(engine: sa.Engine) -> int | None:
    """Get the day of the latest scored transaction.

    Parameters
    ----------
    engine : Engine

    Returns
    -------
    int or None
        Its first second, since 1970; None if there is none.
    """
    with engine.connect() as connection:
        return store.get_latest_ts(connection) // DAY * DAY or None


def load_filter_choices(engine: sa.Engine) -> dict[str, list[str]]:
    """Load the choices of the filters.

    Parameters
    ----------
    engine : Engine

    Returns
    -------
    dict of str to list of str
        Categories and channels of the latest thousand transactions, and versions that decided.
    """
    p, t = store.predictions, store.transactions
    latest = sa.select(p.c.tx_id).order_by(p.c.ts.desc()).limit(1000)
    with engine.connect() as connection:
        seen = store.read_frame(
            connection, sa.select(t.c.category, t.c.channel).where(t.c.tx_id.in_(latest))
        )
        versions = connection.scalars(
            sa.select(p.c.model_version).where(p.c.tx_id.in_(latest)).distinct()
        ).all()
    return {
        "category": sorted(set(seen["category"])),
        "channel": sorted(set(seen["channel"])),
        "version": sorted(versions),
    }
