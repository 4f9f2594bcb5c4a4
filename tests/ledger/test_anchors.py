"""Heads outside the database: kept, compared, never overwritten by a broken ledger; and facts that
may not be false alarms.
"""

import mlflow
import pytest
import sqlalchemy as sa

from fraudops import cli, ledger, models, review, store
from fraudops.errors import UserError
from fraudops.ledger import anchors, chain, reconciliation, verification
from tests.support.cases import drop_ledger_triggers, fill
from tests.support.cases import say as decide


def say(engine, number=1):
    with store.write_transaction(engine) as connection:
        for i in range(number):
            ledger.append_entry(connection, "event", "ann", number=i)


def cut(engine, seq):
    with store.write_transaction(engine) as connection:
        drop_ledger_triggers(connection)
        connection.execute(store.ledger.delete().where(store.ledger.c.seq >= seq))


def test_an_empty_ledger_has_no_anchor_and_holds(workspace, engine):
    assert (
        ledger.write_anchor(workspace, engine) is None
        and verification.find_record_problems(workspace, engine) == []
    )
    assert not (workspace.root / "audit" / "anchors.jsonl").exists()


def test_a_tail_that_was_cut_off_is_named_and_no_new_anchor_covers_it(workspace, engine):
    say(engine, 3)
    assert ledger.write_anchor(workspace, engine).seq == 3
    say(engine, 2)
    last = ledger.write_anchor(workspace, engine)
    assert [one.seq for one in ledger.read_anchor_file(workspace)] == [3, 5]
    cut(engine, 4)
    assert (
        ledger.verify_anchored_chain(workspace, engine)
        == "entry 4 is missing: the tail was cut off, for entry 5 was anchored"
    )
    assert ledger.check_ledger(engine).broken is None  # alone the chain cannot know
    assert "entry 4 is missing" in ledger.check_ledger(engine, workspace).broken
    say(engine, 2)  # other entries in their place
    assert "one of the entries 4 to 5 was rewritten" in ledger.verify_anchored_chain(
        workspace, engine
    )
    with pytest.raises(ledger.BrokenLedgerError, match="No new head was kept"):
        ledger.write_anchor(workspace, engine)
    assert ledger.read_anchor_file(workspace)[-1] == last


def test_an_anchor_that_a_person_kept_counts_too(workspace, engine):
    say(engine, 4)
    with engine.connect() as connection:
        kept = anchors.Anchor(*ledger.get_head(connection), at=0.0)
    cut(engine, 2)
    assert ledger.verify_anchored_chain(workspace, engine) is None
    assert "the tail was cut off" in ledger.verify_anchored_chain(
        workspace, engine, extra_anchor=kept
    )


def test_a_line_left_unfinished_was_never_an_anchor_and_a_changed_one_is_said(workspace, engine):
    say(engine)
    ledger.write_anchor(workspace, engine)
    file = workspace.root / "audit" / "anchors.jsonl"
    whole = file.read_bytes()
    file.write_bytes(whole + b'{"at": 1, "ha')
    assert ledger.verify_anchored_chain(workspace, engine) is None
    say(engine)
    ledger.write_anchor(workspace, engine)
    assert len(ledger.read_anchor_file(workspace)) == 2 and file.read_bytes().startswith(whole)
    file.write_text("nonsense\n" + file.read_text())
    assert (
        ledger.verify_anchored_chain(workspace, engine)
        == "line 1 of audit/anchors.jsonl cannot be read: it was changed"
    )
    file.write_bytes(whole.replace(b'"seq": 1', b'"seq": 2') + whole)
    assert "is not the one that was anchored" in ledger.verify_anchored_chain(workspace, engine)


def test_mlflow_keeps_a_head_that_survives_the_file(workspace, engine):
    mlflow.set_tracking_uri(workspace.tracking_uri)
    client = mlflow.MlflowClient()
    client.create_registered_model(anchors.REGISTERED_MODEL_NAME)
    say(engine, 3)
    kept = ledger.write_anchor(workspace, engine)
    assert ledger.read_mlflow_anchor(workspace) == kept
    (workspace.root / "audit" / "anchors.jsonl").unlink()
    cut(engine, 2)
    assert ledger.verify_anchored_chain(workspace, engine, registry=False) is None
    assert "the tail was cut off" in ledger.verify_anchored_chain(workspace, engine)
    client.set_registered_model_tag(anchors.REGISTERED_MODEL_NAME, anchors.ANCHOR_TAG, "nonsense")
    assert "cannot be read" in ledger.verify_anchored_chain(workspace, engine)
    ledger.delete_anchor_tag(workspace)
    assert ledger.verify_anchored_chain(workspace, engine) is None


