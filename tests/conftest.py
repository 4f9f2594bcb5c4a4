"""What many tests share: workspaces, databases, PostgreSQL, a browser; each made once a run."""

import shutil
from pathlib import Path

import mlflow
import pytest
from playwright.sync_api import sync_playwright

from fraudops import data, features, ledger, models, review, serving, store
from fraudops.data import open_source
from fraudops.models import DecisionPolicy
from fraudops.serving import Scorer
from fraudops.timeline import DAY, load_timeline
from fraudops.workspace import Workspace
from tests.support import chromium, engines
from tests.support.shared import make_once

SETTINGS = (
    "FRAUDOPS_WORKSPACE",
    "FRAUDOPS_DATABASE_URL",
    "FRAUDOPS_TRACKING_URI",
    "MLFLOW_TRACKING_URI",
)
SLOW_FIXTURES = {"browser", "postgres_server", "small_workspace"}
SLOW_FOLDERS = ("audit_app", "backtest", "chain", "pipeline", "serving")


def pytest_collection_modifyitems(items):
    """Mark tests that start browsers, servers, kernels or engines as slow."""
    for item in items:
        folder = item.path.parent.name
        wants = SLOW_FIXTURES & set(getattr(item, "fixturenames", ()))
        if folder in SLOW_FOLDERS or wants:
            item.add_marker("slow")


@pytest.fixture
def workspace(tmp_path, monkeypatch) -> Workspace:
    """An empty workspace of this test alone, whatever the environment says."""
    for name in SETTINGS:
        monkeypatch.delenv(name, raising=False)
    return Workspace.find(tmp_path / "run")


@pytest.fixture
def engine(workspace):
    """The new database of `workspace`."""
    engine = store.connect(workspace)
    yield engine
    engine.dispose()


@pytest.fixture(scope="session")
def postgres_server():
    """A PostgreSQL server of this test process."""
    with engines.postgres_server() as server:
        yield server


@pytest.fixture
def postgres(postgres_server) -> str:
    """The URL of an empty PostgreSQL database of this test alone."""
    return engines.create_database(postgres_server)


@pytest.fixture(scope="module")
def browser():
    """Chromium; a missing browser is a failure and no reason to skip."""
    path = chromium.find()
    assert path, chromium.HELP
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=chromium.FLAGS)
        yield browser
        browser.close()


@pytest.fixture(scope="session")
def small_workspace(tmp_path_factory) -> Workspace:
    """A small operation: data, features, a champion, scored live days, cases.

    All processes of a test run share it. A test only reads it; `copied_workspace` may be changed.
    """
    with pytest.MonkeyPatch.context() as patch:
        for name in SETTINGS:
            patch.delenv(name, raising=False)
        return Workspace.find(make_once(tmp_path_factory, "small", make_small_workspace))


@pytest.fixture(scope="module")
def copied_workspace(small_workspace, tmp_path_factory) -> Workspace:
    """A copy of `small_workspace` that the tests of one file may change."""
    copy = tmp_path_factory.mktemp("copy") / "run"
    shutil.copytree(small_workspace.root, copy)
    return Workspace.find(copy)


def make_small_workspace(folder: Path) -> None:
    """Play a small operation through the library itself."""
    workspace = Workspace.find(folder)
    data.ingest(open_source("simulate", "", "smoke"), workspace)
    timeline = load_timeline(workspace)
    tx, labels = data.load_transactions(workspace), data.load_labels(workspace)
    refunds = data.load_refunds(workspace)
    features.write_features(workspace, tx, features.compute_features(tx, labels, refunds))
    table = features.load_features(workspace)
    train = models.LabelledRows.select_mature(
        table, tx, labels, timeline.train, timeline.live, known_at=timeline.live
    )
    fitted = models.fit_strategy("plain", train, DecisionPolicy())
    engine = store.begin_operation(workspace, "small")
    models.ModelRegistry(workspace).select_experiment("champion")
    with mlflow.start_run():
        champion = models.ModelRegistry(workspace).register(fitted, train.X.head(5))
    models.ModelRegistry(workspace).promote(
        engine, champion.version, "first model of this operation"
    )
    serving.insert_history(
        engine,
        tx[tx["ts"] < timeline.live],
        labels[labels["label_ts"] < timeline.live],
        refunds[refunds["ts"] < timeline.live],
    )
    file = champion.folder / "model.skops"
    scorer = Scorer(engine, file, champion.sha256, champion.version, champion.policy)
    for day in timeline.live_days:
        arrived = labels[(labels["label_ts"] >= day) & (labels["label_ts"] < day + DAY)]
        with store.write_transaction(engine) as connection:
            ledger.insert_chargebacks(connection, store.to_label_rows(arrived), by="api:issuer")
            back = refunds[(refunds["ts"] >= day) & (refunds["ts"] < day + DAY)]
            ledger.insert_refunds(connection, store.to_refund_rows(back), by="api:issuer")
        scorer.score(tx[(tx["ts"] >= day) & (tx["ts"] < day + DAY)])
    review.ReviewQueue(engine).open_cases()
    engine.dispose()
