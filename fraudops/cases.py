"""The review queue: cases are opened, claimed by one person at a time, decided by one or two; decisions become labels.

Leases run in wall-clock time. Age and urgency run in the time of the operation, which is that of its latest transaction.
"""

import time
from dataclasses import dataclass
from typing import Any

import pandas as pd
import sqlalchemy as sa

from fraudops import ledger, records, store
from fraudops import review_rules as rules
from fraudops.review_rules import LEASE_SECONDS, VERDICTS
from fraudops.timeline import DAY, MATURE_DAYS
from fraudops.workspace import UserError

WAITING = ("open", "second")  # states of a case that is not closed


def open_cases(engine: sa.Engine) -> int:
    """Open a case for each flagged prediction, and for a random sample of the approved ones; returns how many are new."""
    p, t, c = store.predictions, store.transactions, store.cases
    flagged, sampled = p.c.decision != "approve", p.c.prediction_id < rules.sample_bound(rules.SAMPLE_SHARE)
    fresh = (
        sa.select(p.c.prediction_id, p.c.tx_id, p.c.ts, p.c.probability, flagged.label("flagged"), t.c.amount_cents)
        .join(t, t.c.tx_id == p.c.tx_id)
        .where(sa.or_(flagged, sampled), p.c.tx_id.not_in(sa.select(c.c.tx_id)))
    )
    with store.writing(engine) as connection:
        rows = [
            {
                "tx_id": row.tx_id, "opened_ts": row.ts, "state": "open", "claimed_until": 0.0,
                "kind": "flagged" if row.flagged else "sample",
                # a sampled case looks like a blind one: to know that the model approved it would decide it
                "blind": int(not row.flagged or rules.drawn(row.prediction_id, rules.BLIND_SHARE)),
                "expected_loss_cents": row.probability * row.amount_cents,
            }
            for row in connection.execute(fresh)
        ]  # fmt: skip
        return store.insert_new(connection, c, rows)


def _held(actor: str, now: float) -> sa.ColumnElement[bool]:
    c = store.cases
    return sa.and_(c.c.state.in_(WAITING), c.c.claimed_by == actor, c.c.claimed_until >= now)


def _free(actor: str, now: float) -> sa.ColumnElement[bool]:
    c, d = store.cases, store.decisions
    unsure = sa.and_(d.c.tx_id == c.c.tx_id, d.c.actor == actor, d.c.verdict == "unsure", d.c.stage != "opinion")
    given_up = sa.select(d.c.id).where(unsure).correlate(c).exists()
    return sa.and_(
        c.c.state.in_(WAITING),
        sa.or_(c.c.claimed_until < now, c.c.claimed_by == actor),
        sa.or_(c.c.proposed_by.is_(None), c.c.proposed_by != actor),  # nobody confirms their own
        ~given_up,
    )


def held(engine: sa.Engine, actor: str) -> str | None:
    """The case that this reviewer holds now, if any; nothing is claimed or prolonged."""
    with engine.connect() as connection:
        return connection.scalar(sa.select(store.cases.c.tx_id).where(_held(actor, time.time())).limit(1))


def waiting(engine: sa.Engine, actor: str) -> tuple[int, int]:
    """The number of cases that wait, and of those among them that this reviewer could be given now."""
    count = sa.select(sa.func.count()).select_from(store.cases)
    with engine.connect() as connection:
        total = connection.scalar(count.where(store.cases.c.state.in_(WAITING)))
        return total, connection.scalar(count.where(_free(actor, time.time())))


def overdue(engine: sa.Engine) -> int:
    """The number of cases that have waited longer than `review_rules.DUE_SECONDS`."""
    c = store.cases.c
    with engine.connect() as connection:
        late = c.opened_ts < records.latest(connection) - rules.DUE_SECONDS
        return connection.scalar(sa.select(sa.func.count()).select_from(store.cases).where(c.state.in_(WAITING), late))


