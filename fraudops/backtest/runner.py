"""A month on disk: played by several processes, kept day by day in a database of its own, resumed
where it was interrupted.
"""

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
from fraudops.backtest.policies import (
    BacktestData,
    BacktestSettings,
    OperatingPolicy,
    PolicyState,
    iterate_day_starts,
    summarize_day,
)
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

MODEL_POLICIES = ("loop", "daily", "never")  # the others need no model


def get_backtest_workspace(workspace: Workspace) -> Workspace:
    """Where a month keeps its database, its registry and its story: apart from the operation of the
    notebooks.
    """
    return Workspace(workspace.root / "month", isolated=True)


class RegistryModelStore:
    """Models in MLflow's registry. Operation and morning are a tag: played again, a day finds the
    model it registered.
    """

    def __init__(self, own: Workspace, operation: str):
        self.registry, self.operation = models.ModelRegistry(own), operation
        self.registry.select_experiment("month")
        self.take = cache(self._take)

    def keep(self, fitted: FittedModel, rows: LabelledRows, day: int) -> str:
        """Register a model as challenger, with its data, its pictures and its environment."""
        self.registry.select_experiment("month")
        found = self.registry.find_by_tag("morning", f"{self.operation} {day}")
        if found is None:
            with mlflow.start_run(run_name=f"trained on {day_of(day)}"):
                models.log_run_inputs({"training": rows}, self.operation)
                tags = {"morning": f"{self.operation} {day}"}
                found = self.registry.register(fitted, rows.X.head(5), tags).version
        self.registry.client.set_registered_model_alias(
            ledger.REGISTERED_MODEL_NAME, "challenger", found
        )
        return found

    def _take(self, version: str) -> Candidate:
        return self.registry.find(version).load_candidate()


class InMemoryModelStore:
    """Models in memory only: those of the policies that we only compare with. All count as equally
    simple.
    """

    def __init__(self, first: Candidate):
        self.models = {"1": first}

    def keep(self, fitted: FittedModel, rows: LabelledRows, day: int) -> str:
        """Keep a model under its morning."""
        self.models[str(day)] = Candidate(fitted.model, fitted.threshold, 1.0)
        return str(day)

    def take(self, version: str) -> Candidate:
        """The model, while it is there."""
        return self.models[version]


def load_backtest_data(
    workspace: Workspace, setting: BacktestSettings, verdicts: dict[int, Verdict]
) -> BacktestData:
    """The workspace's features and every report on file, those too that arrive after `as_of`."""
    labels = pd.read_parquet(
        workspace.require_path("data", "labels.parquet", made_by="1_1_ingest")
    )[["tx_id", "label_ts"]]
    timeline = load_timeline(workspace)
    if len(timeline.live_days) < setting.days:
        raise UserError(
            f"The data has {len(timeline.live_days)} live days, and {setting.days} are to "
            "be played: bring more days, or fewer "
            "--days."
        )
    rows = load_features(workspace, end=timeline.live_days[setting.days - 1] + DAY)
    return BacktestData(rows, labels.drop_duplicates("tx_id"), timeline, verdicts)


