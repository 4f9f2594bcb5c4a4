"""The world of *Cents Monday*: some terminals send cents, while prices rise everywhere."""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd

from fraudops.data import Source, ingest, iter_world_chunks, load_transactions
from fraudops.incidents.labs.story import FIRST_MONDAY, draw_story, get_moment
from fraudops.monitoring import AlertLog
from fraudops.simulator import PlantedDrift, SimulatorConfig, World, simulate_world
from fraudops.timeline import DAY, day_of
from fraudops.workspace import Workspace

CENTS_LAB = "cents-monday"
CENTS_CUSTOMERS, TERMINALS = 150, 150
USUAL_DAYS = 49  # before the live days
MONDAYS = (56, 63)
FAULTY_DAYS = 4
STRUCK_SHARE = 0.06  # of the purchases
ALERT = "amounts-retrain"


@dataclass(frozen=True)
class CentsPlan:
    """What the seed decides: the first faulty day, and the day on which prices begin to rise."""

    onset: int
    inflation: int

    @classmethod
    def draw(cls, seed: int) -> CentsPlan:
        """Draw the plan of a seed."""
        random = draw_story(CENTS_LAB, seed)
        onset = int(random.choice(MONDAYS))
        return cls(onset, onset - int(random.integers(9, 13)))


def choose_terminals(rows: pd.DataFrame, seed: int) -> frozenset[str]:
    """Choose the terminals of the fault from the days before it."""
    usual = rows[rows["ts"] < get_moment(USUAL_DAYS)]
    shares = usual["terminal_id"].value_counts(normalize=True).sort_index()
    shares = shares[(shares < STRUCK_SHARE / 3) & (shares > 0.001)]
    order = draw_story(f"{CENTS_LAB} terminals", seed).permutation(len(shares))
    total = shares.iloc[order].cumsum()
    return frozenset(total.index[: int((total < STRUCK_SHARE).sum()) + 1])


def build_cents_world(workspace: Workspace, seed: int) -> str:
    """Write the days of the world, with the fault, and the alert.

    Parameters
    ----------
    workspace : Workspace
    seed : int

    Returns
    -------
    str
        The symptom.
    """
    plan = CentsPlan.draw(seed)
    days = plan.onset + FAULTY_DAYS
    rise = PlantedDrift("price_inflation", plan.inflation, days, "gradual")
    config = SimulatorConfig(
        "course", seed, CENTS_CUSTOMERS, TERMINALS, days, FIRST_MONDAY, (rise,)
    )
    world = simulate_world(config)
    _send_cents(world, plan, seed)
    source = Source("simulate", iter_world_chunks(world), world=world)
    ingest(source, workspace, live_start=str(day_of(get_moment(USUAL_DAYS))))
    rows = load_transactions(workspace, held=True)
    day = plan.onset + 1
    today = rows[rows["ts"] // DAY == get_moment(day) // DAY]
    usual = rows[rows["ts"] < get_moment(USUAL_DAYS)]
    cents, as_of = "amount_cents", get_moment(day + 1)
    text = (
        f"retrain: the median amount of {day_of(get_moment(day))} is "
        f"{today[cents].median() / usual[cents].median():.2f} times the usual one, and "
        f"{(today[cents] > usual[cents].quantile(0.99)).mean():.1%} of the amounts are larger than "
        "99 % of the usual ones. The model was not trained on such amounts."
    )
    alert = {"alert_id": ALERT, "as_of": as_of, "severity": "act", "text": text}
    AlertLog.publish(workspace, [alert])
    return (
        f"The drift monitor has raised the alert `{ALERT}`:\n\n> {text}\n\nYour team leader "
        "writes: “Prices have been rising for some days, everybody says so. Please have a new "
        "model ready by tonight.” Nobody has looked at the days yet: the nightly check of the data "
        "did not run this week.\n\nThe data is in `data/`, the alert is in the database."
    )


def _send_cents(world: World, plan: CentsPlan, seed: int) -> None:
    """Let the chosen terminals send cents, in place."""
    rows = world.transactions
    named = rows.assign(terminal_id="M" + rows["terminal_id"].astype(str))
    is_struck = named["terminal_id"].isin(choose_terminals(named, seed))
    is_struck = is_struck & (rows["ts"] >= get_moment(plan.onset))
    rows.loc[is_struck, "amount_cents"] *= 100
