"""SHAP reasons of stored predictions, from the stored inputs and the version that answered."""

import json
import logging
import math
import subprocess
import sys
import threading
import time
from collections.abc import Callable

import sqlalchemy as sa

from fraudops import store
from fraudops.errors import UserError
from fraudops.serving.fallback_rules import RULES_VERSION
from fraudops.serving.loaded_model import LoadedModel
from fraudops.store import split_keys
from fraudops.workspace import Workspace

_logger = logging.getLogger("fraudops.reasons")

MAX_EXPLAINED_ROWS = 500  # of one request: SHAP takes as long as all the rest of an answer
REGISTRY_SECONDS = 50  # less than the service gives a request
RETRY_SECONDS = 60  # before the registry is asked again for a version that it did not give
MAX_KEPT_VERSIONS = 3  # models that are kept to explain
SAME_PROBABILITY = 1e-12  # largest difference between a stored probability and the same again


class UnknownPredictionError(UserError):
    """There is no prediction with this id."""


def load_registered_version(workspace: Workspace, version: str) -> LoadedModel:
    """Load a version of the registry, which a process beside this one asks.

    Parameters
    ----------
    workspace : Workspace
    version : str

    Returns
    -------
    LoadedModel

    Raises
    ------
    UserError
        If the registry does not have it, or its file is not the registered one.
    """
    # mlflow takes seconds and memory
    command = [sys.executable, "-m", "fraudops.models.registry", version]
    environment = workspace.subprocess_environment()
    how = {"capture_output": True, "text": True, "timeout": REGISTRY_SECONDS}
    try:
        done = subprocess.run(command, check=False, env=environment, **how)
    except subprocess.TimeoutExpired:
        raise UserError(
            f"The registry did not give version {version} within {REGISTRY_SECONDS} s: ask again."
        ) from None
    if done.returncode:
        told = (done.stderr.strip() or "no message").splitlines()[-1]
        raise UserError(f"Version {version} cannot be loaded from the registry: {told}")
    try:
        return LoadedModel.load_deployed(json.loads(done.stdout.splitlines()[-1]))
    except (OSError, ValueError, TypeError) as error:
        raise UserError(f"The file of version {version} cannot be read: {error}") from None


class StoredReasons:
    """Explains stored predictions.

    Parameters
    ----------
    engine : Engine
    load_version : callable
        Takes a version and returns its `LoadedModel`, or raises UserError.
    find_loaded : callable, optional
        Takes a version and returns its model if the service has it in memory, otherwise None.
    """

    def __init__(
        self,
        engine: sa.Engine,
        load_version: Callable[[str], LoadedModel],
        find_loaded: Callable[[str], LoadedModel | None] = lambda _: None,
    ):
        self.engine, self.load_version, self.find_loaded = engine, load_version, find_loaded
        self._kept: dict[str, LoadedModel] = {}
        self._failed: dict[str, tuple[str, float]] = {}
        self._lock = threading.Lock()

    def explain(self, prediction_id: str) -> dict:
        """Compute the reasons of one prediction.

        Parameters
        ----------
        prediction_id : str

        Returns
        -------
        dict
            prediction_id, tx_id, model_version, probability, reasons. The reasons of a case are
            those that were stored with it, to the bit.

        Raises
        ------
        UnknownPredictionError
            If there is no such prediction.
        UserError
            If its model cannot be loaded or explained, or gives another probability today.
        """
        rows = self._load([prediction_id])
        if not rows:
            raise UnknownPredictionError(
                f"There is no prediction {prediction_id}. `GET /predictions` lists them all."
            )
        about = {name: rows[0][name] for name in ("prediction_id", "tx_id", "model_version")}
        about["probability"] = rows[0]["probability"]
        found = self._explain_version(rows[0]["model_version"], rows)
        return about | {"reasons": found[prediction_id]}

    def complete(self, answers: list[dict]) -> list[dict]:
        """Add the reasons of answers that came without.

        Parameters
        ----------
        answers : list of dict
            See `Scorer.answer`.

        Returns
        -------
        list of dict
            An answer stays without reasons if its model cannot be loaded or explained; the log
            says why. It is stored already, so it must not fail now.
        """
        found: dict[str, list[dict]] = {}
        rows = self._load([one["prediction_id"] for one in answers if not one["reasons"]])
        without = [row for row in rows if row["inputs"] is None]
        if without:
            _logger.warning("%d answers have no stored inputs, so no reasons", len(without))
        rows = [row for row in rows if row["inputs"] is not None]
        for version in dict.fromkeys(row["model_version"] for row in rows):
            try:
                found |= self._explain_version(
                    version, [row for row in rows if row["model_version"] == version]
                )
            except UserError as error:
                _logger.warning("Answers of version %s have no reasons: %s", version, error)
        return [
            one | {"reasons": found.get(one["prediction_id"], one["reasons"])} for one in answers
        ]

    def _find(self, version: str) -> LoadedModel:
        ready = self.find_loaded(version) or self._kept.get(version)
        if ready:
            return ready
        with self._lock:  # the registry is asked once, however many requests wait for a version
            if version not in self._kept:
                reason, again_at = self._failed.get(version, ("", 0.0))
                if time.monotonic() < again_at:
                    raise UserError(reason)
                try:
                    loaded = self.load_version(version)
                except UserError as error:
                    self._failed[version] = (str(error), time.monotonic() + RETRY_SECONDS)
                    raise
                self._failed.pop(version, None)
                while len(self._kept) >= MAX_KEPT_VERSIONS:
                    self._kept.pop(next(iter(self._kept)))
                self._kept[version] = loaded
            return self._kept[version]

    def _load(self, ids: list[str]) -> list[dict]:
        p, e = store.predictions, store.evidence
        names = ("prediction_id", "tx_id", "model_version", "probability")
        query = sa.select(*(p.c[name] for name in names), e.c.inputs, e.c.reasons).join(
            e, e.c.prediction_id == p.c.prediction_id, isouter=True
        )
        with self.engine.connect() as connection:
            parts = [
                connection.execute(query.where(p.c.prediction_id.in_(keys))).mappings().all()
                for keys in split_keys(ids)
            ]
        return [dict(row) for part in parts for row in part]

    def _explain_version(self, version: str, rows: list[dict]) -> dict[str, list[dict]]:
        """Compute the reasons by prediction."""
        if any(row["inputs"] is None for row in rows):
            raise UserError(
                "This prediction has no stored inputs, so its reasons cannot be computed."
            )
        if version == RULES_VERSION:  # the rules that fired are all their reasons
            return {row["prediction_id"]: json.loads(row["reasons"]) for row in rows}
        model = self._find(version)
        if not model.explainer.available:
            raise UserError(f"Version {version} is of a kind that SHAP cannot explain.")
        p, reasons = model.explain_inputs([json.loads(row["inputs"]) for row in rows])
        for row, again in zip(rows, p, strict=True):
            if not math.isclose(row["probability"], again, rel_tol=0, abs_tol=SAME_PROBABILITY):
                raise UserError(
                    f"Version {version} gives {again:.6f} for the inputs of "
                    f"{row['prediction_id']} today, and the stored probability is "
                    f"{row['probability']:.6f}: the model or the record was changed."
                )
        ids = [row["prediction_id"] for row in rows]
        return dict(zip(ids, reasons, strict=True))
