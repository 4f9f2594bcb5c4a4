"""Registration without pickle, gates in money, promotion that leaves a record."""

import time

import mlflow
import numpy as np
import pytest
from sklearn.dummy import DummyClassifier

from fraudops import ledger, models, registry, store
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


def test_the_money_gate_tells_good_from_expensive(rows, registered):
    _, versions = registered
    judged = {g.name: g for g in registry.gates(versions["blind"], versions["good"], rows[1], Costs())}
    assert all(gate.passed for gate in judged.values()), judged
    judged = {g.name: g for g in registry.gates(versions["good"], versions["greedy"], rows[1], Costs())}
    money = next(gate for name, gate in judged.items() if "money" in name)
    precision = next(gate for name, gate in judged.items() if "precision" in name)
    assert not money.passed and precision.passed  # the same ranking, and yet it costs: refused


def test_the_same_model_again_does_not_pass(rows, registered):
    _, versions = registered
    judged = registry.gates(versions["good"], versions["good"], rows[1], Costs())
    assert not judged[0].passed and judged[0].figure == 0


def test_promotion_moves_aliases_and_leaves_a_record(rows, registered):
    workspace, versions = registered
    judged = registry.gates(versions["blind"], versions["good"], rows[1], Costs())
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
