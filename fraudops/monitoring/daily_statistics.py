"""Statistics of one day: each column, all columns together, the scores, and arrived labels.

A day is weighted so that each channel has its share of the reference. More online business is a
season and no drift, and must not move the other columns.
"""

import warnings
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np
import pandas as pd
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import StratifiedKFold, cross_val_predict
from sklearn.preprocessing import StandardScaler

from fraudops.features import NUMERIC_FEATURES

SCORE_COLUMN = "score"
# Features without limits: a weekday repeats, and refunds are too few in a day.
UNRANKED_FEATURES = ("weekday", "c_refunds_7d", "c_last_refund_hours")
# columns that are measured by their rank in the reference
RANKED_COLUMNS = (
    *(name for name in NUMERIC_FEATURES if name not in UNRANKED_FEATURES),
    SCORE_COLUMN,
)
MAX_REFERENCE_VALUES = 8000  # values kept of each column of the reference
MIN_ROWS_FOR_STATISTICS = 30  # with fewer rows a day has no distribution
TAIL_SHARE = 0.05
MIN_TAIL_PROBABILITY = 1 / (2 * MAX_REFERENCE_VALUES)  # keeps the logarithm of a top rank finite
# domain classifier: days, rows of each day, reference rows
DOMAIN_WINDOW_DAYS, DOMAIN_ROWS_PER_DAY, DOMAIN_REFERENCE_ROWS = (7, 150, 1000)

# columns that a busier season does not change
SEASON_ROBUST_FEATURES = (
    "amount",
    "hour",
    "c_mean_7d",
    "c_mean_30d",
    "c_amount_ratio",
    "c_scale_ratio",
    "c_distance_km",
    "ct_n_30d",
    "t_mean_30d",
    "t_amount_ratio",
    "t_fraud_rate_30d",
)


