"""Receipts for one decision, checkpoints that only grow, and witnesses who sign them."""

import json

import pytest

from fraudops import cli, ledger, review, store
from fraudops.errors import UserError
from fraudops.ledger import checkpoints, merkle, receipts
from tests.support.cases import drop_ledger_triggers, fill
from tests.support.cases import say as review_case

# leaves and roots of the reference test of Certificate Transparency (RFC 6962)
LEAVES = ["", "00", "10", "2021", "3031", "40414243", "5051525354555657"]
LEAVES += ["606162636465666768696a6b6c6d6e6f"]
ROOTS = {
    0: "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    1: "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    2: "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    3: "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    4: "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    5: "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    6: "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    7: "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    8: "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
}


def decide(engine, number):
    with store.write_transaction(engine) as connection:
        for i in range(number):
            ledger.append_entry(connection, "decision", "ann", tx_id=f"t{i}", verdict="fraud")


def test_roots_are_those_of_certificate_transparency():
    leaves = [merkle.hash_leaf(bytes.fromhex(one)) for one in LEAVES]
    assert {n: merkle.compute_root(leaves[:n]).hex() for n in ROOTS} == ROOTS


@pytest.mark.parametrize("size", [1, 2, 3, 7, 8, 21])
def test_proofs_hold_for_their_leaf_and_tree_only(size):
    leaves = [merkle.hash_leaf(bytes([i])) for i in range(size)]
    root, other = merkle.compute_root(leaves), merkle.hash_leaf(b"other")
    for i in range(size):
        proof = merkle.prove_inclusion(i, leaves)
        places = [j for j in range(size) if merkle.includes(root, size, j, leaves[i], proof)]
        assert places == [i] and not merkle.includes(root, size, i, other, proof)
        old, growth = merkle.compute_root(leaves[: i + 1]), merkle.prove_consistency(i + 1, leaves)
        assert merkle.is_consistent(old, i + 1, root, size, growth)
        assert not merkle.is_consistent(other, i + 1, root, size, growth)
        assert not merkle.is_consistent(old, i + 1, root, size, [*growth, other])


def test_a_receipt_shows_one_decision_and_nothing_of_the_others(engine):
    decide(engine, 20)
    with store.read_transaction(engine) as connection:
        (receipt,) = ledger.make_receipts(connection, "t7")
        checkpoint = ledger.Checkpoint.make(connection)
    text = json.dumps(receipt)
    assert not [i for i in range(20) if i != 7 and f'"t{i}\\"' in text] and "t7" in text
    assert ledger.check_receipt(receipt, checkpoint)["payload"]["tx_id"] == "t7"
    assert len(receipt["proof"]) <= 5
    forged = receipt["entry"] | {"body": receipt["entry"]["body"].replace("fraud", "genuine")}
    with pytest.raises(UserError, match="does not lead from entry"):
        ledger.check_receipt(receipt | {"entry": forged}, checkpoint)
    with pytest.raises(UserError, match="no decision about t99"), engine.connect() as connection:
        ledger.make_receipts(connection, "t99")
    with pytest.raises(UserError, match="no receipt"):
        ledger.check_receipt({"entry": 1}, checkpoint)


def test_a_rewritten_ledger_does_not_pass_a_kept_checkpoint(engine):
    decide(engine, 5)
    with store.read_transaction(engine) as connection:
        kept = ledger.Checkpoint.make(connection)
        assert ledger.find_checkpoint_problem(connection, kept) is None
    decide(engine, 4)
    with store.read_transaction(engine) as connection:
        new, proof = receipts.prove_growth(connection, kept)
    assert new.size == 9
    receipts.require_growth(kept, new, proof)
    with pytest.raises(UserError, match="Do not sign"):
        receipts.require_growth(kept, new, proof[:-1])
    with store.write_transaction(engine) as connection:
        drop_ledger_triggers(connection)
        connection.execute(store.ledger.delete())
    decide(engine, 4)
    with store.read_transaction(engine) as connection:
        assert "tail was cut off" in ledger.find_checkpoint_problem(connection, kept)
    decide(engine, 4)
    with store.read_transaction(engine) as connection:
        assert "rewritten" in ledger.find_checkpoint_problem(connection, kept)
        with pytest.raises(UserError, match="rewritten"):
            receipts.prove_growth(connection, kept)


def test_a_signature_is_of_one_witness_and_one_checkpoint(engine, tmp_path):
    decide(engine, 3)
    witness = ledger.create_witness("bea", tmp_path / "bea.key")
    assert (tmp_path / "bea.key").stat().st_mode & 0o077 == 0
    assert checkpoints.Witness.parse(witness.text) == witness
    with store.read_transaction(engine) as connection:
        checkpoint = ledger.Checkpoint.make(connection)
    signed = checkpoint.sign(*checkpoints.read_witness_key(tmp_path / "bea.key"))
    assert checkpoints.Checkpoint.parse(signed.text) == signed and signed.is_signed_by(witness)
    other = ledger.create_witness("bea", tmp_path / "other.key")
    assert not signed.is_signed_by(other)
    grown = checkpoints.Checkpoint(4, signed.root, signed.signatures)
    assert not grown.is_signed_by(witness)
    with pytest.raises(UserError, match="no valid signature of bea"):
        checkpoint.require_signatures([witness])
    with pytest.raises(UserError, match="a key is not replaced"):
        ledger.create_witness("bea", tmp_path / "bea.key")
    for text in ("", "bea", witness.text.replace("+", "-"), witness.text[:-4] + "AAA="):
        with pytest.raises(UserError, match="key"):
            checkpoints.Witness.parse(text)


def test_a_witness_from_the_command_line(workspace, engine, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    fill(engine, flagged=3)
    queue = review.ReviewQueue(engine)
    review_case(engine, queue.claim_next("ann"), "fraud", "ann")
    place = ["receipts", "--workspace", str(workspace.root)]
    assert cli.main([*place, "key", "bea", "bea.key"]) == 0
    key = capsys.readouterr().out.splitlines()[0]
    assert cli.main([*place, "checkpoint", "first"]) == 0
    assert cli.main([*place, "sign", "first", "--key", "bea.key"]) == 0
    tx_id = queue.claim_next("ann")
    review_case(engine, tx_id, "genuine", "ann")
    assert cli.main([*place, "checkpoint", "second", "--since", "first"]) == 0
    assert cli.main([*place, "sign", "second", "--key", "bea.key", "--since", "first"]) == 0
    assert cli.main([*place, "prove", tx_id, "receipt.json"]) == 0
    check = [*place, "check", "receipt.json", "--witness", key, "--checkpoint"]
    assert cli.main([*check, "second"]) == 0
    assert f"'ann' said 'genuine' about {tx_id!r}" in capsys.readouterr().out
    assert cli.main([*check, "first"]) == 2
    assert "another root" in capsys.readouterr().err
    verify = ["verify", "--workspace", str(workspace.root), "--read-only", "--witness", key]
    assert cli.main([*verify, "--checkpoint", "second"]) == 0
    assert "only grew since the checkpoint of " in capsys.readouterr().out
    (tmp_path / "unsigned").write_text((tmp_path / "second").read_text().split("—")[0])
    assert cli.main([*verify, "--checkpoint", "unsigned"]) == 2
    assert "no valid signature of bea" in capsys.readouterr().err
    assert cli.main(verify) == 2
    second = (tmp_path / "second").read_text().replace("\n", "\n1", 1)
    (tmp_path / "second").write_text(second)
    assert cli.main([*place, "sign", "second", "--key", "bea.key", "--since", "first"]) == 2
    assert "Do not sign" in capsys.readouterr().err
