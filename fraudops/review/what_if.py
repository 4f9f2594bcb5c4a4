"""Counterfactuals: set one input to its usual value, and see which score follows."""

import json
from dataclasses import dataclass

import numpy as np
import pandas as pd
import sqlalchemy as sa
from sklearn.base import BaseEstimator

from fraudops import store
from fraudops.features import CATEGORICAL_FEATURES
from fraudops.models import (
    DecisionPolicy,
    amount_to_cents,
    build_input_frame,
    describe_feature,
    predict_probability,
)

BASELINE_ROWS = 500  # approved transactions that define the usual values
MAX_CHANGES = 5


@dataclass(frozen=True)
class CounterfactualChange:
    """One changed input: name, both values in words, the new probability and the new decision."""

    feature: str
    now: str
    then: str
    probability: float
    decision: str


def load_baseline_inputs(connection: sa.Connection) -> dict[str, float | str | None]:
    """Load the usual value of each feature among the latest approved transactions.

    Parameters
    ----------
    connection : Connection

    Returns
    -------
    dict of str to float, str or None
        By name: the median of numbers, the most frequent text.
    """
    p, e = store.predictions, store.evidence
    latest = (
        sa.select(p.c.prediction_id)
        .where(p.c.decision == "approve")
        .order_by(p.c.ts.desc())
        .limit(BASELINE_ROWS)
    )
    rows = [
        json.loads(text)
        for text in connection.scalars(sa.select(e.c.inputs).where(e.c.prediction_id.in_(latest)))
    ]
    frame = build_input_frame(rows)
    middle = frame.drop(columns=list(CATEGORICAL_FEATURES)).median()
    return {name: None if np.isnan(value) else float(value) for name, value in middle.items()} | {
        name: frame[name].mode().iloc[0] if len(frame) else None for name in CATEGORICAL_FEATURES
    }


def load_prediction_inputs(
    connection: sa.Connection, prediction_id: str
) -> dict[str, float | str | None] | None:
    """Load the inputs of a stored prediction.

    Parameters
    ----------
    connection : Connection
    prediction_id : str

    Returns
    -------
    dict of str to float, str or None, or None
        By name; None if they were not kept.
    """
    text = connection.scalar(
        sa.select(store.evidence.c.inputs).where(store.evidence.c.prediction_id == prediction_id)
    )
    if not text:
        return None
    values = build_input_frame([json.loads(text)]).astype(object)
    return values.where(values.notna(), None).iloc[0].to_dict()


def load_decision_policy(connection: sa.Connection, prediction_id: str) -> DecisionPolicy | None:
    """Load the policy that decided on a stored prediction.

    Parameters
    ----------
    connection : Connection
    prediction_id : str

    Returns
    -------
    DecisionPolicy or None
        None for predictions of rules, and for those made before policies were kept.
    """
    e = store.evidence.c
    text = connection.scalar(sa.select(e.decision_basis).where(e.prediction_id == prediction_id))
    record = json.loads(text or "{}").get("policy")
    return DecisionPolicy.from_record(record) if record else None


def find_counterfactual_changes(
    model: BaseEstimator, policy: DecisionPolicy, inputs: dict, usually: dict
) -> list[CounterfactualChange]:
    """Find the single changes of an input that turn approval into review or block, or back.

    The inputs change one at a time, though in reality they change together. This shows what the
    model looks at, and not what the customer could have done.

    Parameters
    ----------
    model : BaseEstimator
        The fitted pipeline that decided.
    policy : DecisionPolicy
        The policy that decided.
    inputs : dict of str to float, str or None
        By name.
    usually : dict of str to float, str or None
        Usual values by name.

    Returns
    -------
    list of CounterfactualChange
        Largest change of the probability first; empty if no single change is enough.
    """
    names = list(usually)
    swapped = [inputs | {name: usually[name]} for name in names]
    frame = pd.DataFrame([inputs, *swapped])
    numbers = frame.columns.difference(CATEGORICAL_FEATURES)
    frame = frame.astype(dict.fromkeys(numbers, float))
    scores = predict_probability(model, frame)
    # without a usual amount the amount stays
    amounts = frame["amount"].fillna(frame["amount"].iloc[0])
    decisions = policy.make_decisions(scores, amount_to_cents(amounts))
    flagged = decisions != "approve"
    turned = [i for i in range(len(names)) if flagged[i + 1] != flagged[0]]
    turned.sort(key=lambda i: scores[i + 1], reverse=not flagged[0])
    return [
        CounterfactualChange(
            names[i],
            describe_feature(names[i], inputs[names[i]]),
            describe_feature(names[i], usually[names[i]]),
            float(scores[i + 1]),
            str(decisions[i + 1]),
        )
        for i in turned[:MAX_CHANGES]
    ]
