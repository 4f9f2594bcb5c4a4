"""MLflow's registry with aliases instead of stages: register, promotion, rollback, and who was
champion when.
"""

import hashlib
import json
import logging
import sys
from dataclasses import dataclass
from importlib.metadata import version as installed
from pathlib import Path

import mlflow
import numpy as np
import pandas as pd
import sqlalchemy as sa
from filelock import FileLock
from mlflow import MlflowClient
from mlflow.exceptions import MlflowException
from sklearn.base import BaseEstimator

from fraudops import ledger, store
from fraudops.errors import UserError
from fraudops.models.fitting import FittedModel
from fraudops.models.gates import Candidate, GateResult, gates_to_json
from fraudops.models.persistence import TRUSTED_TYPES, load_model_file
from fraudops.workspace import Workspace

NAME = ledger.REGISTERED_MODEL_NAME
CHAMPION_ALIAS, CHALLENGER_ALIAS, PREVIOUS_ALIAS = "champion", "challenger", "previous"

_logger = logging.getLogger("fraudops.registry")
MODEL_REQUIREMENTS = ("scikit-learn", "imbalanced-learn", "numpy", "pandas", "skops")


@dataclass(frozen=True)
class RegisteredVersion:
    """A registered model version: its number, the run that made it, its file, the file's SHA-256
    and its threshold.
    """

    version: str
    run_id: str
    folder: Path
    sha256: str
    threshold: float
    strategy: str


def select_experiment(workspace: Workspace, name: str) -> str:
    """Select the tracking store and an experiment in it, made with its artifacts inside the
    workspace. Returns its id.
    """
    mlflow.set_tracking_uri(workspace.tracking_uri)
    client = MlflowClient()
    with FileLock(
        workspace.path("mlflow", "create.lock")
    ):  # two notebooks side by side must not both make the tables
        found = client.get_experiment_by_name(name)
        if found is None:
            folder = workspace.path("mlflow", "artifacts", name)
            made = client.create_experiment(name, artifact_location=folder.as_uri())
        else:
            made = found.experiment_id
    mlflow.set_experiment(experiment_id=made)
    return made


def register_model(
    workspace: Workspace,
    fitted: FittedModel,
    example: pd.DataFrame,
    tags: dict[str, str] | None = None,
    **metrics: float,
) -> RegisteredVersion:
    """Log a fitted model in the active run, without pickle, and register it as a new version.

    Parameters
    ----------
    example : (n, 39) some model inputs, kept as input example and for the signature
    tags : more tags of the version, besides its hash, threshold and strategy
    metrics : figures for the run
    """
    run = mlflow.active_run()
    if run is None:
        raise UserError("Register inside a run: `with mlflow.start_run(): register(...)`.")
    mlflow.log_params({"strategy": fitted.strategy, "rows": fitted.rows, "frauds": fitted.frauds})
    mlflow.log_metrics({name: value for name, value in metrics.items() if np.isfinite(value)})
    signature = mlflow.models.infer_signature(example, fitted.model.predict_proba(example))
    logged = mlflow.sklearn.log_model(
        fitted.model,
        name="model",
        signature=signature,
        input_example=example.head(3),
        serialization_format="skops",
        skops_trusted_types=TRUSTED_TYPES,
        pip_requirements=[f"{name}=={installed(name)}" for name in MODEL_REQUIREMENTS],
        pyfunc_predict_fn="predict_proba",
    )
    client = MlflowClient()
    try:
        client.create_registered_model(NAME)
    except MlflowException as error:
        if error.error_code != "RESOURCE_ALREADY_EXISTS":
            raise
    folder = Path(mlflow.artifacts.download_artifacts(logged.model_uri))
    sha256 = hashlib.sha256((folder / "model.skops").read_bytes()).hexdigest()
    tags = (tags or {}) | {
        "sha256": sha256,
        "threshold": repr(fitted.threshold),
        "strategy": fitted.strategy,
    }
    made = client.create_model_version(NAME, logged.model_uri, run.info.run_id, tags=tags)
    return find_version(workspace, str(made.version))


