"""Statistics of reviewers: speed, agreement, overrides, and what the random sample shows."""

from dataclasses import dataclass

import pandas as pd
import sqlalchemy as sa

from fraudops import store
from fraudops.models import wilson_interval
from fraudops.review.case_filters import stands

MAX_RECENT_DECISIONS = 5_000  # latest reviews that are evaluated


@dataclass(frozen=True)
class Proportion:
    """A share with Wilson's 95 % interval.

    Attributes
    ----------
    found : int
    of : int
    """

    found: int
    of: int

    @property
    def value(self) -> float:
        return self.found / self.of if self.of else float("nan")

    @property
    def interval(self) -> tuple[float, float]:
        return wilson_interval(self.found, self.of)


@dataclass(frozen=True)
class ReviewStatistics:
    """Statistics of reviews.

    Attributes
    ----------
    progress : dict of str to int
        Cases by state: open, second, closed, settled (their label arrived first).
    agreement : Proportion
        Second persons who gave the same verdict as the first.
    blind : Proportion
        First opinions on flagged cases that say fraud, with the score hidden.
    sighted : Proportion
        The same with the score visible.
    overrides : Proportion
        Verdicts against the model.
    minutes : float
        Median time of a case; NaN before the first verdict.
    missed : Proportion
        Frauds among the reviewed sample of approved transactions.
    people : DataFrame
        By person: verdicts, overrides, minutes (median).
    """

    progress: dict[str, int]
    agreement: Proportion
    blind: Proportion
    sighted: Proportion
    overrides: Proportion
    minutes: float
    missed: Proportion
    people: pd.DataFrame


def compute_review_statistics(
    engine: sa.Engine, latest: int = MAX_RECENT_DECISIONS
) -> ReviewStatistics:
    """Compute the progress of all cases, and statistics of the latest reviews.

    Parameters
    ----------
    engine : Engine
    latest : int, optional
        Number of opinions and verdicts that are used.

    Returns
    -------
    ReviewStatistics
    """
    c, d, before = store.cases, store.decisions, store.decisions.alias("before")
    columns = (
        d.c.id,
        d.c.tx_id,
        d.c.stage,
        d.c.verdict,
        d.c.actor,
        d.c.seconds,
        d.c.override,
        c.c.kind,
        c.c.blind,
        c.c.state,
    )
    with engine.connect() as connection:
        counts = sa.select(c.c.state, sa.func.count()).group_by(c.c.state)
        progress = dict.fromkeys(("open", "second", "closed", "settled"), 0) | {
            state: n for state, n in connection.execute(counts)
        }
        border = (
            connection.scalar(sa.select(d.c.id).order_by(d.c.id.desc()).offset(latest).limit(1))
            or 0
        )
        counts_here = sa.or_(d.c.stage == "opinion", stands(d))
        query = sa.select(*columns).join(c, c.c.tx_id == d.c.tx_id).where(counts_here)
        query = query.order_by(d.c.id)
        begun = sa.exists().where(before.c.tx_id == d.c.tx_id, before.c.id <= border)
        decisions = store.read_frame(
            connection, query.where(d.c.id > border, ~begun) if border else query
        )
    verdicts = decisions[(decisions["stage"] != "opinion") & (decisions["verdict"] != "unsure")]
    second = verdicts[verdicts["stage"].isin(["confirmation", "objection"])]
    first = decisions[
        (decisions["kind"] == "flagged") & (decisions["verdict"] != "unsure")
    ].drop_duplicates("tx_id")
    final = verdicts[verdicts["stage"].isin(["decision", "confirmation"])]
    sample = final[(final["kind"] == "sample") & (final["state"] == "closed")]
    by_person = verdicts.groupby("actor")
    people = by_person.agg(
        verdicts=("id", "size"), overrides=("override", "sum"), minutes=("seconds", "median")
    )
    return ReviewStatistics(
        progress,
        Proportion(int((second["stage"] == "confirmation").sum()), len(second)),
        _count_fraud_verdicts(first[first["stage"] == "opinion"]),
        _count_fraud_verdicts(first[first["blind"] == 0]),
        Proportion(int(verdicts["override"].sum()), len(verdicts)),
        float(verdicts["seconds"].median() / 60) if len(verdicts) else float("nan"),
        _count_fraud_verdicts(sample),
        people.assign(minutes=people["minutes"] / 60),
    )


def _count_fraud_verdicts(rows: pd.DataFrame) -> Proportion:
    return Proportion(int((rows["verdict"] == "fraud").sum()), len(rows))


SAMPLE_DESCRIPTION = f"one in {round(1 / store.SAMPLE_SHARE)} approved transactions"


def load_decisions(engine: sa.Engine, actor: str) -> pd.DataFrame:
    """Load the verdicts of a reviewer in order, without opinions on blind cases and undone ones.

    Parameters
    ----------
    engine : Engine
    actor : str

    Returns
    -------
    DataFrame
        Columns of `store.decisions`.
    """
    d = store.decisions
    with engine.connect() as connection:
        return store.read_frame(
            connection, sa.select(d).where(d.c.actor == actor, stands(d)).order_by(d.c.id)
        )