def _sample_is_due(connection: sa.Connection) -> bool:
    c = store.cases.c
    query = sa.select(c.kind, sa.func.count()).where(c.state != "open").group_by(c.kind)
    begun = {kind: count for kind, count in connection.execute(query)}
    return begun.get("sample", 0) * rules.SAMPLE_EVERY < begun.get("flagged", 0)


def claim_next(engine: sa.Engine, actor: str) -> str | None:
    """Claim a case for 15 minutes; None when nothing is left for this reviewer.

    A reviewer who already holds a case gets that one again, and never one that they were unsure about or that waits for
    somebody else's agreement. What waits for a second person comes first, then flagged cases by expected loss times urgency,
    and after every tenth one of the random sample.
    """
    c, p, now = store.cases, store.predictions, time.time()
    with store.writing(engine) as connection:
        age = records.latest(connection) - c.c.opened_ts
        first = "sample" if _sample_is_due(connection) else "flagged"
        best = (
            sa.select(c.c.tx_id)
            .join(p, p.c.tx_id == c.c.tx_id)
            .where(_free(actor, now))
            .order_by(
                sa.case((_held(actor, now), 0), (c.c.state == "second", 1), (c.c.kind == first, 2), else_=3),
                sa.case((c.c.kind == "sample", p.c.prediction_id)),  # a random order: what is reviewed stays a random sample
                (c.c.expected_loss_cents * rules.urgency_sql(age)).desc(),
                c.c.tx_id,
            )
        )
        tx_id = connection.scalar(best.limit(1))
        if tx_id is not None:
            mine = sa.and_(c.c.claimed_by == actor, c.c.claimed_until >= now)  # a second look keeps the first one's time
            lease = {"claimed_by": actor, "claimed_at": sa.case((mine, c.c.claimed_at), else_=now)}
            connection.execute(c.update().where(c.c.tx_id == tx_id).values(lease | {"claimed_until": now + LEASE_SECONDS}))
        return tx_id


@dataclass(frozen=True)
class Outcome:
    """What came of a decision: its stage (see `store.decisions`), and the label if there is one now (1 fraud, 0 genuine)."""

    stage: str
    label: int | None


def opinion(engine: sa.Engine, tx_id: str, verdict: str, actor: str) -> None:
    """Record what a reviewer thinks of a blind case before the score is shown; nothing else changes.

    Raises
    ------
    UserError
        If the verdict is unknown, the case is not held by this reviewer, or its score was shown already.
    """
    _check(verdict)
    with store.writing(engine) as connection:
        case = _case(connection, tx_id, actor, time.time())
        if not hidden(connection, case, actor):
            raise UserError(f"The score of {tx_id} is not hidden any more: an opinion would not be blind. Decide the case.")
        _write(connection, case, "opinion", verdict, actor)


def hidden(connection: sa.Connection, case: Any, actor: str) -> bool:
    """Whether the score of a case (tx_id, blind) is still hidden from this reviewer."""
    d = store.decisions
    said = sa.select(d.c.id).where(d.c.tx_id == case.tx_id, d.c.actor == actor, d.c.stage == "opinion").limit(1)
    return bool(case.blind) and connection.scalar(said) is None


