"""One case as a reviewer sees it: transaction, history, linked cases, SHAP reasons."""

import json
from dataclasses import dataclass
from typing import Any

import pandas as pd
import sqlalchemy as sa

from fraudops import ledger, store
from fraudops.errors import UserError
from fraudops.review import policy, verdicts
from fraudops.review.case_filters import stands
from fraudops.timeline import DAY

CUSTOMER_HISTORY_DAYS, TERMINAL_HISTORY_DAYS = 60, 14  # of history on the time axis
MAX_HISTORY_ROWS = 400  # transactions on the axis of one of them
MAX_LINKED_CASES = 12
MAX_SHOWN_ID = 60  # characters of an unknown id in a message


@dataclass(frozen=True)
class Case:
    """A case as one reviewer may see it.

    Attributes
    ----------
    about : dict of str to Any
        Columns of transaction, prediction and case; also age (s), value (cents that a review can
        still save), reported_ts (s, when a chargeback arrived, or None), and since (s), when the
        version became champion.
    hidden : bool
        The score is hidden from this reviewer.
    customer : DataFrame
        Earlier transactions, latest first; ``reported`` as known when the case was opened.
    terminal : DataFrame
        The same for the terminal.
    refunds : DataFrame
        What the customer got back in the same days: ``tx_id, ts, amount_cents, kind``.
    linked : DataFrame
        Other cases of the same customer or terminal that are not later than the transaction:
        ``tx_id, ts, amount_cents, shared, state, verdict``.
    customer_verdicts : dict of str to int
        How many earlier transactions of the customer reviewers called ``fraud`` and ``genuine``.
    reasons : list of dict
        SHAP reasons, strongest first: text, contribution.
    earlier_decisions : list of dict
        Actor, verdict, reason and note of earlier reviewers who were unsure; none while hidden.
    """

    about: dict[str, Any]
    hidden: bool
    customer: pd.DataFrame
    terminal: pd.DataFrame
    refunds: pd.DataFrame
    linked: pd.DataFrame
    customer_verdicts: dict[str, int]
    reasons: list[dict]
    earlier_decisions: list[dict]


def load_case(engine: sa.Engine, tx_id: str, actor: str) -> Case:
    """Load everything that a reviewer sees of a case.

    Of fraud reports it holds those that had arrived when the case was opened.

    Parameters
    ----------
    engine : Engine
    tx_id : str
    actor : str
        The reviewer.

    Returns
    -------
    Case

    Raises
    ------
    UserError
        If there is no case of this transaction.
    """
    t, p, c, e = store.transactions, store.predictions, store.cases, store.evidence
    scored = (
        p.c.prediction_id,
        p.c.probability,
        p.c.threshold,
        p.c.model_version,
        p.c.decision,
        p.c.scored_at,
    )
    of_case = [column for column in c.c if column.name != "tx_id"]
    query = (
        sa.select(*t.c, *scored, *of_case, e.c.reasons, e.c.decision_basis)
        .join(p, p.c.tx_id == t.c.tx_id)
        .join(c, c.c.tx_id == t.c.tx_id)
        .join(e, e.c.prediction_id == p.c.prediction_id, isouter=True)
        .where(t.c.tx_id == tx_id)
    )
    with engine.connect() as connection:
        row = connection.execute(query).first()
        if row is None:
            raise UserError(
                f"There is no case of a transaction {tx_id[:MAX_SHOWN_ID]!r}. Only a transaction "
                "that was sent to review, blocked or drawn at random has a case; write the whole "
                "id."
            )
        about = dict(row._mapping)
        about["age"] = max(store.get_latest_ts(connection) - about["opened_ts"], 0)
        about["value"] = policy.compute_review_value(about["expected_loss_cents"], about["age"])
        about["reported_ts"] = _find_report(connection, tx_id)
        about["since"] = _find_champion_start(
            connection, about["model_version"], about["scored_at"]
        )
        basis = json.loads(about.pop("decision_basis") or "{}")
        about["decision_reason"] = basis.get("reason", "")
        hidden = verdicts.is_hidden_from(connection, row, actor)
        return Case(
            about,
            hidden,
            _load_history(connection, about, "customer_id", CUSTOMER_HISTORY_DAYS),
            _load_history(connection, about, "terminal_id", TERMINAL_HISTORY_DAYS),
            _load_refunds(connection, about),
            _load_linked_cases(connection, about),
            _count_customer_verdicts(connection, about),
            json.loads(about.pop("reasons") or "[]"),
            [] if hidden else _load_unsure_decisions(connection, tx_id),
        )


def _find_report(connection: sa.Connection, tx_id: str) -> int | None:
    """Find when the first chargeback on a transaction arrived; None if there is none yet."""
    f = store.labels.c
    query = sa.select(sa.func.min(f.label_ts)).where(
        f.tx_id == tx_id,
        f.source == "chargeback",
        f.is_fraud == 1,
        f.label_ts <= store.get_latest_ts(connection),
    )
    return connection.scalar(query)