@dataclass(frozen=True)
class ReferenceDistribution:
    """The distribution of the reference, with which days are compared.

    Attributes
    ----------
    grid : dict of str to ndarray
        For each of `RANKED_COLUMNS` sorted values of the reference, at most `MAX_REFERENCE_VALUES`.
    channels : Series
        Share of each channel.
    categories : Series
        Share of each category within each channel; index (channel, category).
    others : DataFrame
        Sampled reference rows as ranks, with day and channel, for the domain classifier.
    """

    grid: dict[str, np.ndarray]
    channels: pd.Series
    categories: pd.Series
    others: pd.DataFrame

    @classmethod
    def learn(cls, reference: pd.DataFrame) -> "ReferenceDistribution":
        """Learn the distribution of the reference.

        Parameters
        ----------
        reference : DataFrame
            With ``ts``, `FEATURES` and `SCORE_COLUMN`.

        Returns
        -------
        ReferenceDistribution
        """
        some = reference.sample(min(MAX_REFERENCE_VALUES, len(reference)), random_state=0)
        values = some[list(RANKED_COLUMNS)].replace([np.inf, -np.inf], np.nan)
        grid = {name: np.sort(values[name].dropna().to_numpy()) for name in RANKED_COLUMNS}
        pairs = reference.groupby(["channel", "category"]).size()
        distribution = cls(
            grid,
            reference["channel"].value_counts(normalize=True),
            pairs / pairs.groupby(level=0).sum(),
            pd.DataFrame(),
        )
        return cls(
            distribution.grid,
            distribution.channels,
            distribution.categories,
            distribution.sample(some),
        )

    def rank(self, column: pd.Series) -> np.ndarray:
        """Rank values within the reference.

        Parameters
        ----------
        column : Series
            One of `RANKED_COLUMNS`.

        Returns
        -------
        ndarray of shape (n,)
            Share of the reference below each value; ties count half; NaN for a missing value.
        """
        values, grid = column.to_numpy(np.float64), self.grid[column.name]
        ends = np.searchsorted(grid, values) + np.searchsorted(grid, values, side="right")
        return np.where(
            np.isfinite(values), ends / (2 * len(grid)) if len(grid) else np.nan, np.nan
        )

    def ranks(self, rows: pd.DataFrame) -> np.ndarray:
        """Rank the values of every column (see `rank`).

        Parameters
        ----------
        rows : DataFrame

        Returns
        -------
        ndarray of shape (n, len(RANKED_COLUMNS))
        """
        return np.column_stack([self.rank(rows[name]) for name in RANKED_COLUMNS])

    def weights(self, channel: pd.Series) -> np.ndarray:
        """Compute weights that give each channel its share in the reference.

        Parameters
        ----------
        channel : Series

        Returns
        -------
        ndarray of shape (n,)
            The sum is 1.
        """
        counts = channel.map(channel.value_counts()).to_numpy(float)
        target = channel.map(self.channels).fillna(0).to_numpy(float)
        weight = np.where(counts >= 10, target / counts, 0)
        return (
            weight / weight.sum()
            if weight.sum() > 0
            else np.full(len(channel), 1 / max(len(channel), 1))
        )

    def sample(self, rows: pd.DataFrame) -> pd.DataFrame:
        """Sample the ranks of columns without season, with day, channel and category.

        Parameters
        ----------
        rows : DataFrame

        Returns
        -------
        DataFrame
        """
        ranks = pd.DataFrame(self.ranks(rows), columns=RANKED_COLUMNS)[
            list(SEASON_ROBUST_FEATURES)
        ].fillna(0.5)
        about = {name: rows[name].to_numpy() for name in ("channel", "category")}
        return ranks.assign(day=rows["ts"].to_numpy() // 86_400, **about)


def summarize_transactions(
    distribution: ReferenceDistribution, rows: pd.DataFrame
) -> dict[str, float]:
    """Compute the statistics of one day's rows; none if there are too few rows."""
    if len(rows) < MIN_ROWS_FOR_STATISTICS:
        return {}
    ranks, weight = distribution.ranks(rows), distribution.weights(rows["channel"])
    known = ~np.isnan(ranks)
    total = weight @ known
    with np.errstate(invalid="ignore"):
        centre = weight @ np.where(known, ranks, 0) / total
    out = {name: float(value) for name, value in zip(RANKED_COLUMNS, centre, strict=True)}
    amount, score = (ranks[:, RANKED_COLUMNS.index(name)] for name in ("amount", SCORE_COLUMN))
    out["amount, both ends"] = float(weight @ (np.abs(amount - 0.5) > 0.5 - TAIL_SHARE))
    if known[:, RANKED_COLUMNS.index(SCORE_COLUMN)].any():
        out |= {
            f"score, top {share:.0%}": float(weight @ (score > 1 - share)) for share in (0.05, 0.01)
        }
    usual = (
        distribution.categories
        * distribution.channels.reindex(
            distribution.categories.index.get_level_values(0)
        ).to_numpy()
    ).groupby(level=1)
    both = pd.concat(
        [pd.Series(weight, rows.index).groupby(rows["category"]).sum(), usual.sum()], axis=1
    ).fillna(0)
    out["category"] = float(np.abs(both.iloc[:, 0] - both.iloc[:, 1]).sum() / 2)
    out["volume"] = float(np.log(len(rows)))
    out["online share"] = float((rows["channel"] == "online").mean())
    return out


def summarize_reports(
    distribution: ReferenceDistribution, reports: pd.DataFrame
) -> dict[str, float]:
    """Compute counts and sums of the fraud reports that arrived on one day."""
    rank = distribution.rank(reports[SCORE_COLUMN])
    online = reports["channel"] == "online"
    return {
        "reports": len(reports),
        "reported customers": reports["customer_id"].nunique(),
        "reported customers, online": reports.loc[online, "customer_id"].nunique(),
        "reported customers, present": reports.loc[~online, "customer_id"].nunique(),
        "reported money": float(reports["amount"].sum()),
        "low reports": int((rank < 1 - TAIL_SHARE).sum()),
        # high if the scores were low
        "surprise": float(np.nansum(np.log10(1 + MIN_TAIL_PROBABILITY - rank))),
    }


def compute_domain_auc(pool: pd.DataFrame, others: pd.DataFrame) -> float:
    """Measure how well a classifier separates the last days from the reference (ROC AUC).

    This is a domain classifier as in Rabanser, Guennemann and Lipton (2019): logistic regression
    with cross-validation on ranks, their squares and the categories. The channels of both sides
    have equal weights.
    """
    others = others[~others["day"].isin(pool["day"].unique())]
    others = others.sample(min(DOMAIN_REFERENCE_ROWS, len(others)), random_state=0)
    if min(len(pool), len(others)) < 2 * MIN_ROWS_FOR_STATISTICS:
        return float("nan")
    both = pd.concat([pool, others], ignore_index=True)
    y = np.repeat([1, 0], [len(pool), len(others)])
    share = others["channel"].value_counts(normalize=True)
    own = pool["channel"].value_counts(normalize=True)
    weight = both["channel"].map(share / own).fillna(0).to_numpy()
    weight = np.where(y == 1, weight * len(others) / len(pool), 1.0)
    u = both[list(SEASON_ROBUST_FEATURES)].to_numpy()
    x = StandardScaler().fit_transform(
        np.hstack([u, (u - 0.5) ** 2, pd.get_dummies(both["category"]).to_numpy(float)])
    )
    folds = StratifiedKFold(2, shuffle=True, random_state=0)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", category=ConvergenceWarning)
        p = cross_val_predict(
            LogisticRegression(C=0.1),
            x,
            y,
            cv=folds,
            method="predict_proba",
            params={"sample_weight": weight},
        )[:, 1]
    return float(roc_auc_score(y, p, sample_weight=weight))


def compute_daily_statistics(
    distribution: ReferenceDistribution, days: Iterable[tuple[int, pd.DataFrame, pd.DataFrame]]
) -> Iterator[tuple[int, dict[str, float]]]:
    """Compute the statistics of each day in order.

    It holds the rows of one day and a sample of the six days before it.

    Parameters
    ----------
    distribution : ReferenceDistribution
    days : iterable of tuple
        Day since 1970, its rows (``ts``, ``channel``, ``category``, `FEATURES`, `SCORE_COLUMN`),
        and the reports that arrived on it.

    Yields
    ------
    tuple of int and dict
        Day, and statistics by name.
    """
    pool: list[pd.DataFrame] = []
    for day, rows, reports in days:
        found = summarize_transactions(distribution, rows)
        if found:
            pool = [
                *pool[-(DOMAIN_WINDOW_DAYS - 1) :],
                distribution.sample(
                    rows.sample(min(DOMAIN_ROWS_PER_DAY, len(rows)), random_state=0)
                ),
            ]
            if len(pool) == DOMAIN_WINDOW_DAYS:
                found["domain classifier"] = compute_domain_auc(
                    pd.concat(pool), distribution.others
                )
        yield day, found | summarize_reports(distribution, reports)


DOMAIN_STATISTIC = "domain classifier"  # it covers seven days already
