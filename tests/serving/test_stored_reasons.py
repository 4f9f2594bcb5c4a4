"""Reasons of stored predictions: those of the time, from the version that answered."""

import dataclasses
import json

import pytest
import sqlalchemy as sa

from fraudops import models, serving, store
from fraudops.errors import UserError
from fraudops.models import ShapExplainer
from fraudops.serving import Scorer, StoredReasons, UnknownPredictionError, stored_reasons
from fraudops.workspace import Workspace

P, E = store.predictions, store.evidence


@pytest.fixture(scope="module")
def champion(small_workspace):
    return serving.load_registered_version(small_workspace, "1")


@pytest.fixture
def engine(small_workspace, tmp_path):
    """A copy of the small operation's database that a test may change."""
    source, copy = store.connect(small_workspace), Workspace(tmp_path / "copy", isolated=True)
    store.copy_database(source, copy)
    source.dispose()
    engine = store.connect(copy)
    yield engine
    engine.dispose()


@pytest.fixture
def reasons(engine, champion):
    return StoredReasons(engine, {"1": champion}.__getitem__)


def load(engine, *where, limit=30) -> list[dict]:
    query = sa.select(P, E.c.inputs, E.c.reasons).join(E, E.c.prediction_id == P.c.prediction_id)
    with engine.connect() as connection:
        rows = connection.execute(query.where(*where).order_by(P.c.tx_id).limit(limit))
        return [dict(row) for row in rows.mappings()]


def test_the_reasons_of_a_case_are_the_same_bits_as_at_the_time(engine, reasons):
    cases = load(engine, P.c.decision == "review")
    assert len(cases) == 30
    for one in cases:
        found = reasons.explain(one["prediction_id"])
        assert found["reasons"] == json.loads(one["reasons"]) and len(found["reasons"]) == 3
        assert found["model_version"] == one["model_version"] == "1"
        assert (found["tx_id"], found["probability"]) == (one["tx_id"], one["probability"])


def test_an_approved_one_is_explained_on_request_alone_and_in_a_batch(engine, reasons):
    approved = load(engine, P.c.decision == "approve", E.c.reasons == "[]")
    assert len(approved) == 30
    answers = [{"prediction_id": one["prediction_id"], "reasons": []} for one in approved]
    kept = {"prediction_id": "x", "reasons": [{"feature": "amount"}]}
    *completed, last = reasons.complete([*answers, kept])
    assert last == kept and {len(one["reasons"]) for one in completed} == {3}
    for one in completed:
        assert reasons.explain(one["prediction_id"])["reasons"] == one["reasons"]
    assert load(engine, P.c.decision == "approve", E.c.reasons == "[]") == approved  # as they were


def test_a_prediction_that_is_not_there_is_unknown(reasons):
    with pytest.raises(UnknownPredictionError, match="There is no prediction 00ff"):
        reasons.explain("00ff")


def test_a_changed_record_is_not_explained(engine, reasons, monkeypatch):
    logged = []
    monkeypatch.setattr(stored_reasons._logger, "warning", lambda *words: logged.append(words))
    one = load(engine, P.c.decision == "approve", limit=1)[0]
    with store.write_transaction(engine) as connection:
        of_one = P.c.prediction_id == one["prediction_id"]
        connection.execute(P.update().where(of_one).values(probability=0.5))
    with pytest.raises(UserError, match=r"stored probability is 0\.500000.* was changed"):
        reasons.explain(one["prediction_id"])
    answer = {"prediction_id": one["prediction_id"], "reasons": []}
    assert reasons.complete([answer]) == [answer]
    ((text, *values),) = logged
    assert "was changed" in text % tuple(values)


def test_a_version_that_the_registry_does_not_have_is_named(small_workspace):
    with pytest.raises(UserError, match="Version 99 cannot be loaded from the registry"):
        serving.load_registered_version(small_workspace, "99")


def test_a_version_that_was_not_given_is_asked_for_once_a_minute(engine, monkeypatch):
    asked, one = [], load(engine, limit=1)[0]

    def refuse(version):
        asked.append(version)
        raise UserError("the registry is away")

    reasons = StoredReasons(engine, refuse)
    for _ in range(3):
        with pytest.raises(UserError, match="the registry is away"):
            reasons.explain(one["prediction_id"])
    assert asked == ["1"]
    monkeypatch.setattr(stored_reasons, "RETRY_SECONDS", -1)
    reasons = StoredReasons(engine, refuse)
    for _ in range(2):
        with pytest.raises(UserError, match="the registry is away"):
            reasons.explain(one["prediction_id"])
    assert asked == ["1"] * 3


def test_a_prediction_without_stored_inputs_says_so(engine, reasons):
    one = load(engine, P.c.decision == "approve", limit=1)[0]
    with store.write_transaction(engine) as connection:
        connection.execute(E.delete().where(E.c.prediction_id == one["prediction_id"]))
    with pytest.raises(UserError, match="no stored inputs"):
        reasons.explain(one["prediction_id"])
    answers = [{"prediction_id": one["prediction_id"], "reasons": []}]
    assert reasons.complete(answers) == answers


def test_a_model_that_shap_cannot_explain_says_so(engine, champion):
    other = dataclasses.replace(champion, explainer=ShapExplainer(None))
    one = load(engine, limit=1)[0]
    with pytest.raises(UserError, match="kind that SHAP cannot explain"):
        StoredReasons(engine, lambda _: other).explain(one["prediction_id"])


def test_the_version_that_answered_explains_and_no_other(engine, champion, small_workspace):
    asked = []
    reasons = StoredReasons(engine, lambda version: asked.append(version) or champion)
    for one in load(engine, limit=3):
        reasons.explain(one["prediction_id"])
    assert asked == ["1"]  # it is kept


def test_from_rules_the_reasons_are_those_that_fired(engine, small_workspace):
    registered = models.ModelRegistry(small_workspace).find()
    file = registered.folder / "model.skops"
    with store.write_transaction(engine) as connection:
        store.set_deployment(connection, {"mode": {"mode": "rules"}})
    scorer = Scorer(engine, file, registered.sha256, registered.version, registered.policy)
    about = {"customer_id": "new", "terminal_id": "new", "amount_cents": 100, "channel": "chip"}
    about |= {"category": "food", "lat_cdeg": None, "lon_cdeg": None}
    often = [about | {"tx_id": f"R{n}", "ts": 1_775_001_000 + 120 * n} for n in range(7)]
    first, *_, last = scorer.answer(often)  # many in an hour
    reasons = StoredReasons(engine, scorer.find_loaded)
    assert reasons.explain(last["prediction_id"])["reasons"] == last["reasons"] != []
    assert reasons.explain(first["prediction_id"])["reasons"] == []
    assert reasons.complete([first, last]) == [first, last]
