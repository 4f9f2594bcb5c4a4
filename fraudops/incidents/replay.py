"""Play, keep, replay and rank pager weeks."""

from pathlib import Path

import pandas as pd

from fraudops.errors import UserError
from fraudops.exercises import check_student
from fraudops.incidents.event_log import EventLog
from fraudops.incidents.game import PagerGame
from fraudops.incidents.pager_page import write_pager_page
from fraudops.incidents.players import PLAYERS, play
from fraudops.incidents.schedule import PAGER_DAYS
from fraudops.incidents.score import Score, count_cost, score_game
from fraudops.workspace import REPOSITORY

PAGER_FOLDER = REPOSITORY / "my_work" / "pager"
RANK_COLUMNS = ("place", "student", "total", "money", "delay", "actions", "record", "state", "file")


def finish_game(game: PagerGame) -> Score:
    """Score a game that is over, and write the score into its log.

    Parameters
    ----------
    game : PagerGame

    Returns
    -------
    Score
    """
    nobody = play(PagerGame(game.student, game.world), "nobody")
    score = score_game(game, count_cost(nobody))
    game.log.append(game.day, "result", **score.to_dict())
    return score


def replay_log(log: EventLog) -> tuple[PagerGame, Score | None]:
    """Play a game again from the commands in its log, and compare every event.

    Parameters
    ----------
    log : EventLog

    Returns
    -------
    game : PagerGame
    score : Score or None
        None if the game is not over.

    Raises
    ------
    UserError
        If the game gives other events than the log has.
    """
    starts = log.list_events("start")
    if len(starts) != 1:
        raise UserError("The event log has no start.")
    game = PagerGame(str(starts[0].get("student", "")))
    for number, command in enumerate(log.list_events("command"), 1):
        try:
            game.do(str(command.get("text", "")))
        except UserError as error:
            raise UserError(f"Command {number} cannot be played again: {error}") from error
    score = finish_game(game) if game.is_over else None
    for played, kept in zip(game.log.entries, log.entries, strict=False):
        if played != kept:
            raise UserError(
                f"Event {kept['seq']} differs. The log has {kept['body'][:200]}; played again it "
                f"is {played['body'][:200]}."
            )
    if len(game.log.entries) != len(log.entries):
        raise UserError(f"The log has {len(log.entries)} events, not {len(game.log.entries)}.")
    return game, score


class PagerSession:
    """A game that is kept in a file after each command, for the command line and for JupyterLab.

    Parameters
    ----------
    student : str
    folder : Path, optional
        Where ``STUDENT.jsonl`` is. A game that is there goes on where it stopped.

    Attributes
    ----------
    game : PagerGame
    score : Score or None
        None before the end.
    """

    def __init__(self, student: str, folder: Path = PAGER_FOLDER):
        if not check_student(student):
            raise UserError("Say who you are: `fraudops pager --student ID`.")
        self.path = folder / f"{student}.jsonl"
        self.score: Score | None = None
        if self.path.exists():
            self.game, self.score = replay_log(EventLog.load(self.path))
        else:
            self.game = PagerGame(student)
            self.game.log.save(self.path)

    @property
    def page(self) -> Path:
        """The page with score and timeline, which is written at the end."""
        return self.path.with_suffix(".html")

    def do(self, command: str) -> str:
        """Carry out a command and keep it.

        Parameters
        ----------
        command : str
            See `fraudops.incidents.game.HELP`.

        Returns
        -------
        str

        Raises
        ------
        UserError
            If the command cannot be carried out.
        """
        answer = self.game.do(command)
        if self.game.is_over and self.score is None:
            self.score = finish_game(self.game)
            answer = f"The three weeks are over: {self.score.total:g} of 100 points."
        self.game.log.save(self.path)
        return answer

    def write_page(self) -> Path:
        """Play the reference players, and write the page.

        Returns
        -------
        Path

        Raises
        ------
        UserError
            If the game is not over.
        """
        if self.score is None:
            raise UserError(f"The game is at day {self.game.day + 1} of {PAGER_DAYS}.")
        games = {"you": self.game}
        for player in PLAYERS:
            games[player] = play(PagerGame(self.game.student, self.game.world), player)
        write_pager_page(games, self.page)
        return self.page


def rank_games(folder: Path) -> pd.DataFrame:
    """Replay all games of a folder, and rank them.

    Parameters
    ----------
    folder : Path
        With files ``STUDENT.jsonl``.

    Returns
    -------
    DataFrame
        Columns `RANK_COLUMNS`. A game that cannot be verified has no place and no points; its
        state says why.

    Raises
    ------
    UserError
        If there is no such file.
    """
    files = sorted(folder.glob("*.jsonl"))
    if not files:
        raise UserError(f"There is no event log (*.jsonl) in {folder}.")
    rows = []
    for file in files:
        row: dict = {"student": file.stem, "file": file.name}
        try:
            game, score = replay_log(EventLog.load(file))
            row["student"] = game.student
            row["state"] = f"verified, head {game.log.head[:12]}"
            if score is None:
                row["state"] = f"verified, at day {game.day + 1} of {PAGER_DAYS}"
            else:
                row |= score.to_dict()
        except UserError as error:
            row["state"] = f"not verified: {error}"
        rows.append(row)
    table = pd.DataFrame(rows).reindex(columns=list(RANK_COLUMNS))
    table["place"] = table["total"].rank(ascending=False, method="min").astype("Int64")
    return table.sort_values(["place", "student"], ignore_index=True)
