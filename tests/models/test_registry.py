"""Registration without pickle, gates in money, promotion that leaves a record."""

import copy
import hashlib
import time

import mlflow
import numpy as np
import pytest
import skops.io
from sklearn.dummy import DummyClassifier

from fraudops import ledger, models, store
from fraudops.errors import UserError
from fraudops.models import DecisionPolicy, persistence, registry
from fraudops.timeline import DAY
from fraudops.workspace import Workspace
from tests.support.worlds import START, world


@pytest.fixture(scope="module")
def rows():
    features, tx, labels = world(n=6000, days=60)
    tx["customer_id"] = [f"c{i % 200}" for i in range(len(tx))]
    end = START + 120 * DAY
    return (
        models.LabelledRows.select_mature(features, tx, labels, START, START + 40 * DAY, end),
        models.LabelledRows.select_mature(
            features, tx, labels, START + 40 * DAY, START + 60 * DAY, end
        ),
    )


@pytest.fixture(scope="module")
def registered(rows, tmp_path_factory):
    """A workspace with a useless, a good and an expensive model."""
    workspace = Workspace.find(tmp_path_factory.mktemp("registry"))
    train, _ = rows
    good = models.fit_strategy("plain", train, DecisionPolicy())
    dummy = models.build_pipeline(DummyClassifier(strategy="prior"), impute=True)
    blind = models.fit_model(dummy, train, DecisionPolicy(), "blind")
    # the same ranking, but it expects fraud everywhere
    greedy = models.FittedModel(
        copy.deepcopy(good.model), good.policy, "greedy", good.rows, good.frauds
    )
    greedy.model.calibrated_classifiers_[0].calibrators[0].b_ -= 8
    models.ModelRegistry(workspace).select_experiment("test")
    versions = {}
    for name, fitted in (("blind", blind), ("good", good), ("greedy", greedy)):
        with mlflow.start_run():
            versions[name] = models.ModelRegistry(workspace).register(fitted, train.X.head(3))
    return workspace, versions


def test_a_registered_model_gives_the_same_bits_again(rows, registered):
    workspace, versions = registered
    again = models.ModelRegistry(workspace).find(versions["good"].version).load()
    fitted = models.fit_strategy("plain", rows[0], DecisionPolicy())
    np.testing.assert_array_equal(
        models.predict_probability(again, rows[1].X), fitted.predict_probability(rows[1].X)
    )


def test_a_changed_model_file_is_refused(registered, tmp_path):
    _, versions = registered
    file = tmp_path / "model.skops"
    content = bytearray((versions["good"].folder / "model.skops").read_bytes())
    content[100] ^= 1
    file.write_bytes(content)
    with pytest.raises(UserError, match="not the model that was registered"):
        models.load_model_file(file, versions["good"].sha256)


def trial(old, new, rows) -> dict[str, models.GateResult]:
    judged = models.evaluate_gates(
        old.load_candidate(), new.load_candidate(), rows, rows.X, DecisionPolicy()
    )
    return {gate.name.split(" (")[0].split(",")[0]: gate for gate in judged}


class Stranger:
    """A type that no model of the course holds."""


def test_a_model_file_with_a_foreign_type_is_refused(tmp_path):
    file = tmp_path / "model.skops"
    skops.io.dump(Stranger(), file)
    sha256 = hashlib.sha256(file.read_bytes()).hexdigest()  # the right one
    with pytest.raises(skops.io.exceptions.UntrustedTypesFoundException):
        persistence.load_model_file(file, sha256)


def test_the_money_gate_tells_good_from_expensive(rows, registered):
    _, versions = registered
    assert trial(versions["blind"], versions["good"], rows[1])["money gained"].passed
    judged = trial(versions["good"], versions["greedy"], rows[1])
    # the same ranking, and yet it costs: refused
    assert not judged["money gained"].passed and judged["change of average precision"].passed


