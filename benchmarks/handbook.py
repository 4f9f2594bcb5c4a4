"""Quality on the Fraud Detection Handbook's protocol, beside the best figures the book reached
after tuning.

Train on 2018-07-25 to 31, wait seven days for labels, test on 2018-08-08 to 14; cards known as
defrauded are left out of the test. The model is two scikit-learn forests on seven features: four of
the course and three from a second text, which asks what is known of a terminal's past. Features,
model and settings were chosen on the seeds 101 to 105; the seeds below were then run once. `python
-m benchmarks.handbook --data DIR` judges the same model on the published files.
"""

import argparse
from dataclasses import dataclass
from datetime import date
from functools import partial

import duckdb
import numpy as np
import pandas as pd
from sklearn.base import ClassifierMixin
from sklearn.ensemble import ExtraTreesClassifier, VotingClassifier
from sklearn.metrics import roc_auc_score

from benchmarks import rival_handbook, rival_oracle, verdict
from fraudops import features
from fraudops.data import open_source
from fraudops.errors import UserError
from fraudops.models import average_precision, bootstrap_interval
from fraudops.simulator import SimulatorConfig, simulate_world
from fraudops.timeline import DAY, LABEL_MATURITY_DAYS, day_start

SEEDS = (1, 2, 3, 4, 5)
TRAIN, TEST = day_start(date(2018, 7, 25)), day_start(date(2018, 8, 8))
DAYS = 7  # of training, and of test
K = 100  # cards that can be looked at in a day
ROUNDS = 200
# each the best of any model there; CP@100 cannot exceed 0.397
BOOK = {"AUC": 0.880, "AP": 0.694, "CP@100": 0.304}
TARGET = {"AUC": 0.90, "AP": 0.75, "CP@100": 0.32}

COURSE = ("amount", "c_scale_ratio", "c_unusual_14d", "t_fraud_7d")
INPUTS = (*COURSE, "t_hot_hours", "t_clear_hours", "t_bad_30d")

# What is known of a terminal: seven days after a payment its outcome is known, reported or not. A
# reported payment of 2.5 times
# the customer's own mean speaks of the card and not of the terminal, so it is left out.
OUTCOMES = f"""
WITH judged AS (
    SELECT tx.*, COUNT(*) OVER own AS n, SUM(amount_cents) OVER own AS total FROM tx
    WINDOW own AS (PARTITION BY customer_id ORDER BY ts RANGE BETWEEN 5184000 PRECEDING AND 60
        PRECEDING)
),
outcome AS (
    SELECT terminal_id, ts + {LABEL_MATURITY_DAYS * DAY} AS ts, is_fraud,
           LAG(is_fraud) OVER (PARTITION BY terminal_id ORDER BY ts, tx_id) AS before
    FROM judged WHERE is_fraud = 0 OR n < 3 OR 2 * amount_cents * n <= 5 * total
),
event AS (
    SELECT tx_id, ts, terminal_id, wanted, NULL AS good, NULL AS bad, NULL AS began FROM tx
    UNION ALL
    SELECT NULL, ts, terminal_id, 0, CASE WHEN is_fraud = 0 THEN ts END, CASE WHEN is_fraud = 1
        THEN ts END,
           CASE WHEN is_fraud = 1 AND COALESCE(before, 0) = 0 THEN ts END
    FROM outcome
),
windowed AS (
    SELECT tx_id, ts, wanted, MAX(good) OVER month AS good, MAX(bad) OVER month AS bad,
        MAX(began) OVER month AS began,
           COUNT(bad) OVER month AS t_bad_30d
    FROM event WINDOW month AS (PARTITION BY terminal_id ORDER BY ts RANGE BETWEEN 2592000
        PRECEDING AND 60 PRECEDING)
)
SELECT * EXCLUDE (wanted) FROM windowed WHERE wanted = 1
"""


@dataclass(frozen=True)
class Split:
    """The protocol's rows: frames with tx_id, ts, customer_id, is_fraud and `INPUTS`."""

    train: pd.DataFrame
    test: pd.DataFrame


def canonical(seed: int) -> pd.DataFrame:
    """The Handbook preset at default size: one row for each transaction, ids as text, with is_fraud
    and kind.
    """
    world = simulate_world(
        SimulatorConfig(
            preset="handbook",
            seed=seed,
            customers=5000,
            terminals=10_000,
            days=183,
            start=date(2018, 4, 1),
        )
    )
    tx = world.transactions
    tx = tx.assign(
        is_fraud=(tx["kind"] != "").astype(np.int64),
        **{c: tx[c].astype(str) for c in ("category", "channel")},
    )
    return tx.assign(
        **{name: tx[name].astype(str) for name in ("tx_id", "customer_id", "terminal_id")}
    )