def test_a_new_operation_begins_without_the_anchors_of_the_old(workspace):
    for key in ("one", "two"):
        engine = store.begin_operation(workspace, key)
        say(engine, 2)
        ledger.write_anchor(workspace, engine)
        assert (
            len(ledger.read_anchor_file(workspace)) == 1
            and ledger.verify_anchored_chain(workspace, engine) is None
        )
        engine.dispose()
    assert len(list((workspace.root / "audit").glob("anchors-until-*.jsonl"))) == 1


def test_the_command_says_what_holds_and_what_does_not(workspace, engine, capsys):
    fill(engine, flagged=2)
    decide(engine, review.ReviewQueue(engine).claim_next("ann"), "fraud", "ann")
    words = ["verify", "--workspace", str(workspace.root)]
    assert cli.main(words) == 0
    said = capsys.readouterr().out
    last = ledger.read_anchor_file(workspace)[-1]
    assert "The record holds" in said and f"{last.seq} {last.hash}" in said
    with store.write_transaction(engine) as connection:
        connection.execute(store.decisions.update().values(verdict="genuine"))
    assert cli.main(words) == 2
    assert "verdict 'genuine', and entry 1 has 'fraud'" in capsys.readouterr().err
    assert ledger.read_anchor_file(workspace)[-1] == last


def test_users_are_folded_from_their_entries_with_or_without_the_word_active(engine):
    row = {
        "name": "ann",
        "role": "admin",
        "password": "x",
        "one_time": 0,
        "active": 0,
        "created_at": 1.0,
    }
    with store.write_transaction(engine) as connection:
        connection.execute(store.users.insert(), row)
        ledger.append_entry(connection, "user", "admin", name="ann", change="added", role="analyst")
        ledger.append_entry(
            connection, "user", "admin", name="ann", change="role", role="admin", active=True
        )
        ledger.append_entry(connection, "user", "admin", name="ann", change="deactivated")
        ledger.append_entry(connection, "user", "admin", name="ann", change="password")
    with store.read_transaction(engine) as connection:
        assert list(ledger.find_differences(connection)) == []


def test_stages_that_leave_no_label_need_none(engine):
    """A first opinion, a proposal and its confirmation by somebody else, one label."""
    label = {
        "tx_id": "t",
        "source": "reviewer",
        "actor": "bob",
        "customer_id": "c",
        "terminal_id": "m",
        "is_fraud": 1,
    }
    with store.write_transaction(engine) as connection:
        for actor, stage in (("ann", "opinion"), ("ann", "proposal"), ("bob", "confirmation")):
            what = {
                "tx_id": "t",
                "stage": stage,
                "verdict": "fraud",
                "reason": "stolen",
                "note": "",
                "override": 0,
            }
            seq = ledger.get_head(connection)[0]
            ledger.append_entry(connection, "decision", actor, 1000.0 + seq, **what)
            connection.execute(
                store.decisions.insert(), what | {"actor": actor, "decided_at": 1000.0}
            )
        connection.execute(store.labels.insert(), label | {"label_ts": 5})
    with store.read_transaction(engine) as connection:
        assert list(ledger.find_differences(connection)) == []
    with store.write_transaction(engine) as connection:
        connection.execute(store.labels.delete())
    with store.read_transaction(engine) as connection:
        assert list(ledger.find_differences(connection)) == [
            "entry 3 decided that t is fraud, and no label says so"
        ]


def test_of_many_differences_the_first_are_told():
    assert reconciliation.take_first(iter("abc"), limit=3) == ["a", "b", "c"]
    assert reconciliation.take_first(iter("abcd"), limit=3) == ["a", "b", "c", "... and more"]


def test_a_promotion_anchors_and_a_broken_ledger_does_not_keep_anybody_from_it(
    workspace, engine, caplog
):
    say(engine, 2)
    models.ModelRegistry(workspace).anchor_ledger(engine)
    assert len(ledger.read_anchor_file(workspace)) == 1
    cut(engine, 2)
    models.ModelRegistry(workspace).anchor_ledger(engine)
    assert len(ledger.read_anchor_file(workspace)) == 1 and "the tail was cut off" in caplog.text