def test_the_same_model_again_does_not_pass(rows, registered):
    _, versions = registered
    money = trial(versions["good"], versions["good"], rows[1])["money gained"]
    assert not money.passed and money.figure == 0


def test_promotion_moves_aliases_and_leaves_a_record(rows, registered):
    workspace, versions = registered
    judged = list(trial(versions["blind"], versions["good"], rows[1]).values())
    engine = store.begin_operation(workspace, "one")
    before = time.time()
    assert (
        models.ModelRegistry.find_champion_at(engine, before) is None
        and models.ModelRegistry.find_first_champion(engine) is None
    )
    models.ModelRegistry(workspace).promote(engine, versions["blind"].version, "first")
    between = time.time() + 0.01
    time.sleep(0.02)  # entries are stamped in milliseconds
    client, name = models.ModelRegistry(workspace).client, ledger.REGISTERED_MODEL_NAME
    client.set_registered_model_alias(name, "challenger", versions["good"].version)
    models.ModelRegistry(workspace).promote(
        engine, versions["good"].version, "better", gates=judged
    )
    assert models.ModelRegistry(workspace).find().version == versions["good"].version
    assert models.ModelRegistry(workspace).find("previous").version == versions["blind"].version
    assert "challenger" not in client.get_registered_model(name).aliases, "it is the champion now"
    assert models.ModelRegistry.find_champion_at(engine, between) == versions["blind"].version
    assert (
        models.ModelRegistry.find_champion_at(engine, time.time() + 1) == versions["good"].version
    )
    assert models.ModelRegistry.find_first_champion(engine) == versions["blind"].version
    with engine.connect() as connection:
        assert ledger.verify_chain(connection) is None
        recorded = ledger.load_entries(connection, "champion")[-1]["payload"]["gates"]
    assert [gate["name"] for gate in recorded] == [gate.name for gate in judged]


def test_a_rollback_brings_previous_back_and_the_ledger_answers_for_every_moment(registered):
    workspace, versions = registered
    engine = store.connect(
        workspace, f"sqlite:///{workspace.path('store', 'rollback.db').as_posix()}"
    )
    with pytest.raises(UserError, match="no previous champion"):
        models.ModelRegistry(workspace).roll_back(engine, "nothing to go back to")
    good, greedy = versions["good"].version, versions["greedy"].version
    for at, version in ((1000.0, good), (2000.0, greedy)):
        models.ModelRegistry(workspace).promote(engine, version, "played", at=at)
    # once, and a rollback of the first model has nowhere to go either
    with pytest.raises(UserError):
        models.ModelRegistry(workspace).roll_back(store.connect(workspace, "sqlite://"), "empty")
    assert models.ModelRegistry(workspace).roll_back(engine, "too many reviews", at=3000.0) == good
    assert (
        models.ModelRegistry(workspace).find().version == good
        and models.ModelRegistry(workspace).find("previous").version == greedy
    )
    decided = [
        models.ModelRegistry.find_champion_at(engine, at)
        for at in (999, 1000, 1999, 2000, 2999, 3000, 9e9)
    ]
    assert decided == [None, good, good, greedy, greedy, good, good]
    assert models.ModelRegistry(workspace).roll_back(engine, "and forth", at=4000.0) == greedy
    assert [move["kind"] for move in ledger.load_champion_changes(engine)] == [
        "promotion",
        "promotion",
        "rollback",
        "rollback",
    ]
    with engine.connect() as connection:
        assert ledger.verify_chain(connection) is None
        # what a running service follows
        assert store.read_deployment(connection)["champion"][0]["version"] == greedy