def published(folder: str) -> pd.DataFrame:
    """The same columns, but kind, from the published files.

    Raises
    ------
    UserError
        If the files do not hold the days of the protocol and those its features look back on.
    """
    tx = pd.concat(
        [chunk.frame for chunk in open_source("handbook", folder).chunks], ignore_index=True
    )
    tx = tx.dropna(subset=["tx_id", "ts", "customer_id", "terminal_id", "amount_cents", "is_fraud"])
    tx = tx.reset_index(drop=True).astype(
        {"ts": np.int64, "amount_cents": np.int64, "is_fraud": np.int64}
    )
    if (
        len(tx) == 0
        or tx["ts"].min() > TRAIN - features.CUSTOMER_HISTORY_SECONDS
        or tx["ts"].max() < TEST + (DAYS - 1) * DAY
    ):
        raise UserError(
            f"{folder} does not hold all days from 2018-05-12 to 2018-08-14: name the "
            "folder of all files."
        )
    return tx


def split(tx: pd.DataFrame) -> Split:
    """The protocol's training and test rows with their features, each as of its own time.

    A test day leaves out the customers with a fraud since the training began whose report was there
    as that day began.
    """
    day = (tx["ts"] - TRAIN) // DAY
    training = (day >= 0) & (day < DAYS)
    first_test = (TEST - TRAIN) // DAY
    testing = (day >= first_test) & (day < first_test + DAYS)
    known = (
        tx.loc[(day >= 0) & (tx["is_fraud"] == 1)]
        .assign(day=day)
        .groupby("customer_id")["day"]
        .min()
    )
    # the first day that begins with the report known
    known_from = np.maximum(known + LABEL_MATURITY_DAYS + 1, first_test)
    testing &= ~(day >= tx["customer_id"].map(known_from).fillna(np.inf))

    near = tx[
        (tx["ts"] >= TRAIN - features.CUSTOMER_HISTORY_SECONDS) & (tx["ts"] < TEST + DAYS * DAY)
    ]
    near = near.assign(wanted=(training | testing)[near.index].astype(np.int64))
    near = near.assign(
        lat_cdeg=pd.array([pd.NA] * len(near), "Int64"),
        lon_cdeg=pd.array([pd.NA] * len(near), "Int64"),
    )
    wanted = near[near["wanted"] == 1]
    table = inputs(near, wanted).assign(
        **{name: wanted[name].to_numpy() for name in ("tx_id", "ts", "customer_id", "is_fraud")},
        row=wanted.index,
    )
    return Split(table[training[wanted.index].to_numpy()], table[testing[wanted.index].to_numpy()])


def inputs(tx: pd.DataFrame, wanted: pd.DataFrame) -> pd.DataFrame:
    """`INPUTS` of the wanted rows of `tx`, (n, 7), in the order of `wanted`."""
    reports = tx.loc[tx["is_fraud"] == 1, ["tx_id", "customer_id", "terminal_id"]]
    reports = reports.assign(label_ts=tx.loc[reports.index, "ts"] + LABEL_MATURITY_DAYS * DAY)
    course = features.build_feature_frame(wanted, features.compute_sums_duckdb(tx, reports))[
        list(COURSE)
    ]
    with duckdb.connect() as db:
        db.register(
            "tx",
            tx[["tx_id", "ts", "customer_id", "terminal_id", "amount_cents", "is_fraud", "wanted"]],
        )
        known = (
            db.execute(OUTCOMES)
            .df()
            .set_index("tx_id")
            .reindex(wanted["tx_id"])
            .reset_index(drop=True)
        )
    good = known["good"].fillna(known["ts"] - 30 * DAY)
    hot = known["bad"] > good  # the last outcome that is known of this terminal is a fraud
    return course.fillna(-1.0).assign(
        t_hot_hours=((known["ts"] - known["began"]) / 3600).where(hot, -1.0),
        t_clear_hours=(known["ts"] - good) / 3600,
        t_bad_30d=known["t_bad_30d"].astype(float),
    )


def model() -> ClassifierMixin:
    """A fine forest that ranks what is nearly certain, and a coarse one that orders the rest."""
    forest = partial(ExtraTreesClassifier, max_features=None, random_state=0)
    members = [
        ("fine", forest(200, min_samples_leaf=10)),
        ("coarse", forest(100, min_samples_leaf=100)),
    ]
    return VotingClassifier(members, voting="soft", weights=[3, 1])