CHARGEBACK = {
    "tx_id": "t",
    "source": "chargeback",
    "actor": "issuer",
    "customer_id": "c",
    "terminal_id": "m",
    "is_fraud": 1,
    "label_ts": 5,
}


def find_differences(engine) -> list[str]:
    with store.read_transaction(engine) as connection:
        return list(ledger.find_differences(connection))


def test_chargebacks_are_in_the_ledger_once_and_a_changed_one_is_found(engine):
    for new in (1, 0):
        with store.write_transaction(engine) as connection:
            rows = [CHARGEBACK, CHARGEBACK | {"label_ts": 6}]
            assert ledger.insert_chargebacks(connection, rows, by="api:issuer") == new
    with store.read_transaction(engine) as connection:
        (entry,) = chain.stream_entries(connection)
    assert (entry["actor"], entry["event"]) == ("api:issuer", "chargebacks")
    assert entry["payload"] == {"labels": [["t", "issuer", 1, 5]]}
    assert find_differences(engine) == []
    with store.write_transaction(engine) as connection:
        connection.execute(store.labels.update().values(label_ts=4))
    (found,) = find_differences(engine)
    assert "the chargeback on t by issuer has [1, 4] (fraud, time), and entry 1 has [1, 5]" in found
    with store.write_transaction(engine) as connection:
        connection.execute(store.labels.delete())
    (found,) = find_differences(engine)
    assert found == "entry 1 records a chargeback on t by issuer, and no label says so"


def test_a_chargeback_or_transaction_that_nobody_sent_is_found(workspace, engine):
    tx = {"tx_id": "t", "ts": 5, "customer_id": "c", "terminal_id": "m", "amount_cents": 1}
    tx |= {"category": "food", "channel": "chip"}
    with store.write_transaction(engine) as connection:
        ledger.import_history(connection, [tx], [CHARGEBACK], by="pipeline")
    assert find_differences(engine) == []
    ledger.seal_and_anchor(workspace, engine)
    # backdated into days that are anchored
    with store.write_transaction(engine) as connection:
        store.insert_new(connection, store.labels, [CHARGEBACK | {"tx_id": "x", "label_ts": 1}])
        store.insert_new(connection, store.transactions, [tx | {"tx_id": "y", "ts": 1}])
    assert find_differences(engine) == [
        "the chargeback on x by issuer is in no entry and under no seal",
        "the transaction y was neither scored nor imported: no seal knows it",
    ]


def test_the_library_and_the_database_refuse_a_verdict_that_nobody_gave(engine):
    fill(engine, flagged=2, cents=review.SECOND_REVIEW_CENTS)
    tx_id = review.ReviewQueue(engine).claim_next("ann")
    decide(engine, tx_id, "fraud", "ann")  # a proposal: a second person has to agree
    forged = CHARGEBACK | {"source": "reviewer", "actor": "ann", "tx_id": tx_id}
    with pytest.raises(UserError, match="only chargebacks"), store.write_transaction(engine) as one:
        ledger.insert_chargebacks(one, [forged], by="api:issuer")
    for actor in ("ann", "bob"):
        with pytest.raises(sa.exc.DBAPIError, match="follows from a decision"):
            with store.write_transaction(engine) as connection:
                store.insert_new(connection, store.labels, [forged | {"actor": actor}])
    assert review.ReviewQueue(engine).claim_next("bob") == tx_id
    decide(engine, tx_id, "fraud", "bob")
    assert find_differences(engine) == []
    with pytest.raises(sa.exc.DBAPIError, match="follows from a decision"):
        with store.write_transaction(engine) as connection:
            connection.execute(store.labels.update().values(is_fraud=0))
    with store.write_transaction(engine) as connection:  # a person with every right
        drop_ledger_triggers(connection)
        store.insert_new(connection, store.labels, [forged])
    assert find_differences(engine) == [
        f"the label fraud of ann on {tx_id} rests on no decision in the ledger"
    ]


@pytest.mark.slow
def test_postgresql_refuses_a_verdict_that_nobody_gave(workspace, postgres):
    engine = store.connect(workspace, postgres)
    forged = CHARGEBACK | {"source": "reviewer", "actor": "ann"}
    with pytest.raises(sa.exc.DBAPIError, match="follows from a decision"):
        with store.write_transaction(engine) as connection:
            store.insert_new(connection, store.labels, [forged])
    with store.write_transaction(engine) as connection:
        assert ledger.insert_chargebacks(connection, [CHARGEBACK], by="api:issuer") == 1
    engine.dispose()