def find_version(workspace: Workspace, which: str) -> RegisteredVersion:
    """A version by number or alias.

    Raises
    ------
    UserError
        If there is none.
    """
    mlflow.set_tracking_uri(workspace.tracking_uri)
    client = MlflowClient()
    try:
        found = (
            client.get_model_version(NAME, which)
            if which.isdigit()
            else client.get_model_version_by_alias(NAME, which)
        )
    except MlflowException:
        raise UserError(
            f"The registry has no {which!r} of {NAME}. The notebook 3_1_champion "
            "registers the first one: "
            "run `fraudops run --until 3_1_champion`."
        ) from None
    folder = Path(mlflow.artifacts.download_artifacts(f"models:/{NAME}/{found.version}"))
    tags = found.tags
    return RegisteredVersion(
        str(found.version),
        found.run_id or "",
        folder,
        tags["sha256"],
        float(tags["threshold"]),
        tags["strategy"],
    )


def find_version_by_tag(workspace: Workspace, name: str, value: str) -> str | None:
    """The first version with a tag; None if there is none."""
    client = MlflowClient(tracking_uri=workspace.tracking_uri)
    found = client.search_model_versions(f"name = '{NAME}' and tag.`{name}` = '{value}'")
    return min((str(one.version) for one in found), key=int, default=None)


def find_last_training(workspace: Workspace, fingerprint: str, before: int) -> int | None:
    """When the latest challenger of a data set was trained, before a moment (s since 1970); None if
    none was.
    """
    client = MlflowClient(tracking_uri=workspace.tracking_uri)
    found = client.search_model_versions(f"name = '{NAME}' and tag.`data` = '{fingerprint}'")
    times = [int(one.tags["trained_at"]) for one in found if "trained_at" in one.tags]
    return max((at for at in times if at < before), default=None)


def to_deployment_record(which: RegisteredVersion) -> dict:
    """A version as `store.deployment` keeps it: version, sha256, threshold, file."""
    file = str(which.folder / "model.skops")
    return {
        "version": which.version,
        "sha256": which.sha256,
        "threshold": which.threshold,
        "file": file,
    }


def load_aliased_versions(workspace: Workspace) -> dict[str, dict | None]:
    """Champion and challenger as `store.deployment` keeps them; None without a challenger."""
    champion = find_version(workspace, CHAMPION_ALIAS)
    aliases = MlflowClient(tracking_uri=workspace.tracking_uri).get_registered_model(NAME).aliases
    return {
        "champion": to_deployment_record(champion),
        "challenger": to_deployment_record(find_version(workspace, CHALLENGER_ALIAS))
        if CHALLENGER_ALIAS in aliases
        else None,
    }


def load_registered_model(registered: RegisteredVersion) -> BaseEstimator:
    """The fitted pipeline of a version."""
    return load_model_file(registered.folder / "model.skops", registered.sha256)


def load_candidate(which: RegisteredVersion) -> Candidate:
    """A version as the gates see it."""
    return Candidate(
        load_registered_model(which),
        which.threshold,
        (which.folder / "model.skops").stat().st_size / 1e6,
    )


def promote_version(
    workspace: Workspace,
    engine: sa.Engine,
    version: str,
    reason: str,
    actor: str = "pipeline",
    judged: list[GateResult] | None = None,
    at: float | None = None,
) -> None:
    """Make a version champion, keep the old one as `previous`, tell the service, and say so in the
    ledger: all or nothing.

    Parameters
    ----------
    at : when, in seconds since 1970; now unless a replay plays another time
    """
    with store.write_transaction(engine) as connection:
        set_champion(workspace, connection, version, reason, actor, judged, at)
    anchor_or_log(workspace, engine)


