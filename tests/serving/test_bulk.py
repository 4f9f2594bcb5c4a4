"""A file is scored as the service would score it, and the workspace stays as it was."""

import json

import numpy as np
import pandas as pd
import pytest

from fraudops import cli, data, features, models, serving, store
from fraudops.errors import UserError
from fraudops.models import ModelRegistry
from fraudops.timeline import DAY
from fraudops.workspace import Workspace, compute_fingerprint

HEADER = [
    "tx_id",
    "ts",
    "customer_id",
    "terminal_id",
    "amount",
    "category",
    "channel",
    "lat",
    "lon",
]


def to_export(tx: pd.DataFrame) -> pd.DataFrame:
    """Transactions as another program would export them, without labels."""
    places = {name: tx[f"{name}_cdeg"].astype("Float64") / 100 for name in ("lat", "lon")}
    return tx.assign(amount=tx["amount_cents"] / 100, **places)[HEADER]


def test_a_file_gets_the_answers_of_the_service(small_workspace, tmp_path):
    engine = store.connect(small_workspace)
    answered = store.read_frame(engine.connect(), store.predictions.select()).set_index("tx_id")
    engine.dispose()
    tx = data.load_transactions(small_workspace)
    tx = tx[tx["tx_id"].isin(answered.index)].tail(300).sample(frac=1, random_state=1)
    before = compute_fingerprint(small_workspace.root / "store")
    file, target = tmp_path / "may.csv", tmp_path / "may.scores.csv"
    to_export(tx).to_csv(file, index=False)
    done = serving.score_file(small_workspace, str(file), "csv", target)
    scores = pd.read_csv(target, dtype={"tx_id": str, "model_version": str})
    assert (done.read, done.scored, done.refused) == (300, 300, 0)
    assert scores["tx_id"].tolist() == tx["tx_id"].tolist()
    assert scores["line"].tolist() == list(range(2, 302))
    expected = answered.loc[scores["tx_id"]]
    np.testing.assert_allclose(scores["probability"], expected["probability"])
    assert (scores["decision"].to_numpy() == expected["decision"].to_numpy()).all()
    assert scores[["expected_loss", "model_version", "decision_reason"]].notna().all(axis=None)
    assert compute_fingerprint(small_workspace.root / "store") == before


def test_new_rows_get_the_features_of_training(small_workspace, tmp_path):
    """Of a file with all rows, without a past in the database, in any order."""
    alone = Workspace(tmp_path / "alone", isolated=True)
    tx = data.load_transactions(small_workspace)
    tx = tx[tx["ts"] < tx["ts"].min() + 30 * DAY].reset_index(drop=True)
    file = tmp_path / "all.csv"
    to_export(tx.sample(frac=1, random_state=2)).to_csv(file, index=False)
    registered = ModelRegistry(small_workspace).find()
    engine = store.connect(alone)
    rows, refused, refunds = serving.bulk._read_rows(str(file), "csv")
    assert len(rows) == len(tx) > serving.bulk.BATCH_ROWS and refused.empty and refunds.empty
    scorer = serving.Scorer(
        engine,
        registered.folder / "model.skops",
        registered.sha256,
        registered.version,
        registered.policy,
    )
    scores = serving.bulk._score_rows(scorer, rows, lambda n: None).set_index("tx_id")
    no_labels = data.load_labels(small_workspace).head(0)
    offline = features.compute_features(tx, no_labels)
    model = models.load_model_file(registered.folder / "model.skops", registered.sha256)
    expected = models.predict_probability(model, offline)
    np.testing.assert_allclose(scores.loc[tx["tx_id"], "probability"], expected, atol=1e-9)
    engine.dispose()


