"""Rollback requests: one person asks for the previous champion, a second person grants it."""

import time
from dataclasses import dataclass

import sqlalchemy as sa

from fraudops import ledger, store
from fraudops.errors import UserError
from fraudops.workspace import Workspace

ROLLBACK_REQUEST = "rollback"
MIN_REASON_CHARACTERS = 15
GRANTED, REFUSED, WITHDRAWN = "granted", "refused", "withdrawn"


@dataclass(frozen=True)
class RollbackRequest:
    """An open request: number, champion at that time, reason, person, and time (s since 1970)."""

    id: int
    version: str
    reason: str
    asked_by: str
    asked_at: float


def find_open_rollback_request(engine: sa.Engine) -> RollbackRequest | None:
    """Find the rollback request that waits for an answer.

    Parameters
    ----------
    engine : Engine

    Returns
    -------
    RollbackRequest or None
    """
    with engine.connect() as connection:
        return _load_open_request(connection)


def _load_open_request(connection: sa.Connection) -> RollbackRequest | None:
    r = store.requests
    query = sa.select(r.c.id, r.c.version, r.c.reason, r.c.asked_by, r.c.asked_at).where(
        r.c.state == "open"
    )
    row = connection.execute(query.limit(1)).first()
    return RollbackRequest(*row) if row else None


def request_rollback(engine: sa.Engine, reason: str, actor: str) -> int:
    """Request the previous champion back.

    Parameters
    ----------
    engine : Engine
    reason : str
    actor : str

    Returns
    -------
    int
        Number of the request.

    Raises
    ------
    UserError
        If the reason is too short, there is no previous champion, or a request is open.
    """
    reason = reason.strip()
    if len(reason) < MIN_REASON_CHARACTERS:
        raise UserError(
            f"Say in at least {MIN_REASON_CHARACTERS} letters why the champion should go."
        )
    with store.write_transaction(engine) as connection:
        if _load_open_request(connection):
            raise UserError("A rollback has been asked for already: it has to be answered first.")
        changes = ledger.load_entries(connection, "champion")
        if not changes or changes[-1]["payload"]["previous"] is None:
            raise UserError(
                "There is no previous champion to roll back to: nothing has been promoted "
                "after the first model."
            )
        entry = {
            "what": ROLLBACK_REQUEST,
            "version": changes[-1]["payload"]["version"],
            "reason": reason,
        }
        row = entry | {"asked_by": actor, "asked_at": time.time(), "state": "open"}
        number = connection.execute(store.requests.insert().values(row)).inserted_primary_key[0]
        ledger.append_entry(connection, "request", actor, id=number, state="open", **entry)
        return number


def withdraw_rollback(engine: sa.Engine, number: int, actor: str) -> None:
    """Withdraw one's own request.

    Parameters
    ----------
    engine : Engine
    number : int
        Of the request.
    actor : str

    Raises
    ------
    UserError
        If another person made it, or it is no longer open.
    """
    with store.write_transaction(engine) as connection:
        request = _require_open_request(connection, number)
        if request.asked_by != actor:
            raise UserError(
                f"{request.asked_by} asked for this rollback: only they can withdraw it. "
                "You can refuse it."
            )
        _close_request(connection, request, WITHDRAWN, actor)


def answer_rollback(
    workspace: Workspace, engine: sa.Engine, number: int, granted: bool, actor: str
) -> str | None:
    """Grant or refuse a request.

    A granted rollback happens in the same transaction as the answer.

    Parameters
    ----------
    workspace : Workspace
    engine : Engine
    number : int
        Of the request.
    granted : bool
    actor : str

    Returns
    -------
    str or None
        The version that decides now, if the request was granted.

    Raises
    ------
    UserError
        If the person made the request, it is no longer open, or the champion has changed since.
    """
    with store.write_transaction(engine) as connection:
        request = _require_open_request(connection, number)
        if request.asked_by == actor:
            raise UserError("You asked for this rollback: another person must grant or refuse it.")
        if not granted:
            _close_request(connection, request, REFUSED, actor)
            return None
        moved = ledger.load_entries(connection, "champion")[-1]
        if moved["seq"] > _find_request_seq(connection, request):
            # even if the same version decides again, because its predecessor may differ
            raise UserError(
                "The champion has changed since the request to roll version "
                f"{request.version} back. Refuse the request; "
                "ask again if you still want a rollback."
            )
        from fraudops import models  # imports mlflow, which takes seconds

        _close_request(connection, request, GRANTED, actor)
        back = moved["payload"]["previous"]
        reason = f"{request.reason} (asked by {request.asked_by}, granted by {actor})"
        models.ModelRegistry(workspace).set_champion(
            connection, back, reason, actor, kind=ROLLBACK_REQUEST
        )
    models.ModelRegistry(workspace).anchor_ledger(engine)
    return back


def _require_open_request(connection: sa.Connection, number: int) -> RollbackRequest:
    found = _load_open_request(connection)
    if found is None or found.id != number:
        raise UserError("This request has been answered already, or withdrawn.")
    return found


def _find_request_seq(connection: sa.Connection, request: RollbackRequest) -> int:
    """Find the ledger entry of the request."""
    for one in ledger.load_entries(connection, "request"):
        if (one["payload"]["id"], one["payload"]["state"]) == (request.id, "open"):
            return one["seq"]
    raise UserError(
        "The ledger has no entry for this request: it was not made on the page. Refuse "
        "it, and tell an auditor."
    )


def _close_request(
    connection: sa.Connection, request: RollbackRequest, state: str, actor: str
) -> None:
    r = store.requests
    closed = {"state": state, "answered_by": actor, "answered_at": time.time()}
    connection.execute(r.update().where(r.c.id == request.id).values(closed))
    ledger.append_entry(
        connection,
        "request",
        actor,
        id=request.id,
        what=ROLLBACK_REQUEST,
        version=request.version,
        state=state,
    )
