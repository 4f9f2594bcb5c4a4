"""Evidently's report of each live week, which opens without a network.

Only this module calls Evidently. It is imported where it is used, because that takes seconds.
"""

import warnings
from pathlib import Path

import pandas as pd

from fraudops.features import CATEGORICAL_FEATURES, FEATURES, NUMERIC_FEATURES
from fraudops.monitoring.detectors import (
    DISTANCE_THRESHOLD,
    DRIFT_SHARE_THRESHOLD,
    MIN_ROWS_FOR_DETECTORS,
    compute_evidently_distances,
)

TARGET_COLUMN, PREDICTION_COLUMN = "reported", "score"
SUMMARY_COLUMNS = (  # columns of the summary
    "amount",
    "hour",
    "c_amount_ratio",
    "c_n_7d",
    "c_idle_hours",
    "c_distance_km",
    "ct_n_30d",
    "t_amount_ratio",
    "t_fraud_rate_30d",
    *CATEGORICAL_FEATURES,
)


def find_common_features(reference: pd.DataFrame, rows: pd.DataFrame) -> list[str]:
    """Find the features that have a value on both sides; Evidently refuses others."""
    return [name for name in FEATURES if reference[name].notna().any() and rows[name].notna().any()]


def run_evidently_report(
    reference: pd.DataFrame, week: pd.DataFrame, html: Path | None = None
) -> dict | None:
    """Let Evidently compare a week with the reference, by its own defaults.

    Without a page the same distances are computed by `compute_evidently_distances`: Evidently draws
    all its plots even if no file is wanted.

    Parameters
    ----------
    reference : DataFrame
        A sample with `FEATURES`.
    week : DataFrame
        A sample with `FEATURES`. If both samples have `TARGET_COLUMN` with both classes and
        `PREDICTION_COLUMN`, the report includes classification.
    html : Path, optional
        File for the page.

    Returns
    -------
    dict or None
        ``columns, drifted, share, dataset_drift``; None if a sample has too few rows.
    """
    if min(len(week), len(reference)) < MIN_ROWS_FOR_DETECTORS:
        return None
    columns = find_common_features(reference, week)
    if html is None:
        moved = compute_evidently_distances(reference, week) >= DISTANCE_THRESHOLD
        return _describe_drift(len(columns), int(moved.sum()))
    from evidently import BinaryClassification, DataDefinition, Dataset, Report
    from evidently.presets import ClassificationPreset, DataDriftPreset, DataSummaryPreset

    sides = [week, reference]
    judged = all(
        TARGET_COLUMN in side
        and PREDICTION_COLUMN in side
        and side[TARGET_COLUMN].nunique() == 2
        and side[PREDICTION_COLUMN].notna().all()
        for side in sides
    )
    extra = [TARGET_COLUMN, PREDICTION_COLUMN] if judged else []
    definition = DataDefinition(
        numerical_columns=[name for name in columns if name in NUMERIC_FEATURES],
        categorical_columns=[name for name in columns if name in CATEGORICAL_FEATURES],
        classification=[
            BinaryClassification(
                target=TARGET_COLUMN, prediction_probas=PREDICTION_COLUMN, pos_label=1
            )
        ]
        if judged
        else None,
    )
    presets = [
        DataDriftPreset(columns=columns),
        DataSummaryPreset(columns=[name for name in SUMMARY_COLUMNS if name in columns]),
        *([ClassificationPreset(probas_threshold=0.5)] if judged else []),
    ]
    datasets = [
        Dataset.from_pandas(side[[*columns, *extra]].reset_index(drop=True), definition)
        for side in sides
    ]
    with warnings.catch_warnings():
        # a column with one value has no correlation, and the page shows that
        warnings.filterwarnings("ignore", category=RuntimeWarning)
        result = Report(presets, include_tests=True).run(*datasets)
    result.save_html(str(html))
    return _describe_drift(len(columns), int(result.dict()["metrics"][0]["value"]["count"]))


def _describe_drift(columns: int, drifted: int) -> dict:
    share = drifted / max(columns, 1)
    return {
        "columns": columns,
        "drifted": drifted,
        "share": share,
        "dataset_drift": share >= DRIFT_SHARE_THRESHOLD,
    }
