"""Heads outside the database: kept, compared, never overwritten by a broken ledger; and facts that may not be false alarms."""

import mlflow
import pytest

from fraudops import __main__ as command
from fraudops import anchors, audit_views, cases, layout, ledger, proof, records, registry, store
from fraudops.workspace import Workspace
from tests.test_cases import fill
from tests.test_cases import say as decide


@pytest.fixture
def workspace(tmp_path, monkeypatch):
    monkeypatch.delenv("FRAUDOPS_DATABASE_URL", raising=False)
    monkeypatch.delenv("FRAUDOPS_TRACKING_URI", raising=False)
    return Workspace.find(tmp_path)


@pytest.fixture
def engine(workspace):
    engine = store.connect(workspace)
    yield engine
    engine.dispose()


def say(engine, number=1):
    with store.writing(engine) as connection:
        for i in range(number):
            ledger.append(connection, "event", "ann", number=i)


def cut(engine, seq):
    with store.writing(engine) as connection:
        layout.unguard(connection)
        connection.execute(store.ledger.delete().where(store.ledger.c.seq >= seq))


def test_an_empty_ledger_has_no_anchor_and_holds(workspace, engine):
    assert anchors.note(workspace, engine) is None and anchors.problems(workspace, engine) == []
    assert not (workspace.root / "audit" / "anchors.jsonl").exists()


def test_a_tail_that_was_cut_off_is_named_and_no_new_anchor_covers_it(workspace, engine):
    say(engine, 3)
    assert anchors.note(workspace, engine).seq == 3
    say(engine, 2)
    last = anchors.note(workspace, engine)
    assert [one.seq for one in anchors.in_file(workspace)] == [3, 5]
    cut(engine, 4)
    assert anchors.verify(workspace, engine) == "entry 4 is missing: the tail was cut off, for entry 5 was anchored"
    assert audit_views.chain(engine).broken is None  # alone the chain cannot know
    assert "entry 4 is missing" in audit_views.chain(engine, workspace).broken
    say(engine, 2)  # other entries in their place
    assert "one of the entries 4 to 5 was rewritten" in anchors.verify(workspace, engine)
    with pytest.raises(anchors.Broken, match="No new head was kept"):
        anchors.note(workspace, engine)
    assert anchors.in_file(workspace)[-1] == last


def test_an_anchor_that_a_person_kept_counts_too(workspace, engine):
    say(engine, 4)
    with engine.connect() as connection:
        kept = anchors.Anchor(*ledger.last(connection), at=0.0)
    cut(engine, 2)
    assert anchors.verify(workspace, engine) is None
    assert "the tail was cut off" in anchors.verify(workspace, engine, more=kept)


def test_a_line_left_unfinished_was_never_an_anchor_and_a_changed_one_is_said(workspace, engine):
    say(engine)
    anchors.note(workspace, engine)
    file = workspace.root / "audit" / "anchors.jsonl"
    whole = file.read_bytes()
    file.write_bytes(whole + b'{"at": 1, "ha')
    assert anchors.verify(workspace, engine) is None
    say(engine)
    anchors.note(workspace, engine)
    assert len(anchors.in_file(workspace)) == 2 and file.read_bytes().startswith(whole)
    file.write_text("nonsense\n" + file.read_text())
    assert anchors.verify(workspace, engine) == "line 1 of audit/anchors.jsonl cannot be read: it was changed"
    file.write_bytes(whole.replace(b'"seq": 1', b'"seq": 2') + whole)
    assert "is not the one that was anchored" in anchors.verify(workspace, engine)


def test_mlflow_keeps_a_head_that_survives_the_file(workspace, engine):
    mlflow.set_tracking_uri(workspace.tracking_uri)
    client = mlflow.MlflowClient()
    client.create_registered_model(registry.NAME)
    say(engine, 3)
    kept = anchors.note(workspace, engine)
    assert anchors.in_mlflow(workspace) == kept
    (workspace.root / "audit" / "anchors.jsonl").unlink()
    cut(engine, 2)
    assert anchors.verify(workspace, engine, registry=False) is None
    assert "the tail was cut off" in anchors.verify(workspace, engine)
    client.set_registered_model_tag(registry.NAME, anchors.TAG, "nonsense")
    assert "cannot be read" in anchors.verify(workspace, engine)
    anchors.forget_tag(workspace)
    assert anchors.verify(workspace, engine) is None


