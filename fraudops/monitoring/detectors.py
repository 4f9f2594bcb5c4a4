"""Drift detectors of textbooks and libraries, to compare with the monitor."""

from collections.abc import Callable, Iterable

import numpy as np
import pandas as pd
from scipy.spatial.distance import jensenshannon
from scipy.stats import chi2_contingency, ks_2samp, wasserstein_distance

from fraudops.features import CATEGORICAL_FEATURES, FEATURES, NUMERIC_FEATURES

SIGNIFICANCE_LEVEL = 0.05  # significance of all tests together, divided by the columns (Bonferroni)
DISTANCE_THRESHOLD = 0.1  # evidently's threshold for its two distances
PSI_THRESHOLD = 0.2  # 'significant shift' in the credit-scoring rule of thumb (Siddiqi 2006)
DRIFT_SHARE_THRESHOLD = 0.5  # share of columns at which evidently's preset reports drift
DOMAIN_AUC_THRESHOLD = 0.55  # of the domain classifier; 0.5 is random
MIN_ROWS_FOR_DETECTORS = 30
# `weekday` has one value a day, so a detector of columns would be in alarm every day
WATCHED_NUMBERS = tuple(name for name in NUMERIC_FEATURES if name != "weekday")


def draw_sample(frame: pd.DataFrame, rows: int) -> pd.DataFrame:
    """Draw at most some rows, always the same ones, without infinite values.

    Parameters
    ----------
    frame : DataFrame
    rows : int
        Size of the sample.

    Returns
    -------
    DataFrame

    Examples
    --------
    >>> len(draw_sample(pd.DataFrame({"amount": range(10)}), 3))
    3
    """
    chosen = frame if len(frame) <= rows else frame.sample(rows, random_state=0)
    return chosen.replace([np.inf, -np.inf], np.nan)


def _category_shares(old: pd.Series, new: pd.Series) -> tuple[np.ndarray, np.ndarray]:
    both = pd.concat(
        [old.value_counts(normalize=True), new.value_counts(normalize=True)], axis=1
    ).fillna(0)
    return both.iloc[:, 0].to_numpy(), both.iloc[:, 1].to_numpy()


def population_stability_index(old: np.ndarray, new: np.ndarray, bins: int = 10) -> float:
    """Compute the population stability index of two samples in quantile bins of the first."""
    edges = np.unique(np.quantile(old, np.linspace(0, 1, bins + 1)[1:-1]))
    counts = [
        np.bincount(np.searchsorted(edges, side, side="right"), minlength=len(edges) + 1)
        for side in (old, new)
    ]
    a, b = (np.maximum(count / count.sum(), 1e-4) for count in counts)
    return float(np.sum((b - a) * np.log(b / a)))


def compute_evidently_distances(reference: pd.DataFrame, rows: pd.DataFrame) -> pd.Series:
    """Compute how far each column is from the reference, by Evidently's defaults.

    For numbers it is the Wasserstein distance over the reference's standard deviation. For text,
    and numbers of at most five values, it is the Jensen-Shannon distance. Both are effect sizes:
    unlike p-values they do not shrink when the sample grows.

    Parameters
    ----------
    reference : DataFrame
        With the columns `FEATURES`.
    rows : DataFrame
        With the columns `FEATURES`.

    Returns
    -------
    Series
        By column; NaN if one side has no value.
    """
    result = dict.fromkeys(FEATURES, float("nan"))
    for name in FEATURES:
        old, new = reference[name].dropna(), rows[name].dropna()
        if old.empty or new.empty:
            continue
        if name in NUMERIC_FEATURES and len(set(old.unique()) | set(new.unique())) > 5:
            result[name] = wasserstein_distance(old, new) / max(
                float(np.std(old.to_numpy())), 0.001
            )
        else:
            result[name] = float(jensenshannon(*_category_shares(old, new)))
    return pd.Series(result)


def _has_ks_drift(reference: pd.DataFrame, rows: pd.DataFrame) -> bool:
    least = min(
        ks_2samp(reference[name].dropna(), rows[name].dropna(), method="asymp").pvalue
        for name in WATCHED_NUMBERS
    )
    return bool(least < SIGNIFICANCE_LEVEL / len(WATCHED_NUMBERS))


