"""Ways to tamper with a copy of a database: what each does, and how it is found.

A kind changes the copy and returns words that a finding must hold, or a pattern for the chain, or
the number of the first entry that no longer stands. A kind that nothing finds names the sentence of
docs/non-claims.md that says so.
"""

import hashlib
import json
import random
import time
from collections.abc import Callable
from dataclasses import dataclass

import sqlalchemy as sa

from fraudops import ledger, store
from fraudops.ledger import chain, seals

C, D, F, U, P = store.cases, store.decisions, store.labels, store.users, store.predictions
T, E = store.transactions, store.evidence
REVIEWER, CHARGEBACK = F.c.source == "reviewer", F.c.source == "chargeback"
HAS_DIGEST = store.sealed.c.digest.is_not(None)
IS_SEALED = sa.exists().where(store.sealed.c.key == P.c.prediction_id)
Act = Callable[[sa.Connection, random.Random], str | int]


@dataclass(frozen=True)
class Kind:
    """One way to tamper.

    Attributes
    ----------
    name : str
    act : callable
        Changes the copy; see the module.
    part : str
        ``chain`` if the chain or its heads find it, ``facts`` if a comparison does.
    non_claim : str
        The sentence of docs/non-claims.md that names it; empty if it is found.
    """

    name: str
    act: Act
    part: str = "facts"
    non_claim: str = ""


def drop_triggers(connection: sa.Connection) -> None:
    """Remove the triggers of a SQLite database, as its owner can."""
    names = sa.text("SELECT name FROM sqlite_master WHERE type = 'trigger'")
    for name in connection.scalars(names).all():
        connection.exec_driver_sql(f"DROP TRIGGER {name}")


def count_entries(connection: sa.Connection) -> int:
    """The number of the last entry."""
    return ledger.get_head(connection)[0]


# --- the ledger ---


def load_rows(connection: sa.Connection) -> list[dict]:
    """The whole ledger, without signatures."""
    return [dict(row._mapping) for row in ledger.stream_ledger_rows(connection)]


def replace_rows(connection: sa.Connection, rows: list[dict]) -> None:
    """Write the whole ledger anew; entries that stay keep their signatures."""
    e = store.ledger.c
    signatures = dict(connection.execute(sa.select(e.hash, e.signature)).all())
    connection.execute(store.ledger.delete())
    signed = [row | {"signature": signatures.get(row["hash"])} for row in rows]
    connection.execute(store.ledger.insert(), signed)


def chain_again(rows: list[dict], start: int) -> list[dict]:
    """Compute numbers and hashes anew from a place (from 0) on."""
    previous = rows[start - 1]["hash"] if start else chain.GENESIS_HASH
    for at in range(start, len(rows)):
        text = f"{at + 1}\n{previous}\n{rows[at]['body']}"
        digest = hashlib.sha256(text.encode()).hexdigest()
        rows[at] |= {"seq": at + 1, "previous": previous, "hash": digest}
        previous = digest
    return rows


def flip(column: str) -> Act:
    """Another character in one column of one entry."""

    def act(connection, draw):
        seq = draw.randint(1, count_entries(connection))
        where = store.ledger.c.seq == seq
        text = connection.scalar(sa.select(store.ledger.c[column]).where(where))
        at = draw.randrange(len(text))
        other = draw.choice([sign for sign in "0123456789abcdefXYZ {" if sign != text[at]])
        changed = text[:at] + other + text[at + 1 :]
        connection.execute(store.ledger.update().where(where).values({column: changed}))
        if column == "previous":
            return f"entry {seq} does not follow"
        return f"entry {seq} was changed"

    return act


def remove(connection, draw):
    """An entry less."""
    seq = draw.randint(1, count_entries(connection) - 1)
    connection.execute(store.ledger.delete().where(store.ledger.c.seq == seq))
    return f"entry {seq} is missing"


def remove_and_close_up(connection, draw):
    """An entry less, and the later ones get new numbers."""
    rows = load_rows(connection)
    seq = draw.randint(1, len(rows) - 1)
    kept = rows[: seq - 1] + rows[seq:]
    replace_rows(connection, [row | {"seq": at} for at, row in enumerate(kept, start=1)])
    return f"entry {seq} does not follow"