def make_backtest_verdicts(workspace: Workspace, setting: BacktestSettings) -> list[Verdict]:
    """The monitor's verdict of each day of the month, with what was known in its evening."""
    timeline = load_timeline(workspace)
    last = timeline.live_days[: setting.days][-1] + DAY
    timeline = type(timeline)(timeline.first, timeline.train, timeline.live, last)
    labels = data.load_labels(workspace, last)
    monitor = DriftMonitor.from_workspace(workspace, labels, timeline)
    statistics = DriftStatistics(monitor.statistics(), monitor.live // DAY)
    transactions = data.load_transactions(workspace, end=last, held=True)
    profile = DataProfile.learn(transactions, monitor.start, monitor.live)
    return monitoring.make_verdicts(statistics, profile.check_days(transactions, timeline))


def run_backtest(
    workspace: Workspace,
    setting: BacktestSettings,
    on_day: Callable[[str, int], None] = lambda policy, days: None,
) -> dict:
    """Play the month, or what is left of it, and write ``month/story.json``.

    Parameters
    ----------
    on_day : called with a policy and the number of its days that are done

    Returns
    -------
    The story: setting, days (one row for each day and policy), moves (of the champion), versions
    """
    own = get_backtest_workspace(workspace)
    features = compute_fingerprint(
        workspace.require_path("features", "features.parquet", made_by="1_2_features")
    )
    about = {
        "data": read_json(workspace.path("data", "dataset.json"))["fingerprint"],
        "features": features,
    }
    about |= {"setting": _settings_as_json(setting), "library": hash_imports(Path(__file__))}
    key = hashlib.sha256(canonical_json(about).encode()).hexdigest()[:16]
    load_backtest_data(workspace, setting, {})  # refuses before anything is begun
    engine = store.begin_operation(own, key)
    file = own.path(f"verdicts-{key}.json")
    if not file.exists():
        write_json(
            file, [verdict.model_dump() for verdict in make_backtest_verdicts(workspace, setting)]
        )
    on_day("monitor", setting.days)
    _train_first_champion(workspace, own, engine, setting, key)
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(2, context, _initialize_worker) as pool:
        running = {
            pool.submit(run_policy, name, workspace, setting, file, key) for name in MODEL_POLICIES
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
    story = collect_results(workspace, setting, file)
    write_json(own.path("story.json"), story)
    return story


def _initialize_worker() -> None:
    """Ctrl-C is for the process that started this one, which ends it; and if that one is killed,
    this one ends too.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    exit_with_parent()


def _settings_as_json(setting: BacktestSettings) -> dict:
    return json.loads(json.dumps(asdict(setting)))


def _count_finished_days(engine: sa.Engine, policy: str) -> int:
    with engine.connect() as connection:
        return connection.scalar(sa.select(sa.func.count()).where(store.days.c.policy == policy))


def _train_first_champion(
    workspace: Workspace, own: Workspace, engine: sa.Engine, setting: BacktestSettings, key: str
) -> None:
    """Train, register and promote the champion of the first morning, unless that is done."""
    if models.ModelRegistry.find_first_champion(engine):
        return
    ground = load_backtest_data(workspace, setting, {})
    tx, timeline = ground.rows[["tx_id", "customer_id"]], ground.timeline
    rows = LabelledRows.select_mature(
        ground.rows, tx, ground.labels, timeline.train, timeline.live, known_at=timeline.live
    )
    version = RegistryModelStore(own, key).keep(
        fit_strategy(setting.strategy, rows, setting.costs), rows, timeline.live
    )
    models.ModelRegistry(own).promote(
        engine, version, "first model of this month", at=timeline.live
    )


def run_policy(
    name: str, workspace: Workspace, setting: BacktestSettings, verdicts: Path, key: str
) -> None:
    """Play what is left of one policy's days; each day is one transaction."""
    own = get_backtest_workspace(workspace)
    engine = store.connect(own)
    given = {one.as_of - DAY: one for one in map(Verdict.model_validate, read_json(verdicts))}
    ground = load_backtest_data(workspace, setting, given)
    shelf: RegistryModelStore | InMemoryModelStore = RegistryModelStore(own, key)
    first = models.ModelRegistry.find_first_champion(engine) or ""
    state = PolicyState(first)
    if name != "loop":
        shelf, state = InMemoryModelStore(shelf.take(first)), PolicyState("1")
    policy = OperatingPolicy(name, ground, setting, shelf)
    with engine.connect() as connection:
        done = {
            row.ts: row.state
            for row in connection.execute(sa.select(store.days).where(store.days.c.policy == name))
        }
    for now in iterate_day_starts(ground, setting):
        if now in done:
            state = PolicyState(**json.loads(done[now]))
            continue
        _retrain_lost_model(policy, state)
        row, state, gates = policy.play(state, now)
        _save_day(own, engine, name, now, row, state, gates)
    engine.dispose()


def _retrain_lost_model(policy: OperatingPolicy, state: PolicyState) -> None:
    """Train a model again that was only in the memory of a process that has ended: the same rows
    give the same model.
    """
    try:
        policy.shelf.take(state.champion)
    except KeyError:
        policy.learn(state, state.trained)


def _save_day(
    own: Workspace,
    engine: sa.Engine,
    name: str,
    now: int,
    row: dict,
    state: PolicyState,
    gates: list[GateResult],
) -> None:
    """A day and, of the loop, what it did to the champion: in one transaction."""
    row = row | {"gates": gates_to_json(gates)}
    with store.write_transaction(engine) as connection:
        connection.execute(
            store.days.insert(),
            {"policy": name, "ts": now, "row": json.dumps(row), "state": json.dumps(asdict(state))},
        )
        if name == "loop" and row["judged"]:
            if row["promoted"]:
                models.ModelRegistry(own).set_champion(
                    connection, state.champion, "every gate passed", "month", gates, at=now
                )
            else:
                models.ModelRegistry.record_refusal(
                    connection, row["tried"], gates, "month", at=now
                )


def collect_results(workspace: Workspace, setting: BacktestSettings, verdicts: Path) -> dict:
    """The story so far, from the database."""
    own = get_backtest_workspace(workspace)
    engine = store.connect(own)
    given = {one.as_of - DAY: one for one in map(Verdict.model_validate, read_json(verdicts))}
    ground = load_backtest_data(workspace, setting, given)
    with engine.connect() as connection:
        rows = connection.execute(
            sa.select(store.days).order_by(store.days.c.policy, store.days.c.ts)
        )
        played = [{"policy": row.policy, **json.loads(row.row)} for row in rows]
    days = [summarize_day(ground, setting, now) for now in iterate_day_starts(ground, setting)]
    moves = ledger.load_champion_changes(engine)
    engine.dispose()
    return {"setting": _settings_as_json(setting), "days": days, "played": played, "moves": moves}
