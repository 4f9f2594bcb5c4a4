"""Airflow on this machine: its environment variables, and `airflow standalone`."""

import os
import signal
import subprocess
from pathlib import Path

from fraudops.errors import UserError
from fraudops.pipeline.graph import GRAPH, sort_nodes
from fraudops.workspace import REPOSITORY, Workspace

DAGS_FOLDER = REPOSITORY / "1_DAG_Data"


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
    return workspace.subprocess_environment() | environment


def describe_graph() -> str:
    """Describe the graph: each notebook and what it waits for."""
    lines = [
        f"  {name:18} {'after ' + ', '.join(GRAPH[name].needs) if GRAPH[name].needs else 'first'}"
        for name in sort_nodes()
    ]
    return "\n".join(lines)


def run_airflow_standalone(workspace: Workspace, port: int) -> int:
    """Run `airflow standalone` until Ctrl-C, and end its child processes.

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
    print(
        f"{describe_graph()}\nAirflow comes up in a minute or two, for you alone; it "
        "prints the password of `admin` below.\n"
        f"  http://127.0.0.1:{port}/dags/fraud_data        stage 1, daily: switch it on, "
        "or trigger it for one day\n"
        f"  http://127.0.0.1:{port}/dags/fraud_operation   stages 2 to 5, as soon as "
        "stage 1 has new features\n"
        "Stop it with Ctrl-C.",
        flush=True,
    )
    process = subprocess.Popen(
        [find_airflow(), "standalone"],
        env=make_airflow_environment(workspace, home, port),
        cwd=home,
        start_new_session=True,
    )
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.default_int_handler)
    try:
        return process.wait()
    except KeyboardInterrupt:
        return 130
    finally:
        for number in (signal.SIGTERM, signal.SIGKILL):
            try:
                os.killpg(process.pid, number)
                process.wait(timeout=20)
            except (ProcessLookupError, subprocess.TimeoutExpired):
                continue
