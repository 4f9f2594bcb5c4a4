"""The world of the lab *The midnight promotion*: an alias was moved at night, past the gates."""

from __future__ import annotations

from dataclasses import dataclass, replace

import pandas as pd

from fraudops import ledger
from fraudops.incidents.labs.clock import run_at
from fraudops.incidents.labs.small_operation import TRAIN_DAY, SmallOperation, fit_small
from fraudops.incidents.labs.story import COLLEAGUES, draw_story, get_moment
from fraudops.models import DecisionPolicy, FittedModel, GateResult, average_precision
from fraudops.timeline import format_time
from fraudops.workspace import Workspace

NIGHT_LAB = "midnight-promotion"
NIGHT_CUSTOMERS = 150
NIGHT_FIRST_TRAINING, NIGHT_SECOND_TRAINING = 40, 48  # days of the story
REPORT_HOUR = 9
PROMOTION_HOUR, POLICY_HOUR, RELOAD_HOUR = 14, 17.5, 7.5
CHANGED_GOODWILL = 2900  # cents, usual are 3000
NIGHT_REASONS = ("hotfix", "as agreed by telephone", "the new one is faster", "see ticket")


@dataclass(frozen=True)
class NightPlan:
    """What the seed decides.

    Attributes
    ----------
    night : int
        Day of the story on whose first hour the alias moves.
    minute : int
        After midnight.
    actor, other : str
        Who moves it, and who changes the policy in the afternoon before.
    reason : str
    bad, good : str
        Versions.
    reads : int
        Entries of other people before the night, so that the numbers of entries differ.
    """

    night: int
    minute: int
    actor: str
    other: str
    reason: str
    bad: str
    good: str
    reads: int

    @classmethod
    def draw(cls, seed: int) -> NightPlan:
        """Draw the plan of a seed."""
        random = draw_story(NIGHT_LAB, seed)
        actor, other = random.permutation(COLLEAGUES)[:2]
        bad = str(random.integers(2, 4))
        return cls(
            night=int(random.integers(57, 61)),
            minute=int(random.integers(21, 55)),
            actor=str(actor),
            other=str(other),
            reason=str(random.choice(NIGHT_REASONS)),
            bad=bad,
            good={"2": "3", "3": "2"}[bad],
            reads=int(random.integers(1, 12)),
        )

    @property
    def at(self) -> int:
        """When the alias moves, in seconds since 1970."""
        return get_moment(self.night) + 60 * self.minute


def build_night_world(workspace: Workspace, seed: int) -> str:
    """Play the days of the story: promotions, refusals, a change of the policy, and the night.

    Parameters
    ----------
    workspace : Workspace
    seed : int

    Returns
    -------
    str
        The symptom.
    """
    plan = NightPlan.draw(seed)
    house = SmallOperation.make(workspace, seed, NIGHT_CUSTOMERS, plan.night + 1)
    registry, engine = house.registry, house.engine
    rows = {
        "1": house.select(TRAIN_DAY, NIGHT_FIRST_TRAINING, NIGHT_FIRST_TRAINING),
        plan.good: house.select(TRAIN_DAY, NIGHT_SECOND_TRAINING, NIGHT_SECOND_TRAINING),
    }
    # a training that went wrong without an error: 1 means genuine
    rows[plan.bad] = replace(rows[plan.good], y=1 - rows[plan.good].y)
    fitted = {version: fit_small(rows[version]) for version in sorted(rows)}
    test = house.select(NIGHT_SECOND_TRAINING, plan.night, plan.night)
    found = {
        v: average_precision(test.y, one.predict_probability(test.X)) for v, one in fitted.items()
    }
    for version in sorted(rows):
        house.register(fitted[version], rows[version], f"training {version}")
    before = plan.night - 1
    with run_at(get_moment(NIGHT_FIRST_TRAINING, 10)):
        registry.promote(engine, "1", "first model of this operation")
    for number in range(plan.reads):
        with run_at(get_moment(before, 9 + number / 4)):
            ledger.log_list_read(engine, "Missed frauds", {"day": None}, number, plan.other)
    with run_at(get_moment(before, 13)):
        registry.record_refusal(engine, plan.bad, [_make_gate(found[plan.bad], found["1"])])
    with run_at(get_moment(before, PROMOTION_HOUR)):
        gates = [_make_gate(found[plan.good], found["1"])]
        registry.promote(engine, plan.good, "the gates passed", gates=gates)
    policy = replace(DecisionPolicy(), goodwill=CHANGED_GOODWILL)
    with run_at(get_moment(before, POLICY_HOUR)):
        named = {"policy": policy.to_record()}
        ledger.change_deployment(engine, named, plan.other, "the new prices of the year")
    with run_at(plan.at):
        registry.promote(engine, plan.bad, plan.reason, actor=plan.actor)
    with run_at(get_moment(plan.night, RELOAD_HOUR)):
        named = {"champion": registry.find().to_deployment_record()}
        ledger.change_deployment(engine, named, "api:platform", "reload after the restart")
    shares = _insert_answers(house, plan, fitted, policy)
    engine.dispose()
    morning = get_moment(plan.night, REPORT_HOUR)
    return (
        f"Customer service writes on {format_time(morning)} (UTC):\n\n> Since we have opened, the "
        "telephones do not stand still. Customers say that honest purchases are declined.\n\n"
        f"Of the purchases since midnight, the system has not approved {shares[1]:.0%}. On the "
        f"day before it was {shares[0]:.1%}. Nobody has announced a release. A colleague remembers "
        "that prices of the decisions were changed yesterday afternoon.\n\nThe registry is in "
        "`mlflow/`, predictions and ledger are in the database."
    )


def _make_gate(figure: float, champion: float) -> GateResult:
    """Make the result of a simple gate: at least half of the champion's average precision."""
    limit = champion / 2
    return GateResult("half of the champion's precision", figure, limit, figure >= limit, "")


def _insert_answers(
    house: SmallOperation, plan: NightPlan, fitted: dict[str, FittedModel], changed: DecisionPolicy
) -> tuple[float, float]:
    """Store the answers of two days; return the shares that were not approved, day and night."""
    midnight, before = get_moment(plan.night), plan.night - 1
    parts = (
        ("1", get_moment(before), DecisionPolicy()),
        (plan.good, get_moment(before, PROMOTION_HOUR), DecisionPolicy()),
        (plan.good, get_moment(before, POLICY_HOUR), changed),
        (plan.bad, plan.at, changed),
    )
    ends = [*(start for _, start, _ in parts[1:]), get_moment(plan.night, REPORT_HOUR)]
    answers = []
    for (version, start, policy), end in zip(parts, ends, strict=True):
        ts = house.features["ts"]
        rows = house.features[(ts >= start) & (ts < end)]
        answers.append(house.insert_answers(rows, version, fitted[version], policy))
    table = pd.concat(answers)
    is_stopped, is_night = table["decision"] != "approve", table["ts"] >= midnight
    return float(is_stopped[~is_night].mean()), float(is_stopped[is_night].mean())