def test_a_promotion_that_fails_half_way_leaves_no_entry_and_can_be_said_again(
    registered, monkeypatch
):
    workspace, versions = registered
    engine = store.connect(workspace, f"sqlite:///{workspace.path('store', 'half.db').as_posix()}")
    models.ModelRegistry(workspace).promote(engine, versions["blind"].version, "first")

    def broken(*_args):
        raise OSError("the tracking server has gone away")

    with monkeypatch.context() as patch:
        patch.setattr(registry.MlflowClient, "set_registered_model_alias", broken)
        with pytest.raises(OSError, match="gone away"):
            models.ModelRegistry(workspace).promote(engine, versions["good"].version, "second")
    assert (
        models.ModelRegistry.find_champion_at(engine, time.time() + 1) == versions["blind"].version
    )
    with engine.connect() as connection:
        assert (
            store.read_deployment(connection)["champion"][0]["version"] == versions["blind"].version
        )
    models.ModelRegistry(workspace).promote(engine, versions["good"].version, "second")
    assert models.ModelRegistry(workspace).find("previous").version == versions["blind"].version
    found_by = models.ModelRegistry(workspace)
    good, blind = versions["good"].version, versions["blind"].version
    assert found_by.find_champion_before(engine, good) == blind  # who met the champion
    assert found_by.find_champion_before(engine, blind) == good  # whom a challenger meets now


def test_the_same_refusal_is_recorded_once(registered):
    workspace, versions = registered
    engine = store.connect(
        workspace, f"sqlite:///{workspace.path('store', 'refusals.db').as_posix()}"
    )
    good, blind = versions["good"].version, versions["blind"].version
    refused_by = {name: [models.GateResult(name, 0.0, 1.0, False, "")] for name in ("money", "AP")}
    for version, name in ((good, "money"), (good, "money"), (good, "AP"), (blind, "AP")):
        models.ModelRegistry(workspace).record_refusal(engine, version, refused_by[name])
    with engine.connect() as connection:
        entries = [one["payload"] for one in ledger.load_entries(connection, "refused")]
    recorded = [
        (one["version"], one["failed"]) for one in entries if one["version"] in (good, blind)
    ]
    assert recorded == [(good, ["money"]), (good, ["AP"]), (blind, ["AP"])]


def test_trainings_are_remembered_by_their_data(rows, registered):
    workspace, _ = registered
    assert models.ModelRegistry(workspace).find_last_training("data", 9) is None
    models.ModelRegistry(workspace).select_experiment("test")
    with mlflow.start_run():
        models.log_run_inputs({"training": rows[0]}, "data")
        fitted = models.fit_strategy("plain", rows[0], DecisionPolicy())
        models.log_evaluation_figures(fitted, rows[1], DecisionPolicy())
        made = models.ModelRegistry(workspace).register(
            fitted, rows[0].X.head(3), {"data": "data", "trained_at": "5"}
        )
    assert (
        models.ModelRegistry(workspace).find_last_training("data", 9) == 5
        and models.ModelRegistry(workspace).find_last_training("data", 5) is None
    )
    assert (
        models.ModelRegistry(workspace).find_by_tag("trained_at", "5") == made.version
        and models.ModelRegistry(workspace).find_by_tag("trained_at", "6") is None
    )
    run = mlflow.get_run(made.run_id)
    files = {one.path for one in mlflow.artifacts.list_artifacts(run_id=made.run_id)}
    assert (
        run.inputs.dataset_inputs[0].dataset.name == "data"
        and {"environment.txt", "pictures"} <= files
    )
    assert run.data.tags["mlflow.source.git.commit"]


def test_another_operation_keeps_the_old_database(registered):
    workspace, _ = registered
    engine = store.begin_operation(workspace, "two")
    with engine.connect() as connection:
        assert ledger.load_entries(connection) == []
    archived = list(workspace.path("store", "archive", "x").parent.glob("*.db"))
    assert len(archived) == 1 and archived[0].stat().st_size > 0


def test_an_empty_registry_says_what_to_run(tmp_path):
    with pytest.raises(UserError, match="3_1_champion"):
        models.ModelRegistry(Workspace.find(tmp_path)).find()
