"""One day of operation in a pager week: decisions, reviews, and what they cost."""

from dataclasses import dataclass, field, replace

import numpy as np
import pandas as pd

from fraudops.backtest import DayWishes, learn_price
from fraudops.errors import UserError
from fraudops.features import list_model_inputs
from fraudops.incidents.pager_world import PagerWorld
from fraudops.incidents.schedule import PAGER_DAYS
from fraudops.models import (
    EMPTY_REVIEWS,
    RECENT_DAYS,
    Candidate,
    DecisionPolicy,
    GateResult,
    LabelledRows,
    evaluate_gates,
    find_stopped_frauds,
    predict_probability,
)
from fraudops.review import SimulatedReviewer, compute_cost_with_review_errors
from fraudops.timeline import DAY, LABEL_MATURITY_DAYS

TEAM_CAPACITY = 12  # reviews that the team does in a day
SEASON_GOODWILL_FACTOR = 2  # an honest customer is worth more in the season
UNSCORED_SHARE = 0.5  # of the requests during a fault of the service
RELEASED_SHARE = 0.8  # of the frauds that reviewers find, while the insider changes verdicts
LOGGED_DAYS_OF_GATES = 2
MACHINE_GATE = "time for one row"  # depends on the machine, so it cannot be replayed


@dataclass
class Operation:
    """The state of an operation; actions change it, and each day reads it.

    Attributes
    ----------
    models : dict of str to Candidate
        By version.
    trained : dict of str to int
        Version: the morning of its training, in seconds since 1970.
    champion, previous, recorded : str
        Versions: the one that decides, the one before it, and the champion as the record has it.
    bad_versions : set of str
        Those that must not decide.
    night_version : str
        That of the insider; empty if there is none.
    policy : DecisionPolicy
    extra_reviews, extra_until : int
        More reviews in a day, and the first day without them.
    is_data_held : bool
        The broken days are held back and delivered again.
    caught : set of int
        Compromises whose card was stopped.
    reviews : list of list
        ``[tx_id, is_fraud, label_ts]``.
    solved : dict of str to int
        Kind of incident: the day on which its remedy came.
    """

    models: dict[str, Candidate]
    trained: dict[str, int]
    champion: str = "v1"
    previous: str = ""
    recorded: str = "v1"
    bad_versions: set[str] = field(default_factory=set)
    night_version: str = ""
    policy: DecisionPolicy = field(default_factory=DecisionPolicy)
    extra_reviews: int = 0
    extra_until: int = 0
    is_data_held: bool = False
    caught: set[int] = field(default_factory=set)
    reviews: list[list] = field(default_factory=list)
    solved: dict[str, int] = field(default_factory=dict)

    def is_active(self, world: PagerWorld, kind: str, day: int) -> bool:
        """Whether an incident goes on at a day, with what was done about it.

        Parameters
        ----------
        world : PagerWorld
        kind : str
        day : int

        Returns
        -------
        bool
        """
        return world.incidents[kind].is_active(day) and kind not in self.solved

    def add_model(self, world: PagerWorld, kind: str, day: int) -> str:
        """Add a model under the next version.

        Parameters
        ----------
        world : PagerWorld
        kind : str
            ``bad-challenger``, ``insider``, or ``training`` for one that is trained now.
        day : int

        Returns
        -------
        str
            The version.
        """
        version, morning = f"v{len(self.models) + 1}", world.get_start(day)
        if kind == "training":
            faulty = [one for one in self.list_faulty_days(world) if one < day]
            self.models[version] = world.train(self.policy, faulty, self.reviews, morning)
        else:
            is_night = kind == "insider"
            self.models[version] = world.night_model if is_night else world.bad_challenger
            self.bad_versions.add(version)
            morning -= LABEL_MATURITY_DAYS * DAY
        self.trained[version] = morning
        return version

    def set_champion(self, version: str) -> None:
        """Move the alias, and record it.

        Parameters
        ----------
        version : str
        """
        if version != self.champion:
            self.previous = self.champion
        self.champion = self.recorded = version

    def move_alias_at_night(self, world: PagerWorld, day: int) -> None:
        """Move the alias to the insider's model, past the record.

        Parameters
        ----------
        world : PagerWorld
        day : int
        """
        self.previous = self.champion
        self.champion = self.night_version = self.add_model(world, "insider", day)

    def list_faulty_days(self, world: PagerWorld) -> list[int]:
        """List the days of the game whose rows are those of the faulty feed.

        Parameters
        ----------
        world : PagerWorld

        Returns
        -------
        list of int
            From the onset to the end of the game, because the windows of later features hold the
            broken rows; none after the broken days were held.
        """
        onset = world.incidents["broken-data"].onset
        return [] if self.is_data_held else list(range(onset, PAGER_DAYS))


