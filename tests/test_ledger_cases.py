"""The ledger finds every tampering that it claims to find; a case is decided once, by the one who holds it."""

import hashlib
import json
import time
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from multiprocessing import get_context

import pytest
import sqlalchemy as sa

from fraudops import cases, layout, ledger, store
from fraudops.timeline import DAY, MATURE_DAYS
from fraudops.workspace import UserError, Workspace

NOON = 20_000 * DAY + DAY // 2


@pytest.fixture
def workspace(tmp_path, monkeypatch):
    monkeypatch.delenv("FRAUDOPS_DATABASE_URL", raising=False)
    return Workspace.find(tmp_path)


@pytest.fixture
def engine(workspace):
    engine = store.connect(workspace)
    yield engine
    engine.dispose()


def fill(engine, flagged, approved=0, ts=NOON):
    """Transactions t0, t1, ... of rising amount, the first `flagged` of them sent to review, with their cases."""
    rows = range(flagged + approved)
    tx = [
        {"tx_id": f"t{i}", "ts": ts + i, "customer_id": "c", "terminal_id": "m", "amount_cents": 1000 * (i + 1)}
        | {"category": "food", "channel": "chip"}
        for i in rows
    ]
    scores = [
        {"prediction_id": f"p{i}", "tx_id": f"t{i}", "ts": ts + i, "scored_at": 1.0, "model_version": "1", "probability": 0.5}
        | {"threshold": 0.2, "decision": "review" if i < flagged else "approve"}
        for i in rows
    ]
    with store.writing(engine) as connection:
        store.insert_new(connection, store.transactions, tx)
        store.insert_new(connection, store.predictions, scores)
    return cases.open_cases(engine)


def write_entries(engine, number=6):
    """A ledger of that many entries; returns its head."""
    with store.writing(engine) as connection:
        for i in range(number):
            head = ledger.append(connection, "event", "ann", number=i)
    return head


def tamper(engine, *statements):
    """Do what somebody with full rights on the database could: drop the triggers, change rows, and verify."""
    with store.writing(engine) as connection:
        layout.unguard(connection)
        for statement in statements:
            connection.execute(statement)
    with engine.connect() as connection:
        return ledger.verify(connection)


# --- the ledger ---


def test_a_chain_holds_and_each_entry_carries_the_hash_of_the_one_before(engine):
    head = write_entries(engine)
    with engine.connect() as connection:
        rows = connection.execute(sa.select(store.ledger).order_by(store.ledger.c.seq)).all()
        assert ledger.verify(connection) is None and ledger.verify(connection, head) is None
        assert ledger.head(connection) == head == rows[-1].hash
    assert [row.previous for row in rows[1:]] == [row.hash for row in rows[:-1]] and rows[0].previous == ledger.GENESIS
    text = f"{rows[3].seq}\n{rows[3].previous}\n{rows[3].body}"
    assert rows[3].hash == hashlib.sha256(text.encode()).hexdigest()


def test_the_empty_ledger_holds(engine):
    with engine.connect() as connection:
        assert ledger.verify(connection) is None and ledger.head(connection) == ledger.GENESIS


def test_equal_facts_have_equal_bytes_and_nan_is_refused():
    assert ledger.canonical({"b": 1, "a": "ä"}) == ledger.canonical({"a": "ä", "b": 1}) == '{"a":"ä","b":1}'
    with pytest.raises(ValueError):
        ledger.canonical({"a": float("nan")})


@pytest.mark.parametrize(
    "statement", [store.ledger.update().values(body="{}"), store.ledger.delete()], ids=["update", "delete"]
)
def test_the_database_refuses_to_change_the_ledger(engine, statement):
    head = write_entries(engine)
    with pytest.raises(sa.exc.DBAPIError, match="append-only"), store.writing(engine) as connection:
        connection.execute(statement)
    with engine.connect() as connection:
        assert ledger.verify(connection, head) is None


@pytest.mark.parametrize("seq", [1, 3, 6])
def test_a_changed_byte_is_named(engine, seq):
    write_entries(engine)
    column = store.ledger.c.body
    flipped = sa.func.replace(column, '"ann"', '"bob"')
    assert (
        tamper(engine, store.ledger.update().where(store.ledger.c.seq == seq).values(body=flipped))
        == f"entry {seq} was changed"
    )


def test_a_changed_hash_is_named(engine):
    write_entries(engine)
    change = store.ledger.update().where(store.ledger.c.seq == 4).values(hash="f" * 64)
    assert tamper(engine, change) == "entry 4 was changed"


@pytest.mark.parametrize("seq", [1, 3])
def test_a_removed_entry_is_named(engine, seq):
    write_entries(engine)
    assert f"entry {seq} is missing" in tamper(engine, store.ledger.delete().where(store.ledger.c.seq == seq))


