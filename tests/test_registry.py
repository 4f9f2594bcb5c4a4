"""Registration without pickle, gates in money, promotion that leaves a record."""

import time

import mlflow
import numpy as np
import pytest
from sklearn.dummy import DummyClassifier

from fraudops import control, gates, ledger, models, registry, store, tracking
from fraudops.metrics import Costs
from fraudops.timeline import DAY
from fraudops.workspace import UserError, Workspace
from tests.test_models import START, world


@pytest.fixture(scope="module")
def rows():
    features, tx, labels = world(n=6000, days=60)
    tx["customer_id"] = [f"c{i % 200}" for i in range(len(tx))]
    end = START + 120 * DAY
    return (
        models.labelled(features, tx, labels, START, START + 40 * DAY, end),
        models.labelled(features, tx, labels, START + 40 * DAY, START + 60 * DAY, end),
    )


@pytest.fixture(scope="module")
def registered(rows, tmp_path_factory):
    """A workspace with a useless, a good and an expensive model."""
    workspace = Workspace.find(tmp_path_factory.mktemp("registry"))
    train, _ = rows
    good = models.fit("plain", train, Costs())
    blind = models.Fitted(models.plain(DummyClassifier(strategy="prior")).fit(train.X, train.y), 1.01, "blind", 1, 1)
    greedy = models.Fitted(good.model, 0.0, "greedy", good.rows, good.frauds)  # the same ranking, everything reviewed
    registry.experiment(workspace, "test")
    versions = {}
    for name, fitted in (("blind", blind), ("good", good), ("greedy", greedy)):
        with mlflow.start_run():
            versions[name] = registry.register(workspace, fitted, train.X.head(3))
    return workspace, versions


def test_a_registered_model_gives_the_same_bits_again(rows, registered):
    workspace, versions = registered
    again = registry.load(registry.find(workspace, versions["good"].version))
    fitted = models.fit("plain", rows[0], Costs())
    np.testing.assert_array_equal(models.probability(again, rows[1].X), models.probability(fitted.model, rows[1].X))


def test_a_changed_model_file_is_refused(registered, tmp_path):
    _, versions = registered
    file = tmp_path / "model.skops"
    content = bytearray((versions["good"].folder / "model.skops").read_bytes())
    content[100] ^= 1
    file.write_bytes(content)
    with pytest.raises(UserError, match="not the model that was registered"):
        registry.load_model(file, versions["good"].sha256)


def trial(old, new, rows) -> dict[str, gates.Gate]:
    judged = gates.judge(registry.entrant(old), registry.entrant(new), rows, rows.X, Costs())
    return {gate.name.split(" (")[0].split(",")[0]: gate for gate in judged}


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
    assert registry.champion_at(engine, before) is None and registry.first_champion(engine) is None
    registry.promote(workspace, engine, versions["blind"].version, "first")
    between = time.time() + 0.01
    time.sleep(0.02)  # entries are stamped in milliseconds
    registry.promote(workspace, engine, versions["good"].version, "better", judged=judged)
    assert registry.find(workspace, "champion").version == versions["good"].version
    assert registry.find(workspace, "previous").version == versions["blind"].version
    assert registry.champion_at(engine, between) == versions["blind"].version
    assert registry.champion_at(engine, time.time() + 1) == versions["good"].version
    assert registry.first_champion(engine) == versions["blind"].version
    with engine.connect() as connection:
        assert ledger.verify(connection) is None
        recorded = ledger.entries(connection, "champion")[-1]["payload"]["gates"]
    assert [gate["name"] for gate in recorded] == [gate.name for gate in judged]


def test_a_rollback_brings_previous_back_and_the_ledger_answers_for_every_moment(registered):
    workspace, versions = registered
    engine = store.connect(workspace, f"sqlite:///{workspace.path('store', 'rollback.db').as_posix()}")
    with pytest.raises(UserError, match="no previous champion"):
        registry.rollback(workspace, engine, "nothing to go back to")
    good, greedy = versions["good"].version, versions["greedy"].version
    for at, version in ((1000.0, good), (2000.0, greedy)):
        registry.promote(workspace, engine, version, "played", at=at)
    with pytest.raises(UserError):  # once, and a rollback of the first model has nowhere to go either
        registry.rollback(workspace, store.connect(workspace, "sqlite://"), "empty")
    assert registry.rollback(workspace, engine, "too many reviews", at=3000.0) == good
    assert registry.find(workspace, "champion").version == good and registry.find(workspace, "previous").version == greedy
    decided = [registry.champion_at(engine, at) for at in (999, 1000, 1999, 2000, 2999, 3000, 9e9)]
    assert decided == [None, good, good, greedy, greedy, good, good]
    assert registry.rollback(workspace, engine, "and forth", at=4000.0) == greedy
    assert [move["kind"] for move in ledger.champion_moves(engine)] == ["promotion", "promotion", "rollback", "rollback"]
    with engine.connect() as connection:
        assert ledger.verify(connection) is None
        assert control.read(connection)["champion"][0]["version"] == greedy  # what a running service follows


def test_a_promotion_that_fails_half_way_leaves_no_entry_and_can_be_said_again(registered, monkeypatch):
    workspace, versions = registered
    engine = store.connect(workspace, f"sqlite:///{workspace.path('store', 'half.db').as_posix()}")
    registry.promote(workspace, engine, versions["blind"].version, "first")

    def broken(*_args):
        raise OSError("the tracking server has gone away")

    with monkeypatch.context() as patch:
        patch.setattr(registry.MlflowClient, "set_registered_model_alias", broken)
        with pytest.raises(OSError, match="gone away"):
            registry.promote(workspace, engine, versions["good"].version, "second")
    assert registry.champion_at(engine, time.time() + 1) == versions["blind"].version
    with engine.connect() as connection:
        assert control.read(connection)["champion"][0]["version"] == versions["blind"].version
    registry.promote(workspace, engine, versions["good"].version, "second")
    assert registry.find(workspace, "previous").version == versions["blind"].version


def test_trainings_are_remembered_by_their_data(rows, registered):
    workspace, _ = registered
    assert registry.last_training(workspace, "data", 9) is None
    registry.experiment(workspace, "test")
    with mlflow.start_run():
        tracking.log_data(rows[0], "training", "data")
        tracking.log_environment()
        fitted = models.fit("plain", rows[0], Costs())
        tracking.log_pictures(fitted, rows[1], Costs())
        made = registry.register(workspace, fitted, rows[0].X.head(3), {"data": "data", "trained_at": "5"})
    assert registry.last_training(workspace, "data", 9) == 5 and registry.last_training(workspace, "data", 5) is None
    assert (
        registry.tagged(workspace, "trained_at", "5") == made.version and registry.tagged(workspace, "trained_at", "6") is None
    )
    run = mlflow.get_run(made.run_id)
    files = {one.path for one in mlflow.artifacts.list_artifacts(run_id=made.run_id)}
    assert run.inputs.dataset_inputs[0].dataset.name == "data" and {"environment.txt", "pictures"} <= files
    assert run.data.tags["mlflow.source.git.commit"]


def test_another_operation_keeps_the_old_database(registered):
    workspace, _ = registered
    engine = store.begin_operation(workspace, "two")
    with engine.connect() as connection:
        assert ledger.entries(connection) == []
    archived = list(workspace.path("store", "archive", "x").parent.glob("*.db"))
    assert len(archived) == 1 and archived[0].stat().st_size > 0


def test_an_empty_registry_says_what_to_run(tmp_path):
    with pytest.raises(UserError, match="3_1_champion"):
        registry.find(Workspace.find(tmp_path), "champion")