def test_a_new_operation_begins_without_the_anchors_of_the_old(workspace):
    for key in ("one", "two"):
        engine = store.begin_operation(workspace, key)
        say(engine, 2)
        anchors.note(workspace, engine)
        assert len(anchors.in_file(workspace)) == 1 and anchors.verify(workspace, engine) is None
        engine.dispose()
    assert len(list((workspace.root / "audit").glob("anchors-until-*.jsonl"))) == 1


def test_the_command_says_what_holds_and_what_does_not(workspace, engine, capsys):
    fill(engine, flagged=2)
    decide(engine, cases.claim_next(engine, "ann"), "fraud", "ann")
    words = ["verify", "--workspace", str(workspace.root)]
    assert command.main(words) == 0
    said = capsys.readouterr().out
    last = anchors.in_file(workspace)[-1]
    assert "The record holds" in said and f"{last.seq} {last.hash}" in said
    with store.writing(engine) as connection:
        connection.execute(store.decisions.update().values(verdict="genuine"))
    assert command.main(words) == 2
    assert "verdict 'genuine', and entry 1 has 'fraud'" in capsys.readouterr().err
    assert anchors.in_file(workspace)[-1] == last


def test_users_are_folded_from_their_entries_with_or_without_the_word_active(engine):
    row = {"name": "ann", "role": "admin", "password": "x", "one_time": 0, "active": 0, "created_at": 1.0}
    with store.writing(engine) as connection:
        connection.execute(store.users.insert(), row)
        ledger.append(connection, "user", "admin", name="ann", change="added", role="analyst")
        ledger.append(connection, "user", "admin", name="ann", change="role", role="admin", active=True)
        ledger.append(connection, "user", "admin", name="ann", change="deactivated")
        ledger.append(connection, "user", "admin", name="ann", change="password")
    with store.reading(engine) as connection:
        assert list(proof.differences(connection)) == []


def test_stages_that_leave_no_label_need_none(engine):
    """A first opinion, a proposal and its confirmation by somebody else, one label."""
    label = {"tx_id": "t", "source": "reviewer", "actor": "bob", "customer_id": "c", "terminal_id": "m", "is_fraud": 1}
    with store.writing(engine) as connection:
        for actor, stage in (("ann", "opinion"), ("ann", "proposal"), ("bob", "confirmation")):
            what = {"tx_id": "t", "stage": stage, "verdict": "fraud", "reason": "stolen", "note": "", "override": 0}
            seq = ledger.last(connection)[0]
            ledger.append(connection, "decision", actor, 1000.0 + seq, **what)
            connection.execute(store.decisions.insert(), what | {"actor": actor, "decided_at": 1000.0})
        connection.execute(store.labels.insert(), label | {"label_ts": 5})
    with store.reading(engine) as connection:
        assert list(proof.differences(connection)) == []
    with store.writing(engine) as connection:
        connection.execute(store.labels.delete())
    with store.reading(engine) as connection:
        assert list(proof.differences(connection)) == ["entry 3 decided that t is fraud, and no label says so"]


def test_of_many_differences_the_first_are_told():
    assert proof.first(iter("abc"), most=3) == ["a", "b", "c"]
    assert proof.first(iter("abcd"), most=3) == ["a", "b", "c", "... and more"]


def test_a_promotion_anchors_and_a_broken_ledger_does_not_keep_anybody_from_it(workspace, engine, caplog):
    say(engine, 2)
    registry.anchor(workspace, engine)
    assert len(anchors.in_file(workspace)) == 1
    cut(engine, 2)
    registry.anchor(workspace, engine)
    assert len(anchors.in_file(workspace)) == 1 and "the tail was cut off" in caplog.text


def test_what_reviewers_say_through_the_service_is_in_the_ledger_once(engine):
    row = {
        "tx_id": "t",
        "source": "reviewer",
        "actor": "bob",
        "customer_id": "c",
        "terminal_id": "m",
        "is_fraud": 1,
        "label_ts": 5,
    }
    issuer = row | {"source": "chargeback", "actor": "issuer"}
    for new in (2, 0):
        with store.writing(engine) as connection:
            assert records.take_labels(connection, [row, row, issuer]) == new
    with store.reading(engine) as connection:
        assert [entry["payload"] for entry in ledger.stream(connection)] == [{"labels": [["t", 1, 5]]}]
        assert list(proof.differences(connection)) == []
    with store.writing(engine) as connection:
        connection.execute(store.labels.update().where(store.labels.c.actor == "bob").values(is_fraud=0))
    with store.reading(engine) as connection:
        assert list(proof.differences(connection)) == ["the label genuine of bob on t rests on no decision in the ledger"]