def test_refunds_of_a_file_get_no_score_and_are_known_to_the_features(
    small_workspace, tmp_path, monkeypatch
):
    rows = to_export(data.load_transactions(small_workspace).tail(40)).assign(kind="sale")
    rows["tx_id"] = "F" + rows["tx_id"]
    back = rows.tail(1).assign(tx_id="BACK", kind="void")
    file, target, known = tmp_path / "may.csv", tmp_path / "may.scores.csv", []
    pd.concat([rows, back]).to_csv(file, index=False)
    score_rows = serving.bulk._score_rows

    def look_first(scorer, *arguments):
        with scorer.engine.connect() as connection:
            query = store.refunds.select().where(store.refunds.c.tx_id == "BACK")
            known.append(connection.execute(query).one())
        return score_rows(scorer, *arguments)

    monkeypatch.setattr(serving.bulk, "_score_rows", look_first)
    done = serving.score_file(small_workspace, str(file), "csv", target)
    assert (done.scored, done.refused) == (40, 1)
    assert known[0].kind == "reversal" and known[0].amount_cents < 0
    refused = pd.read_csv(serving.get_refused_path(target))
    assert "recorded and not scored" in refused["reason"].iloc[0]


def test_bad_rows_are_refused_with_their_reasons(small_workspace, tmp_path):
    tx = data.load_transactions(small_workspace)
    rows = to_export(tx.tail(20)).astype(object).reset_index(drop=True)
    rows["tx_id"] = [f"N{i}" for i in range(20)]
    rows.loc[3, "amount"], rows.loc[4, "ts"] = "a lot", "2569-01-01"
    rows.loc[5, "tx_id"] = "N2"
    rows.loc[7, "amount"] = -5
    rows.loc[6, "tx_id"] = tx["tx_id"].iloc[0]  # of another transaction in the database
    file, target = tmp_path / "may.csv", tmp_path / "out" / "scores.csv"
    rows.to_csv(file, index=False)
    done = serving.score_file(small_workspace, str(file), "csv", target)
    assert (done.read, done.scored, done.refused) == (20, 15, 5)
    refused = pd.read_csv(serving.get_refused_path(target))
    assert refused["line"].tolist() == [5, 6, 7, 8, 9]
    for reason, word in zip(
        refused["reason"],
        ("amount", "Buddhist", "already on line 4", "on record", "refund"),
        strict=True,
    ):
        assert word in reason
    assert json.loads(refused["row"].iloc[0])["amount"] == "a lot"
    with pytest.raises(UserError, match="exists already"):
        serving.score_file(small_workspace, str(file), "csv", target)


def test_nothing_is_written_if_no_row_is_valid(small_workspace, tmp_path):
    rows = to_export(data.load_transactions(small_workspace).tail(3)).assign(amount="much")
    rows.to_csv(tmp_path / "may.csv", index=False)
    target = tmp_path / "scores.csv"
    with pytest.raises(UserError, match=r"None of the 3 rows .*amount is missing"):
        serving.score_file(small_workspace, str(tmp_path / "may.csv"), "csv", target)
    assert not target.exists()


def test_the_command_finds_the_layout_and_counts(small_workspace, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    tx = data.load_transactions(small_workspace).tail(30)
    handbook = pd.DataFrame(
        {
            "TRANSACTION_ID": [f"H{i}" for i in range(30)],
            "TX_DATETIME": pd.to_datetime(tx["ts"], unit="s").dt.strftime("%Y-%m-%d %H:%M:%S"),
            "CUSTOMER_ID": tx["customer_id"],
            "TERMINAL_ID": tx["terminal_id"],
            "TX_AMOUNT": tx["amount_cents"] / 100,
        }
    )
    handbook.to_csv("june.csv", index=False)
    words = ["score", "june.csv", "--workspace", str(small_workspace.root)]
    assert cli.main(words) == 0
    assert "30 of 30 rows scored by model" in capsys.readouterr().out
    assert len(pd.read_csv("june.scores.csv")) == 30
    assert cli.main(words) == 2 and "exists already" in capsys.readouterr().err


def test_without_a_champion_nothing_is_read(workspace, tmp_path):
    with pytest.raises(UserError, match="3_1_champion"):
        serving.score_file(workspace, "absent.csv", "csv", tmp_path / "scores.csv")
    assert not workspace.root.exists()
