"""What one person asks for and a second one grants: rolling the champion back."""

import time
from dataclasses import dataclass

import sqlalchemy as sa

from fraudops import ledger, store
from fraudops.workspace import UserError, Workspace

ROLLBACK = "rollback"
REASON_LETTERS = 15
GRANTED, REFUSED, WITHDRAWN = "granted", "refused", "withdrawn"


@dataclass(frozen=True)
class Request:
    """An open request: its number, the champion when it was asked, why, by whom, when (s since 1970)."""

    id: int
    version: str
    reason: str
    asked_by: str
    asked_at: float


def open_request(engine: sa.Engine) -> Request | None:
    """The request that waits for an answer, if there is one."""
    with engine.connect() as connection:
        return _open(connection)


def _open(connection: sa.Connection) -> Request | None:
    r = store.requests
    query = sa.select(r.c.id, r.c.version, r.c.reason, r.c.asked_by, r.c.asked_at).where(r.c.state == "open")
    row = connection.execute(query.limit(1)).first()
    return Request(*row) if row else None


def ask_rollback(engine: sa.Engine, reason: str, actor: str) -> int:
    """Ask for the previous champion back; returns the number of the request.

    Raises
    ------
    UserError
        If the reason is too short, there is nothing to go back to, or a request is open already.
    """
    reason = reason.strip()
    if len(reason) < REASON_LETTERS:
        raise UserError(f"Say in at least {REASON_LETTERS} letters why the champion should go.")
    with store.writing(engine) as connection:
        if _open(connection):
            raise UserError("A rollback has been asked for already: it has to be answered first.")
        moves = ledger.entries(connection, "champion")
        if not moves or moves[-1]["payload"]["previous"] is None:
            raise UserError("There is no previous champion to roll back to: nothing has been promoted after the first model.")
        asked = {"what": ROLLBACK, "version": moves[-1]["payload"]["version"], "reason": reason}
        row = asked | {"asked_by": actor, "asked_at": time.time(), "state": "open"}
        number = connection.execute(store.requests.insert().values(row)).inserted_primary_key[0]
        ledger.append(connection, "request", actor, id=number, state="open", **asked)
        return number


def withdraw(engine: sa.Engine, number: int, actor: str) -> None:
    """Take back a request of one's own.

    Raises
    ------
    UserError
        If it is somebody else's, or not open any more.
    """
    with store.writing(engine) as connection:
        request = _find(connection, number)
        if request.asked_by != actor:
            raise UserError(f"{request.asked_by} asked for this rollback: only they can withdraw it. You can refuse it.")
        _close(connection, request, WITHDRAWN, actor)


def answer(workspace: Workspace, engine: sa.Engine, number: int, granted: bool, actor: str) -> str | None:
    """Grant or refuse a request. A granted rollback happens in the same transaction: both are on record, or neither.

    Returns
    -------
    The version that decides now, if the request was granted.

    Raises
    ------
    UserError
        If it is the asker's own, not open any more, or about a champion that has changed since.
    """
    with store.writing(engine) as connection:
        request = _find(connection, number)
        if request.asked_by == actor:
            raise UserError("You asked for this rollback: somebody else has to grant or refuse it.")
        if not granted:
            _close(connection, request, REFUSED, actor)
            return None
        moved = ledger.entries(connection, "champion")[-1]
        if moved["seq"] > _asked_in(connection, request):
            raise UserError(  # even if the same version decides again: what it would go back to may be another
                f"The champion has changed since somebody asked to roll version {request.version} back. Refuse the request; "
                "whoever still wants a rollback asks anew."
            )
        from fraudops import registry  # imports mlflow, which takes seconds that nobody else should wait for

        _close(connection, request, GRANTED, actor)
        back = moved["payload"]["previous"]
        reason = f"{request.reason} (asked by {request.asked_by}, granted by {actor})"
        registry.move(workspace, connection, back, reason, actor, kind=ROLLBACK)
    registry.anchor(workspace, engine)
    return back


def _find(connection: sa.Connection, number: int) -> Request:
    found = _open(connection)
    if found is None or found.id != number:
        raise UserError("This request has been answered already, or withdrawn.")
    return found


def _asked_in(connection: sa.Connection, request: Request) -> int:
    """The number of the ledger's entry in which this was asked."""
    for one in ledger.entries(connection, "request"):
        if (one["payload"]["id"], one["payload"]["state"]) == (request.id, "open"):
            return one["seq"]
    raise UserError("The ledger has no entry for this request: it was not made on the page. Refuse it, and tell an auditor.")


def _close(connection: sa.Connection, request: Request, state: str, actor: str) -> None:
    r = store.requests
    closed = {"state": state, "answered_by": actor, "answered_at": time.time()}
    connection.execute(r.update().where(r.c.id == request.id).values(closed))
    ledger.append(connection, "request", actor, id=request.id, what=ROLLBACK, version=request.version, state=state)