def insert(connection, draw):
    """A forged entry with a right hash of its own; those behind it move up."""
    rows = load_rows(connection)
    seq = draw.randint(1, len(rows))
    previous = rows[seq - 2]["hash"] if seq > 1 else chain.GENESIS_HASH
    payload = {"tx_id": "forged", "verdict": "genuine"}
    said = {"at": 1.0, "actor": "eve", "event": "decision", "payload": payload}
    body = ledger.canonical_json(said)
    forged = {"seq": seq, "previous": previous, "body": body}
    forged["hash"] = hashlib.sha256(f"{seq}\n{previous}\n{body}".encode()).hexdigest()
    later = [row | {"seq": row["seq"] + 1} for row in rows[seq - 1 :]]
    replace_rows(connection, [*rows[: seq - 1], forged, *later])
    # an anchor stands for the entry that was there
    anchored = rf"(one of the entries \d+ to|entry) {seq} was rewritten"
    return rf"(entry {seq + 1} does not follow|{anchored})"


def swap(connection, draw):
    """Two entries exchanged."""
    rows = load_rows(connection)
    one, other = sorted(draw.sample(range(len(rows)), 2))
    rows[one], rows[other] = rows[other] | {"seq": one + 1}, rows[one] | {"seq": other + 1}
    replace_rows(connection, rows)
    return f"entry {one + 1} does not follow"


def draw_anchored(connection, draw) -> int:
    """An entry that the last head covers: the first that bears no mark of `add_loose_ends`."""
    e = store.ledger.c
    marked = e.body.contains(LOOSE_END)
    first = connection.scalar(sa.select(sa.func.min(e.seq)).where(marked))
    return draw.randint(1, (first or count_entries(connection) + 1) - 1)


def cut(connection, draw):
    """All entries from one on are gone."""
    seq = draw_anchored(connection, draw)
    connection.execute(store.ledger.delete().where(store.ledger.c.seq >= seq))
    return seq


def rewrite(connection, draw):
    """Another actor in one entry, and all later hashes computed anew."""
    rows = load_rows(connection)
    at = draw_anchored(connection, draw) - 1
    rows[at]["body"] = ledger.canonical_json(json.loads(rows[at]["body"]) | {"actor": "nobody"})
    replace_rows(connection, chain_again(rows, at))
    return at + 1


def rewrite_without(connection, draw):
    """An entry less, and all later hashes computed anew."""
    rows = load_rows(connection)
    at = draw_anchored(connection, draw) - 1
    del rows[at]
    replace_rows(connection, chain_again(rows, at))
    return at + 1


def append_in_anothers_name(connection, draw):
    """An entry with a right hash by a person without the key, which the copies lack too."""
    event, name = draw.choice(["read", "list"]), draw.choice(["ann", "bob"])
    ledger.append_entry(connection, event, name, forged=True)
    return "is not signed: it was written without the key"


def remove_a_signature(connection, draw):
    """No signature, though earlier entries have one."""
    return _change_signature(connection, draw, None)


def forge_a_signature(connection, draw):
    """A signature of another key."""
    return _change_signature(connection, draw, draw.randbytes(32).hex())


def _change_signature(connection, draw, value):
    e = store.ledger.c
    signed = connection.scalars(sa.select(e.seq).where(e.signature.is_not(None))).all()
    seq = draw.choice(signed[1:])
    change = store.ledger.update().where(e.seq == seq)
    connection.execute(change.values(signature=value))
    return f"entry {seq} in the name of"


# --- the facts ---


def one_of(connection, draw, table, *where):
    """A random row, and the condition that finds it."""
    keys = list(table.primary_key)
    found = connection.execute(sa.select(*keys).where(*where).order_by(*keys)).all()
    chosen = draw.choice(found)
    key = sa.and_(*(column == value for column, value in zip(keys, chosen, strict=True)))
    return dict(connection.execute(sa.select(table).where(key)).mappings().one()), key


def change(table, words, *where, **values) -> Act:
    """Another value in one column of one row."""

    def act(connection, draw):
        row, key = one_of(connection, draw, table, *where)
        name = draw.choice(sorted(values))
        value = draw.choice([one for one in values[name] if one != row[name]])
        connection.execute(table.update().where(key).values({name: value}))
        return words.format(**row)

    return act


def drop(table, words, *where) -> Act:
    """A row less."""

    def act(connection, draw):
        row, key = one_of(connection, draw, table, *where)
        connection.execute(table.delete().where(key))
        return words.format(**row)

    return act


def forge(table, words, *where, **values) -> Act:
    """A row more, like one that is there."""

    def act(connection, draw):
        row, _ = one_of(connection, draw, table, *where)
        row |= {name: draw.choice(of) for name, of in values.items()}
        connection.execute(table.insert(), row)
        return words.format(**row)

    return act


