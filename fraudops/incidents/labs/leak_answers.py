"""The right answers of the lab *The challenger that is too good*, and the known wrong ones."""

import numpy as np
import pandas as pd

from fraudops.incidents.labs.lab import Answer, Place, Slip
from fraudops.incidents.labs.leak_world import CAN_LEAK, COLUMNS, CORRECTED, TEST_DAYS, LeakPlan
from fraudops.models import average_precision
from fraudops.timeline import DAY, day_of
from fraudops.workspace import Workspace

FUTURE = Place("1_2_features", "A test that no feature sees the future")
LABELS = Place("1_2_features", "Break it: the label that travels back in time")
TEST = Place("4_2_retrain", "Break it: a challenger that has seen the test days")
REFUSE = Place("4_2_retrain", "Promote, or say why not")


def _load_tables(workspace: Workspace, plan: LeakPlan) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Load both tables, with the rows of the first one in the same order."""
    first, second = (pd.read_parquet(workspace.root / "challenger" / one) for one in plan.names)
    return first, first[["tx_id"]].merge(second, on="tx_id", how="left")


def make_leak_answers(workspace: Workspace, seed: int) -> dict[str, Answer]:
    """Make the right answers of a world.

    Parameters
    ----------
    workspace : Workspace
    seed : int

    Returns
    -------
    dict of str to Answer
    """
    plan = LeakPlan.draw(seed)
    first, second = _load_tables(workspace, plan)
    changed = {name: first[name].ne(second[name]) for name in COLUMNS}
    reports = pd.read_parquet(workspace.root / "data" / "labels.parquet")
    start, end = (plan.mornings[0] - days * DAY for days in (2 * TEST_DAYS, TEST_DAYS))
    is_test = first["ts"].between(start, end, inclusive="left")
    y = first.loc[is_test, "tx_id"].isin(reports["tx_id"]).to_numpy()
    alone = {name: average_precision(y, first.loc[is_test, name]) for name in COLUMNS}
    days = {
        name: str(day_of(first.loc[is_new, "ts"].min()))
        for name, is_new in changed.items()
        if is_new.any()
    }
    other = next(name for name in CAN_LEAK if name != plan.column)
    return {
        "cause": Answer(
            "future-in-a-column",
            (
                Slip(
                    "test_rows_learnt",
                    "A model that has learnt the test rows is too good, too. The tags of both "
                    "versions name their days: training ends before the test.",
                    "test-days-in-training",
                    TEST,
                ),
                Slip(
                    "better_columns",
                    "Good columns may raise the figure. But a column that is known at the time of "
                    "the purchase does not change for an old purchase when a week goes by.",
                    "better-columns",
                ),
                Slip(
                    "corrected_data",
                    "One column changed on one day only, because missing values were corrected. "
                    "That does not make a model good. Look at the other columns.",
                    "corrected-data",
                ),
                Slip(
                    "skew",
                    "A skew makes the service worse than the test. It explains no figure of a "
                    "test.",
                    "training-serving-skew",
                    Place("3_3_skew", "One row, twice"),
                ),
            ),
        ),
        "where": Answer(
            plan.column,
            (
                Slip(
                    "the_corrected_column",
                    "This column changed on one day only: missing values were corrected. Which "
                    "column changes on all of the last days before the first table?",
                    CORRECTED,
                ),
                Slip(
                    "the_honest_count",
                    "This column counts reports that had arrived before the purchase. It is strong "
                    "and honest: no old value changes.",
                    other,
                    LABELS,
                ),
                Slip(
                    "no_label_in_it",
                    "This column holds nothing of a fraud report, and no old value changes.",
                    lambda given: given in COLUMNS[2:4],
                ),
            ),
        ),
        "when": Answer(
            days[plan.column],
            (
                Slip(
                    "day_of_the_correction",
                    "On that day another column was corrected. Look at one column at a time.",
                    days[CORRECTED],
                ),
                Slip(
                    "day_of_a_table",
                    "That is the day of a table. Take the oldest purchase with another value.",
                    lambda given: given in [str(day_of(one)) for one in plan.mornings],
                ),
            ),
        ),
        "changed": Answer(
            float(changed[plan.column].sum()),
            (
                Slip(
                    "corrected_values",
                    "You counted the column that was corrected on one day.",
                    float(changed[CORRECTED].sum()),
                ),
                Slip(
                    "any_column",
                    "You counted the rows in which any column changed. Take one column at a time.",
                    float(np.logical_or.reduce(list(changed.values())).sum()),
                ),
            ),
        ),
        "alone": Answer(
            float(alone[plan.column]),
            (
                Slip(
                    "other_count",
                    "That is the figure of the other count of reports, which is honest.",
                    float(alone[other]),
                ),
                Slip("as_a_percentage", "Write a share between 0 and 1.", lambda given: given > 1),
            ),
            tolerance=0.03,
        ),
    }
