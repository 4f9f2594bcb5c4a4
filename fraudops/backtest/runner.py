"""Run a backtest in several processes, and keep it day by day in a database of its own."""

import hashlib
import json
import multiprocessing
import signal
from collections.abc import Callable
from concurrent.futures import FIRST_COMPLETED, ProcessPoolExecutor, wait
from dataclasses import asdict
from functools import cache
from pathlib import Path

import mlflow
import pandas as pd
import sqlalchemy as sa

from fraudops import data, ledger, models, monitoring, store
from fraudops.backtest.backtest_data import (
    BacktestData,
    BacktestSettings,
    PolicyState,
    iterate_day_starts,
)
from fraudops.backtest.policies import OperatingPolicy
from fraudops.backtest.scoring import load_true_onset, score_backtest
from fraudops.errors import UserError
from fraudops.features import load_features
from fraudops.ledger import canonical_json
from fraudops.models import (
    Candidate,
    FittedModel,
    GateResult,
    LabelledRows,
    fit_strategy,
    gates_to_json,
)
from fraudops.monitoring import DataProfile, DriftMonitor, DriftStatistics, Verdict
from fraudops.processes import exit_with_parent
from fraudops.source_digest import hash_imports
from fraudops.timeline import DAY, day_of, load_timeline
from fraudops.workspace import Workspace, compute_fingerprint, read_json, write_json

MODEL_POLICIES = ("loop", "daily", "never")  # the other policies need no model


def get_backtest_workspace(workspace: Workspace) -> Workspace:
    """Get the workspace of a backtest, which has its own database and registry."""
    return Workspace(workspace.root / "month", isolated=True)


class RegistryModelStore:
    """Models in MLflow's registry. A day that runs again finds its model by a tag."""

    def __init__(self, backtest_workspace: Workspace, operation: str):
        self.registry, self.operation = models.ModelRegistry(backtest_workspace), operation
        self.registry.select_experiment("month")
        self.load = cache(self._load)

    def save(self, fitted: FittedModel, rows: LabelledRows, day: int) -> str:
        """Register a model as challenger, with its data and its environment."""
        self.registry.select_experiment("month")
        version = self.registry.find_by_tag("morning", f"{self.operation} {day}")
        if version is None:
            with mlflow.start_run(run_name=f"trained on {day_of(day)}"):
                models.log_run_inputs({"training": rows}, self.operation)
                tags = {"morning": f"{self.operation} {day}"}
                version = self.registry.register(fitted, rows.X.head(5), tags).version
        self.registry.client.set_registered_model_alias(
            ledger.REGISTERED_MODEL_NAME, "challenger", version
        )
        return version

    def _load(self, version: str) -> Candidate:
        return self.registry.find(version).load_candidate()


class InMemoryModelStore:
    """Models in memory, for the policies of the comparison. All count as equally large."""

    def __init__(self, first: Candidate):
        self.models = {"1": first}

    def save(self, fitted: FittedModel, rows: LabelledRows, day: int) -> str:
        """Keep a model; its version is the morning of its training."""
        self.models[str(day)] = Candidate(fitted.model, 1.0)
        return str(day)

    def load(self, version: str) -> Candidate:
        """Get a model; raise KeyError if it is missing."""
        return self.models[version]


def load_backtest_data(
    workspace: Workspace, settings: BacktestSettings, verdicts: dict[int, Verdict]
) -> BacktestData:
    """Load the features of a workspace and every fraud report, also those after `as_of`."""
    labels = pd.read_parquet(
        workspace.require_path("data", "labels.parquet", made_by="1_1_ingest")
    )[["tx_id", "label_ts"]]
    timeline = load_timeline(workspace)
    if len(timeline.live_days) < settings.days:
        raise UserError(
            f"The data has {len(timeline.live_days)} live days, and the backtest needs "
            f"{settings.days}: bring more days, or give a smaller --days."
        )
    rows = load_features(workspace, end=timeline.live_days[settings.days - 1] + DAY)
    return BacktestData(rows, labels.drop_duplicates("tx_id"), timeline, verdicts)


