"""What holds during a run: one run per workspace, and its environment variables."""

import datetime as dt
import os
from collections.abc import Iterator
from contextlib import contextmanager

from filelock import FileLock, Timeout

from fraudops.errors import UserError
from fraudops.processes import RUNNER_VARIABLE
from fraudops.workspace import Workspace, read_json, write_json


@contextmanager
def lock_workspace(workspace: Workspace, command: str) -> Iterator[None]:
    """Allow one run at a time in a workspace.

    The operating system releases the lock of a killed run.

    Parameters
    ----------
    workspace : Workspace
    command : str
        Is shown to a second run.

    Raises
    ------
    UserError
        If another run works in the workspace.
    """
    try:
        owner = workspace.path("state", ".owner.json")
    except OSError as error:
        raise UserError(
            f"Nothing can be written in {workspace.root} ({error}): choose another --workspace DIR."
        ) from None
    lock = FileLock(workspace.path("state", ".lock"))
    try:
        lock.acquire(timeout=0)
    except Timeout:
        try:
            other = read_json(owner)
            who = f" (process {other['pid']}, since {other['since']}: {other['command']})"
        except (OSError, ValueError, KeyError):
            who = ""
        raise UserError(
            f"Another run is working in {workspace.root}{who}. Wait until it has ended, "
            "stop it, or give this one "
            f"a folder of its own with --workspace DIR."
        ) from None
    try:
        since = dt.datetime.now().isoformat(timespec="seconds", sep=" ")
        write_json(owner, {"pid": os.getpid(), "since": since, "command": command})
        yield
    finally:
        lock.release()


@contextmanager
def set_workspace_environment(workspace: Workspace) -> Iterator[None]:
    """Set the environment that workers and kernels inherit, and restore it afterwards.

    Parameters
    ----------
    workspace : Workspace
    """
    before = dict(os.environ)
    os.environ.update(workspace.subprocess_environment() | {RUNNER_VARIABLE: "1"})
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)
