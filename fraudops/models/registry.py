"""The MLflow registry of models: register a version, promote it, roll back.

Aliases (`champion`, `challenger`, `previous`) take the place of MLflow's deprecated stages.
"""

import hashlib
import json
import logging
import sys
from dataclasses import dataclass
from functools import cached_property
from importlib.metadata import version as get_installed_version
from pathlib import Path

import mlflow
import numpy as np
import pandas as pd
import sqlalchemy as sa
from filelock import FileLock
from mlflow import MlflowClient
from mlflow.exceptions import MlflowException

from fraudops import ledger, store
from fraudops.errors import UserError
from fraudops.ledger import REGISTERED_MODEL_NAME
from fraudops.models.decision import DecisionPolicy
from fraudops.models.fitting import FittedModel
from fraudops.models.gates import GateResult, gates_to_json
from fraudops.models.persistence import TRUSTED_TYPES
from fraudops.models.registered_version import RegisteredVersion
from fraudops.models.tracking_database import make_tracking_database
from fraudops.workspace import Workspace, parse_sqlite_url

_logger = logging.getLogger("fraudops.registry")
MODEL_REQUIREMENTS = ("scikit-learn", "imbalanced-learn", "numpy", "pandas", "skops")


def _load_policy(tags: dict[str, str], version: str) -> DecisionPolicy:
    if "policy" not in tags:
        raise UserError(
            f"Version {version} was registered with a threshold and without a decision policy; its "
            "probabilities are not calibrated. Train a new one: "
            "`fraudops run --until 3_1_champion`."
        )
    return DecisionPolicy.from_record(json.loads(tags["policy"]))


def _make_missing_version_error(which: str, workspace: Workspace) -> UserError:
    command = workspace.format_command("run", "--until", "3_1_champion")
    return UserError(
        f"The registry has no {which!r} of {REGISTERED_MODEL_NAME}. The notebook 3_1_champion "
        f"registers the first version: run `{command}`."
    )


