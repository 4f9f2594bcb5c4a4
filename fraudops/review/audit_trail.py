"""Look up what the record holds about a transaction, a person or a day, for an auditor.

Two clocks are kept apart: that of the computer, which each entry bears, and that of the
transactions, which is behind in a replay or ahead of late deliveries.
"""

import json
import re
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from fraudops import ledger, store
from fraudops.review.entry_words import ENTRY_KINDS, describe_entry
from fraudops.timeline import DAY

CLOCKS = ("computer", "transactions")
MAX_SUGGESTED_IDS = 8


@dataclass(frozen=True)
class EntryFilter:
    """Which entries to look up; an empty field does not filter.

    Attributes
    ----------
    text : str
        The id of a transaction or prediction; ``entry 12``; ``version 3``; or any part of what an
        entry holds, in any case.
    person : str
        Who did it, or the user whom it changed.
    day : int or None
        First second of a day (UTC).
    clock : str
        One of `CLOCKS`: whose day it is. With ``transactions`` only entries about one transaction
        are found.
    kind : str
        One of `ENTRY_KINDS`, or empty.
    """

    text: str = ""
    person: str = ""
    day: int | None = None
    clock: str = "computer"
    kind: str = ""


@dataclass(frozen=True)
class EntryRow:
    """One entry in words.

    Attributes
    ----------
    seq : int
    at : float
        By the clock of the computer, seconds since 1970.
    ts : int or None
        Time of the transaction that it is about, if it is about one.
    actor : str
    event : str
    tx_id : str
        Or empty.
    words : str
        Plain text, the rest of a sentence that begins with the actor.
    """

    seq: int
    at: float
    ts: int | None
    actor: str
    event: str
    tx_id: str
    words: str


def find_entries(
    engine: sa.Engine, actor: str, filters: EntryFilter, offset: int = 0, size: int = 50
) -> tuple[list[EntryRow], int]:
    """Find a part of the entries that match, in their order. The look is an entry itself.

    Parameters
    ----------
    engine : Engine
    actor : str
        Who looks; needs the permission ``audit``.
    filters : EntryFilter
    offset, size : int, optional

    Returns
    -------
    rows : list of EntryRow
    total : int
        Number of all entries that match.

    Raises
    ------
    UserError
        If the person may not look.
    """
    entry = store.ledger.c
    with engine.connect() as connection:
        store.require_permission(connection, actor, "audit")
        conditions = _build_conditions(connection, filters)
        total = connection.scalar(
            sa.select(sa.func.count()).select_from(store.ledger).where(*conditions)
        )
        query = sa.select(entry.seq, entry.body).where(*conditions).order_by(entry.seq)
        found = connection.execute(query.offset(offset).limit(size)).all()
        rows = [(seq, json.loads(body)) for seq, body in found]
        times = _load_transaction_times(connection, {_get_tx_id(body) for _, body in rows})
    looked = {key: value for key, value in vars(filters).items() if value and key != "clock"}
    if filters.day is not None:
        looked["clock"] = filters.clock
    ledger.log_list_read(engine, "audit trail", looked | {"offset": offset}, len(rows), actor)
    return [_to_row(seq, body, times) for seq, body in rows], total


def _to_row(seq: int, body: dict[str, Any], times: dict[str, int]) -> EntryRow:
    tx_id = _get_tx_id(body)
    words = describe_entry(body["event"], body["payload"])
    ts = times.get(tx_id)
    return EntryRow(seq, body["at"], ts, body["actor"], body["event"], tx_id, words)


def _get_tx_id(body: dict[str, Any]) -> str:
    return str(body["payload"].get("tx_id", ""))


def _load_transaction_times(connection: sa.Connection, ids: set[str]) -> dict[str, int]:
    t, times = store.transactions.c, {}
    for keys in store.split_keys(sorted(ids - {""})):
        found = connection.execute(sa.select(t.tx_id, t.ts).where(t.tx_id.in_(keys)))
        times |= {tx_id: ts for tx_id, ts in found}
    return times


def _build_conditions(
    connection: sa.Connection, filters: EntryFilter
) -> list[sa.ColumnElement[bool]]:
    entry, conditions = store.ledger.c, []
    if filters.text:
        conditions.append(_match_text(connection, filters.text))
    if filters.person:
        name = filters.person.strip().lower()
        changed = sa.and_(entry.event == "user", _select_payload_field(connection, "name") == name)
        conditions.append(sa.or_(sa.func.lower(entry.actor) == name, changed))
    if filters.day is not None:
        conditions.append(_match_day(connection, filters.day, filters.clock))
    if filters.kind:
        conditions.append(entry.event.in_(ENTRY_KINDS[filters.kind]))
    return conditions


