"""Numbers that a source has computed reach the model alike in training and in the service."""

import hashlib

import numpy as np
import pandas as pd
import pytest
import skops.io
from pydantic import ValidationError

from fraudops import data, features, models, review, serving, store
from fraudops.errors import UserError
from fraudops.serving import Scorer
from fraudops.serving.replay import to_score_request
from fraudops.serving.schemas import ScoreRequest, Transaction
from fraudops.timeline import DAY, load_timeline
from fraudops.workspace import Workspace
from tests.support.public_layouts import make_ulb

POLICY = models.DecisionPolicy(review=300, goodwill=3000)


@pytest.fixture(scope="module")
def ulb(tmp_path_factory):
    """A workspace with features, a model of the training days, and its scorer."""
    folder = tmp_path_factory.mktemp("ulb")
    make_ulb(4000).to_csv(folder / "ulb.csv", index=False)
    workspace = Workspace.find(folder / "workspace")
    data.ingest(data.open_source("ulb", str(folder / "ulb.csv")), workspace)
    tx, labels = data.load_transactions(workspace), data.load_labels(workspace)
    features.write_features(workspace, tx, features.compute_features(tx, labels))
    timeline = load_timeline(workspace)
    train = models.LabelledRows.select_mature(
        features.load_features(workspace), tx, labels, timeline.train, timeline.live, timeline.live
    )
    fitted = models.fit_strategy("plain", train, POLICY)
    file = folder / "model.skops"
    skops.io.dump(fitted.model, file)
    engine = store.connect(workspace)
    sha256 = hashlib.sha256(file.read_bytes()).hexdigest()
    yield workspace, fitted, Scorer(engine, file, sha256, "1", POLICY, prediction_key="k")
    engine.dispose()


def live_rows(workspace: Workspace) -> pd.DataFrame:
    live = load_timeline(workspace).live
    return data.load_transactions(workspace, live, live + 2 * DAY)


def test_the_model_learns_from_given_features_and_serves_them_without_skew(ulb):
    workspace, fitted, scorer = ulb
    tx = live_rows(workspace)
    offline = features.load_features(workspace, tx["ts"].min(), tx["ts"].max() + 1)
    answers = scorer.score(tx)
    expected = fitted.predict_probability(offline)
    assert np.array_equal(answers["probability"], expected)
    frauds = tx["tx_id"].isin(data.load_labels(workspace)["tx_id"])
    assert models.average_precision(frauds.to_numpy(), expected) > 0.5
    online = serving.load_logged_inputs(scorer.engine, list(tx["tx_id"])).loc[offline["tx_id"]]
    assert list(online) == features.list_model_inputs(tx) and len(online.columns) == 41 + 28
    pd.testing.assert_frame_equal(
        online.reset_index(drop=True), offline[list(online)], check_dtype=False
    )
    assert any("as the source gives it" in r["text"] for one in answers["reasons"] for r in one)
    # a price of capacity is learnt from the stored inputs
    with scorer.engine.connect() as connection:
        p, _, _ = store.load_recent_scores(
            connection, 0, 2**40, "another", scorer.champion.score_inputs
        )
    assert sorted(p) == sorted(expected)


def test_a_request_carries_given_features_and_is_refused_without_them(ulb):
    workspace, _, scorer = ulb
    tx = live_rows(workspace).tail(3)
    request = ScoreRequest.model_validate(to_score_request(tx))
    rows = [one.canonical() for one in request.transactions]
    for name in features.list_given_features(tx):
        assert [row[name] for row in rows] == tx[name].tolist()
    assert scorer.list_missing_given(rows[0]) == []
    assert scorer.list_missing_given(rows[0] | {"given_V3": None}) == []
    del rows[0]["given_V3"]
    assert scorer.list_missing_given(rows[0]) == ["V3"]
    with pytest.raises(UserError, match="needs the given features V3"):
        scorer.answer(rows[:1])
    example = {"tx_id": "X", "ts": 1, "customer_id": "C", "terminal_id": "M", "amount": 1.0}
    for value in ("2", float("inf"), 1e300):
        with pytest.raises(ValidationError):
            Transaction.model_validate(example | {"given": {"V1": value}}, strict=True)


def test_a_given_feature_can_turn_a_decision(ulb):
    workspace, fitted, scorer = ulb
    scorer.score(live_rows(workspace))
    with scorer.engine.connect() as connection:
        flagged = store.list_predictions(connection, "all", 1000)
        chosen = next(one for one in flagged if one["decision"] != "approve")
        inputs = review.load_prediction_inputs(connection, chosen["prediction_id"])
        usually = review.load_baseline_inputs(connection)
    assert list(usually)[:39] == list(features.NUMERIC_FEATURES) and "given_V14" in usually
    changed = inputs | {name: usually[name] for name in usually if name.startswith("given_")}
    before, after = (
        models.predict_probability(fitted.model, pd.DataFrame([one]).astype({"amount": float}))[0]
        for one in (inputs, changed)
    )
    assert after < before
    found = review.find_counterfactual_changes(fitted.model, POLICY, inputs, usually)
    assert all(one.decision == "approve" for one in found)
