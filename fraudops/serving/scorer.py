"""Score transactions: online features and a model. Service, replay and tests use this one way."""

import hashlib
import json
import logging
import math
import secrets
import time
from pathlib import Path

import numpy as np
import pandas as pd
import sqlalchemy as sa

from fraudops import features, store
from fraudops.data import TRANSACTION_COLUMNS
from fraudops.errors import UserError
from fraudops.features import (
    CATEGORICAL_FEATURES,
    GIVEN_PREFIX,
    compute_feature_matrix,
    compute_online_sums,
    list_given_features,
    to_column_arrays,
)
from fraudops.models import RECENT_DAYS, DecisionPolicy, build_input_frame, list_shap_reasons
from fraudops.serving import fallback_rules
from fraudops.serving.loaded_model import LoadedModel
from fraudops.store import split_keys
from fraudops.timeline import DAY

_logger = logging.getLogger("fraudops.scoring")


PREDICTION_KEY_VARIABLE = "FRAUDOPS_PREDICTION_KEY"
FIRST_RETRY_SECONDS, LAST_RETRY_SECONDS = 1.0, 60.0  # between attempts to read a model file


def _collect_given(served: LoadedModel, rows: list[dict]) -> dict[str, np.ndarray]:
    """Collect the given features of a model; NaN where a transaction comes without."""
    return {
        name: np.array([row.get(name) for row in rows], float)
        for name in served.model.given_features
    }


def _list_given(given: dict[str, np.ndarray], row: int) -> list[dict[str, float | None]]:
    """List a dict of a row's given features, or nothing if there are none."""
    values = {name: float(column[row]) for name, column in given.items()}
    return [{name: None if v != v else v for name, v in values.items()}] if values else []


