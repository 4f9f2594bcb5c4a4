"""What each worker process of the service answers with; `/model` shows all of them."""

import json
import os

import psutil

from fraudops.workspace import Workspace, write_json

STATUS_FOLDER = ("serving", "workers")


def write_worker_status(workspace: Workspace, status: dict) -> None:
    """Note what this process answers with.

    Parameters
    ----------
    workspace : Workspace
    status : dict
        See `Scorer.status`.
    """
    process = psutil.Process()
    about = {"pid": process.pid, "started_at": process.create_time()} | status
    write_json(workspace.path(*STATUS_FOLDER, f"{process.pid}.json"), about)


def read_worker_statuses(workspace: Workspace) -> list[dict]:
    """Read what the running workers on this machine answer with.

    Notes of processes that have ended are removed.

    Parameters
    ----------
    workspace : Workspace

    Returns
    -------
    list of dict
        pid, version, sha256, wanted (the version that the database names), problem (why the wanted
        version is not in use, or empty).
    """
    found = []
    for file in sorted(workspace.path(*STATUS_FOLDER, "x").parent.glob("*.json")):
        try:
            about = json.loads(file.read_text(encoding="utf-8"))
        except FileNotFoundError:  # another process has removed it meanwhile
            continue
        if _is_running(about["pid"], about.pop("started_at")):
            found.append(about)
        else:
            file.unlink(missing_ok=True)
    return found


def _is_running(pid: int, started_at: float) -> bool:
    """Tell whether the process still runs; a number may belong to a new process."""
    if pid == os.getpid():
        return True
    try:
        return abs(psutil.Process(pid).create_time() - started_at) < 1
    except psutil.NoSuchProcess:
        return False
