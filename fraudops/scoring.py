"""Online features plus model: what the service and every replay call, so that there is one way to score."""

import time
import uuid
from pathlib import Path

import numpy as np
import pandas as pd
import sqlalchemy as sa

from fraudops import store
from fraudops.features import CUSTOMER_HISTORY, SETTLE_SECONDS, TERMINAL_HISTORY, finish, sums_in_duckdb
from fraudops.models import probability
from fraudops.registry import load_model

TX_COLUMNS = ["tx_id", "ts", "customer_id", "terminal_id", "amount_cents", "category", "channel", "lat_cdeg", "lon_cdeg"]
PER_QUERY = 400  # keys in one IN (...): below every engine's limit


def _chunks(values: list[str]) -> list[list[str]]:
    return [values[i : i + PER_QUERY] for i in range(0, len(values), PER_QUERY)]


def history(connection: sa.Connection, tx: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame]:
    """The stored past that the features of some transactions can depend on.

    Parameters
    ----------
    tx : (n, 9) raw transactions, columns `TX_COLUMNS`

    Returns
    -------
    Earlier transactions of the same customers and terminals, and the chargebacks that had arrived on them.
    """
    high = int(tx["ts"].max()) - SETTLE_SECONDS
    past, reports = [], []
    for name, reach in (("customer_id", CUSTOMER_HISTORY), ("terminal_id", TERMINAL_HISTORY)):
        low = int(tx["ts"].min()) - reach
        for keys in _chunks(sorted(set(tx[name]))):
            t, f = store.transactions, store.labels
            past.append(store.frame(connection, sa.select(t).where(t.c[name].in_(keys), t.c.ts >= low, t.c.ts <= high)))
            known = (f.c.source == "chargeback") & (f.c.is_fraud == 1) & (f.c.label_ts >= low) & (f.c.label_ts <= high)
            columns = (f.c.tx_id, f.c.customer_id, f.c.terminal_id, f.c.label_ts)
            reports.append(store.frame(connection, sa.select(*columns).where(f.c[name].in_(keys), known)))
    return pd.concat(past).drop_duplicates("tx_id"), pd.concat(reports).drop_duplicates("tx_id")


def online_features(connection: sa.Connection, tx: pd.DataFrame) -> pd.DataFrame:
    """Features of raw transactions from the stored past and from one another: (n, 39), in the order of `tx`.

    The same `features.sql` and the same division as offline, over only the rows that matter.
    """
    past, reports = history(connection, tx)
    past = past[~past["tx_id"].isin(tx["tx_id"])]
    rows = pd.concat([past.assign(wanted=0), tx.assign(wanted=1)], ignore_index=True)
    whole = {"ts": np.int64, "amount_cents": np.int64, "lat_cdeg": "Int64", "lon_cdeg": "Int64"}
    return finish(tx, sums_in_duckdb(rows.astype(whole), reports))


class Scorer:
    """A model with its threshold and the database that it reads the past from and writes its answers to."""

    def __init__(self, engine: sa.Engine, model_file: Path, sha256: str, version: str, threshold: float):
        self.engine = engine
        self.model = load_model(model_file, sha256)
        self.version = version
        self.threshold = threshold

    def score(self, tx: pd.DataFrame) -> pd.DataFrame:
        """Score raw transactions; the answers are committed before they are returned.

        A tx_id that was scored before gets its first answer again.

        Parameters
        ----------
        tx : (n, 9) columns `TX_COLUMNS`, each tx_id once

        Returns
        -------
        (n, 7) in the order of `tx`: prediction_id, tx_id, ts, model_version, probability, threshold, decision
        """
        with self.engine.connect() as connection:
            known = self._answers(connection, tx)
            new = tx[~tx["tx_id"].isin(known["tx_id"])]
            if len(new):
                features = online_features(connection, new)
        if len(new):
            p = probability(self.model, features)
            answers = [
                {
                    "prediction_id": uuid.uuid4().hex, "tx_id": row.tx_id, "ts": int(row.ts), "scored_at": time.time(),
                    "model_version": self.version, "probability": float(value), "threshold": self.threshold,
                    "decision": "review" if value >= self.threshold else "approve",
                }
                for row, value in zip(new.itertuples(), p, strict=True)
            ]  # fmt: skip
            with store.writing(self.engine) as connection:
                store.insert_new(connection, store.transactions, store.transaction_rows(new))
                store.insert_new(connection, store.predictions, answers)
                known = self._answers(connection, tx)
        return known.set_index("tx_id").loc[tx["tx_id"]].reset_index()

    def _answers(self, connection: sa.Connection, tx: pd.DataFrame) -> pd.DataFrame:
        p = store.predictions
        columns = (p.c.prediction_id, p.c.tx_id, p.c.ts, p.c.model_version, p.c.probability, p.c.threshold, p.c.decision)
        parts = [store.frame(connection, sa.select(*columns).where(p.c.tx_id.in_(keys))) for keys in _chunks(list(tx["tx_id"]))]
        return pd.concat(parts, ignore_index=True)