def change_champion(*changes: dict) -> Act:
    """Another champion than the one that the ledger knows."""

    def act(connection, draw):
        key = store.controls.c.key == "champion"
        value = json.loads(connection.scalar(sa.select(store.controls.c.value).where(key)))
        store.set_deployment(connection, {"champion": value | draw.choice(changes)})
        return "what the service follows as champion"

    return act


def shift_decision(connection, draw):
    """A decision at another time within the five minutes that old entries leave open."""
    row, key = one_of(connection, draw, D)
    later = row["decided_at"] + draw.choice([-250.0, -1.0, 0.5, 250.0])
    connection.execute(D.update().where(key).values(decided_at=later))
    return f"decision {row['id']} on {row['tx_id']} has decided_at"


def forge_reviewer_label(connection, draw):
    """A reviewer's label on a transaction that nobody decided."""
    row, _ = one_of(connection, draw, F, REVIEWER)
    decided = sa.select(D.c.tx_id).where(D.c.stage.in_(ledger.FINAL_STAGES))
    other, _ = one_of(connection, draw, T, T.c.tx_id.not_in(decided))
    connection.execute(F.insert(), row | {"tx_id": other["tx_id"], "actor": "ann"})
    return f"on {other['tx_id']} rests on no decision"


def forge_chargeback(connection, draw):
    """A chargeback backdated into days that are sealed and anchored."""
    known = sa.select(F.c.tx_id).where(CHARGEBACK)
    row, _ = one_of(connection, draw, T, T.c.tx_id.not_in(known))
    label = {name: row[name] for name in ("tx_id", "customer_id", "terminal_id")}
    label |= {"source": "chargeback", "actor": "issuer", "is_fraud": 1, "label_ts": row["ts"] + 9}
    connection.execute(F.insert(), label)
    return f"the chargeback on {row['tx_id']} by issuer is in no entry and under no seal"


def forge_case(connection, draw):
    """A case of a transaction that needs none."""
    row, _ = one_of(connection, draw, C)
    cases = sa.select(C.c.tx_id)
    other, _ = one_of(connection, draw, T, T.c.tx_id.not_in(cases))
    connection.execute(C.insert(), row | {"tx_id": other["tx_id"]})
    return f"the case of {other['tx_id']} belongs to no prediction that needs one"


def backdate_a_prediction(connection, draw):
    """A prediction that claims to be older than a seal that does not know it."""
    row, _ = one_of(connection, draw, P)
    row |= {"prediction_id": "forged", "tx_id": "forged", "scored_at": 3.0}
    connection.execute(P.insert(), row)
    return "the prediction forged claims to be older than a seal"


def slip_into_the_seal(connection, draw):
    """A prediction more, with a mark that it was sealed."""
    row, _ = one_of(connection, draw, P, IS_SEALED)
    row |= {"prediction_id": "forged", "tx_id": "forged", "decision": "approve"}
    connection.execute(P.insert(), row)
    s = store.sealed.c
    known = sa.select(s.seal).where(s.kind == "predictions").distinct().order_by(s.seal)
    seal = draw.choice(connection.scalars(known).all())
    digest = seals.digest_row(seals.row_json(tuple(row.values())).encode())
    mark = {"kind": "predictions", "key": "forged", "seal": seal, "digest": digest}
    connection.execute(store.sealed.insert(), mark)
    return f"entry {seal} sealed"


def drop_with_its_seal(connection, draw):
    """A prediction less, with its mark."""
    row, key = one_of(connection, draw, P, IS_SEALED)
    connection.execute(P.delete().where(key))
    connection.execute(store.sealed.delete().where(store.sealed.c.key == row["prediction_id"]))
    return "rows of predictions"


def change_with_its_digest(table, **values) -> Act:
    """A row and the short digest that would name it: the digest of its day still tells."""

    def act(connection, draw):
        name = next(iter(table.primary_key)).name
        is_sealed = sa.exists().where(
            store.sealed.c.kind == table.name, store.sealed.c.key == table.c[name]
        )
        row, key = one_of(connection, draw, table, is_sealed)
        changed = draw.choice(sorted(values))
        row[changed] = values[changed](row[changed])
        connection.execute(table.update().where(key).values(row))
        forged = seals.digest_row(seals.row_json(tuple(row.values())).encode())
        s = store.sealed.c
        where = sa.and_(s.kind == table.name, s.key == row[name])
        connection.execute(store.sealed.update().where(where).values(digest=forged))
        return f"rows of {table.name}"

    return act


def move_to_another_seal(connection, draw):
    """The mark of a row says that another entry sealed it."""
    s = store.sealed
    row, key = one_of(connection, draw, s)
    connection.execute(s.update().where(key).values(seal=row["seal"] + 1))
    return f"{row['key']}" if row["kind"] != "predictions" else "predictions"