def decide(engine: sa.Engine, tx_id: str, verdict: str, actor: str, reason: str, note: str = "") -> Outcome:
    """Record a decision on a claimed case: decision, label and ledger entry in one transaction.

    `unsure` gives no label and puts the case back for somebody else. Above `review_rules.SECOND_CENTS`, or against the
    model, a verdict is a proposal until a second person, who is not told the first verdict, says the same; who says the
    opposite puts their own verdict in its place, for somebody else to agree with.

    Raises
    ------
    UserError
        If verdict, reason or note do not do, the score is still hidden, or the case is not (any longer) held by this reviewer.
    """
    _check(verdict)
    if reason not in rules.REASONS or rules.REASONS[reason].verdict != verdict:
        offered = ", ".join(code for code, one in rules.REASONS.items() if one.verdict == verdict)
        raise UserError(f"{reason!r} is not a reason for {verdict!r}: choose one of {offered}.")
    note = note.strip()
    with store.writing(engine) as connection:
        case = _case(connection, tx_id, actor, time.time())
        if hidden(connection, case, actor):
            raise UserError(f"Give a first opinion on {tx_id} before its score is shown; then decide.")
        override = rules.overrides(verdict, case.kind == "flagged", case.probability)
        if (override or reason.startswith("other_")) and len(note) < rules.NOTE_LETTERS:
            why = "goes against the model" if override else "has a reason that is not on the list"
            raise UserError(f"This verdict {why}: say why in the note, in at least {rules.NOTE_LETTERS} letters.")
        stage = _stage(case, verdict, override)
        _write(connection, case, stage, verdict, actor, reason, note, override)
        label = None
        if stage in ("decision", "confirmation") and verdict != "unsure":
            label = int(verdict == "fraud")
            _label(connection, case, label, actor)
        after = {"claimed_by": None, "claimed_until": 0.0}
        if label is not None:
            after |= {"state": "closed", "proposed": None, "proposed_by": None}
        elif stage in ("proposal", "objection"):
            after |= {"state": "second", "proposed": verdict, "proposed_by": actor}
        connection.execute(store.cases.update().where(store.cases.c.tx_id == tx_id).values(after))
    return Outcome(stage, label)


def _check(verdict: str) -> None:
    if verdict not in VERDICTS:
        raise UserError(f"{verdict!r} is not a verdict: choose one of {', '.join(VERDICTS)}.")


def _case(connection: sa.Connection, tx_id: str, actor: str, now: float) -> sa.Row:
    """The case with its prediction, which this reviewer must hold."""
    c, p, t = store.cases, store.predictions, store.transactions
    query = sa.select(c, p.c.probability, t.c.ts, t.c.amount_cents, t.c.customer_id, t.c.terminal_id)
    joined = query.join(p, p.c.tx_id == c.c.tx_id).join(t, t.c.tx_id == c.c.tx_id)
    case = connection.execute(joined.where(c.c.tx_id == tx_id)).first()
    if case is None or case.state not in WAITING or case.claimed_by != actor or case.claimed_until < now:
        raise UserError(
            f"The case of {tx_id} is not yours to decide: it is closed, or its 15 minutes are over. Take the next one."
        )
    if case.proposed_by == actor:
        raise UserError(f"You have given your verdict on {tx_id}: somebody else has to agree. Take the next one.")
    return case


def _stage(case: sa.Row, verdict: str, override: bool) -> str:
    if case.state == "second" and verdict != "unsure":
        return "confirmation" if verdict == case.proposed else "objection"
    return "proposal" if rules.needs_second(verdict, case.amount_cents, override) else "decision"


def _write(
    connection: sa.Connection,
    case: sa.Row,
    stage: str,
    verdict: str,
    actor: str,
    reason: str = "",
    note: str = "",
    override: bool = False,
) -> None:
    said = {"tx_id": case.tx_id, "stage": stage, "verdict": verdict, "reason": reason, "note": note, "override": int(override)}
    now = time.time()
    row = said | {"actor": actor, "decided_at": now, "seconds": now - case.claimed_at}
    connection.execute(store.decisions.insert(), row)
    ledger.append(connection, "decision", actor, **said)


def _label(connection: sa.Connection, case: sa.Row, is_fraud: int, actor: str) -> None:
    """The label arrives when it is given: at the operation's present, not at the time of the transaction."""
    label = {
        "tx_id": case.tx_id, "source": "reviewer", "actor": actor, "customer_id": case.customer_id,
        "terminal_id": case.terminal_id, "is_fraud": is_fraud, "label_ts": max(int(case.ts), records.latest(connection)),
    }  # fmt: skip
    store.insert_new(connection, store.labels, [label])


def release(engine: sa.Engine, tx_id: str, actor: str) -> None:
    """Put a case back into the queue without a word on it; nothing happens if it is not held."""
    c = store.cases
    with store.writing(engine) as connection:
        mine = sa.and_(c.c.tx_id == tx_id, _held(actor, time.time()))
        connection.execute(c.update().where(mine).values(claimed_by=None, claimed_until=0.0))


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
