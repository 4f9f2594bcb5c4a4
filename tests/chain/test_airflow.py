"""The Airflow DAGs: the graph and nothing else, and one whole day of both."""

import json
import os
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest

from fraudops import workspace
from fraudops.errors import UserError
from fraudops.pipeline import GRAPH, PROFILES, SOURCES
from fraudops.pipeline import airflow as airflow_module
from fraudops.workspace import REPOSITORY, Workspace, read_json

AS_OF = "2026-03-31"  # the last day of the smallest world

pytestmark = pytest.mark.skipif(
    not (REPOSITORY / ".venv-airflow" / "bin" / "airflow").is_file(),
    reason="`make .venv-airflow/.ready` installs Airflow",
)
SHOW = """
import json
import dag_fraud as d

print(json.dumps({
    dag.dag_id: {
        "tasks": {t.task_id: sorted(t.upstream_task_ids) for t in dag.tasks}, "retries": sorted({t.retries for t in dag.tasks}),
        "outlets": [t.task_id for t in dag.tasks if t.outlets], "schedule": type(dag.timetable).__name__,
        "runs": dag.max_active_runs,
    } for dag in (d.fraud_data, d.fraud_operation)
}))
"""


@pytest.fixture(scope="module")
def airflow(tmp_path_factory):
    """Airflow's environment with a database of its own, and a function that runs its command."""
    workspace = Workspace.find(tmp_path_factory.mktemp("airflow"))
    environment = airflow_module.make_airflow_environment(
        workspace, workspace.path("home", "x").parent, 8794
    )
    environment |= {"FRAUDOPS_RETRY_SECONDS": "1", "FRAUDOPS_PYTHON": sys.executable}
    for name in ("FRAUDOPS_DATABASE_URL", "FRAUDOPS_TRACKING_URI", "PYTEST_CURRENT_TEST"):
        environment.pop(name, None)

    def call(*words: str, program: Path | None = None) -> str:
        ran = subprocess.run(
            [str(program or airflow_module.find_airflow()), *words], env=environment, cwd=workspace.root, capture_output=True,
            text=True, encoding="utf-8", timeout=900,
        )  # fmt: skip
        assert ran.returncode == 0, (words, ran.stdout[-3000:], ran.stderr[-3000:])
        return ran.stdout

    call("db", "migrate")
    return workspace, call, environment


@pytest.fixture(scope="module")
def dags(airflow):
    _, call, environment = airflow
    environment["PYTHONPATH"] = os.pathsep.join(
        [str(airflow_module.DAGS_FOLDER), environment["PYTHONPATH"]]
    )
    return json.loads(
        call(
            "-W", "ignore", "-c", SHOW, program=airflow_module.find_airflow().with_name("python")
        ).splitlines()[-1]
    )


def test_tasks_and_edges_are_those_of_the_graph(dags):
    seen = dags["fraud_data"]["tasks"] | dags["fraud_operation"]["tasks"]
    wait = "day_before_is_done"
    assert set(seen) == set(GRAPH) | {wait}
    for name, node in GRAPH.items():
        room = next(dag["tasks"] for dag in dags.values() if name in dag["tasks"])
        inside = {need for need in node.needs if need in room}
        assert set(seen[name]) - {wait} == inside
        # what lies in the other DAG is waited for through the asset
        assert all(need in dags["fraud_data"]["tasks"] for need in set(node.needs) - inside)
    assert dags["fraud_data"]["outlets"] == ["1_2_features"]
    assert dags["fraud_operation"]["schedule"] == "AssetTriggeredTimetable"
    assert all(dag["runs"] == 1 and max(dag["retries"]) == 2 for dag in dags.values())


def test_the_file_has_no_import_error(airflow):
    _, call, _ = airflow
    assert "dag_fraud" not in call("dags", "list-import-errors", "-l", "-o", "json")


def test_one_whole_day(airflow):
    workspace, call, _ = airflow
    call("dags", "test", "fraud_data", AS_OF, "-c", json.dumps({"profile": "smoke"}))
    manifest = read_json(workspace.root / "data" / "dataset.json")
    assert (
        datetime.fromtimestamp(manifest["timeline"]["as_of"] - 1, UTC).date().isoformat() == AS_OF
    )
    call("dags", "test", "fraud_operation", "-c", json.dumps({"profile": "smoke", "as_of": AS_OF}))
    states = {
        name: read_json(workspace.root / "state" / f"{name}.json")["status"] for name in GRAPH
    }
    assert states == dict.fromkeys(GRAPH, "ok")


def test_profiles_and_sources_come_from_the_graph_too():
    text = (airflow_module.DAGS_FOLDER / "dag_fraud.py").read_text(encoding="utf-8")
    assert not any(f'"{name}"' in text for name in (*GRAPH, *PROFILES[::2], *SOURCES[1:]))


def test_without_the_environment_a_person_is_told_what_to_do(monkeypatch, tmp_path):
    monkeypatch.setattr(workspace, "REPOSITORY", tmp_path)
    with pytest.raises(UserError, match="make airflow"):
        airflow_module.find_airflow()