def _match_text(connection: sa.Connection, text: str) -> sa.ColumnElement[bool]:
    entry = store.ledger.c
    text = text.strip()
    if match := re.fullmatch(r"(?:entry|#)\s*(\d{1,12})", text, re.IGNORECASE):
        return entry.seq == int(match[1])
    if match := re.fullmatch(r"version\s+(\S+)", text, re.IGNORECASE):
        part = f'"version":{json.dumps(match[1], ensure_ascii=False)}'
        return entry.body.contains(part, autoescape=True)
    tx_id = find_transaction_id(connection, text)
    if tx_id:  # whole, because T1 is a part of T12
        whole = json.dumps(tx_id, ensure_ascii=False)
        return entry.body.contains(whole, autoescape=True)
    part = json.dumps(text, ensure_ascii=False)[1:-1]
    return entry.body.icontains(part, autoescape=True)


def _match_day(connection: sa.Connection, day: int, clock: str) -> sa.ColumnElement[bool]:
    entry, t = store.ledger.c, store.transactions.c
    if clock == "computer":
        return sa.and_(entry.at >= day, entry.at < day + DAY)
    of_day = sa.select(t.tx_id).where(t.ts >= day, t.ts < day + DAY)
    return _select_payload_field(connection, "tx_id").in_(of_day)


def _select_payload_field(connection: sa.Connection, name: str) -> sa.ColumnElement[str]:
    """Select a field of the payload as text; NULL if an entry has none."""
    body = store.ledger.c.body
    if connection.dialect.name == "sqlite":
        text = sa.func.json_extract(body, f"$.payload.{name}", type_=sa.Text)
        return sa.case((sa.func.json_valid(body) == 1, text))  # a forged entry can hold anything
    return sa.cast(body, sa.JSON)[("payload", name)].as_string()


# --- one transaction ---


def find_transaction_id(connection: sa.Connection, text: str) -> str | None:
    """Find the transaction with this id, or the one that this prediction is about; any case."""
    t, p = store.transactions.c, store.predictions.c
    for value in dict.fromkeys((text, text.upper(), text.lower())):
        found = connection.scalar(sa.select(t.tx_id).where(t.tx_id == value))
        found = found or connection.scalar(sa.select(p.tx_id).where(p.prediction_id == value))
        if found:
            return found
    return None


def suggest_transaction_ids(engine: sa.Engine, text: str) -> list[str]:
    """Find transactions whose id has this part, in any case.

    Parameters
    ----------
    engine : Engine
    text : str

    Returns
    -------
    list of str
        At most `MAX_SUGGESTED_IDS`.
    """
    p = store.predictions.c
    query = sa.select(p.tx_id).where(p.tx_id.icontains(text.strip(), autoescape=True))
    with engine.connect() as connection:
        return list(connection.scalars(query.order_by(p.tx_id).limit(MAX_SUGGESTED_IDS)))


def load_transaction_facts(engine: sa.Engine, text: str) -> dict[str, Any] | None:
    """Load what the tables hold about a transaction, and which entries seal it.

    Parameters
    ----------
    engine : Engine
    text : str
        Its id, or that of its prediction.

    Returns
    -------
    dict of str to Any, or None
        ``transaction``, ``prediction``, ``case`` (each a dict or None), ``labels`` (list of dict),
        and ``seals`` (table to number of the entry). None if there is no such transaction.
    """
    with engine.connect() as connection:
        tx_id = find_transaction_id(connection, text.strip())
        if tx_id is None:
            return None
        found: dict[str, Any] = {
            name: _load_row(connection, table, tx_id)
            for name, table in (
                ("transaction", store.transactions),
                ("prediction", store.predictions),
                ("case", store.cases),
            )
        }
        labels = sa.select(store.labels).where(store.labels.c.tx_id == tx_id)
        order = (store.labels.c.label_ts, store.labels.c.source, store.labels.c.actor)
        found["labels"] = [
            dict(row) for row in connection.execute(labels.order_by(*order)).mappings()
        ]
        prediction_id = found["prediction"] and found["prediction"]["prediction_id"]
        s = store.sealed.c
        keys = [one for one in (tx_id, prediction_id) if one]
        sealed = sa.select(s.kind, s.seal).where(s.key.in_(keys)).order_by(s.seal)
        found["seals"] = {kind: seal for kind, seal in connection.execute(sealed)}
    return found


def _load_row(connection: sa.Connection, table: sa.Table, tx_id: str) -> dict[str, Any] | None:
    row = connection.execute(sa.select(table).where(table.c.tx_id == tx_id)).mappings().first()
    return dict(row) if row else None