# --- what nothing finds, and docs/non-claims.md names ---

LOOSE_END = "written after the last head"


def add_loose_ends(engine: sa.Engine) -> None:
    """Add what no seal and no head covers: late entries, a new prediction, and tables of people."""
    with store.write_transaction(engine) as connection:
        tx = dict(connection.execute(sa.select(T).order_by(T.c.tx_id)).mappings().first())
        new = {"tx_id": "loose", "ts": tx["ts"], "model_version": "1", "probability": 0.01}
        new |= {"prediction_id": "ff" * 16, "threshold": 0.2, "decision": "approve"}
        connection.execute(T.insert(), tx | {"tx_id": "loose"})
        connection.execute(P.insert(), new | {"scored_at": time.time()})
        case = connection.scalar(sa.select(C.c.tx_id).order_by(C.c.tx_id))
        who = {"tx_id": case, "actor": "ann"}
        draft = who | {"verdict": "fraud", "reason": "", "note": "not yet", "saved_at": 1.0}
        connection.execute(store.drafts.insert(), draft)
        skip = who | {"reason": "waiting", "skipped_at": 1.0, "until": 0.0}
        connection.execute(store.skips.insert(), skip)
        asked = {"what": "rollback", "version": "1", "reason": "slow", "asked_by": "ann"}
        connection.execute(store.requests.insert(), asked | {"asked_at": 1.0, "state": "open"})
        said = {key: new[key] for key in ("tx_id", "prediction_id", "probability", "threshold")}
        said |= {"model_version": "2", "scored_at": 1.0, "decision": "approve"}
        connection.execute(store.shadow.insert(), said)
        alert = {"alert_id": "loose", "as_of": 1, "severity": "act", "text": "inputs moved"}
        connection.execute(store.alerts.insert(), alert)
        for _ in range(3):
            ledger.append_entry(connection, "note", "ann", text=LOOSE_END)


def cut_the_loose_end(connection, draw):
    """Entries after the last head are gone."""
    keep = count_entries(connection) - draw.randint(1, 3)
    connection.execute(store.ledger.delete().where(store.ledger.c.seq > keep))
    return ""


NOT_COVERED = (
    "hashes, leases, drafts, skips, settings of the review desk, requests, shadow answers and the "
    "texts of alerts are not covered."
)
LOOSE = "Entries after the last kept head can be cut off without a trace."
BEFORE_SEAL = "A change *before* the first seal is not found."

