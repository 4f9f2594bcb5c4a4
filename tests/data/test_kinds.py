"""What a row is: the sign or the source's word decides, and nothing is guessed."""

import pandas as pd
import pytest

from fraudops.data import KINDS, ingest, load_refunds, load_transactions, look_at, open_source
from fraudops.errors import MissingInputError, UserError
from fraudops.workspace import Workspace

ROW = {"ts": "1767225600", "customer_id": "c", "terminal_id": "m", "is_fraud": "0"}
PURCHASES = [ROW | {"tx_id": f"P{i}", "amount": "10.00", "kind": "sale"} for i in range(6)]


def deliver(workspace: Workspace, folder, rows: list[dict], add: bool = False) -> list[str]:
    """Deliver rows after six sales; return the reasons of quarantine."""
    rows = [one | {"tx_id": one.get("tx_id", f"X{i}")} for i, one in enumerate(rows)]
    pd.DataFrame([*PURCHASES, *rows]).to_csv(folder / "delivery.csv", index=False)
    ingest(open_source("csv", str(folder / "delivery.csv")), workspace, add=add)
    return pd.read_csv(workspace.path("data", "quarantine.csv"), dtype=str)["reason"].tolist()


@pytest.mark.parametrize(
    ("word", "kind"),
    [
        ("refund", "refund"),
        (" Credit", "refund"),
        ("RETURN", "refund"),
        ("void", "reversal"),
        ("Reversal", "reversal"),
    ],
)
@pytest.mark.parametrize("amount", ["5.00", "-5.00"])
def test_a_word_names_the_kind_and_the_amount_is_stored_below_0(
    workspace, tmp_path, word, kind, amount
):
    assert not deliver(workspace, tmp_path, [ROW | {"amount": amount, "kind": word}])
    (row,) = load_refunds(workspace).to_dict("records")
    assert (row["tx_id"], row["kind"], row["amount_cents"]) == ("X0", kind, -500)
    assert len(load_transactions(workspace)) == len(PURCHASES)


@pytest.mark.parametrize("empty", ["", "NULL", "n/a"])
def test_where_the_word_is_missing_the_sign_decides(workspace, tmp_path, empty):
    rows = [ROW | {"amount": amount, "kind": empty} for amount in ("-5.00", "5.00")]
    assert not deliver(workspace, tmp_path, rows)
    assert load_refunds(workspace)[["tx_id", "kind"]].to_numpy().tolist() == [["X0", "refund"]]
    assert "X1" in load_transactions(workspace)["tx_id"].tolist()


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ({"amount": "-5.00", "kind": "sale"}, "the kind is purchase, and the amount is negative"),
        ({"amount": "0", "kind": "refund"}, "the amount is 0, so no money goes back"),
        ({"amount": "5.00", "kind": "chargeback reversal"}, "the kind is no known word"),
        ({"amount": "5.00", "kind": "<b>x</b>"}, "the kind is no known word"),
        ({"amount": "5.0055", "kind": "refund"}, "the amount has a fraction of a cent"),
        ({"amount": "", "kind": "refund"}, "the amount is missing"),
    ],
)
def test_what_does_not_fit_together_goes_to_quarantine(workspace, tmp_path, row, reason):
    (found,) = deliver(workspace, tmp_path, [ROW | row])
    assert found.startswith(reason)
    assert load_refunds(workspace).empty and len(load_transactions(workspace)) == len(PURCHASES)


def test_a_description_tells_what_a_word_means(workspace, tmp_path):
    text = "columns: {kind: Vorgang}\nkinds: {Storno: reversal, Kauf: purchase}\n"
    (tmp_path / "delivery.yml").write_text(text, encoding="utf-8")
    rows = [
        ROW | {"tx_id": f"T{i}", "amount": "5", "Vorgang": "Storno" if i == 2 else "Kauf"}
        for i in range(3)
    ]
    pd.DataFrame(rows).to_csv(tmp_path / "file.csv", index=False)
    ingest(open_source("csv", str(tmp_path / "file.csv")), workspace)
    assert load_refunds(workspace)[["tx_id", "kind"]].to_numpy().tolist() == [["T2", "reversal"]]


def test_a_description_with_a_wrong_kind_is_refused(tmp_path):
    (tmp_path / "delivery.yml").write_text("kinds: {Storno: undo}\n", encoding="utf-8")
    pd.DataFrame(PURCHASES).to_csv(tmp_path / "file.csv", index=False)
    with pytest.raises(UserError, match=r"kinds\.Storno: Input should be 'purchase', 'refund'"):
        open_source("csv", str(tmp_path / "file.csv"))


def test_a_correction_can_make_a_purchase_a_refund(workspace, tmp_path):
    deliver(workspace, tmp_path, [])
    changed = ROW | {"tx_id": "P0", "amount": "10.00", "kind": "refund"}
    pd.DataFrame([changed]).to_csv(tmp_path / "delivery.csv", index=False)
    done = ingest(open_source("csv", str(tmp_path / "delivery.csv")), workspace, add=True)
    assert done.corrected == 1 and done.manifest["refunds"] == 1
    assert load_refunds(workspace)["tx_id"].tolist() == ["P0"]


def test_a_look_counts_refunds_by_word_and_by_sign(tmp_path):
    rows = [
        ROW | {"tx_id": "A", "amount": "5", "kind": "void"},
        ROW | {"tx_id": "B", "amount": "-5", "kind": ""},
    ]
    pd.DataFrame([*PURCHASES, *rows]).to_csv(tmp_path / "file.csv", index=False)
    look = look_at(str(tmp_path / "file.csv"))
    assert look.counts["refunds"] == 2 and look.columns.loc["kind", "used as"] == "kind"


def test_the_simulated_source_brings_both_kinds(workspace):
    source = open_source("simulate", profile="smoke")
    done = ingest(source, workspace)
    refunds, tx = load_refunds(workspace), load_transactions(workspace)
    assert len(tx) + len(refunds) == done.accepted == done.read
    assert done.manifest["refunds"] == len(refunds) == len(source.world.refunds)
    assert set(refunds["kind"]) == {*KINDS} - {"purchase"}
    assert (refunds["amount_cents"] < 0).all() and not set(refunds["tx_id"]) & set(tx["tx_id"])


def test_data_of_an_earlier_version_has_purchases_and_asks_for_a_new_ingestion(workspace, tmp_path):
    deliver(workspace, tmp_path, [ROW | {"amount": "-5.00", "kind": ""}])
    for file in workspace.path("data", "transactions").rglob("*.parquet"):
        pd.read_parquet(file).drop(columns="kind").to_parquet(file, index=False)
    assert len(load_transactions(workspace)) == len(PURCHASES)
    with pytest.raises(MissingInputError, match="Run 1_1_ingest again"):
        load_refunds(workspace)
    with pytest.raises(UserError, match="earlier version of this library"):
        deliver(workspace, tmp_path, [], add=True)


def test_refunds_of_a_held_day_are_held_too(workspace, tmp_path):
    later = ROW | {"ts": str(int(ROW["ts"]) + 86_400)}
    deliver(workspace, tmp_path, [one | {"amount": "-5", "kind": ""} for one in (ROW, later)])
    workspace.write_json("data/held.json", {"days": ["2026-01-01"]})
    assert load_refunds(workspace)["tx_id"].tolist() == ["X1"]
    assert load_refunds(workspace, held=True)["tx_id"].tolist() == ["X0", "X1"]
