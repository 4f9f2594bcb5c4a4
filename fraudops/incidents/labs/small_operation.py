"""A small operation with registered models, for the labs on promotions and challengers."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

import mlflow
import pandas as pd
import sqlalchemy as sa
from threadpoolctl import threadpool_limits

from fraudops import store
from fraudops.features import compute_features
from fraudops.incidents.labs.story import FIRST_MONDAY, get_moment
from fraudops.models import (
    DecisionPolicy,
    FittedModel,
    LabelledRows,
    ModelRegistry,
    RegisteredVersion,
    amount_to_cents,
    build_boosting,
    build_pipeline,
    fit_model,
)
from fraudops.monitoring import make_canonical_tables
from fraudops.review import ReviewQueue
from fraudops.simulator import PlantedDrift, SimulatorConfig, simulate_world
from fraudops.workspace import Workspace

TRAIN_DAY = 20  # before it the windows of the features are not full
ITERATIONS = 40  # of a small model


@dataclass(frozen=True)
class SmallOperation:
    """Rows with features and reports, and the registry and database of a workspace.

    Attributes
    ----------
    workspace : Workspace
    transactions : DataFrame
    reports : DataFrame
        All fraud reports that ever arrive.
    features : DataFrame
        One row for each transaction, in the same order.
    engine : Engine
    registry : ModelRegistry
    """

    workspace: Workspace
    transactions: pd.DataFrame
    reports: pd.DataFrame
    features: pd.DataFrame
    engine: sa.Engine
    registry: ModelRegistry

    @classmethod
    def make(cls, workspace: Workspace, seed: int, customers: int, days: int) -> SmallOperation:
        """Simulate the rows, compute their features, and make the database and the registry.

        Parameters
        ----------
        workspace : Workspace
        seed, customers, days : int

        Returns
        -------
        SmallOperation
        """
        wave = PlantedDrift("fraud_wave", 0, days)  # a small world has few frauds without it
        config = SimulatorConfig(
            "course", seed, customers, 2 * customers, days, FIRST_MONDAY, (wave,)
        )
        tx, reports, refunds = make_canonical_tables(simulate_world(config))
        tx = tx.reset_index(drop=True)
        with threadpool_limits(1):
            features = compute_features(tx, reports, refunds)
        keys = {name: tx[name].to_numpy() for name in ("tx_id", "ts", "customer_id")}
        registry = ModelRegistry(workspace)
        registry.select_experiment("operation")
        return cls(
            workspace, tx, reports, features.assign(**keys), store.connect(workspace), registry
        )

    def select(self, start: int, end: int, known_day: int) -> LabelledRows:
        """Select the labelled rows of some days of the story, as known on a day.

        Parameters
        ----------
        start, end, known_day : int
            Days of the story; `end` is excluded.

        Returns
        -------
        LabelledRows
        """
        return LabelledRows.select_mature(
            self.features,
            self.transactions,
            self.reports,
            get_moment(start),
            get_moment(end),
            get_moment(known_day),
        )

    def register(
        self, fitted: FittedModel, rows: LabelledRows, run: str, **tags: str
    ) -> RegisteredVersion:
        """Register a version.

        Parameters
        ----------
        fitted : FittedModel
        rows : LabelledRows
            What it was fitted to.
        run : str
            Name of its MLflow run.
        **tags : str

        Returns
        -------
        RegisteredVersion
        """
        with mlflow.start_run(run_name=run):
            return self.registry.register(fitted, rows.X.head(3), tags)

    def insert_answers(
        self, rows: pd.DataFrame, version: str, model: FittedModel, policy: DecisionPolicy
    ) -> pd.DataFrame:
        """Store some transactions with the answers of a version.

        Parameters
        ----------
        rows : DataFrame
            Rows of `features`.
        version : str
        model : FittedModel
        policy : DecisionPolicy

        Returns
        -------
        DataFrame
            The rows of the table `predictions`.
        """
        p = model.predict_probability(rows)
        cents = amount_to_cents(rows["amount"])
        ids = rows["tx_id"]
        answers = pd.DataFrame(
            {
                "prediction_id": [_make_id(version, one) for one in ids],
                "tx_id": ids.to_numpy(),
                "ts": rows["ts"].to_numpy(),
                "scored_at": rows["ts"].to_numpy(float) + 1,
                "model_version": version,
                "probability": p,
                "threshold": policy.compute_thresholds(cents),
                "decision": policy.make_decisions(p, cents),
            }
        )
        own = self.transactions.loc[rows.index]
        with store.write_transaction(self.engine) as connection:
            store.insert_new(connection, store.transactions, store.to_transaction_rows(own))
            store.insert_new(connection, store.predictions, answers.to_dict("records"))
        ReviewQueue(self.engine).open_cases()
        return answers


def _make_id(version: str, tx_id: str) -> str:
    """Make the id of a prediction; it decides about the random sample, as in the service."""
    return hashlib.sha256(f"{version} {tx_id}".encode()).hexdigest()[:32]


def fit_small(rows: LabelledRows) -> FittedModel:
    """Fit a small model in one thread, so that it is the same on every machine."""
    with threadpool_limits(1):
        model = build_pipeline(build_boosting(max_iter=ITERATIONS, learning_rate=0.15))
        return fit_model(model, rows, DecisionPolicy(), "plain")
