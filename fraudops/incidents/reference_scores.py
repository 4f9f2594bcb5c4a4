"""The scores of the reference players over some seeds, as a table in docs/pager.md."""

from pathlib import Path

import pandas as pd
from tqdm import tqdm

from fraudops.exercises import compute_student_seed
from fraudops.incidents.game import PagerGame
from fraudops.incidents.pager_world import PagerWorld
from fraudops.incidents.players import PLAYERS, play
from fraudops.incidents.score import count_cost, score_game
from fraudops.workspace import REPOSITORY, atomic_write

PAGER_DOCUMENT = REPOSITORY / "docs" / "pager.md"
TABLE_MARKS = ("<!-- reference scores -->", "<!-- end of reference scores -->")


def score_references(student: str) -> pd.DataFrame:
    """Let the reference players play the weeks of one student.

    Parameters
    ----------
    student : str

    Returns
    -------
    DataFrame
        One row for each player; its name is the index.
    """
    world = PagerWorld.build(compute_student_seed(student))
    games = {player: play(PagerGame(student, world), player) for player in PLAYERS}
    nobody = count_cost(games["nobody"])
    scores = {player: score_game(game, nobody).to_dict() for player, game in games.items()}
    return pd.DataFrame(scores).T.rename_axis("player")


def write_reference_scores(seeds: int, page: Path | None = None) -> str:
    """Let the reference players play, and write the table of their mean scores into a page.

    Parameters
    ----------
    seeds : int
        The students are ``seed1``, ``seed2`` and so on.
    page : Path, optional
        Default: `PAGER_DOCUMENT`. The table goes between its two marks.

    Returns
    -------
    str
        The table.
    """
    page = page or PAGER_DOCUMENT
    students = [f"seed{number}" for number in range(1, seeds + 1)]
    played = pd.concat([score_references(one) for one in tqdm(students)]).groupby("player")
    mean, low, high = played.mean().loc[list(PLAYERS)], played.min(), played.max()
    lines = [
        f"Means over {seeds} students (`seed1` to `seed{seeds}`); smallest and largest total.",
        "",
        "| player | points | smallest to largest | money | delay | actions | record | cost, € | "
        "false actions |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    for player, row in mean.iterrows():
        parts = " | ".join(f"{row[name]:.1f}" for name in ("money", "delay", "actions", "record"))
        span = f"{low.loc[player, 'total']:.0f} to {high.loc[player, 'total']:.0f}"
        lines.append(
            f"| {player} | {row['total']:.1f} | {span} | {parts} | "
            f"{row['cost_cents'] / 100:,.0f} | {row['false_actions']:.1f} |"
        )
    table = "\n".join(lines)
    text = page.read_text(encoding="utf-8")
    before, _, rest = text.partition(TABLE_MARKS[0])
    _, _, after = rest.partition(TABLE_MARKS[1])
    with atomic_write(page) as temporary:
        new = f"{before}{TABLE_MARKS[0]}\n{table}\n{TABLE_MARKS[1]}{after}"
        temporary.write_text(new, encoding="utf-8")
    return table
