"""The review queue: flagged transactions become cases, one reviewer at a time decides, decisions become labels."""

import time

import pandas as pd
import sqlalchemy as sa

from fraudops import ledger, store
from fraudops.timeline import DAY, MATURE_DAYS
from fraudops.workspace import UserError

LEASE_SECONDS = 15 * 60
VERDICTS = ("fraud", "genuine", "unsure")


def open_cases(engine: sa.Engine) -> int:
    """Open a case for each flagged prediction that has none; returns how many were opened."""
    p, t, c = store.predictions, store.transactions, store.cases
    fresh = (
        sa.select(p.c.tx_id, p.c.ts, p.c.probability, t.c.amount_cents)
        .join(t, t.c.tx_id == p.c.tx_id)
        .where(p.c.decision != "approve", p.c.tx_id.not_in(sa.select(c.c.tx_id)))
    )
    with store.writing(engine) as connection:
        rows = [
            {
                "tx_id": row.tx_id, "opened_ts": row.ts, "state": "open", "claimed_until": 0.0,
                "expected_loss_cents": row.probability * row.amount_cents,
            }
            for row in connection.execute(fresh)
        ]  # fmt: skip
        return store.insert_new(connection, c, rows)


def _held(actor: str, now: float) -> sa.ColumnElement[bool]:
    c = store.cases
    return sa.and_(c.c.state == "open", c.c.claimed_by == actor, c.c.claimed_until >= now)


def _free(actor: str, now: float) -> sa.ColumnElement[bool]:
    c, d = store.cases, store.decisions
    given_up = sa.select(d.c.tx_id).where(d.c.actor == actor)  # unsure: it waits for somebody else
    return sa.and_(c.c.state == "open", sa.or_(c.c.claimed_until < now, c.c.claimed_by == actor), c.c.tx_id.not_in(given_up))


def held(engine: sa.Engine, actor: str) -> str | None:
    """The case that this reviewer holds now, if any; nothing is claimed or prolonged."""
    with engine.connect() as connection:
        return connection.scalar(sa.select(store.cases.c.tx_id).where(_held(actor, time.time())).limit(1))


def waiting(engine: sa.Engine, actor: str) -> tuple[int, int]:
    """The number of open cases, and of those among them that this reviewer could be given now."""
    count = sa.select(sa.func.count()).select_from(store.cases)
    with engine.connect() as connection:
        total = connection.scalar(count.where(store.cases.c.state == "open"))
        return total, connection.scalar(count.where(_free(actor, time.time())))


def claim_next(engine: sa.Engine, actor: str) -> str | None:
    """Claim the open case with the highest expected loss for 15 minutes; None when nothing is left for this reviewer.

    A reviewer who already holds a case gets that one again, and never one that they were unsure about before.
    """
    c, now = store.cases, time.time()
    mine_first = sa.case((_held(actor, now), 0), else_=1)
    best = sa.select(c.c.tx_id).where(_free(actor, now)).order_by(mine_first, c.c.expected_loss_cents.desc(), c.c.tx_id)
    with store.writing(engine) as connection:
        tx_id = connection.scalar(best.limit(1))
        if tx_id is not None:
            lease = {"claimed_by": actor, "claimed_until": now + LEASE_SECONDS}
            connection.execute(c.update().where(c.c.tx_id == tx_id).values(lease))
        return tx_id


def decide(engine: sa.Engine, tx_id: str, verdict: str, actor: str, note: str = "") -> None:
    """Record a decision on a claimed case: decision, label and ledger entry in one transaction.

    `unsure` gives no label and puts the case back for somebody else.

    Raises
    ------
    UserError
        If the verdict is unknown, or the case is not (any longer) held by this reviewer.
    """
    if verdict not in VERDICTS:
        raise UserError(f"{verdict!r} is not a verdict: choose one of {', '.join(VERDICTS)}.")
    c, t, now = store.cases, store.transactions, time.time()
    with store.writing(engine) as connection:
        case = connection.execute(sa.select(c).where(c.c.tx_id == tx_id)).first()
        if case is None or case.state != "open" or case.claimed_by != actor or case.claimed_until < now:
            raise UserError(
                f"The case of {tx_id} is not yours to decide: it is closed, or its 15 minutes are over. Take the next one."
            )
        decision = {"tx_id": tx_id, "verdict": verdict, "note": note, "actor": actor, "decided_at": now}
        connection.execute(store.decisions.insert(), decision)
        state = "open" if verdict == "unsure" else "closed"
        connection.execute(c.update().where(c.c.tx_id == tx_id).values(state=state, claimed_by=None, claimed_until=0.0))
        if verdict != "unsure":
            tx = connection.execute(sa.select(t).where(t.c.tx_id == tx_id)).one()
            label = {
                "tx_id": tx_id, "source": "reviewer", "actor": actor, "customer_id": tx.customer_id,
                "terminal_id": tx.terminal_id, "is_fraud": int(verdict == "fraud"), "label_ts": max(int(tx.ts), case.opened_ts),
            }  # fmt: skip
            store.insert_new(connection, store.labels, [label])
        ledger.append(connection, "decision", actor, tx_id=tx_id, verdict=verdict, note=note)


def reviews(engine: sa.Engine, known_at: int) -> pd.DataFrame:
    """What reviewers had said by a moment (s since 1970): tx_id, is_fraud, label_ts; of several words on one the last."""
    f = store.labels
    query = sa.select(f.c.tx_id, f.c.is_fraud, f.c.label_ts).where(f.c.source == "reviewer", f.c.label_ts < known_at)
    with engine.connect() as connection:
        return store.frame(connection, query.order_by(f.c.label_ts, f.c.tx_id)).drop_duplicates("tx_id", keep="last")


def predictions_with_labels(engine: sa.Engine, as_of: int | None = None) -> pd.DataFrame:
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
    tx_columns = [t.c[name] for name in ("customer_id", "terminal_id", "amount_cents", "category", "channel")]
    query = (
        sa.select(p.c.tx_id, p.c.ts, *tx_columns, p.c.model_version, p.c.probability, p.c.decision)
        .join(t, t.c.tx_id == p.c.tx_id)
        .order_by(p.c.ts, p.c.tx_id)
    )
    with engine.connect() as connection:
        frame = store.frame(connection, query)
        if as_of is None:
            as_of = int(frame["ts"].max() // DAY + 1) * DAY if len(frame) else 0
        order = (f.c.source, f.c.is_fraud.desc())  # 'chargeback' sorts before 'reviewer'
        given = store.frame(
            connection, sa.select(f.c.tx_id, f.c.source, f.c.is_fraud).where(f.c.label_ts < as_of).order_by(*order)
        )
    frame["flagged"] = frame["decision"] != "approve"
    given = given.drop_duplicates("tx_id").set_index("tx_id")
    frame["label"] = given["is_fraud"].reindex(frame["tx_id"]).astype("Int64").array
    frame["label_source"] = given["source"].reindex(frame["tx_id"]).to_numpy()
    silent = frame["label"].isna() & (frame["ts"] < as_of - MATURE_DAYS * DAY)
    frame.loc[silent, "label"] = 0
    frame.loc[silent, "label_source"] = "no report"
    return frame