def _find_champion_start(connection: sa.Connection, version: str, scored_at: float) -> float | None:
    """Find when the version that decided became champion; None if the ledger does not say."""
    moves = [one for one in ledger.load_entries(connection, "champion") if one["at"] <= scored_at]
    return moves[-1]["at"] if moves and moves[-1]["payload"]["version"] == version else None


def _load_history(
    connection: sa.Connection, about: dict[str, Any], key: str, days: int
) -> pd.DataFrame:
    t, f = store.transactions, store.labels
    names = ("tx_id", "ts", "amount_cents", "category", "channel", "customer_id", "terminal_id")
    names += ("lat_cdeg", "lon_cdeg")
    window = (
        t.c[key] == about[key],
        t.c.ts <= about["ts"],
        t.c.ts > about["ts"] - days * DAY,
        t.c.tx_id != about["tx_id"],
    )
    query = (
        sa.select(*(t.c[name] for name in names))
        .where(*window)
        .order_by(t.c.ts.desc(), t.c.tx_id)
        .limit(MAX_HISTORY_ROWS)
    )
    past = store.read_frame(connection, query)
    known = (f.c[key] == about[key], f.c.is_fraud == 1, f.c.label_ts < about["opened_ts"])
    return past.assign(
        reported=past["tx_id"].isin(set(connection.scalars(sa.select(f.c.tx_id).where(*known))))
    )


def _load_refunds(connection: sa.Connection, about: dict[str, Any]) -> pd.DataFrame:
    r, since = store.refunds.c, about["ts"] - CUSTOMER_HISTORY_DAYS * DAY
    query = sa.select(r.tx_id, r.ts, r.amount_cents, r.kind).where(
        r.customer_id == about["customer_id"], r.ts > since, r.ts <= about["ts"]
    )
    return store.read_frame(
        connection, query.order_by(r.ts.desc(), r.tx_id).limit(MAX_HISTORY_ROWS)
    )


def _load_linked_cases(connection: sa.Connection, about: dict[str, Any]) -> pd.DataFrame:
    t, c, d = store.transactions, store.cases, store.decisions
    shared = sa.case((t.c.customer_id == about["customer_id"], "customer"), else_="terminal").label(
        "shared"
    )
    verdict = (
        sa.select(d.c.verdict)
        .where(
            d.c.tx_id == c.c.tx_id,
            d.c.stage.in_(("decision", "confirmation")),
            c.c.state == "closed",
        )
        .order_by(d.c.id.desc())
        .limit(1)
        .scalar_subquery()
    )
    recent = t.c.ts.between(about["ts"] - CUSTOMER_HISTORY_DAYS * DAY, about["ts"])
    parts = [
        sa.select(t.c.tx_id, t.c.ts, t.c.amount_cents, shared, c.c.state, verdict.label("verdict"))
        .join(c, c.c.tx_id == t.c.tx_id)
        .where(t.c[key] == about[key], recent, t.c.tx_id != about["tx_id"])
        for key in ("customer_id", "terminal_id")
    ]
    both = sa.union(*parts).subquery()
    return store.read_frame(
        connection, sa.select(both).order_by(both.c.ts.desc(), both.c.tx_id).limit(MAX_LINKED_CASES)
    )


def _count_customer_verdicts(connection: sa.Connection, about: dict[str, Any]) -> dict[str, int]:
    """Count what reviewers said about earlier transactions of the customer."""
    t, f = store.transactions.c, store.labels.c
    query = (
        sa.select(f.is_fraud, sa.func.count(f.tx_id.distinct()))
        .join(store.transactions, t.tx_id == f.tx_id)
        .where(
            f.customer_id == about["customer_id"],
            f.source == "reviewer",
            t.ts <= about["ts"],
            t.tx_id != about["tx_id"],
        )
        .group_by(f.is_fraud)
    )
    counts = dict(connection.execute(query).tuples().all())
    return {"fraud": counts.get(1, 0), "genuine": counts.get(0, 0)}


def _load_unsure_decisions(connection: sa.Connection, tx_id: str) -> list[dict]:
    """Load what earlier reviewers said who were unsure.

    A proposal or an objection is not among them: the next person must not know it.
    """
    d = store.decisions
    query = sa.select(d.c.actor, d.c.verdict, d.c.reason, d.c.note)
    query = query.where(d.c.tx_id == tx_id, d.c.verdict == "unsure", stands(d))
    rows = [dict(row) for row in connection.execute(query.order_by(d.c.id)).mappings()]
    return [
        row | {"reason": policy.REASON_CODES[row["reason"]].words if row["reason"] else ""}
        for row in rows
    ]
