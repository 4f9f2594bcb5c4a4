"""Airflow on this machine: its environment variables, and its processes."""

import contextlib
import datetime as dt
import os
import signal
import subprocess
from pathlib import Path

from fraudops.errors import UserError
from fraudops.pipeline.cache import load_record
from fraudops.pipeline.graph import GRAPH, sort_nodes
from fraudops.simulator import make_course_config
from fraudops.workspace import REPOSITORY, Workspace, read_json

DAGS_FOLDER = REPOSITORY / "1_DAG_Data"
AIRFLOW_PROCESSES = (
    ("api-server",),
    ("dag-processor",),
    ("scheduler", "--skip-serve-logs"),
    ("triggerer", "--skip-serve-logs"),
)


def find_airflow() -> Path:
    """Find Airflow's command in its own environment.

    Raises
    ------
    UserError
        If that environment does not exist.
    """
    path = REPOSITORY / ".venv-airflow" / "bin" / "airflow"
    if not path.is_file():
        raise UserError(
            f"{path} is missing: `make airflow` installs Airflow there (it does not run "
            "on Windows itself)."
        )
    return path


def make_airflow_environment(workspace: Workspace, home: Path, port: int) -> dict[str, str]:
    """What Airflow needs to find the DAGs, keep to itself, and listen on this machine only.

    Parameters
    ----------
    home : folder of Airflow's own database, logs and password
    """
    address = f"http://127.0.0.1:{port}"
    environment = {
        "AIRFLOW_HOME": str(home),
        "AIRFLOW__CORE__DAGS_FOLDER": str(DAGS_FOLDER),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "AIRFLOW__CORE__PARALLELISM": "2",
        "AIRFLOW__API__HOST": "127.0.0.1",
        "AIRFLOW__API__PORT": str(port),
        "AIRFLOW__API__BASE_URL": address,
        "AIRFLOW__CORE__EXECUTION_API_SERVER_URL": f"{address}/execution/",
        "AIRFLOW__USAGE_DATA_COLLECTION__ENABLED": "False",
        "FRAUDOPS_PYTHON": str(REPOSITORY / ".venv" / "bin" / "python"),
        "PATH": f"{find_airflow().parent}{os.pathsep}{os.environ.get('PATH', '')}",
    }
    return workspace.subprocess_environment() | describe_data(workspace) | environment


def describe_graph() -> str:
    """Describe the graph: each notebook and what it waits for."""
    lines = [
        f"  {name:18} {'after ' + ', '.join(GRAPH[name].needs) if GRAPH[name].needs else 'first'}"
        for name in sort_nodes()
    ]
    return "\n".join(lines)


def describe_data(workspace: Workspace) -> dict[str, str]:
    """Describe the data of the workspace for the DAGs, which cannot import what reads it.

    Parameters
    ----------
    workspace : Workspace

    Returns
    -------
    dict of str to str
        Environment variables: the defaults of the DAGs' parameters, and the last day of simulated
        data, after which no run is scheduled.
    """
    manifest = workspace.root / "data" / "dataset.json"
    given = load_record(GRAPH["1_1_ingest"], workspace).get("parameters", {})
    if manifest.is_file():
        content = read_json(manifest)
        last, source = content["last_day"], content["source"]
    else:
        config = make_course_config("course", drift="none")
        last = (config.start + dt.timedelta(days=config.days - 1)).isoformat()
        source = "simulate"
    return {
        "FRAUDOPS_AS_OF": last,
        "FRAUDOPS_SOURCE": source,
        "FRAUDOPS_PATH": given.get("path", ""),
        "FRAUDOPS_PROFILE": given.get("profile", "course"),
        "FRAUDOPS_LAST_DAY": last if source == "simulate" else "",
    }


def run_airflow(workspace: Workspace, port: int) -> int:
    """Run Airflow's processes until Ctrl-C, and end them and their children.

    They are those of `airflow standalone`, without the servers of logs: these listen on all
    addresses, and the logs are on this machine.

    Parameters
    ----------
    workspace : Workspace
    port : int

    Returns
    -------
    int
        Exit code.
    """
    home = workspace.path("airflow", "airflow.cfg").parent
    home.chmod(0o700)
    passwords = home / "simple_auth_manager_passwords.json.generated"
    passwords.touch(mode=0o600)
    passwords.chmod(0o600)
    environment = make_airflow_environment(workspace, home, port)
    day = environment["FRAUDOPS_AS_OF"]
    print(
        f"{describe_graph()}\nAirflow comes up in a minute or two, for you alone; it "
        f"prints the password of `admin` below, and keeps it in {passwords}.\n"
        f"  http://127.0.0.1:{port}/dags/fraud_data        stage 1, daily: switch it on and "
        f"trigger it; as_of is {day}, the last day of the data\n"
        f"  http://127.0.0.1:{port}/dags/fraud_operation   stages 2 to 5, as soon as "
        "stage 1 has new features: switch it on too\n"
        "Stop it with Ctrl-C.",
        flush=True,
    )
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.default_int_handler)
    started: list[subprocess.Popen] = []

    def start(*words: str) -> subprocess.Popen:
        command = [find_airflow(), *words]
        process = subprocess.Popen(command, env=environment, cwd=home, start_new_session=True)
        started.append(process)
        return process

    try:
        code = start("db", "migrate").wait()
        if code:
            return code
        for words in AIRFLOW_PROCESSES:
            start(*words)
        while True:  # none of them ends by itself
            for process in started[1:]:
                with contextlib.suppress(subprocess.TimeoutExpired):
                    return process.wait(timeout=0.5)
    except KeyboardInterrupt:
        return 130
    finally:
        for process in started:
            _end_group(process)


def _end_group(process: subprocess.Popen) -> None:
    """End a process that leads a session, and all that it has started."""
    for number in (signal.SIGTERM, signal.SIGKILL):
        try:
            os.killpg(process.pid, number)
            process.wait(timeout=20)
        except (ProcessLookupError, subprocess.TimeoutExpired):
            continue
