"""The Airflow DAGs are the graph of notebooks and nothing else."""

import ast
import contextlib
import json
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import psutil
import pytest

from fraudops.errors import UserError
from fraudops.pipeline import GRAPH, PROFILES, SOURCES, get_notebook_path
from fraudops.pipeline import airflow as airflow_module
from fraudops.processes import kill_process_tree
from fraudops.serving import find_free_port
from fraudops.workspace import REPOSITORY, Workspace, read_json

SHOW = """
import json
import dag_fraud as d

print(json.dumps({
    dag.dag_id: {
        "tasks": {t.task_id: sorted(t.upstream_task_ids) for t in dag.tasks}, "retries":
            sorted({t.retries for t in dag.tasks}),
        "outlets": [t.task_id for t in dag.tasks if t.outlets], "schedule":
            type(dag.timetable).__name__,
        "runs": dag.max_active_runs,
    } for dag in (d.fraud_data, d.fraud_operation)
}))
"""


@pytest.fixture(scope="module")
def call(make_airflow, tmp_path_factory):
    return make_airflow(Workspace.find(tmp_path_factory.mktemp("empty")))


@pytest.fixture(scope="module")
def dags(call):
    python = airflow_module.find_airflow().with_name("python")
    return json.loads(call("-W", "ignore", "-c", SHOW, program=python).splitlines()[-1])


def test_tasks_and_edges_are_those_of_the_graph(dags):
    seen = dags["fraud_data"]["tasks"] | dags["fraud_operation"]["tasks"]
    wait = "day_before_is_done"
    assert set(seen) == set(GRAPH) | {wait}
    for name, node in GRAPH.items():
        tasks = next(dag["tasks"] for dag in dags.values() if name in dag["tasks"])
        inside = {need for need in node.needs if need in tasks}
        assert set(seen[name]) - {wait} == inside
        # what lies in the other DAG is waited for through the asset
        assert all(need in dags["fraud_data"]["tasks"] for need in set(node.needs) - inside)
    assert dags["fraud_data"]["outlets"] == ["1_3_what_runs_when"]
    assert dags["fraud_operation"]["schedule"] == "AssetTriggeredTimetable"
    assert all(dag["runs"] == 1 and max(dag["retries"]) == 2 for dag in dags.values())


def read_small_dag() -> str:
    """The DAG that notebook 1.3 shows as a text."""
    cells = read_json(get_notebook_path(GRAPH["1_3_what_runs_when"]))["cells"]
    sources = ("".join(cell["source"]) for cell in cells)
    source = next(one for one in sources if one.startswith("airflow_dag = "))
    return ast.literal_eval(source.partition(" = ")[2])


def test_what_notebook_1_3_has_recorded_is_what_airflow_prints(call, tmp_path):
    tmp_path.joinpath("dag_small.py").write_text(read_small_dag(), encoding="utf-8")
    recorded = read_json(airflow_module.DAGS_FOLDER / "airflow_recorded.json")
    program, *words = recorded["command"].split()
    printed = call(*words, variables={"AIRFLOW__CORE__DAGS_FOLDER": str(tmp_path)})
    at = [printed.find(line) for line in recorded["output"]]
    assert program == "airflow" and -1 not in at and at[0] < at[-1], printed[-3000:]


def test_the_file_has_no_import_error(call):
    assert "dag_fraud" not in call("dags", "list-import-errors", "-l", "-o", "json")


def test_profiles_and_sources_come_from_the_graph_too():
    text = (airflow_module.DAGS_FOLDER / "dag_fraud.py").read_text(encoding="utf-8")
    assert not any(f'"{name}"' in text for name in (*GRAPH, *PROFILES[::2], *SOURCES[1:]))


def test_without_the_environment_a_person_is_told_what_to_do(monkeypatch, tmp_path):
    monkeypatch.setattr(airflow_module, "REPOSITORY", tmp_path)
    with pytest.raises(UserError, match="make airflow"):
        airflow_module.find_airflow()


DAYS = """
import datetime as dt
import json
from types import SimpleNamespace

import dag_fraud as d

def find(conf, date):
    run = SimpleNamespace(conf=conf, logical_date=date and dt.datetime.fromisoformat(date))
    return d.day_of_data(run, {"as_of": "2026-03-30"})

print(json.dumps([
    find({}, "2026-11-27"), find({}, "2026-03-02"), find(None, None),
    find({"as_of": "2026-02-20"}, "2026-11-27"), d.PARAMS["profile"].value,
]))
"""


def test_a_run_takes_a_day_that_the_data_has(make_airflow, tmp_path):
    workspace = Workspace(tmp_path)
    workspace.write_json("data/dataset.json", {"last_day": "2026-03-31", "source": "simulate"})
    workspace.write_json("state/1_1_ingest.json", {"parameters": {"profile": "smoke"}})
    call = make_airflow(workspace)
    python = airflow_module.find_airflow().with_name("python")
    found = json.loads(call("-W", "ignore", "-c", DAYS, program=python).splitlines()[-1])
    assert found == ["2026-03-31", "2026-03-02", "2026-03-30", "2026-02-20", "smoke"]


def test_real_data_has_no_last_day_and_a_new_workspace_has_that_of_the_course(tmp_path):
    workspace = Workspace(tmp_path)
    assert airflow_module.describe_data(workspace)["FRAUDOPS_AS_OF"] == "2026-05-30"
    workspace.write_json("data/dataset.json", {"last_day": "2026-03-31", "source": "csv"})
    workspace.write_json("state/1_1_ingest.json", {"parameters": {"path": "/data/may.csv"}})
    found = airflow_module.describe_data(workspace)
    assert (found["FRAUDOPS_SOURCE"], found["FRAUDOPS_PATH"]) == ("csv", "/data/may.csv")
    assert found["FRAUDOPS_LAST_DAY"] == ""


def test_airflow_listens_on_this_machine_only_and_keeps_its_password_private(tmp_path):
    """Started for real: its listening sockets, the mode of the file, and the end by SIGTERM."""
    port = find_free_port()
    words = ["airflow", "--workspace", str(tmp_path / "ws"), "--port", str(port)]
    log = (tmp_path / "log").open("w")
    process = subprocess.Popen(
        [sys.executable, "-m", "fraudops", *words], cwd=REPOSITORY, stdout=log, stderr=log
    )
    try:
        end = time.monotonic() + 400
        while not (found := list_listening_addresses(process.pid)) or port not in found.values():
            assert process.poll() is None and time.monotonic() < end, Path(log.name).read_text()
            threading.Event().wait(1)
        assert {address for address, _ in found} == {"127.0.0.1"}
        home = tmp_path / "ws" / "airflow"
        (passwords,) = home.glob("*passwords*")
        assert home.stat().st_mode & 0o077 == passwords.stat().st_mode & 0o077 == 0
        assert "admin" in passwords.read_text(encoding="utf-8")
        family = psutil.Process(process.pid).children(recursive=True)
        process.send_signal(signal.SIGTERM)
        assert process.wait(120) == 130
        assert not psutil.wait_procs(family, timeout=20)[1]
    finally:
        kill_process_tree(process.pid)
        log.close()


def list_listening_addresses(pid: int) -> dict:
    """The (address, port) pairs that a tree of processes listens on, with the port again."""
    found = {}
    for one in [psutil.Process(pid), *psutil.Process(pid).children(recursive=True)]:
        with contextlib.suppress(psutil.NoSuchProcess):
            for socket in one.net_connections("tcp"):
                if socket.status == psutil.CONN_LISTEN:
                    found[tuple(socket.laddr)] = socket.laddr.port
    return found
