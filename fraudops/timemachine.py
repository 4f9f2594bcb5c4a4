"""A month on disk: played by several processes, kept day by day in a database of its own, resumed where it was interrupted."""

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

from fraudops import contract, drift, ledger, quality, registry, store, tracking
from fraudops.features import load_features
from fraudops.freshness import library
from fraudops.gates import Entrant, Gate, as_json
from fraudops.ledger import canonical
from fraudops.models import Fitted, Rows, fit, labelled
from fraudops.month import Ground, Policy, Setting, State, mornings, story_of
from fraudops.timeline import DAY, day_of, load_timeline
from fraudops.verdicts import Verdict
from fraudops.watch import Watch, reader
from fraudops.worker import end_with_parent
from fraudops.workspace import UserError, Workspace, digest, read_json, write_json

PLAYED = ("loop", "daily", "never")  # the others need no model


def home(workspace: Workspace) -> Workspace:
    """Where a month keeps its database, its registry and its story: apart from the operation of the notebooks."""
    return Workspace(workspace.root / "month", apart=True)


class RegistryShelf:
    """Models in MLflow's registry. Operation and morning are a tag: played again, a day finds the model it registered."""

    def __init__(self, own: Workspace, operation: str):
        self.own, self.operation = own, operation
        registry.experiment(own, "month")
        self.take = cache(self._take)

    def keep(self, fitted: Fitted, rows: Rows, day: int) -> str:
        """Register a model as challenger, with its data, its pictures and its environment."""
        registry.experiment(self.own, "month")
        found = registry.tagged(self.own, "morning", f"{self.operation} {day}")
        if found is None:
            with mlflow.start_run(run_name=f"trained on {day_of(day)}"):
                tracking.log_data(rows, "training", self.operation)
                tracking.log_environment()
                tags = {"morning": f"{self.operation} {day}"}
                found = registry.register(self.own, fitted, rows.X.head(5), tags).version
        mlflow.MlflowClient().set_registered_model_alias(registry.NAME, registry.CHALLENGER, found)
        return found

    def _take(self, version: str) -> Entrant:
        return registry.entrant(registry.find(self.own, version))


class MemoryShelf:
    """Models in memory only: those of the policies that we only compare with. All count as equally simple."""

    def __init__(self, first: Entrant):
        self.models = {"1": first}

    def keep(self, fitted: Fitted, rows: Rows, day: int) -> str:
        """Keep a model under its morning."""
        self.models[str(day)] = Entrant(fitted.model, fitted.threshold, 1.0)
        return str(day)

    def take(self, version: str) -> Entrant:
        """The model, while it is there."""
        return self.models[version]


def load_ground(workspace: Workspace, setting: Setting, verdicts: dict[int, Verdict]) -> Ground:
    """The workspace's features and every report on file, those too that arrive after `as_of`."""
    labels = pd.read_parquet(workspace.need("data", "labels.parquet", made_by="1_1_ingest"))[["tx_id", "label_ts"]]
    timeline = load_timeline(workspace)
    if len(timeline.live_days) < setting.days:
        raise UserError(
            f"The data has {len(timeline.live_days)} live days, and {setting.days} are to be played: bring more days, or fewer "
            "--days."
        )
    rows = load_features(workspace, end=timeline.live_days[setting.days - 1] + DAY)
    return Ground(rows, labels.drop_duplicates("tx_id"), timeline, verdicts)


