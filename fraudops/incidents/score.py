"""The score of a pager week, with the truth about its incidents."""

from dataclasses import asdict, dataclass

from fraudops.incidents.game import BUDGET_CENTS, BUDGET_HOURS, PagerGame
from fraudops.incidents.schedule import PAGER_DAYS

# points of a perfect game
MONEY_POINTS, DELAY_POINTS, ACTION_POINTS, RECORD_POINTS = 40, 25, 15, 20
POINTS_OF_A_FALSE_ACTION = 3
MAX_DELAY_DAYS = 7  # a later remedy gives no points
MAX_ANSWER_DAYS = 2  # a later cause gives no points
FULL_SAVING = 0.4  # share of the loss of the player `nobody` that gives all points for money


@dataclass(frozen=True)
class Score:
    """What a game has come to.

    Attributes
    ----------
    cost_cents : int
        Fraud, reviews, goodwill, and what actions cost.
    hours : float
        Used.
    mean_delay : float
        Days from the onset of an incident to its remedy, at most `MAX_DELAY_DAYS`.
    false_actions : int
    right_causes, alarms : int
    money, delay, actions, record, total : float
        Points; the total is out of 100.
    """

    cost_cents: int
    hours: float
    mean_delay: float
    false_actions: int
    right_causes: int
    alarms: int
    money: float
    delay: float
    actions: float
    record: float
    total: float

    def to_dict(self) -> dict[str, float]:
        """Get all attributes by name.

        Returns
        -------
        dict
        """
        return asdict(self)


def count_cost(game: PagerGame) -> int:
    """Count what a game has cost in cents, with its actions.

    Parameters
    ----------
    game : PagerGame

    Returns
    -------
    int
    """
    return sum(day["cost_cents"] for day in game.days) + BUDGET_CENTS - game.cents


def list_delays(game: PagerGame) -> dict[str, int]:
    """List the days from the onset of each incident that needs a remedy to the remedy.

    Parameters
    ----------
    game : PagerGame

    Returns
    -------
    dict of str to int
        At most `MAX_DELAY_DAYS`.
    """
    solved, delays = game.operation.solved, {}
    for kind, incident in game.world.incidents.items():
        if incident.remedies:
            days = solved.get(kind, PAGER_DAYS) - incident.onset
            delays[kind] = min(days, MAX_DELAY_DAYS)
    return delays


def score_game(game: PagerGame, nobody_cents: int) -> Score:
    """Score a game that is over.

    Parameters
    ----------
    game : PagerGame
    nobody_cents : int
        What the same weeks cost the player who does nothing.

    Returns
    -------
    Score
    """
    cost, delays = count_cost(game), list_delays(game)
    mean_delay = sum(delays.values()) / len(delays)
    false = sum(not one["right"] for one in game.actions)
    right = [
        one.answer in one.causes and one.answered - one.day <= MAX_ANSWER_DAYS
        for one in game.alarms
    ]
    saved = (nobody_cents - cost) / max(nobody_cents, 1)
    money = MONEY_POINTS * min(max(saved / FULL_SAVING, 0.0), 1.0)
    delay = DELAY_POINTS * (1 - mean_delay / MAX_DELAY_DAYS)
    did_something = any(one["right"] for one in game.actions) or any(right)
    actions = max(ACTION_POINTS - POINTS_OF_A_FALSE_ACTION * false, 0) if did_something else 0
    record = RECORD_POINTS * sum(right) / max(len(right), 1)
    return Score(
        cost_cents=cost,
        hours=BUDGET_HOURS - game.hours,
        mean_delay=round(mean_delay, 2),
        false_actions=false,
        right_causes=sum(right),
        alarms=len(right),
        money=round(money, 1),
        delay=round(delay, 1),
        actions=float(actions),
        record=round(record, 1),
        total=round(money + delay + actions + record, 1),
    )