def card_precision(
    ts: np.ndarray,
    customer: np.ndarray,
    y: np.ndarray,
    p: np.ndarray,
    k: int = K,
    weight: np.ndarray | None = None,
) -> float:
    """Share of defrauded cards among the k with the highest score of a day, averaged over days.

    A card that was found on one day is not looked at again on the next ones, as in the Handbook.

    Parameters
    ----------
    ts, customer, y, p : (n,) seconds, card, fraud (0 or 1), score
    weight : (n,) how often the card of a row counts; once unless given
    """
    frame = pd.DataFrame({"day": ts // DAY, "customer": pd.factorize(customer)[0], "y": y, "p": p})
    frame["weight"] = 1 if weight is None else weight
    cards = frame[frame["weight"] > 0].groupby(["day", "customer"]).max().reset_index()
    cards = cards.sort_values(["day", "p"], ascending=[True, False], kind="stable")
    found = np.zeros(len(frame), bool)
    shares = []
    for _, today in cards.groupby("day"):
        left = today[~found[today["customer"]]]
        before = left["weight"].cumsum() - left["weight"]
        looked_at = np.clip(k - before, 0, left["weight"])
        hit = (left["y"] == 1) & (looked_at > 0)
        shares.append(looked_at[hit].sum() / k)
        found[left.loc[hit, "customer"]] = True
    return float(np.mean(shares))


def figures(test: pd.DataFrame, p: np.ndarray) -> dict[str, float]:
    """AUC, AP and CP@100 of scores (n,) on the test rows."""
    ts, customer, y = (test[name].to_numpy() for name in ("ts", "customer_id", "is_fraud"))
    return {
        "AUC": roc_auc_score(y, p),
        "AP": average_precision(y, p),
        "CP@100": card_precision(ts, customer, y, p),
    }


def intervals(
    test: pd.DataFrame, p: np.ndarray, rounds: int = ROUNDS
) -> dict[str, tuple[float, float]]:
    """95 % intervals of `figures` when customers are drawn again with replacement."""
    ts, customer, y = (test[name].to_numpy() for name in ("ts", "customer_id", "is_fraud"))
    statistics = {
        "AUC": lambda rows: roc_auc_score(y[rows], p[rows]),
        "AP": lambda rows: average_precision(y[rows], p[rows]),
        "CP@100": lambda rows: card_precision(
            ts, customer, y, p, weight=np.bincount(rows, minlength=len(y))
        ),
    }
    return {
        name: bootstrap_interval(statistic, customer, rounds)
        for name, statistic in statistics.items()
    }


def line(name: str, values: dict[str, float]) -> None:
    """One line of figures."""
    print(
        f"   {name:11}" + "  ".join(f"{key} {value:.3f}" for key, value in values.items()),
        flush=True,
    )


def judge(tx: pd.DataFrame, name: str, seed: int | None = None) -> dict[str, dict[str, float]]:
    """Fit on the training days and print the test figures: ours with intervals, the book's way and,
    with a seed, the oracle.
    """
    rows = split(tx)
    train, test = rows.train, rows.test
    y = test["is_fraud"].to_numpy()
    print(
        f"{name}: train {len(train):,} rows, {train['is_fraud'].sum()} frauds; test "
        f"{len(test):,} rows, {y.sum()} frauds"
    )
    p = model().fit(train[list(INPUTS)], train["is_fraud"]).predict_proba(test[list(INPUTS)])[:, 1]
    around = "  ".join(
        f"{key} {low:.3f} to {high:.3f}" for key, (low, high) in intervals(test, p).items()
    )
    found = {"ours": figures(test, p)}
    found["book's way"] = figures(
        test, rival_handbook.scores(tx, train["row"].to_numpy(), test["row"].to_numpy())
    )
    if seed is not None:
        found["oracle"] = figures(test, rival_oracle.scores(tx, test["row"].to_numpy(), seed))
    for who, values in found.items():
        line(who, values)
    print(
        f"   ours within {around}; ceiling of CP@100 {figures(test, y)['CP@100']:.3f}", flush=True
    )
    return found


def targets(mean: dict[str, float], of: str) -> None:
    """One line for each figure: ours, the book's, the target, met or missed."""
    for key, value in mean.items():
        met = verdict(value >= TARGET[key])
        print(
            f"{key} {of} {value:.3f}, book {BOOK[key]:.3f}, target at least "
            f"{TARGET[key]:.2f}: {met}"
        )


def main(data: str = "", seeds: tuple[int, ...] = SEEDS) -> None:
    """Print each seed's figures beside those of the book's way and of an oracle, and the means
    against book and targets.
    """
    print(
        "within: 95 %, customers drawn again; book: the best figure of any of its models "
        "after tuning, on its own world"
    )
    print(
        "book's way: its features with balanced bagging; oracle: knows the generating law "
        "and every label that has arrived"
    )
    if data:
        targets(judge(published(data), "published files")["ours"], "on the published files")
        return
    found = [judge(canonical(seed), f"seed {seed}", seed) for seed in seeds]
    mean = {who: pd.DataFrame([one[who] for one in found]).mean().to_dict() for who in found[0]}
    print(f"mean of {len(found)} seeds")
    for who, values in mean.items():
        line(who, values)
    targets(mean["ours"], f"mean of {len(found)} seeds")
    short = [f"{key} {value:.3f}" for key, value in mean["oracle"].items() if value < TARGET[key]]
    if short:
        print(f"   on these worlds the oracle misses the target too: {', '.join(short)}")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", default="", help="folder of the published files")
    parser.add_argument("--seeds", type=int, nargs="+", default=SEEDS)
    words = parser.parse_args()
    main(words.data, tuple(words.seeds))