def _has_chi2_drift(reference: pd.DataFrame, rows: pd.DataFrame) -> bool:
    least = 1.0
    for name in CATEGORICAL_FEATURES:
        both = pd.concat(
            [reference[name].value_counts(), rows[name].value_counts()], axis=1
        ).fillna(0)
        least = min(least, chi2_contingency(both.to_numpy()).pvalue)
    return bool(least < SIGNIFICANCE_LEVEL / len(CATEGORICAL_FEATURES))


def _has_psi_drift(reference: pd.DataFrame, rows: pd.DataFrame) -> bool:
    return any(
        population_stability_index(
            reference[name].dropna().to_numpy(), rows[name].dropna().to_numpy()
        )
        > PSI_THRESHOLD
        for name in WATCHED_NUMBERS
    )


def _has_js_drift(reference: pd.DataFrame, rows: pd.DataFrame) -> bool:
    for name in (*WATCHED_NUMBERS, *CATEGORICAL_FEATURES):
        old, new = reference[name].dropna(), rows[name].dropna()
        if name in NUMERIC_FEATURES:
            edges = np.unique(np.quantile(old, np.linspace(0, 1, 31)[1:-1]))
            old, new = (
                pd.Series(np.searchsorted(edges, side, side="right")) for side in (old, new)
            )
        if jensenshannon(*_category_shares(old, new)) >= DISTANCE_THRESHOLD:
            return True
    return False


# name: function that compares a day's rows with a reference sample
COLUMN_DETECTORS: dict[str, Callable[[pd.DataFrame, pd.DataFrame], bool]] = {
    "KS": _has_ks_drift,
    "chi2": _has_chi2_drift,
    "PSI": _has_psi_drift,
    "Jensen-Shannon": _has_js_drift,
}


def run_column_detectors(reference: pd.DataFrame, days: Iterable[pd.DataFrame]) -> pd.DataFrame:
    """Alarms of the detectors that look at columns, day by day.

    Parameters
    ----------
    reference : (n, ...) sample with `FEATURES`
    days : rows of each day

    Returns
    -------
    (days, detectors) of bool
    """
    alarms = []
    for rows in days:
        rows = rows.replace([np.inf, -np.inf], np.nan)
        if len(rows) < MIN_ROWS_FOR_DETECTORS or rows[list(NUMERIC_FEATURES)].isna().all().any():
            alarms.append(
                dict.fromkeys([*COLUMN_DETECTORS, "Wasserstein", "Evidently's default"], True)
            )
            continue
        moved = compute_evidently_distances(reference, rows) >= DISTANCE_THRESHOLD
        alarms.append(
            {name: ask(reference, rows) for name, ask in COLUMN_DETECTORS.items()}
            | {
                "Wasserstein": bool(moved[list(WATCHED_NUMBERS)].any()),
                "Evidently's default": bool(moved.mean() >= DRIFT_SHARE_THRESHOLD),
            }
        )
    return pd.DataFrame(alarms)


def run_streaming_detectors(
    errors: pd.Series, known: pd.Series, first: int, last: int
) -> pd.DataFrame:
    """ADWIN (Bifet and Gavalda 2007) and Page-Hinkley (Page 1954) of river on a model's errors, in
    the order they became known.

    Parameters
    ----------
    errors : (n,) error of each transaction
    known : (n,) day since 1970 on which its label was known, ascending
    first, last : the days (last exclusive) whose alarms are asked for

    Returns
    -------
    (days, 2) of bool
    """
    from river.drift import ADWIN, PageHinkley

    detectors = {"ADWIN on errors": ADWIN(), "Page-Hinkley on errors": PageHinkley()}
    alarms = {name: np.zeros(last - first, bool) for name in detectors}
    for day, error in zip(known.to_numpy(), errors.to_numpy(), strict=True):
        for name, detector in detectors.items():
            detector.update(float(error))
            if detector.drift_detected and first <= day < last:
                alarms[name][day - first] = True
    return pd.DataFrame(alarms)