class Scorer:
    """A model with its decision policy, and the database for the past and the answers.

    The deployment in the database (`store.read_deployment`) overrules the model that it was made
    with. A policy in the database overrules the one that a model was registered with.
    """

    def __init__(
        self,
        engine: sa.Engine,
        model_file: Path,
        sha256: str,
        version: str,
        policy: DecisionPolicy,
        made_at: float = 0.0,
        prediction_key: str = "",
    ):
        """Ignore a champion that was deployed before `made_at` (seconds since 1970).

        `prediction_key` decides the prediction ids, and so the random sample of the approved
        transactions. A replay states it to draw the same sample again. Without one it is secret.
        """
        key = prediction_key or secrets.token_hex(32)
        self._prediction_key = hashlib.sha256(key.encode()).digest()
        self.engine, self.made_at = engine, made_at
        self.own = self.champion = LoadedModel.load(model_file, sha256, version, policy)
        self.challenger: LoadedModel | None = None
        self.mode = "model"
        self.wanted = version
        self.changed_policy: DecisionPolicy | None = None
        self._learnt: tuple[object, DecisionPolicy] | None = None
        # by SHA-256: why a model cannot be loaded, the pause before the next attempt, and its time
        self._failures: dict[str, tuple[str, float, float]] = {}
        if features.get_window_engine() == "sql":  # now rather than at the first transaction
            _logger.warning(
                "NumPy cannot compute features.sql: the SQL itself answers, correctly but slowly."
            )
        with engine.connect() as connection:
            self.apply_deployment(connection)

    def apply_deployment(self, connection: sa.Connection) -> None:
        """Take the mode, the champion and the challenger that the database names.

        Parameters
        ----------
        connection : sqlalchemy.Connection
        """
        deployment = store.read_deployment(connection)
        self.mode = deployment["mode"][0]["mode"] if "mode" in deployment else "model"
        changed = deployment.get("policy", (None, 0.0))[0]
        self.changed_policy = DecisionPolicy.from_record(changed) if changed else None
        champion, since = deployment.get("champion", (None, 0.0))
        if champion is None or since < self.made_at:
            self.champion, self.wanted = self.own, self.own.version
        else:
            self.wanted = champion["version"]
            if (champion["sha256"], self.wanted) != (self.champion.sha256, self.champion.version):
                self.champion = self._load(champion) or self.champion
        challenger, _ = deployment.get("challenger", (None, 0.0))
        if not challenger or challenger["version"] == self.champion.version:
            self.challenger = None
        elif self.challenger is None or challenger["sha256"] != self.challenger.sha256:
            self.challenger = self._load(challenger)

    def find_loaded(self, version: str) -> LoadedModel | None:
        """Find a version among the models in memory; None if it is not one of them."""
        models = (self.champion, self.own, self.challenger)
        return next((one for one in models if one and one.version == version), None)

    @property
    def status(self) -> dict[str, str]:
        """Describe what this process answers with, and why it differs from what is wanted."""
        problems = "; ".join(reason for reason, _, _ in self._failures.values())
        return {
            "version": self.champion.version,
            "sha256": self.champion.sha256,
            "wanted": self.wanted,
            "problem": problems if self.wanted != self.champion.version else "",
        }

    def try_out(self, wanted: dict) -> None:
        """Load a model to see that it can be used.

        Parameters
        ----------
        wanted : dict
            file, sha256, version, policy.

        Raises
        ------
        UserError
            If the file is not the registered one, or cannot be read.
        """
        try:
            LoadedModel.load_deployed(wanted)
        except OSError as error:
            raise UserError(f"Model {wanted['version']} cannot be read: {error}") from None

    def _load(self, wanted: dict) -> LoadedModel | None:
        """Load a model that the database names; None, and a log entry, if it cannot be loaded.

        A file that cannot be read may be readable later (a shared folder, a full table of open
        files), so it is tried again, after a pause that doubles. A wrong file is not.
        """
        reason, pause, again_at = self._failures.get(wanted["sha256"], ("", 0.0, 0.0))
        if reason and time.monotonic() < again_at:
            return None
        try:
            loaded = LoadedModel.load_deployed(wanted)
        except (UserError, OSError, ValueError, TypeError) as error:
            pause = min(max(2 * pause, FIRST_RETRY_SECONDS), LAST_RETRY_SECONDS)
            if not isinstance(error, OSError):
                pause = math.inf
            about = f"model {wanted['version']} cannot be loaded: {error}"
            self._failures[wanted["sha256"]] = (about, pause, time.monotonic() + pause)
            _logger.error("Version %s goes on answering: %s", self.champion.version, about)
            return None
        self._failures.pop(wanted["sha256"], None)
        _logger.info("Model %s is loaded (SHA-256 %s).", loaded.version, loaded.sha256[:12])
        return loaded

    def score(self, tx: pd.DataFrame) -> pd.DataFrame:
        """Score raw transactions (see `answer`).

        Parameters
        ----------
        tx : DataFrame
            Columns `data.TRANSACTION_COLUMNS`, and the given features of the model.

        Returns
        -------
        DataFrame of shape (n, 8)
            In the order of `tx`.
        """
        rows = tx[[*TRANSACTION_COLUMNS, *list_given_features(tx)]].astype(object)
        rows = rows.where(rows.notna(), None).to_dict("records")
        return pd.DataFrame(self.answer(rows))

    def list_missing_given(self, row: dict) -> list[str]:
        """List the given features that the model needs and a transaction does not have.

        Parameters
        ----------
        row : dict
            A null is a value.

        Returns
        -------
        list of str
            Without the prefix ``given_``; empty in the mode ``rules``.
        """
        if self.mode == "rules":
            return []
        needed = self.champion.model.given_features
        return [name.removeprefix(GIVEN_PREFIX) for name in needed if name not in row]

    def answer(self, rows: list[dict]) -> list[dict]:
        """Score raw transactions; the answers are committed before they are returned.

        A tx_id that was scored before gets its first answer again.

        Parameters
        ----------
        rows : transactions, keys `data.TRANSACTION_COLUMNS` and the given features of the model;
            the first of those with one tx_id counts

        Returns
        -------
        In the order of `rows`: prediction_id, tx_id, ts, model_version, probability, threshold (the
        probability above which this amount is not approved), decision, decision_reason,
        expected_loss (euros, None from rules), reasons (of cases only), cold_start
        """
        for row in rows:
            if missing := self.list_missing_given(row):
                raise UserError(f"The model needs the given features {', '.join(missing)}.")
        distinct = list({row["tx_id"]: row for row in reversed(rows)}.values())[::-1]
        ids = [row["tx_id"] for row in distinct]
        with self.engine.connect() as connection:
            self.apply_deployment(connection)
            known = self._answers(connection, ids)
            new = [row for row in distinct if row["tx_id"] not in known]
            found = compute_online_sums(connection, new) if new else {}
            policy = self._current_policy(connection, new) if new else None
        if new:
            answers_new = self._judge(new, found, policy)
            if self._keep(new, *answers_new):
                known |= {answer["tx_id"]: answer for answer in answers_new[0]}
            else:  # another worker has answered some of them meanwhile
                with self.engine.connect() as connection:
                    known = self._answers(connection, ids)
        return [known[row["tx_id"]] for row in rows]

    def _current_policy(self, connection: sa.Connection, rows: list[dict]) -> DecisionPolicy:
        """The policy of the day, with the price of capacity that the days before it teach."""
        policy = self.changed_policy or self.champion.policy
        if policy.capacity is None:
            return policy
        day = max(row["ts"] for row in rows) // DAY * DAY
        known = (policy, self.champion.sha256, day)
        if self._learnt is None or self._learnt[0] != known:
            start, served = day - RECENT_DAYS * DAY, self.champion
            p, cents, days = store.load_recent_scores(
                connection, start, day, served.version, served.score_inputs
            )
            learnt = policy.learn_capacity_price(p, cents, days) if days else policy
            self._learnt = known, learnt
        return self._learnt[1]

    def _make_prediction_id(self, tx_id: str) -> str:
        keyed = hashlib.blake2b(tx_id.encode(), key=self._prediction_key, digest_size=16)
        return keyed.hexdigest()

    def _judge(
        self, rows: list[dict], found: dict[str, np.ndarray], policy: DecisionPolicy
    ) -> tuple[list[dict], list[dict], list[dict]]:
        """Make answers, inputs as JSON, and shadow answers for new transactions."""
        numbers = compute_feature_matrix(to_column_arrays(rows), found)
        texts = [[row[name] for row in rows] for name in CATEGORICAL_FEATURES]
        served, now = self.champion, time.time()
        given = _collect_given(served, rows)
        encoded = served.model.encode(numbers, *texts, given=given)
        prediction_ids = [self._make_prediction_id(row["tx_id"]) for row in rows]
        if self.mode == "rules":
            (p, reason), version = (
                fallback_rules.apply_rules(numbers),
                fallback_rules.RULES_VERSION,
            )
            thresholds = np.full(len(rows), 0.5)
            decisions = np.where(p >= thresholds, "review", "approve")
            basis = [{"expected_loss": None, "reason": f"{one}: plain rules"} for one in decisions]
        else:
            p, version = served.model.probability(encoded), served.version
            cents = np.array([row["amount_cents"] for row in rows])
            thresholds, decisions = (
                policy.compute_thresholds(cents),
                policy.make_decisions(p, cents),
            )
            losses = policy.compute_expected_loss(p, cents, decisions)
            record = policy.to_record()
            basis = [
                {
                    "expected_loss": round(float(losses[i]) / 100, 4),
                    "reason": policy.describe_decision(float(p[i]), int(cents[i]), decisions[i]),
                    "policy": record,
                }
                for i in range(len(rows))
            ]
            reason = self._explain(prediction_ids, decisions, encoded, numbers, texts, given)
        customer_new, terminal_new = np.isnan(found["c_last_ts"]), found["t_n_30d"] == 0
        answers = [
            {
                "prediction_id": prediction_ids[i],
                "tx_id": row["tx_id"],
                "ts": row["ts"],
                "scored_at": now,
                "model_version": version,
                "probability": float(p[i]),
                "threshold": float(thresholds[i]),
                "decision": str(decisions[i]),
                "decision_reason": basis[i]["reason"],
                "expected_loss": basis[i]["expected_loss"],
                "reasons": reason[i],
                "cold_start": ["customer"] * bool(customer_new[i])
                + ["terminal"] * bool(terminal_new[i]),
            }
            for i, row in enumerate(rows)
        ]
        values = [[None if value != value else value for value in row] for row in numbers.tolist()]
        inputs = [
            {
                "inputs": json.dumps([*row, *(t[i] for t in texts), *_list_given(given, i)]),
                "decision_basis": json.dumps(basis[i]),
            }
            for i, row in enumerate(values)
        ]
        return answers, inputs, self._in_shadow(answers, numbers, texts, rows, policy)

    def _explain(
        self,
        prediction_ids: list[str],
        decisions: np.ndarray,
        encoded: np.ndarray,
        numbers: np.ndarray,
        texts: list[list[str]],
        given: dict[str, np.ndarray],
    ) -> list[list[dict]]:
        """List the reasons of the predictions that a person will look at; none for the others.

        SHAP takes as long as all the rest of an answer, and most transactions are approved.
        """
        reasons: list[list[dict]] = [[] for _ in prediction_ids]
        pairs = enumerate(zip(prediction_ids, decisions, strict=True))
        chosen = [i for i, (one, decision) in pairs if store.needs_case(one, decision)]
        explainer = self.champion.explainer
        if chosen and explainer.available:
            contributions = explainer.contributions(encoded[chosen])
            some = [[column[i] for i in chosen] for column in texts]
            known = {name: values[chosen] for name, values in given.items()}
            found = list_shap_reasons(contributions, numbers[chosen], *some, given=known)
            for i, one in zip(chosen, found, strict=True):
                reasons[i] = one
        return reasons

    def _in_shadow(
        self,
        answers: list[dict],
        numbers: np.ndarray,
        texts: list[list[str]],
        rows: list[dict],
        policy: DecisionPolicy,
    ) -> list[dict]:
        """Make the answers of the challenger; its failure is logged and has no other effect."""
        other = self.challenger
        if other is None:
            return []
        try:
            given = _collect_given(other, rows)
            p = other.model.probability(other.model.encode(numbers, *texts, given=given))
        except Exception:  # whatever it is, the champion's answers must not wait for it
            _logger.exception(
                "The challenger %s failed on %d transactions.", other.version, len(answers)
            )
            return []
        cents = np.array([row["amount_cents"] for row in rows])
        thresholds, decisions = policy.compute_thresholds(cents), policy.make_decisions(p, cents)
        return [
            {
                "prediction_id": answer["prediction_id"],
                "tx_id": answer["tx_id"],
                "scored_at": answer["scored_at"],
                "model_version": other.version,
                "probability": float(p[i]),
                "threshold": float(thresholds[i]),
                "decision": str(decisions[i]),
            }
            for i, answer in enumerate(answers)
        ]

    def _keep(
        self, rows: list[dict], answers: list[dict], inputs: list[dict], shadows: list[dict]
    ) -> bool:
        """Commit everything in one transaction; return False if an answer exists already."""
        names = [column.name for column in store.predictions.columns]
        with self.engine.execution_options(writing=True).begin() as connection:
            kept = [{name: row[name] for name in TRANSACTION_COLUMNS} for row in rows]
            store.insert_new(connection, store.transactions, kept)
            stored = store.insert_new(
                connection,
                store.predictions,
                [{name: one[name] for name in names} for one in answers],
            )
            if stored == len(answers):
                evidence = [
                    {"prediction_id": answer["prediction_id"]}
                    | {name: json.dumps(answer[name]) for name in ("reasons", "cold_start")}
                    | values
                    for answer, values in zip(answers, inputs, strict=True)
                ]
                connection.execute(store.evidence.insert(), evidence)
                cents = {row["tx_id"]: row["amount_cents"] for row in rows}
                cases = (store.make_case(one, cents[one["tx_id"]]) for one in answers)
                store.insert_new(connection, store.cases, [one for one in cases if one])
                if shadows:
                    connection.execute(store.shadow.insert(), shadows)
                return True
            connection.rollback()
        return self._keep_missing(rows, answers, inputs, shadows)

    def _keep_missing(
        self, rows: list[dict], answers: list[dict], inputs: list[dict], shadows: list[dict]
    ) -> bool:
        """Commit only the transactions without an answer; return False."""
        with self.engine.connect() as connection:
            known = self._answers(connection, [row["tx_id"] for row in rows])
        left = [i for i, row in enumerate(rows) if row["tx_id"] not in known]
        if left:
            own_ids = {answers[i]["prediction_id"] for i in left}
            shadows = [one for one in shadows if one["prediction_id"] in own_ids]
            self._keep(
                [rows[i] for i in left],
                [answers[i] for i in left],
                [inputs[i] for i in left],
                shadows,
            )
        return False

    def _answers(self, connection: sa.Connection, ids: list[str]) -> dict[str, dict]:
        p, e = store.predictions, store.evidence
        names = (
            "prediction_id",
            "tx_id",
            "ts",
            "scored_at",
            "model_version",
            "probability",
            "threshold",
            "decision",
        )
        query = sa.select(
            *(p.c[name] for name in names), e.c.reasons, e.c.cold_start, e.c.decision_basis
        ).join(e, e.c.prediction_id == p.c.prediction_id, isouter=True)
        found = {}
        for keys in split_keys(ids):
            for row in connection.execute(query.where(p.c.tx_id.in_(keys))).mappings():
                texts = {name: json.loads(row[name] or "[]") for name in ("reasons", "cold_start")}
                basis = json.loads(row["decision_basis"] or "{}")
                texts["decision_reason"] = basis.get("reason", "")
                texts["expected_loss"] = basis.get("expected_loss")
                names_kept = (*names, "reasons", "cold_start")
                found[row["tx_id"]] = {name: row[name] for name in names_kept} | texts
        return found


def load_logged_inputs(engine: sa.Engine, ids: list[str]) -> pd.DataFrame:
    """Load the inputs of stored predictions.

    Parameters
    ----------
    engine : Engine
    ids : list of str
        Of transactions.

    Returns
    -------
    DataFrame
        Index ``tx_id``, columns of `features.list_model_inputs`.
    """
    p, e = store.predictions, store.evidence
    query = sa.select(p.c.tx_id, e.c.inputs).join(e, e.c.prediction_id == p.c.prediction_id)
    with engine.connect() as connection:
        parts = [
            connection.execute(query.where(p.c.tx_id.in_(keys))).all() for keys in split_keys(ids)
        ]
    found = {tx_id: json.loads(text) for part in parts for tx_id, text in part}
    table = build_input_frame(list(found.values()))
    return table.set_axis(pd.Index(list(found), name="tx_id", dtype=str))