def test_a_removed_entry_is_found_when_the_rest_moves_up(engine):
    write_entries(engine)
    moved = store.ledger.update().where(store.ledger.c.seq > 3).values(seq=store.ledger.c.seq - 1)
    assert tamper(engine, store.ledger.delete().where(store.ledger.c.seq == 3), moved) == "entry 3 does not follow entry 2"


def test_an_inserted_entry_is_found(engine):
    write_entries(engine)
    up = [store.ledger.update().where(store.ledger.c.seq == i).values(seq=i + 1) for i in (6, 5, 4)]
    with engine.connect() as connection:
        third = connection.execute(sa.select(store.ledger).where(store.ledger.c.seq == 3)).one()
    body = ledger.canonical({"at": 1.0, "actor": "eve", "event": "decision", "payload": {}})
    forged = {"seq": 4, "previous": third.hash, "body": body}
    forged["hash"] = hashlib.sha256(f"4\n{third.hash}\n{body}".encode()).hexdigest()
    assert tamper(engine, *up, store.ledger.insert().values(forged)) == "entry 5 does not follow entry 4"


def test_swapped_entries_are_found(engine):
    write_entries(engine)
    swap = [store.ledger.update().where(store.ledger.c.seq == old).values(seq=new) for old, new in ((2, 99), (3, 2), (99, 3))]
    assert tamper(engine, *swap) == "entry 2 does not follow entry 1"


def test_a_cut_off_tail_is_found_against_the_anchor_only(engine):
    head = write_entries(engine)
    assert tamper(engine, store.ledger.delete().where(store.ledger.c.seq >= 5)) is None  # alone the chain cannot know
    with engine.connect() as connection:
        assert "cut off" in ledger.verify(connection, anchor=head)


def test_an_anchor_stays_good_while_the_chain_grows(engine):
    head = write_entries(engine, 3)
    write_entries(engine, 3)
    with engine.connect() as connection:
        assert ledger.verify(connection, anchor=head) is None


def test_an_entry_falls_with_the_fact_it_records(engine):
    with pytest.raises(RuntimeError), store.writing(engine) as connection:
        ledger.append(connection, "event", "ann")
        raise RuntimeError("the fact could not be written")
    with engine.connect() as connection:
        assert ledger.entries(connection) == []


# --- cases ---


def test_only_flagged_transactions_become_cases_and_only_once(engine):
    assert fill(engine, flagged=3, approved=2) == 3
    assert cases.open_cases(engine) == 0


def test_the_largest_expected_loss_comes_first_and_a_claim_is_kept(engine):
    fill(engine, flagged=3)
    assert cases.held(engine, "ann") is None
    assert cases.claim_next(engine, "ann") == "t2"
    assert cases.held(engine, "ann") == "t2" == cases.claim_next(engine, "ann")
    assert cases.claim_next(engine, "bob") == "t1"
    assert cases.waiting(engine, "ann") == (3, 2)  # her own and the free one


def test_an_empty_queue_gives_none(engine):
    fill(engine, flagged=1)
    assert cases.claim_next(engine, "ann") == "t0"
    assert cases.claim_next(engine, "bob") is None


def test_a_lease_runs_out(engine, monkeypatch):
    fill(engine, flagged=1)
    assert cases.claim_next(engine, "ann") == "t0"
    later = time.time() + cases.LEASE_SECONDS + 1
    monkeypatch.setattr(cases.time, "time", lambda: later)
    assert cases.held(engine, "ann") is None
    with pytest.raises(UserError, match="not yours"):
        cases.decide(engine, "t0", "fraud", "ann")
    assert cases.claim_next(engine, "bob") == "t0"


def test_a_decision_is_decision_label_and_entry_together(engine):
    fill(engine, flagged=1)
    cases.decide(engine, cases.claim_next(engine, "ann"), "fraud", "ann", "a call confirmed it")
    with engine.connect() as connection:
        decision = connection.execute(sa.select(store.decisions)).one()
        label = connection.execute(sa.select(store.labels)).one()
        entry = ledger.entries(connection, "decision")[-1]
        state = connection.scalar(sa.select(store.cases.c.state))
        assert ledger.verify(connection) is None
    assert (decision.verdict, decision.note, decision.actor) == ("fraud", "a call confirmed it", "ann")
    assert (label.tx_id, label.is_fraud, label.source, label.actor, label.label_ts) == ("t0", 1, "reviewer", "ann", NOON)
    assert entry["actor"] == "ann" and entry["payload"] == {"tx_id": "t0", "verdict": "fraud", "note": "a call confirmed it"}
    assert state == "closed"


def test_unsure_gives_no_label_and_goes_to_somebody_else(engine):
    fill(engine, flagged=2)
    cases.decide(engine, cases.claim_next(engine, "ann"), "unsure", "ann")
    with engine.connect() as connection:
        assert connection.scalar(sa.select(sa.func.count()).select_from(store.labels)) == 0
    assert cases.claim_next(engine, "ann") == "t0"  # the next one, not the same again
    assert cases.claim_next(engine, "bob") == "t1"