def anchor_or_log(workspace: Workspace, engine: sa.Engine) -> None:
    """Keep the ledger's head outside the database; a broken ledger is logged, and must not keep
    anybody from a rollback.
    """
    try:
        ledger.write_anchor(workspace, engine)
    except ledger.BrokenLedgerError as error:
        _logger.error("%s", error)


def set_champion(
    workspace: Workspace,
    connection: sa.Connection,
    version: str,
    reason: str,
    actor: str,
    judged: list[GateResult] | None = None,
    at: float | None = None,
    kind: str = "promotion",
) -> None:
    """`promote_version` inside a writing transaction of the caller's, which commits after the
    aliases have moved.

    The ledger says who is champion: a crash before the commit leaves an alias without an entry,
    which the next call mends.
    """
    held = ledger.load_entries(connection, "champion")
    old = held[-1]["payload"]["version"] if held else None
    client = MlflowClient(tracking_uri=workspace.tracking_uri)
    if old == version:
        old = held[-1]["payload"]["previous"]
    if old is None:
        ledger.delete_anchor_tag(
            workspace
        )  # of the operation before, whose database lies in the archive
        ledger.log_carried_over_users(connection)
    champion = to_deployment_record(find_version(workspace, version))
    said = {
        "version": version,
        "previous": old,
        "reason": reason,
        "gates": gates_to_json(judged or []),
        "kind": kind,
    }
    said |= {
        name: champion[name] for name in ("sha256", "threshold")
    }  # with them `ledger.reconciliation` knows what the service must follow
    ledger.append_entry(connection, "champion", actor, at, **said)
    store.set_deployment(connection, {"champion": champion}, at)
    if old and old != version:
        client.set_registered_model_alias(NAME, PREVIOUS_ALIAS, old)
    client.set_registered_model_alias(NAME, CHAMPION_ALIAS, version)
    if client.get_registered_model(NAME).aliases.get(CHALLENGER_ALIAS) == version:
        client.delete_registered_model_alias(NAME, CHALLENGER_ALIAS)


def roll_back_champion(
    workspace: Workspace,
    engine: sa.Engine,
    reason: str,
    actor: str = "pipeline",
    at: float | None = None,
) -> str:
    """Bring `previous` back in one step; what was champion becomes `previous`. Returns the version
    that decides now.

    Raises
    ------
    UserError
        If there is nothing to go back to.
    """
    with store.write_transaction(engine) as connection:
        held = ledger.load_entries(connection, "champion")
        back = held[-1]["payload"]["previous"] if held else None
        if back is None:
            raise UserError(
                "There is no previous champion to roll back to: nothing has been promoted "
                "after the first model."
            )
        set_champion(workspace, connection, back, reason, actor, at=at, kind="rollback")
    anchor_or_log(workspace, engine)
    return back


def record_refusal(
    connection: sa.Connection,
    version: str,
    judged: list[GateResult],
    actor: str = "pipeline",
    at: float | None = None,
) -> None:
    """Say in the ledger that a challenger was not promoted, and by which gates."""
    failed = [gate.name for gate in judged if not gate.passed]
    ledger.append_entry(
        connection,
        "refused",
        actor,
        at,
        version=version,
        failed=failed,
        gates=gates_to_json(judged),
    )


def find_first_champion(engine: sa.Engine) -> str | None:
    """The version that this operation began with; None before it has begun."""
    made = ledger.load_champion_changes(engine)
    return made[0]["version"] if made else None


def find_champion_at(engine: sa.Engine, at: float) -> str | None:
    """The version that was champion at a moment (seconds since 1970), by the ledger; None before
    the first.
    """
    earlier = [move for move in ledger.load_champion_changes(engine) if move["at"] <= at]
    return earlier[-1]["version"] if earlier else None


if __name__ == "__main__":  # for the service, which does not import mlflow itself
    try:
        print(json.dumps(load_aliased_versions(Workspace.find())))
    except UserError as error:
        sys.exit(str(error))