def judge_days(workspace: Workspace, setting: Setting) -> list[Verdict]:
    """The monitor's verdict of each day of the month, with what was known in its evening."""
    timeline = load_timeline(workspace)
    last = timeline.live_days[: setting.days][-1] + DAY
    timeline = type(timeline)(timeline.first, timeline.train, timeline.live, last)
    watch = Watch(reader(workspace), contract.load_labels(workspace, last), timeline)
    tx = contract.load_transactions(workspace, end=last, held=True)
    start, _ = quality.reference_window(timeline)
    return drift.judge_days(watch.statistics(), watch.live // DAY, quality.judge_days(tx, timeline, start))


def play(workspace: Workspace, setting: Setting, on_day: Callable[[str, int], None] = lambda policy, days: None) -> dict:
    """Play the month, or what is left of it, and write ``month/story.json``.

    Parameters
    ----------
    on_day : called with a policy and the number of its days that are done

    Returns
    -------
    The story: setting, days (one row for each day and policy), moves (of the champion), versions
    """
    own = home(workspace)
    features = digest(workspace.need("features", "features.parquet", made_by="1_2_features"))
    about = {"data": read_json(workspace.path("data", "dataset.json"))["fingerprint"], "features": features}
    about |= {"setting": _plain(setting), "library": library()}
    key = hashlib.sha256(canonical(about).encode()).hexdigest()[:16]
    load_ground(workspace, setting, {})  # refuses before anything is begun
    engine = store.begin_operation(own, key)
    file = own.path(f"verdicts-{key}.json")
    if not file.exists():
        write_json(file, [verdict.model_dump() for verdict in judge_days(workspace, setting)])
    on_day("monitor", setting.days)
    _first(workspace, own, engine, setting, key)
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(2, context, _begin_worker) as pool:
        running = {pool.submit(play_policy, name, workspace, setting, file, key) for name in PLAYED}
        try:
            while running:
                done, running = wait(running, timeout=0.5, return_when=FIRST_COMPLETED)
                for name in PLAYED:
                    on_day(name, _count(engine, name))
                for one in done:
                    one.result()
        except BaseException:
            for process in multiprocessing.active_children():
                process.terminate()
            raise
    engine.dispose()
    story = tell(workspace, setting, file)
    write_json(own.path("story.json"), story)
    return story


def _begin_worker() -> None:
    """Ctrl-C is for the process that started this one, which ends it; and if that one is killed, this one ends too."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    end_with_parent()


def _plain(setting: Setting) -> dict:
    return json.loads(json.dumps(asdict(setting)))


def _count(engine: sa.Engine, policy: str) -> int:
    with engine.connect() as connection:
        return connection.scalar(sa.select(sa.func.count()).where(store.days.c.policy == policy))


def _first(workspace: Workspace, own: Workspace, engine: sa.Engine, setting: Setting, key: str) -> None:
    """Train, register and promote the champion of the first morning, unless that is done."""
    if registry.first_champion(engine):
        return
    ground = load_ground(workspace, setting, {})
    tx, timeline = ground.rows[["tx_id", "customer_id"]], ground.timeline
    rows = labelled(ground.rows, tx, ground.labels, timeline.train, timeline.live, known_at=timeline.live)
    version = RegistryShelf(own, key).keep(fit(setting.strategy, rows, setting.costs), rows, timeline.live)
    registry.promote(own, engine, version, "first model of this month", at=timeline.live)


def play_policy(name: str, workspace: Workspace, setting: Setting, verdicts: Path, key: str) -> None:
    """Play what is left of one policy's days; each day is one transaction."""
    own = home(workspace)
    engine = store.connect(own)
    given = {one.as_of - DAY: one for one in map(Verdict.model_validate, read_json(verdicts))}
    ground = load_ground(workspace, setting, given)
    shelf: RegistryShelf | MemoryShelf = RegistryShelf(own, key)
    first = registry.first_champion(engine) or ""
    state = State(first)
    if name != "loop":
        shelf, state = MemoryShelf(shelf.take(first)), State("1")
    policy = Policy(name, ground, setting, shelf)
    with engine.connect() as connection:
        done = {row.ts: row.state for row in connection.execute(sa.select(store.days).where(store.days.c.policy == name))}
    for now in mornings(ground, setting):
        if now in done:
            state = State(**json.loads(done[now]))
            continue
        _remember(policy, state)
        row, state, gates = policy.play(state, now)
        _commit(own, engine, name, now, row, state, gates)
    engine.dispose()


def _remember(policy: Policy, state: State) -> None:
    """Train a model again that was only in the memory of a process that has ended: the same rows give the same model."""
    try:
        policy.shelf.take(state.champion)
    except KeyError:
        policy.learn(state, state.trained)


def _commit(own: Workspace, engine: sa.Engine, name: str, now: int, row: dict, state: State, gates: list[Gate]) -> None:
    """A day and, of the loop, what it did to the champion: in one transaction."""
    row = row | {"gates": as_json(gates)}
    with store.writing(engine) as connection:
        connection.execute(
            store.days.insert(), {"policy": name, "ts": now, "row": json.dumps(row), "state": json.dumps(asdict(state))}
        )
        if name == "loop" and row["judged"]:
            if row["promoted"]:
                registry.move(own, connection, state.champion, "every gate passed", "month", gates, at=now)
            else:
                registry.refuse(connection, row["tried"], gates, "month", at=now)


def tell(workspace: Workspace, setting: Setting, verdicts: Path) -> dict:
    """The story so far, from the database."""
    own = home(workspace)
    engine = store.connect(own)
    given = {one.as_of - DAY: one for one in map(Verdict.model_validate, read_json(verdicts))}
    ground = load_ground(workspace, setting, given)
    with engine.connect() as connection:
        rows = connection.execute(sa.select(store.days).order_by(store.days.c.policy, store.days.c.ts))
        played = [{"policy": row.policy, **json.loads(row.row)} for row in rows]
    days = [story_of(ground, setting, now) for now in mornings(ground, setting)]
    moves = ledger.champion_moves(engine)
    engine.dispose()
    return {"setting": _plain(setting), "days": days, "played": played, "moves": moves}
