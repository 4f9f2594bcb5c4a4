"""The scoring service on raw transactions, against two servers that are given ready-made features.

One model, one machine, one run, one worker each; the client shares the cores. Then start, memory, a
steady load, and requests made by schemathesis.
"""

import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import joblib
import mlflow
import pandas as pd
import psutil

from benchmarks import verdict
from fraudops import data, features, models, serving, store
from fraudops.data import open_source
from fraudops.models import DecisionPolicy
from fraudops.timeline import load_timeline
from fraudops.workspace import REPOSITORY, Workspace

ROUNDS, SECONDS = 3, 10
STEADY_MINUTES, STEADY_RATE = 10, 50
EXAMPLES = 2000
LOADS = {"1 row, 8 callers": (8, 1), "100 rows, 1 caller": (1, 100)}
RIVALS = Path(__file__).with_name("rival_locust.py")


def _prepare(workspace: Workspace) -> tuple[models.RegisteredVersion, pd.DataFrame, pd.DataFrame]:
    """The course world up to a champion: the champion, the last live days raw, and their
    features.
    """
    data.ingest(open_source("simulate", "", "course"), workspace)
    tx, labels, timeline = (
        data.load_transactions(workspace),
        data.load_labels(workspace),
        load_timeline(workspace),
    )
    features.write_features(workspace, tx, features.compute_features(tx, labels))
    table = features.load_features(workspace)
    train = models.LabelledRows.select_mature(
        table, tx, labels, timeline.train, timeline.live, known_at=timeline.live
    )
    engine = store.begin_operation(workspace, "benchmark")
    models.ModelRegistry(workspace).select_experiment("champion")
    with mlflow.start_run():
        champion = models.ModelRegistry(workspace).register(
            models.fit_strategy("plain", train, DecisionPolicy()), train.X.head(5)
        )
    models.ModelRegistry(workspace).promote(engine, champion.version, "benchmark")
    border = timeline.live_days[-7]
    serving.insert_history(engine, tx[tx["ts"] < border], labels[labels["label_ts"] < border])
    engine.dispose()
    return champion, tx[tx["ts"] >= border], table[table["ts"] >= border]


@contextmanager
def _server(command: list[str], url: str, environment: dict[str, str], route: str) -> Iterator[str]:
    with tempfile.TemporaryFile("w+") as log:
        process = subprocess.Popen(
            command, env=os.environ | environment, stdout=log, stderr=log, cwd=REPOSITORY
        )
        try:
            serving.wait_until_ready(url, process, Path("the benchmark's output"), route=route)
            yield url
        finally:
            serving.stop_process_tree(process)


def _bodies(folder: Path, table: pd.DataFrame, rows: int) -> tuple[Path, Path]:
    """Files with request bodies of ready-made features, for FastAPI and for MLflow."""
    parts = [
        table.iloc[at : at + rows] for at in range(0, min(len(table), 300 * rows) - rows + 1, rows)
    ]
    bare, flow = folder / f"bare{rows}.jsonl", folder / f"flow{rows}.jsonl"
    with bare.open("w", encoding="utf-8") as one, flow.open("w", encoding="utf-8") as other:
        for part in parts:
            values = (
                part[list(features.FEATURES)]
                .astype(object)
                .where(part[list(features.FEATURES)].notna(), None)
            )
            one.write(json.dumps({"rows": values.to_numpy().tolist()}) + "\n")
            split = {"columns": list(features.FEATURES), "data": values.to_numpy().tolist()}
            other.write(json.dumps({"dataframe_split": split}) + "\n")
    return bare, flow


def _memory() -> list[float]:
    """Megabytes of each worker of the service."""
    found = []
    for process in psutil.Process().children(recursive=True):
        words = " ".join(process.cmdline())
        if "_bentoml_impl.worker" in words or "worker/service.py" in words:
            found.append(process.memory_info().rss / 1e6)
    return found


def main() -> None:
    """Print throughputs side by side with their targets."""
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        workspace = Workspace.find(folder / "workspace")
        champion, tx, table = _prepare(workspace)
        tag = serving.build_bento(workspace, champion)
        joblib.dump(champion.load(), folder / "model.joblib")
        _side_by_side(folder, workspace, tag, champion, tx, table)
        _alone(workspace, tag, tx)