KINDS = (
    Kind("text of an entry", flip("body"), "chain"),
    Kind("hash of an entry", flip("hash"), "chain"),
    Kind("hash before an entry", flip("previous"), "chain"),
    Kind("entry removed", remove, "chain"),
    Kind("entry removed, numbers closed up", remove_and_close_up, "chain"),
    Kind("entry inserted", insert, "chain"),
    Kind("entries swapped", swap, "chain"),
    Kind("end cut off", cut, "chain"),
    Kind("chain rewritten", rewrite, "chain"),
    Kind("chain rewritten without an entry", rewrite_without, "chain"),
    Kind("entry appended in another's name", append_in_anothers_name),
    Kind("signature removed", remove_a_signature),
    Kind("signature forged", forge_a_signature),
    Kind(
        "verdict, stage or person of a decision",
        change(
            D,
            "decision {id} ",
            tx_id=["forged"],
            stage=["opinion", "proposal"],
            verdict=["fraud", "genuine", "unsure"],
            actor=["ann", "bob", "eve"],
        ),
    ),
    Kind(
        "reason, note or mark of a decision",
        change(D, "decision {id} ", reason=["stolen"], note=["", "other"], override=[0, 1]),
    ),
    Kind(
        "time or duration of a decision",
        change(D, "decision {id} ", decided_at=[1.0], seconds=[0.5, 900.0]),
    ),
    Kind("time of a decision, by minutes", shift_decision),
    Kind("decision removed", drop(D, "decision on {tx_id}")),
    Kind("decision added", forge(D, "decision {id} ", id=[10**6], actor=["ann", "eve"])),
    Kind("label of a reviewer", change(F, "{tx_id}", REVIEWER, is_fraud=[0, 1], actor=["eve"])),
    Kind("label of a reviewer removed", drop(F, "{tx_id}", REVIEWER)),
    Kind("label of a reviewer added", forge_reviewer_label),
    Kind(
        "chargeback",
        change(
            F, "{tx_id} (chargeback of {actor}) of labels", CHARGEBACK, is_fraud=[0], label_ts=[5]
        ),
    ),
    Kind("chargeback removed", drop(F, "{tx_id}", CHARGEBACK)),
    Kind("chargeback added in an old day", forge_chargeback),
    Kind(
        "state or proposer of a case",
        change(
            C,
            "the case of {tx_id} has",
            state=["open", "second", "closed", "settled"],
            proposed=["fraud", "genuine"],
            proposed_by=["ann", "eve"],
        ),
    ),
    Kind(
        "kind or age of a case", change(C, "the case of {tx_id} has", opened_ts=[5], blind=[0, 1])
    ),
    Kind("case removed", drop(C, "on {tx_id} needs a case and has none")),
    Kind("case added", forge_case),
    Kind("role of a user", change(U, "the user {name}", role=["admin", "analyst"])),
    Kind("access of a user", change(U, "the user {name}", active=[0, 1])),
    Kind("user removed", drop(U, "the user {name}")),
    Kind("user added", forge(U, "the user mallory", name=["mallory"], role=["admin"])),
    Kind(
        "version or hash of the champion",
        change_champion({"version": "99"}, {"sha256": "cd" * 32}, {"policy": None}),
    ),
    Kind("file of the champion", change_champion({"file": "other.skops"})),
    Kind(
        "score or decision of a prediction",
        change(
            P,
            "{prediction_id} of predictions is not what entry",
            IS_SEALED,
            probability=[0.0, 0.4999],
            threshold=[0.3001],
            model_version=["99"],
        ),
    ),
    Kind(
        "time of a prediction",
        change(
            P,
            "{prediction_id} of predictions is not what entry",
            IS_SEALED,
            ts=[7],
            scored_at=[2.0],
        ),
    ),
    Kind("prediction removed", drop(P, "{prediction_id} of predictions is missing", IS_SEALED)),
    Kind("prediction added in an old day", backdate_a_prediction),
    Kind("prediction added under a seal", slip_into_the_seal),
    Kind("prediction removed with its mark", drop_with_its_seal),
    Kind(
        "prediction with its digest",
        change_with_its_digest(P, probability=lambda value: value / 2 + 0.1),
    ),
    Kind(
        "amount or place of a transaction",
        change(
            T,
            "{tx_id} of transactions is not what entry",
            T.c.tx_id != "loose",
            amount_cents=[1],
            category=["x"],
            customer_id=["forged"],
        ),
    ),
    Kind("transaction removed", drop(T, "{tx_id}", T.c.tx_id != "loose")),
    Kind(
        "transaction added in an old day",
        forge(
            T, "the transaction forged was neither scored nor imported", tx_id=["forged"], ts=[1]
        ),
    ),
    Kind(
        "transaction with its digest",
        change_with_its_digest(T, amount_cents=lambda value: value + 1),
    ),
    Kind(
        "inputs or reasons of a prediction",
        change(E, "{prediction_id} of evidence is not what entry", inputs=["[]"], reasons=["[1]"]),
    ),
    Kind("inputs of a prediction removed", drop(E, "{prediction_id} of evidence is missing")),
    Kind("inputs with their digest", change_with_its_digest(E, inputs=lambda _: "[0]")),
    Kind("digest of a row", change(store.sealed, "{key}", HAS_DIGEST, digest=[None, "ab" * 8])),
    Kind("seal of a row", move_to_another_seal),
    Kind("end after the last head", cut_the_loose_end, non_claim=LOOSE),
    Kind(
        "prediction that no seal covers yet",
        change(P, "", P.c.tx_id == "loose", probability=[0.02], ts=[7]),
        non_claim=BEFORE_SEAL,
    ),
    Kind("hash of a password", change(U, "", password=["x", "argon2:y"]), non_claim=NOT_COVERED),
    Kind(
        "lease of a case",
        change(C, "", claimed_by=["eve"], claimed_until=[9e9], claimed_at=[1.5]),
        non_claim=NOT_COVERED,
    ),
    Kind("draft", change(store.drafts, "", note=["x"], verdict=["genuine"]), non_claim=NOT_COVERED),
    Kind("skip", change(store.skips, "", reason=["conflict"], until=[9e9]), non_claim=NOT_COVERED),
    Kind(
        "request of a rollback",
        change(store.requests, "", asked_by=["eve"], reason=["x"]),
        non_claim=NOT_COVERED,
    ),
    Kind("shadow answer", change(store.shadow, "", probability=[0.5]), non_claim=NOT_COVERED),
    Kind("text of an alert", change(store.alerts, "", text=["all is well"]), non_claim=NOT_COVERED),
)