@pytest.mark.parametrize("who", ["bob", "nobody"])
def test_only_the_holder_decides(engine, who):
    fill(engine, flagged=2)
    cases.claim_next(engine, "ann")
    cases.claim_next(engine, "bob")
    with pytest.raises(UserError, match="not yours"):
        cases.decide(engine, "t1", "fraud", who)
    with engine.connect() as connection:
        assert ledger.entries(connection) == []
        assert connection.scalar(sa.select(sa.func.count()).select_from(store.decisions)) == 0


def test_a_case_is_decided_once(engine):
    fill(engine, flagged=1)
    cases.decide(engine, cases.claim_next(engine, "ann"), "genuine", "ann")
    with pytest.raises(UserError, match="closed"):
        cases.decide(engine, "t0", "fraud", "ann")


def test_an_unknown_verdict_is_refused(engine):
    fill(engine, flagged=1)
    with pytest.raises(UserError, match="choose one of fraud, genuine, unsure"):
        cases.decide(engine, cases.claim_next(engine, "ann"), "maybe", "ann")


def review_all(root: str, actor: str) -> list[str]:
    """A reviewer who works until nothing is left; what they decided."""
    engine, mine = store.connect(Workspace.find(root)), []
    while (tx_id := cases.claim_next(engine, actor)) is not None:
        cases.decide(engine, tx_id, "genuine", actor)
        mine.append(tx_id)
    engine.dispose()
    return mine


@pytest.mark.parametrize("pool", ["threads", "processes"])
def test_reviewers_side_by_side_never_decide_the_same_case(workspace, engine, pool):
    fill(engine, flagged=60)
    if pool == "threads":
        workers = ThreadPoolExecutor(4)
    else:
        workers = ProcessPoolExecutor(3, mp_context=get_context("spawn"))
    with workers:
        done = list(workers.map(review_all, [str(workspace.root)] * 3, ["ann", "bob", "cem"]))
    decided = [tx_id for mine in done for tx_id in mine]
    assert sorted(decided) == sorted(f"t{i}" for i in range(60))
    with engine.connect() as connection:
        assert ledger.verify(connection) is None
        assert sorted(e["payload"]["tx_id"] for e in ledger.entries(connection)) == sorted(decided)
        assert connection.scalar(sa.select(sa.func.count()).select_from(store.labels)) == 60


# --- what is known of predictions ---


def test_labels_stand_beside_predictions(engine):
    fill(engine, flagged=2, approved=2)
    late = {"tx_id": "late", "ts": NOON + 20 * DAY, "customer_id": "c", "terminal_id": "m", "amount_cents": 1}
    with store.writing(engine) as connection:
        store.insert_new(connection, store.transactions, [late | {"category": "x", "channel": "x"}])
        score = {"prediction_id": "pl", "tx_id": "late", "ts": late["ts"], "scored_at": 1.0, "model_version": "2"}
        store.insert_new(connection, store.predictions, [score | {"probability": 0.1, "threshold": 0.2, "decision": "approve"}])
        report = {"tx_id": "t2", "source": "chargeback", "actor": "issuer", "customer_id": "c", "terminal_id": "m"}
        store.insert_new(connection, store.labels, [report | {"is_fraud": 1, "label_ts": NOON + 9 * DAY}])
    cases.decide(engine, cases.claim_next(engine, "ann"), "fraud", "ann")  # t1
    frame = cases.predictions_with_labels(engine).set_index("tx_id")
    assert frame["label"].astype(object).where(frame["label"].notna(), None).to_dict() == {
        "t0": 0, "t1": 1, "t2": 1, "t3": 0, "late": None,
    }  # fmt: skip
    assert frame.loc[["t0", "t1", "t2"], "label_source"].tolist() == ["no report", "reviewer", "chargeback"]
    assert frame["flagged"].to_dict() == {"t0": True, "t1": True, "t2": False, "t3": False, "late": False}
    before = cases.predictions_with_labels(engine, as_of=NOON + 8 * DAY).set_index("tx_id")
    assert before.loc["t2", "label"] == 0 and before.loc["t2", "label_source"] == "no report"  # the report came on day 9
    young = cases.predictions_with_labels(engine, as_of=NOON + MATURE_DAYS * DAY).set_index("tx_id")
    assert young.loc[["t0", "t2", "t3"], "label"].isna().all()


def test_no_predictions_give_an_empty_frame_with_all_columns(engine):
    frame = cases.predictions_with_labels(engine)
    assert len(frame) == 0 and {"tx_id", "label", "label_source", "flagged", "amount_cents"} <= set(frame.columns)


def test_the_body_of_an_entry_is_the_fact(engine):
    write_entries(engine, 1)
    with engine.connect() as connection:
        body = json.loads(connection.scalar(sa.select(store.ledger.c.body)))
    assert body["event"] == "event" and body["payload"] == {"number": 0} and abs(body["at"] - time.time()) < 60
