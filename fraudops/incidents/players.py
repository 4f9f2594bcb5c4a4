"""The reference players of the pager week."""

from collections.abc import Callable

from fraudops.errors import UserError
from fraudops.incidents.game import PagerGame
from fraudops.incidents.operation import judge_challenger
from fraudops.monitoring import RetrainPolicy
from fraudops.timeline import DAY

RETRAIN_EVERY_DAYS = 3  # of the player who always retrains
LOOP_WAIT_DAYS = 3  # from the alarm to the training, for labels of the changed days
LOOP_JUDGE_DAYS = (3, 5, 7, 10)  # after a training, when the gates test its challenger
FOLLOWED_SENDERS = ("the monitor", "the chargeback desk")
LOOP_VERIFY_DAYS = 7  # from one check of the record to the next


def _try(game: PagerGame, command: str) -> str:
    """Carry out a command if the budget suffices; its answer, or nothing."""
    try:
        return game.do(command)
    except UserError:
        return ""


def _do_nothing(game: PagerGame) -> None:
    """A day of the player who does nothing."""


def _always_retrain(game: PagerGame) -> None:
    """A day of the player who trains every third day, and promotes what there is."""
    if game.day % RETRAIN_EVERY_DAYS == 0:
        _try(game, "retrain")
    newest = list(game.operation.models)[-1]
    if newest != game.operation.champion:
        _try(game, f"promote {newest}")


def _run_loop(game: PagerGame) -> None:
    """A day of the course's own loop, which follows the monitor, the gates and the record.

    Broken data is held. Where the monitor asks for a training or more fraud is reported, it waits
    for labels, trains, and promotes if every gate passes. Every week it compares the record.
    """
    operation, world = game.operation, game.world
    for alarm in game.alarms:
        if alarm.sender in FOLLOWED_SENDERS and not alarm.answer:
            is_data = "fix data" in alarm.text
            _try(game, f"ack {alarm.id} {'broken-data' if is_data else 'new-fraud'}")
            if is_data and not operation.is_data_held:
                _try(game, "hold")
    if game.day and game.day % LOOP_VERIFY_DAYS == 0:
        answer = _try(game, "look record")
        if answer and operation.champion != operation.recorded:
            _try(game, "rollback")
        elif "does not hold" in answer:
            _try(game, "call security")
    now = world.get_start(game.day)
    for version, trained in operation.trained.items():
        is_due = (now - trained) // DAY in LOOP_JUDGE_DAYS
        if version != operation.champion and is_due and _try(game, f"look {version}"):
            gates = judge_challenger(world, operation, version, game.day)
            if all(gate.passed for gate in gates):
                _try(game, f"promote {version}")
    asked = [one.day for one in game.alarms if one.answer == "new-fraud"]
    own = [one["day"] for one in game.actions if one["command"] == "retrain"]
    waits = any(game.day - day == LOOP_WAIT_DAYS for day in asked)
    cooldown = RetrainPolicy().cooldown_days
    if waits and all(game.day - day >= cooldown for day in own):
        _try(game, "retrain")


PLAYERS: dict[str, Callable[[PagerGame], None]] = {
    "nobody": _do_nothing,
    "always retrain": _always_retrain,
    "the loop": _run_loop,
}


def play(game: PagerGame, player: str) -> PagerGame:
    """Let a reference player play a game to its end.

    Parameters
    ----------
    game : PagerGame
    player : str
        A key of `PLAYERS`.

    Returns
    -------
    PagerGame
        The same game.
    """
    while not game.is_over:
        PLAYERS[player](game)
        game.do("end")
    return game
