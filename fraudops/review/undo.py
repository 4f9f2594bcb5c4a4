"""Take a verdict back within ten seconds. The ledger keeps both: the verdict, and the undo."""

import time

import sqlalchemy as sa

from fraudops import ledger, store
from fraudops.errors import UserError
from fraudops.review import policy
from fraudops.review.claims import release_claims, write_claim
from fraudops.review.drafts import delete_draft
from fraudops.review.verdicts import write_decision

GRACE_SECONDS = 2.0  # for the way of a click from the browser to the database


def undo_decision(engine: sa.Engine, tx_id: str, actor: str) -> None:
    """Undo the verdict that this reviewer has just given.

    The case is as it was before, and claimed by the reviewer again, with the verdict as a draft. A
    label that followed from the verdict is deleted. The decision stays, and an entry of its own
    (stage ``undo``) takes it back.

    Parameters
    ----------
    engine : Engine
    tx_id : str
    actor : str

    Raises
    ------
    UserError
        If the last verdict on the case is not of this reviewer, is older than
        `policy.UNDO_SECONDS`, or others have gone on from it.
    """
    now = time.time()
    with store.write_transaction(engine) as connection:
        decisions = store.decisions
        query = sa.select(decisions).where(decisions.c.tx_id == tx_id).order_by(decisions.c.id)
        said = [dict(row) for row in connection.execute(query).mappings()]
        last = said[-1] if said else None
        case = connection.execute(
            sa.select(store.cases).where(store.cases.c.tx_id == tx_id)
        ).first()
        _check_undo(connection, case, last, actor, now)
        if last["stage"] in ledger.FINAL_STAGES:
            connection.execute(store.labels.delete().where(*_is_label_of(tx_id, actor)))
        write_decision(connection, case, "undo", last["verdict"], actor)
        changes = ledger.follow_entries(said[:-1])
        connection.execute(store.cases.update().where(store.cases.c.tx_id == tx_id).values(changes))
        release_claims(connection, actor)
        write_claim(connection, tx_id, actor, now)
        delete_draft(connection, tx_id, actor)
        draft = {name: last[name] for name in ("tx_id", "actor", "verdict", "reason", "note")}
        connection.execute(store.drafts.insert(), draft | {"saved_at": now})


def _check_undo(
    connection: sa.Connection, case: sa.Row | None, last: dict | None, actor: str, now: float
) -> None:
    if (
        case is None
        or last is None
        or last["actor"] != actor
        or last["stage"] in ("opinion", "undo")
    ):
        raise UserError("There is no verdict of yours to undo: another person has gone on from it.")
    if now - last["decided_at"] > policy.UNDO_SECONDS + GRACE_SECONDS:
        raise UserError(
            f"The verdict on {case.tx_id} is older than {policy.UNDO_SECONDS} seconds and stands."
        )
    if case.state == "settled" or (case.claimed_until >= now and case.claimed_by != actor):
        raise UserError(f"Others have gone on with the case of {case.tx_id}: the verdict stands.")
    sealed = store.sealed.c
    is_sealed = sa.select(sealed.key).where(
        sealed.kind == "labels",
        sealed.key == case.tx_id,
        sealed.source == "reviewer",
        sealed.actor == actor,
    )
    if connection.scalar(is_sealed) is not None:
        raise UserError(f"The label of {case.tx_id} is sealed already: the verdict stands.")


def _is_label_of(tx_id: str, actor: str) -> tuple[sa.ColumnElement[bool], ...]:
    label = store.labels.c
    return (label.tx_id == tx_id, label.source == "reviewer", label.actor == actor)
