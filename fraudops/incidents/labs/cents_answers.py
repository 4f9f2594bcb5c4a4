"""The right answers of the lab *Cents Monday*, and the known wrong ones."""

from fraudops.data import load_transactions
from fraudops.incidents.labs.cents_world import CentsPlan, choose_terminals
from fraudops.incidents.labs.lab import Answer, Place, Slip
from fraudops.incidents.labs.story import get_moment
from fraudops.timeline import DAY, day_of
from fraudops.workspace import Workspace

UNITS = Place("2_1_data_quality", "Break it: cents for euros in a third of the shops")
HELD = Place("2_1_data_quality", "What happens to a broken day")
ANSWERS = Place("2_2_drift_monitor", "The verdict and its alert")


def make_cents_answers(workspace: Workspace, seed: int) -> dict[str, Answer]:
    """Make the right answers of a world.

    Parameters
    ----------
    workspace : Workspace
    seed : int

    Returns
    -------
    dict of str to Answer
    """
    plan = CentsPlan.draw(seed)
    rows = load_transactions(workspace, held=True)
    struck, onset = choose_terminals(rows, seed), get_moment(plan.onset)
    is_late = rows["ts"] >= onset
    is_struck, cents = rows["terminal_id"].isin(struck), rows["amount_cents"]
    active = frozenset(rows.loc[is_struck & is_late, "terminal_id"])
    everyone = frozenset(rows.loc[is_late, "terminal_id"])
    ratio = cents[is_struck & is_late].median() / cents[is_struck & ~is_late].median()
    faulty = is_struck & is_late
    one_day = set((rows.loc[faulty, "ts"] // DAY).value_counts())
    return {
        "cause": Answer(
            "wrong-unit",
            (
                Slip(
                    "rising_prices",
                    "Prices rise for all terminals, and slowly. Compare each terminal with itself: "
                    "for some the amounts jump on one day, for the others they do not.",
                    "rising-prices",
                ),
                Slip(
                    "new_fraud",
                    "A new fraud brings fraud reports. Count the reports of the large purchases, "
                    "and the cards: here nearly every card has some, and few are reported.",
                    "new-fraud",
                    ANSWERS,
                ),
                Slip(
                    "double_delivery",
                    "A delivery that comes twice changes the number of rows. Count the rows of the "
                    "day, and the rows that repeat another.",
                    "double-delivery",
                ),
            ),
        ),
        "where": Answer(
            active,
            (
                Slip(
                    "all_terminals",
                    "You named all terminals. Compare the median of each terminal before and "
                    "after: most of them did not jump.",
                    lambda given: len(given & everyone) > len(everyone) / 2,
                ),
                Slip(
                    "only_the_visible",
                    "You named only a part of them. Compare each terminal with its own past on all "
                    "days since the first wrong one: some have few purchases.",
                    lambda given: bool(given) and given < active,
                ),
            ),
        ),
        "when": Answer(
            str(day_of(onset)),
            (
                Slip(
                    "day_of_the_alert",
                    "The alert names the day that it judged. The fault began before it: look at "
                    "each day of the terminals that you found.",
                    str(day_of(onset + DAY)),
                ),
                Slip(
                    "rise_of_prices",
                    "You named a day on which only prices rose. A wrong unit is a jump: find the "
                    "first day on which the ratio is about 100.",
                    lambda given: given < str(day_of(onset)),
                ),
            ),
        ),
        "ratio": Answer(
            ratio,
            (
                Slip(
                    "median_of_all",
                    "You compared all purchases. The fault is in some of them, and the others hide "
                    "its size: compare only the terminals that you found.",
                    cents[is_late].median() / cents[~is_late].median(),
                ),
                Slip(
                    "mean_of_all",
                    "You compared means of all purchases. Compare only the terminals that you "
                    "found.",
                    cents[is_late].mean() / cents[~is_late].mean(),
                ),
            ),
            tolerance=0.25,
        ),
        "rows": Answer(
            float(faulty.sum()),
            (
                Slip(
                    "every_purchase",
                    "You counted all purchases of these days. Only those of the terminals that you "
                    "found are wrong.",
                    float(is_late.sum()),
                ),
                Slip(
                    "one_day",
                    "You counted one day. Count from the first wrong day to the end of the data.",
                    lambda given: given in one_day,
                ),
            ),
        ),
    }
