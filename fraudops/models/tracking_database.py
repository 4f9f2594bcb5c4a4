"""Make MLflow's SQLite database at once, so that a kill leaves a whole one or none."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager

from filelock import FileLock
from mlflow import MlflowClient

from fraudops import store
from fraudops.workspace import Workspace, atomic_write, make_sqlite_url, parse_sqlite_url


def make_tracking_database(workspace: Workspace) -> None:
    """Make the database of the tracking store and the registry, if it is a missing SQLite file.

    MLflow makes its tables one after the other. They are made in another file, which is then
    renamed. Processes that come at the same time wait.

    Parameters
    ----------
    workspace : Workspace

    Raises
    ------
    DamagedDatabaseError
        If the file is there and SQLite cannot read it.
    """
    file = parse_sqlite_url(workspace.tracking_uri)
    if file is None or file.is_file():
        if file:
            store.check_sqlite_file(file)
        return
    with FileLock(workspace.path("mlflow", "create.lock")):
        if file.is_file():
            return
        for left in file.parent.glob(f".{file.name}.*.tmp*"):  # of a process that was killed
            left.unlink()
        with atomic_write(file) as temporary, _keep_loggers():
            client = MlflowClient(tracking_uri=make_sqlite_url(temporary))
            client.search_experiments(max_results=1)
            client.search_registered_models(max_results=1)


@contextmanager
def _keep_loggers() -> Iterator[None]:
    """Keep the loggers of this process, which MLflow's migrations disable."""
    names = logging.root.manager.loggerDict
    active = [name for name in names if not logging.getLogger(name).disabled]
    try:
        yield
    finally:
        for name in active:
            logging.getLogger(name).disabled = False