def operate_day(world: PagerWorld, operation: Operation, day: int) -> dict[str, int]:
    """Decide on the transactions of a day, review, and count.

    Parameters
    ----------
    world : PagerWorld
    operation : Operation
        Its `caught` and `reviews` grow.
    day : int
        Of the game.

    Returns
    -------
    dict of str to int
        Counts, and costs in cents.
    """
    start, faulty = world.get_start(day), operation.list_faulty_days(world)
    rows = world.select_rows(faulty, start - RECENT_DAYS * DAY, start + DAY)
    p = predict_probability(operation.models[operation.champion].model, rows)
    is_today = (rows["ts"] >= start).to_numpy()
    today, recent = rows[is_today], rows[~is_today]
    capacity = TEAM_CAPACITY + (operation.extra_reviews if day < operation.extra_until else 0)
    policy = learn_price(replace(operation.policy, capacity=capacity), p[~is_today], recent)
    decision = DayWishes.decide(p[is_today], today["cents"].to_numpy(), policy).limit(capacity)

    fraud, compromise = today["fraud"].to_numpy(), today["compromise"].to_numpy()
    is_unscored = np.zeros(len(today), bool)
    if operation.is_active(world, "service-fault", day):
        is_unscored = _draw(today["tx_id"], "service") < UNSCORED_SHARE
    decision = np.where(is_unscored, "approve", decision)
    called = SimulatedReviewer().call_fraud(today["tx_id"], fraud)
    if world.incidents["insider"].variant == "verdicts" and operation.is_active(
        world, "insider", day
    ):
        called &= _draw(today["tx_id"], "insider") >= RELEASED_SHARE
    is_reviewed = decision == "review"
    caught = fraud & ((decision == "block") | (is_reviewed & called))
    is_stopped = fraud & np.isin(compromise, list(operation.caught))
    is_stopped |= find_stopped_frauds(caught & ~is_stopped, today["ts"].to_numpy(), compromise)
    costs = compute_cost_with_review_errors(
        fraud, decision, called, today["true_cents"].to_numpy(), _get_true_policy(world, day)
    )
    costs = np.where(is_stopped, 0, costs)
    operation.caught |= set(compromise[caught].tolist())
    operation.reviews += [
        [tx_id, int(one), start + DAY - 1]
        for tx_id, one in zip(today["tx_id"][is_reviewed], called[is_reviewed], strict=True)
    ]
    return {
        "transactions": len(today),
        "reviews": int(is_reviewed.sum()),
        "found": int((is_reviewed & called).sum()),
        "blocked": int((decision == "block").sum()),
        "unscored": int(is_unscored.sum()),
        "frauds": int((fraud & ~is_stopped).sum()),
        "caught": int((caught & ~is_stopped).sum()),
        "cost_cents": int(costs.sum()),
    }


def judge_challenger(
    world: PagerWorld, operation: Operation, version: str, day: int
) -> list[GateResult]:
    """Test a version against the champion with the gates of the course.

    The gate on the time of one row is left out, because it depends on the machine.

    Parameters
    ----------
    world : PagerWorld
    operation : Operation
    version : str
    day : int
        Of the game. The test rows lie between the training of the version and its morning.

    Returns
    -------
    list of GateResult

    Raises
    ------
    UserError
        If no fraud of these days is known yet.
    """
    now, faulty = world.get_start(day), operation.list_faulty_days(world)
    rows = world.select_rows(faulty, world.timeline.first, now)
    start = max(operation.trained[version], world.timeline.live)
    reviews = pd.DataFrame(operation.reviews, columns=list(EMPTY_REVIEWS))
    test, weight = LabelledRows.select_weighted(
        rows, world.labels, reviews, start, now, now, min_age_days=0
    )
    if not test.y.any():
        raise UserError(
            f"No fraud is known of the days since {version} was trained. Wait some days."
        )
    logged = rows[rows["ts"] >= now - LOGGED_DAYS_OF_GATES * DAY]
    gates = evaluate_gates(
        operation.models[operation.champion],
        operation.models[version],
        test,
        logged[list_model_inputs(logged)],
        replace(operation.policy, capacity=TEAM_CAPACITY),
        weight,
    )
    return [gate for gate in gates if gate.name != MACHINE_GATE]


def _draw(tx_id: pd.Series, what: str) -> np.ndarray:
    """Draw a number from 0 to 1 for each transaction; it never changes."""
    ids = tx_id.astype(str).to_numpy(dtype=object)
    return pd.util.hash_array(ids, hash_key=f"{what:<16}") / 2**64


def _get_true_policy(world: PagerWorld, day: int) -> DecisionPolicy:
    """What decisions really cost on a day."""
    policy = DecisionPolicy()
    if world.incidents["season"].is_active(day):
        return replace(policy, goodwill=SEASON_GOODWILL_FACTOR * policy.goodwill)
    return policy