def _side_by_side(
    folder: Path,
    workspace: Workspace,
    tag: str,
    champion: models.RegisteredVersion,
    tx: pd.DataFrame,
    table: pd.DataFrame,
) -> None:
    python = [sys.executable, "-m"]
    ports = serving.find_free_port(), serving.find_free_port()
    bare = [
        *python,
        "uvicorn",
        "benchmarks.rival_service:app",
        "--port",
        str(ports[0]),
        "--log-level",
        "warning",
    ]
    flow = [
        *python,
        "mlflow",
        "models",
        "serve",
        "-m",
        str(champion.folder),
        "--env-manager",
        "local",
        "--workers",
        "1",
    ]
    flow += ["--host", "127.0.0.1", "--port", str(ports[1])]
    # mlflow calls uvicorn by name
    with_uvicorn = workspace.subprocess_environment() | {
        "PATH": os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    }
    rates: dict[str, dict[str, list[float]]] = {
        name: {who: [] for who in ("ours", "FastAPI", "MLflow")} for name in LOADS
    }
    with (
        serving.serve_bento(workspace, tag) as ours,
        _server(
            bare,
            f"http://127.0.0.1:{ports[0]}",
            {"RIVAL_MODEL": str(folder / "model.joblib")},
            "/docs",
        ) as fastapi,
        _server(flow, f"http://127.0.0.1:{ports[1]}", with_uvicorn, "/ping") as mlflow_server,
    ):
        for _ in range(ROUNDS):
            for name, (users, rows) in LOADS.items():
                bare_bodies, flow_bodies = _bodies(folder, table, rows)
                found = {
                    "ours": serving.run_load_test(ours, tx, users, SECONDS, rows),
                    "FastAPI": _drive(fastapi, users, rows, "/predict", bare_bodies),
                    "MLflow": _drive(mlflow_server, users, rows, "/invocations", flow_bodies),
                }
                for who, figures in found.items():
                    assert not figures["failures"], (who, figures)
                    rates[name][who].append(figures["rows_per_second"])
                    print(f"{name}, {who}: {figures}", flush=True)
    middle = {
        name: {who: statistics.median(values) for who, values in part.items()}
        for name, part in rates.items()
    }
    one, many = (middle[name] for name in LOADS)
    for name, ours, theirs, target in (
        ("1 row, against MLflow", one["ours"], one["MLflow"], 2.0),
        ("1 row, against FastAPI", one["ours"], one["FastAPI"], 0.8),
        ("100 rows, against our own single ones", many["ours"], one["ours"], 25.0),
        ("100 rows, against MLflow", many["ours"], many["MLflow"], 1.5),
    ):
        ratio = ours / theirs
        print(
            f"{name}: {ours:.0f} / {theirs:.0f} rows/s = {ratio:.2f}, target {target}: "
            f"{verdict(ratio >= target)}"
        )


def _drive(url: str, users: int, rows: int, path: str, bodies: Path) -> dict[str, float]:
    return serving.run_locust(
        RIVALS, url, users, SECONDS, rows, ["--path", path, "--bodies", str(bodies)]
    )


def _alone(workspace: Workspace, tag: str, tx: pd.DataFrame) -> None:
    """Start, latency at a fixed rate, memory under a steady load, and odd requests."""
    from tests.support.attack import attack

    began = time.perf_counter()
    with serving.serve_bento(workspace, tag) as url:
        ready = time.perf_counter() - began
        print(f"start to ready: {ready:.1f} s, target 10 s: {verdict(ready <= 10)}")
        steady = serving.run_load_test(url, tx, 8, 20, rate=STEADY_RATE)
        print(
            f"{STEADY_RATE} requests a second: {steady}, p99 target 60 ms: "
            f"{verdict(steady['p99_ms'] <= 60)}",
            flush=True,
        )
        sizes = _memory()
        for _ in range(STEADY_MINUTES):
            serving.run_load_test(url, tx, 8, 60, rate=STEADY_RATE)
            sizes = [*sizes, *_memory()]
        print(
            f"memory by the minute: {[round(size) for size in sizes]} MB, target 500: "
            f"{verdict(max(sizes) <= 500)}",
            flush=True,
        )
        seen = attack(url, EXAMPLES)
        print(
            f"schemathesis: {seen.total()} requests, answers {dict(seen)}: "
            f"{verdict(max(seen) < 500)}"
        )