@dataclass(frozen=True)
class ModelRegistry:
    """The registry of one workspace.

    Attributes
    ----------
    workspace : Workspace
    """

    workspace: Workspace

    @cached_property
    def client(self) -> MlflowClient:
        """MLflow's own interface to the same registry; its database is made if it is missing."""
        make_tracking_database(self.workspace)
        return MlflowClient(tracking_uri=self.workspace.tracking_uri)

    def _is_there(self) -> bool:
        file = parse_sqlite_url(self.workspace.tracking_uri)
        return file is None or file.is_file()

    def select_experiment(self, name: str) -> str:
        """Select an experiment for the next runs, and create it if it is missing.

        Parameters
        ----------
        name : str

        Returns
        -------
        str
            Its id.
        """
        make_tracking_database(self.workspace)  # before MLflow makes it in place
        mlflow.set_tracking_uri(self.workspace.tracking_uri)
        # Two notebooks side by side must not both create the experiment.
        with FileLock(self.workspace.path("mlflow", "create.lock")):
            found = self.client.get_experiment_by_name(name)
            if found is None:
                folder = self.workspace.path("mlflow", "artifacts", name)
                experiment_id = self.client.create_experiment(name, folder.as_uri())
            else:
                experiment_id = found.experiment_id
        mlflow.set_experiment(experiment_id=experiment_id)
        return experiment_id

    def register(
        self,
        fitted: FittedModel,
        example: pd.DataFrame,
        tags: dict[str, str] | None = None,
        **metrics: float,
    ) -> RegisteredVersion:
        """Log a fitted model in the active run, without pickle, and register a new version.

        Parameters
        ----------
        fitted : FittedModel
        example : DataFrame of shape (n, 41)
            Some model inputs. MLflow keeps them as an example and for the signature.
        tags : dict of str to str, optional
            Tags of the version, besides its hash, policy and strategy.
        **metrics : float
            Metrics of the run.

        Returns
        -------
        RegisteredVersion

        Raises
        ------
        UserError
            If no MLflow run is active.
        """
        run = mlflow.active_run()
        if run is None:
            raise UserError(
                "Register inside a run: `with mlflow.start_run(): registry.register(...)`."
            )
        mlflow.log_params(
            {"strategy": fitted.strategy, "rows": fitted.rows, "frauds": fitted.frauds}
        )
        mlflow.log_metrics({name: value for name, value in metrics.items() if np.isfinite(value)})
        requirements = [f"{name}=={get_installed_version(name)}" for name in MODEL_REQUIREMENTS]
        logged = mlflow.sklearn.log_model(
            fitted.model,
            name="model",
            signature=mlflow.models.infer_signature(example, fitted.model.predict_proba(example)),
            input_example=example.head(3),
            serialization_format="skops",
            skops_trusted_types=TRUSTED_TYPES,
            pip_requirements=requirements,
            pyfunc_predict_fn="predict_proba",
        )
        try:
            self.client.create_registered_model(REGISTERED_MODEL_NAME)
        except MlflowException as error:
            if error.error_code != "RESOURCE_ALREADY_EXISTS":
                raise
        folder = Path(mlflow.artifacts.download_artifacts(logged.model_uri))
        own_tags = {
            "sha256": hashlib.sha256((folder / "model.skops").read_bytes()).hexdigest(),
            "policy": json.dumps(fitted.policy.to_record()),
            "strategy": fitted.strategy,
        }
        created = self.client.create_model_version(
            REGISTERED_MODEL_NAME, logged.model_uri, run.info.run_id, tags=(tags or {}) | own_tags
        )
        return self.find(str(created.version))

    def find(self, which: str = "champion") -> RegisteredVersion:
        """Find a version.

        Parameters
        ----------
        which : str, optional
            A version number or an alias.

        Returns
        -------
        RegisteredVersion

        Raises
        ------
        UserError
            If there is no such version.
        """
        name = REGISTERED_MODEL_NAME
        if not self._is_there():
            raise _make_missing_version_error(which, self.workspace)
        try:
            if which.isdigit():
                found = self.client.get_model_version(name, which)
            else:
                found = self.client.get_model_version_by_alias(name, which)
        except MlflowException:
            raise _make_missing_version_error(which, self.workspace) from None
        mlflow.set_tracking_uri(self.workspace.tracking_uri)
        folder = mlflow.artifacts.download_artifacts(f"models:/{name}/{found.version}")
        tags = found.tags
        return RegisteredVersion(
            version=str(found.version),
            run_id=found.run_id or "",
            folder=Path(folder),
            sha256=tags["sha256"],
            policy=_load_policy(tags, str(found.version)),
            strategy=tags["strategy"],
        )

    def _search_by_tag(self, name: str, value: str) -> list:
        where = f"name = '{REGISTERED_MODEL_NAME}' and tag.`{name}` = '{value}'"
        return self.client.search_model_versions(where)

    def find_by_tag(self, name: str, value: str) -> str | None:
        """Find the first version with a tag.

        Parameters
        ----------
        name : str
        value : str

        Returns
        -------
        str or None
            Its number.
        """
        versions = (str(found.version) for found in self._search_by_tag(name, value))
        return min(versions, key=int, default=None)

    def find_last_training(self, fingerprint: str, before: int) -> int | None:
        """Find when the latest challenger of a data set was trained.

        Parameters
        ----------
        fingerprint : str
            Of the data set.
        before : int
            Only trainings before this moment count, in seconds since 1970.

        Returns
        -------
        int or None
            Seconds since 1970; None if there was no training.
        """
        found = self._search_by_tag("data", fingerprint)
        times = [int(one.tags["trained_at"]) for one in found if "trained_at" in one.tags]
        return max((at for at in times if at < before), default=None)

    def load_deployment_records(self) -> dict[str, dict | None]:
        """Load champion and challenger as the service reads them.

        Returns
        -------
        dict of str to (dict or None)
            Keys champion and challenger; the challenger is None if there is none.

        Raises
        ------
        UserError
            If there is no champion.
        """
        champion = self.find().to_deployment_record()
        aliases = self.client.get_registered_model(REGISTERED_MODEL_NAME).aliases
        challenger = None
        if "challenger" in aliases:
            challenger = self.find("challenger").to_deployment_record()
        return {"champion": champion, "challenger": challenger}

    def promote(
        self,
        engine: sa.Engine,
        version: str,
        reason: str,
        actor: str = "pipeline",
        gates: list[GateResult] | None = None,
        at: float | None = None,
    ) -> None:
        """Make a version the champion, and the champion of before `previous`.

        The alias, the service's database and the ledger change together or not at all.

        Parameters
        ----------
        engine : Engine
        version : str
        reason : str
        actor : str, optional
        gates : list of GateResult, optional
            What the gates found.
        at : float, optional
            Seconds since 1970; now if not given. A replay gives its own time.
        """
        with store.write_transaction(engine) as connection:
            self.set_champion(connection, version, reason, actor, gates, at)
        self.anchor_ledger(engine)

    def set_champion(
        self,
        connection: sa.Connection,
        version: str,
        reason: str,
        actor: str,
        gates: list[GateResult] | None = None,
        at: float | None = None,
        kind: str = "promotion",
    ) -> None:
        """Do what `promote` does, inside a writing transaction of the caller.

        The caller commits after the aliases have moved. A crash before the commit leaves an alias
        without a ledger entry. The next call repairs that, because the ledger says who is champion.

        Parameters
        ----------
        connection : Connection
        version : str
        reason : str
        actor : str
        gates : list of GateResult, optional
        at : float, optional
            Seconds since 1970; None: now.
        kind : str, optional
            ``promotion``, ``rollback`` or a rollback request.
        """
        changes = ledger.load_entries(connection, "champion")
        previous = changes[-1]["payload"]["version"] if changes else None
        if previous == version:
            previous = changes[-1]["payload"]["previous"]
        if previous is None:
            # The anchor belongs to the operation before, whose database is in the archive.
            ledger.delete_anchor_tag(self.workspace)
            ledger.log_carried_over_users(connection)
        champion = self.find(version).to_deployment_record()
        payload = {
            "version": version,
            "previous": previous,
            "reason": reason,
            "gates": gates_to_json(gates or []),
            "kind": kind,
            "sha256": champion["sha256"],
            "file": champion["file"],
            "policy": champion["policy"],
        }
        ledger.append_entry(connection, "champion", actor, at, **payload)
        store.set_deployment(connection, {"champion": champion}, at)
        name, client = REGISTERED_MODEL_NAME, self.client
        if previous and previous != version:
            client.set_registered_model_alias(name, "previous", previous)
        client.set_registered_model_alias(name, "champion", version)
        aliases = client.get_registered_model(name).aliases
        if str(aliases.get("challenger")) == version:  # MLflow 3 gives numbers
            client.delete_registered_model_alias(name, "challenger")

    def roll_back(
        self, engine: sa.Engine, reason: str, actor: str = "pipeline", at: float | None = None
    ) -> str:
        """Make `previous` the champion again; the champion of before becomes `previous`.

        Parameters
        ----------
        engine : Engine
        reason : str
        actor : str, optional
        at : float, optional
            Seconds since 1970; now if not given.

        Returns
        -------
        str
            The version that decides now.

        Raises
        ------
        UserError
            If there is no previous champion.
        """
        with store.write_transaction(engine) as connection:
            changes = ledger.load_entries(connection, "champion")
            previous = changes[-1]["payload"]["previous"] if changes else None
            if previous is None:
                raise UserError(
                    "There is no previous champion to roll back to: nothing has been promoted "
                    "after the first model."
                )
            self.set_champion(connection, previous, reason, actor, at=at, kind="rollback")
        self.anchor_ledger(engine)
        return previous

    def anchor_ledger(self, engine: sa.Engine) -> None:
        """Keep the ledger's head outside the database.

        A broken ledger is logged and raises no error, so that a rollback stays possible.

        Parameters
        ----------
        engine : Engine
        """
        try:
            ledger.write_anchor(self.workspace, engine)
        except ledger.BrokenLedgerError as error:
            _logger.error("%s", error)

    def record_refusal(
        self,
        engine: sa.Engine,
        version: str,
        gates: list[GateResult],
        actor: str = "pipeline",
        at: float | None = None,
    ) -> None:
        """Record in the ledger that the gates refused a challenger.

        The same gates for the same version are recorded once.

        Parameters
        ----------
        engine : Engine
        version : str
        gates : list of GateResult
        actor : str, optional
        at : float, optional
            Seconds since 1970; now if not given.
        """
        with store.write_transaction(engine) as connection:
            failed = [gate.name for gate in gates if not gate.passed]
            entries = ledger.load_entries(connection, "refused")
            known = [(one["payload"]["version"], one["payload"]["failed"]) for one in entries]
            if (version, failed) not in known:
                self.append_refusal(connection, version, gates, actor, at)

    @staticmethod
    def append_refusal(
        connection: sa.Connection,
        version: str,
        gates: list[GateResult],
        actor: str = "pipeline",
        at: float | None = None,
    ) -> None:
        """Do what `record_refusal` does, inside a writing transaction of the caller.

        Parameters
        ----------
        connection : Connection
            With an open writing transaction.
        version : str
            The refused version.
        gates : list of GateResult
        actor : str, optional
        at : float, optional
            Seconds since 1970; now if None.
        """
        failed = [gate.name for gate in gates if not gate.passed]
        payload = {"version": version, "failed": failed, "gates": gates_to_json(gates)}
        ledger.append_entry(connection, "refused", actor, at, **payload)

    @staticmethod
    def find_first_champion(engine: sa.Engine) -> str | None:
        """Find the version that an operation began with.

        Parameters
        ----------
        engine : Engine

        Returns
        -------
        str or None
            None before the operation has begun.
        """
        changes = ledger.load_champion_changes(engine)
        return changes[0]["version"] if changes else None

    def find_champion_before(self, engine: sa.Engine, version: str) -> str:
        """Find the champion that a version has met, or would meet now.

        Parameters
        ----------
        engine : Engine
        version : str

        Returns
        -------
        str
            If the version is champion: the one before it, by the ledger, or itself if it was the
            first. Otherwise the champion.
        """
        now = self.find().version
        if now != version:
            return now
        changes = ledger.load_champion_changes(engine)
        earlier = (one["version"] for one in reversed(changes) if one["version"] != version)
        return next(earlier, version)

    @staticmethod
    def find_champion_at(engine: sa.Engine, at: float) -> str | None:
        """Find the version that was champion at a moment, by the ledger.

        Parameters
        ----------
        engine : Engine
        at : float
            Seconds since 1970.

        Returns
        -------
        str or None
            None before the first champion.
        """
        changes = ledger.load_champion_changes(engine)
        return next((one["version"] for one in reversed(changes) if one["at"] <= at), None)


if __name__ == "__main__":  # for the service, which does not import mlflow itself
    try:
        asked = ModelRegistry(Workspace.find())
        if version := sys.argv[1:]:
            print(json.dumps(asked.find(*version).to_deployment_record()))
        else:
            print(json.dumps(asked.load_deployment_records()))
    except UserError as error:
        sys.exit(str(error))
