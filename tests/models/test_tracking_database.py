"""MLflow's database is there as a whole, or not at all."""

import logging
import os
import subprocess
import sys

import pytest
from mlflow import MlflowClient

from fraudops import ledger, models, store
from fraudops.errors import UserError
from fraudops.models.tracking_database import make_tracking_database
from fraudops.workspace import REPOSITORY

KILLED = """
import os
import mlflow.store.db.utils as utils
from fraudops.models import tracking_database
from fraudops.workspace import Workspace

def half(engine):
    import sqlalchemy as sa
    with engine.begin() as connection:
        connection.execute(sa.text("CREATE TABLE experiments (experiment_id INTEGER)"))
    os._exit(9)

utils._initialize_tables = half
tracking_database.make_tracking_database(Workspace.find())
"""


def test_killed_while_the_tables_are_made(workspace):
    environment = os.environ | {"FRAUDOPS_WORKSPACE": str(workspace.root)}
    environment["PYTHONPATH"] = str(REPOSITORY)
    done = subprocess.run([sys.executable, "-c", KILLED], env=environment, capture_output=True)
    assert done.returncode == 9, done.stderr
    folder = workspace.root / "mlflow"
    assert list(folder.glob(".mlflow.db.*")) and not (folder / "mlflow.db").exists()
    engine = store.connect(workspace)
    assert "is empty" in ledger.verify_and_report(workspace)
    engine.dispose()
    make_tracking_database(workspace)
    assert not list(folder.glob(".mlflow.db.*")) and (folder / "mlflow.db").is_file()
    client = MlflowClient(tracking_uri=workspace.tracking_uri)
    assert client.create_experiment("one") and not client.search_registered_models()


def test_our_loggers_go_on(workspace):
    logger = logging.getLogger("fraudops.registry")
    logger.disabled = False  # MLflow may have disabled it in an earlier test of this process
    make_tracking_database(workspace)
    assert not logger.disabled


def test_a_registry_that_is_not_there_is_not_made_by_looking(workspace):
    with pytest.raises(UserError, match=r"3_1_champion.*--workspace"):
        models.ModelRegistry(workspace).find()
    assert not workspace.root.exists()
