"""What several tests share: one small operation, made once by the library itself."""

import mlflow
import pytest
from playwright.sync_api import sync_playwright

from fraudops import data, features, models, review, serving, store
from fraudops.data import open_source
from fraudops.models import Costs
from fraudops.serving import Scorer
from fraudops.timeline import DAY, load_timeline
from fraudops.workspace import Workspace
from tests.support import chromium


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
    """A smoke-sized operation: data, features, a champion in the registry, live days scored, labels arrived, cases open.

    Shared by the whole session: a test that changes it in a way others could notice takes a copy.
    """
    with pytest.MonkeyPatch.context() as patch:
        for name in ("FRAUDOPS_WORKSPACE", "FRAUDOPS_DATABASE_URL", "MLFLOW_TRACKING_URI"):
            patch.delenv(name, raising=False)
        workspace = Workspace.find(tmp_path_factory.mktemp("small"))
        data.ingest(open_source("simulate", "", "smoke"), workspace)
        tx, labels, timeline = (
            data.load_transactions(workspace),
            data.load_labels(workspace),
            load_timeline(workspace),
        )
        table = features.compute_features(tx, labels)
        features.write_features(workspace, tx, table)
        table = features.load_features(workspace)
        train = models.select_mature_rows(
            table, tx, labels, timeline.train, timeline.live, known_at=timeline.live
        )
        fitted = models.fit_strategy("plain", train, Costs())
        engine = store.begin_operation(workspace, "small")
        models.select_experiment(workspace, "champion")
        with mlflow.start_run():
            champion = models.register_model(workspace, fitted, train.X.head(5))
        models.promote_version(workspace, engine, champion.version, "first model of this operation")
        serving.insert_history(
            engine, tx[tx["ts"] < timeline.live], labels[labels["label_ts"] < timeline.live]
        )
        scorer = Scorer(
            engine,
            champion.folder / "model.skops",
            champion.sha256,
            champion.version,
            champion.threshold,
        )
        for day in timeline.live_days:
            arrived = labels[(labels["label_ts"] >= day) & (labels["label_ts"] < day + DAY)]
            with store.write_transaction(engine) as connection:
                store.insert_new(connection, store.labels, store.to_label_rows(arrived))
            scorer.score(tx[(tx["ts"] >= day) & (tx["ts"] < day + DAY)])
        review.open_cases(engine)
        engine.dispose()
    return workspace