def make_backtest_verdicts(workspace: Workspace, settings: BacktestSettings) -> list[Verdict]:
    """Make the monitor's verdict of each day, with what was known on its evening."""
    timeline = load_timeline(workspace)
    last = timeline.live_days[: settings.days][-1] + DAY
    timeline = type(timeline)(timeline.first, timeline.train, timeline.live, last)
    labels = data.load_labels(workspace, last)
    monitor = DriftMonitor.from_workspace(workspace, labels, timeline)
    statistics = DriftStatistics(monitor.statistics(), monitor.live // DAY)
    transactions = data.load_transactions(workspace, end=last, held=True)
    profile = DataProfile.learn(transactions, monitor.start, monitor.live)
    return monitoring.make_verdicts(statistics, profile.check_days(transactions, timeline))


def run_backtest(
    workspace: Workspace,
    settings: BacktestSettings,
    on_day: Callable[[str, int], None] = lambda policy, days: None,
) -> dict:
    """Run the backtest, or the rest of it, and write ``month/story.json``.

    Parameters
    ----------
    workspace : Workspace
    settings : BacktestSettings
    on_day : callable, optional
        Is called with a policy and the number of its days that are done.

    Returns
    -------
    dict
        ``setting``, ``moves`` (changes of the champion), and the content of `score_backtest`.

    Raises
    ------
    UserError
        If the data has too few live days.
    """
    backtest_workspace = get_backtest_workspace(workspace)
    features = compute_fingerprint(
        workspace.require_path("features", "features.parquet", made_by="1_2_features")
    )
    inputs = {
        "data": read_json(workspace.path("data", "dataset.json"))["fingerprint"],
        "features": features,
    }
    inputs |= {"setting": _settings_as_json(settings), "library": hash_imports(Path(__file__))}
    key = hashlib.sha256(canonical_json(inputs).encode()).hexdigest()[:16]
    load_backtest_data(workspace, settings, {})  # raises before anything is written
    engine = store.begin_operation(backtest_workspace, key)
    file = backtest_workspace.path(f"verdicts-{key}.json")
    if not file.exists():
        write_json(
            file, [verdict.model_dump() for verdict in make_backtest_verdicts(workspace, settings)]
        )
    on_day("monitor", settings.days)
    _train_first_champion(workspace, backtest_workspace, engine, settings, key)
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(2, context, _initialize_worker) as pool:
        running = {
            pool.submit(run_policy, name, workspace, settings, file, key) for name in MODEL_POLICIES
        }
        try:
            while running:
                done, running = wait(running, timeout=0.5, return_when=FIRST_COMPLETED)
                for name in MODEL_POLICIES:
                    on_day(name, _count_finished_days(engine, name))
                for one in done:
                    one.result()
        except BaseException:
            for process in multiprocessing.active_children():
                process.terminate()
            raise
    engine.dispose()
    story = collect_results(workspace, settings, file)
    write_json(backtest_workspace.path("story.json"), story)
    return story


def _initialize_worker() -> None:
    """Leave Ctrl-C to the parent process, and end with it."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    exit_with_parent()


def _settings_as_json(settings: BacktestSettings) -> dict:
    return json.loads(json.dumps(asdict(settings)))


def _count_finished_days(engine: sa.Engine, policy: str) -> int:
    with engine.connect() as connection:
        return connection.scalar(sa.select(sa.func.count()).where(store.days.c.policy == policy))


def _train_first_champion(
    workspace: Workspace,
    backtest_workspace: Workspace,
    engine: sa.Engine,
    settings: BacktestSettings,
    key: str,
) -> None:
    """Train, register and promote the champion of the first morning, unless that is done."""
    if models.ModelRegistry.find_first_champion(engine):
        return
    data = load_backtest_data(workspace, settings, {})
    tx, timeline = data.rows[["tx_id", "customer_id"]], data.timeline
    rows = LabelledRows.select_mature(
        data.rows, tx, data.labels, timeline.train, timeline.live, known_at=timeline.live
    )
    version = RegistryModelStore(backtest_workspace, key).save(
        fit_strategy(settings.strategy, rows, settings.decision_policy), rows, timeline.live
    )
    models.ModelRegistry(backtest_workspace).promote(
        engine, version, "first model of this month", at=timeline.live
    )


def run_policy(
    name: str, workspace: Workspace, settings: BacktestSettings, verdicts: Path, key: str
) -> None:
    """Run the remaining days of one policy; each day is one transaction."""
    backtest_workspace = get_backtest_workspace(workspace)
    engine = store.connect(backtest_workspace)
    verdicts_by_day = {
        one.as_of - DAY: one for one in map(Verdict.model_validate, read_json(verdicts))
    }
    data = load_backtest_data(workspace, settings, verdicts_by_day)
    model_store: RegistryModelStore | InMemoryModelStore = RegistryModelStore(
        backtest_workspace, key
    )
    first = models.ModelRegistry.find_first_champion(engine) or ""
    state = PolicyState(first)
    if name != "loop":
        model_store, state = InMemoryModelStore(model_store.load(first)), PolicyState("1")
    policy = OperatingPolicy(name, data, settings, model_store)
    with engine.connect() as connection:
        done = {
            row.ts: row.state
            for row in connection.execute(sa.select(store.days).where(store.days.c.policy == name))
        }
    for now in iterate_day_starts(data, settings):
        if now in done:
            state = PolicyState(**json.loads(done[now]))
            continue
        _retrain_lost_model(policy, state)
        row, state, gates = policy.run_day(state, now)
        _save_day(backtest_workspace, engine, name, now, row, state, gates)
    engine.dispose()


def _retrain_lost_model(policy: OperatingPolicy, state: PolicyState) -> None:
    """Train a model again if it was in the memory of an earlier process; it is the same model."""
    try:
        policy.model_store.load(state.champion)
    except KeyError:
        policy.train(state, state.trained)


def _save_day(
    backtest_workspace: Workspace,
    engine: sa.Engine,
    name: str,
    now: int,
    row: dict,
    state: PolicyState,
    gates: dict[str, list[GateResult]],
) -> None:
    """Save a day, and for the loop the change of the champion, in one transaction."""
    row = row | {"gates": {version: gates_to_json(found) for version, found in gates.items()}}
    with store.write_transaction(engine) as connection:
        connection.execute(
            store.days.insert(),
            {"policy": name, "ts": now, "row": json.dumps(row), "state": json.dumps(asdict(state))},
        )
        for one in row["judged"] if name == "loop" else []:
            version = one["version"]
            if one["refused"]:
                models.ModelRegistry.append_refusal(
                    connection, version, gates[version], "month", at=now
                )
            else:
                models.ModelRegistry(backtest_workspace).set_champion(
                    connection, version, "every gate passed", "month", gates[version], at=now
                )


def collect_results(workspace: Workspace, settings: BacktestSettings, verdicts: Path) -> dict:
    """Collect the results so far from the database."""
    backtest_workspace = get_backtest_workspace(workspace)
    engine = store.connect(backtest_workspace)
    verdicts_by_day = {
        one.as_of - DAY: one for one in map(Verdict.model_validate, read_json(verdicts))
    }
    data = load_backtest_data(workspace, settings, verdicts_by_day)
    with engine.connect() as connection:
        rows = connection.execute(
            sa.select(store.days).order_by(store.days.c.policy, store.days.c.ts)
        )
        played = [{"policy": row.policy, **json.loads(row.row)} for row in rows]
    moves = ledger.load_champion_changes(engine)
    engine.dispose()
    scored = score_backtest(data, settings, played, load_true_onset(workspace, data.timeline))
    return {"setting": _settings_as_json(settings), "moves": moves} | scored
