"""MLflow's registry with aliases instead of stages: register, gates, promotion, rollback, and who was champion when."""

import hashlib
import json
import sys
import time
from dataclasses import asdict, dataclass
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
from fraudops.metrics import Costs, average_precision, bootstrap, money
from fraudops.model_file import TRUSTED, load_model
from fraudops.models import Fitted, Rows, probability
from fraudops.workspace import UserError, Workspace

NAME = "card-fraud"
CHAMPION, CHALLENGER, PREVIOUS = "champion", "challenger", "previous"

REQUIREMENTS = ("scikit-learn", "imbalanced-learn", "numpy", "pandas", "skops")


@dataclass(frozen=True)
class Registered:
    """A registered model version: its number, the run that made it, its file, the file's SHA-256 and its threshold."""

    version: str
    run_id: str
    folder: Path
    sha256: str
    threshold: float
    strategy: str


@dataclass(frozen=True)
class Gate:
    """One condition of promotion: its figure, what it is held against, and whether it passed."""

    name: str
    figure: float
    limit: float
    passed: bool
    unit: str


def experiment(workspace: Workspace, name: str) -> str:
    """Select the tracking store and an experiment in it, made with its artifacts inside the workspace. Returns its id."""
    mlflow.set_tracking_uri(workspace.tracking_uri)
    client = MlflowClient()
    with FileLock(workspace.path("mlflow", "create.lock")):  # two notebooks side by side must not both make the tables
        found = client.get_experiment_by_name(name)
        if found is None:
            folder = workspace.path("mlflow", "artifacts", name)
            made = client.create_experiment(name, artifact_location=folder.as_uri())
        else:
            made = found.experiment_id
    mlflow.set_experiment(experiment_id=made)
    return made


def register(workspace: Workspace, fitted: Fitted, example: pd.DataFrame, **metrics: float) -> Registered:
    """Log a fitted model in the active run, without pickle, and register it as a new version.

    Parameters
    ----------
    example : (n, 39) some model inputs, kept as input example and for the signature
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
        skops_trusted_types=TRUSTED,
        pip_requirements=[f"{name}=={installed(name)}" for name in REQUIREMENTS],
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
    tags = {"sha256": sha256, "threshold": repr(fitted.threshold), "strategy": fitted.strategy}
    made = client.create_model_version(NAME, logged.model_uri, run.info.run_id, tags=tags)
    return find(workspace, str(made.version))


def find(workspace: Workspace, which: str) -> Registered:
    """A version by number or alias.

    Raises
    ------
    UserError
        If there is none.
    """
    mlflow.set_tracking_uri(workspace.tracking_uri)
    client = MlflowClient()
    try:
        found = client.get_model_version(NAME, which) if which.isdigit() else client.get_model_version_by_alias(NAME, which)
    except MlflowException:
        raise UserError(
            f"The registry has no {which!r} of {NAME}. The notebook 3_1_champion registers the first one: "
            "run `python run_all.py --until 3_1_champion`."
        ) from None
    folder = Path(mlflow.artifacts.download_artifacts(f"models:/{NAME}/{found.version}"))
    tags = found.tags
    return Registered(
        str(found.version), found.run_id or "", folder, tags["sha256"], float(tags["threshold"]), tags["strategy"]
    )


def named(workspace: Workspace) -> dict[str, dict | None]:
    """Champion and challenger as `control` keeps them: version, sha256, threshold, file; None where there is no challenger."""

    def card(which: Registered) -> dict:
        file = str(which.folder / "model.skops")
        return {"version": which.version, "sha256": which.sha256, "threshold": which.threshold, "file": file}

    champion = find(workspace, CHAMPION)
    aliases = MlflowClient(tracking_uri=workspace.tracking_uri).get_registered_model(NAME).aliases
    return {"champion": card(champion), "challenger": card(find(workspace, CHALLENGER)) if CHALLENGER in aliases else None}


def load(registered: Registered) -> BaseEstimator:
    """The fitted pipeline of a version."""
    return load_model(registered.folder / "model.skops", registered.sha256)


def gates(champion: Registered, challenger: Registered, rows: Rows, costs: Costs, tolerance: float = 0.05) -> list[Gate]:
    """Judge a challenger against the champion on rows that neither was trained on.

    Money is compared per customer, paired: both models decide on the same rows, and whole customers are drawn again.

    Parameters
    ----------
    rows : labelled rows later than both training sets
    tolerance : how much average precision may fall (the interval of a small test set is wider than any real difference)
    """
    models = {name: load(which) for name, which in (("old", champion), ("new", challenger))}
    p = {name: probability(model, rows.X) for name, model in models.items()}
    limit = {"old": champion.threshold, "new": challenger.threshold}
    cost = {name: money(rows.y, p[name] >= limit[name], rows.cents, costs) for name in p}
    gain = (cost["old"] - cost["new"]) / 100
    low, _ = bootstrap(lambda chosen: float(gain[chosen].sum()), rows.customer)
    change = average_precision(rows.y, p["new"]) - average_precision(rows.y, p["old"])
    size = (challenger.folder / "model.skops").stat().st_size / 1e6
    began = time.perf_counter()
    for _ in range(20):
        probability(models["new"], rows.X.head(1))
    milliseconds = (time.perf_counter() - began) / 20 * 1000
    same = list(models["new"].feature_names_in_) == list(models["old"].feature_names_in_)
    return [
        Gate("money gained, lower end of 95 %", low, 0.0, low > 0.0, "EUR"),
        Gate("change of average precision", change, -tolerance, change >= -tolerance, "AP"),
        Gate("known frauds in the test", float(rows.y.sum()), 20.0, bool(rows.y.sum() >= 20), "frauds"),
        Gate("same input columns", float(same), 1.0, same, "yes = 1"),
        Gate("time for one row", milliseconds, 50.0, milliseconds <= 50, "ms"),
        Gate("size of the file", size, 50.0, size <= 50, "MB"),
    ]


def promote(
    workspace: Workspace,
    engine: sa.Engine,
    version: str,
    reason: str,
    actor: str = "pipeline",
    judged: list[Gate] | None = None,
) -> None:
    """Make a version champion, keep the old one as `previous`, and say so in the ledger: all or nothing.

    The entry and the alias are one step: the ledger's transaction commits only after the alias has moved. A crash in
    between leaves an alias without an entry, so promotion may be called again with the same version.
    """
    client = MlflowClient(tracking_uri=workspace.tracking_uri)
    old = client.get_registered_model(NAME).aliases.get(CHAMPION)
    with store.writing(engine) as connection:
        ledger.append(
            connection, "champion", actor, version=version, previous=old, reason=reason, gates=[asdict(g) for g in judged or []]
        )
        if old and old != version:
            client.set_registered_model_alias(NAME, PREVIOUS, old)
        client.set_registered_model_alias(NAME, CHAMPION, version)


def first_champion(engine: sa.Engine) -> str | None:
    """The version that this operation began with; None before it has begun."""
    with engine.connect() as connection:
        moves = ledger.entries(connection, "champion")
    return moves[0]["payload"]["version"] if moves else None


def champion_at(engine: sa.Engine, at: float) -> str | None:
    """The version that was champion at a moment (seconds since 1970), by the ledger; None before the first."""
    with engine.connect() as connection:
        earlier = [entry for entry in ledger.entries(connection, "champion") if entry["at"] <= at]
    return earlier[-1]["payload"]["version"] if earlier else None


if __name__ == "__main__":  # for the service, which does not import mlflow itself
    try:
        print(json.dumps(named(Workspace.find())))
    except UserError as error:
        sys.exit(str(error))
