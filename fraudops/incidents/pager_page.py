"""The page of a pager week: score, costs and timeline beside the reference players."""

from pathlib import Path

import numpy as np
from jinja2 import Environment, PackageLoader, StrictUndefined
from matplotlib import pyplot as plt
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from fraudops.backtest import render_svg
from fraudops.incidents.game import PagerGame
from fraudops.incidents.schedule import PAGER_DAYS
from fraudops.incidents.score import count_cost, score_game
from fraudops.plotting import COLORS
from fraudops.workspace import atomic_write

# player: colour and line style, so that no one needs the colour
PLAYER_STYLES = {
    "you": (COLORS.champion, "-"),
    "nobody": ("black", ":"),
    "always retrain": (COLORS.challenger, "--"),
    "the loop": (COLORS.genuine, "-."),
}


def write_pager_page(games: dict[str, PagerGame], path: Path) -> None:
    """Write the page of a finished game.

    Parameters
    ----------
    games : dict of str to PagerGame
        The game of the student under ``you``, and those of the reference players.
    path : Path
        An HTML file that needs no other file.
    """
    you, nobody = games["you"], count_cost(games["nobody"])
    scores = {name: score_game(game, nobody) for name, game in games.items()}
    environment = Environment(
        loader=PackageLoader("fraudops.incidents", "."),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    page = environment.get_template("pager.html.j2").render(
        student=you.student,
        head=you.log.head,
        scores=scores,
        incidents=tabulate_incidents(you),
        actions=you.actions,
        alarms=you.alarms,
        picture=render_svg(lambda: _plot_game(games), "pager"),
        description=_describe_game(games),
    )
    with atomic_write(path) as temporary:
        temporary.write_text(page, encoding="utf-8")


def tabulate_incidents(game: PagerGame) -> list[dict]:
    """Tabulate the incidents with the truth, and what the player did.

    Parameters
    ----------
    game : PagerGame

    Returns
    -------
    list of dict
        In the order of their onset: ``kind, variant, first, last`` (days from 1), ``remedy``,
        ``solved`` (day from 1, None without), and ``answers`` (alarm and recorded cause).
    """
    rows = []
    for kind, one in sorted(game.world.incidents.items(), key=lambda item: item[1].onset):
        solved = game.operation.solved.get(kind)
        alarms = [alarm for alarm in game.alarms if alarm.causes[0] == kind]
        rows.append(
            {
                "kind": kind,
                "variant": one.variant.replace("_", " "),
                "first": one.onset + 1,
                "last": one.end,
                "remedy": " or ".join(one.remedies) or "nothing",
                "solved": None if solved is None else solved + 1,
                "answers": [f"{alarm.id}: {alarm.answer or 'no cause'}" for alarm in alarms],
            }
        )
    return rows


def _plot_game(games: dict[str, PagerGame]) -> Figure:
    figure, (money, lanes) = plt.subplots(2, 1, figsize=(9.5, 7), sharex=True)
    nobody = _sum_costs(games["nobody"])
    days = np.arange(1, PAGER_DAYS + 1)
    for name, game in games.items():
        color, style = PLAYER_STYLES[name]
        width = 2.6 if name == "you" else 1.6
        saved = nobody - _sum_costs(game)
        money.plot(days, saved, style, color=color, linewidth=width, label=name)
    money.set(ylabel="euros", title="Saved so far against the player who does nothing")
    money.legend(frameon=False, ncols=4)
    _plot_lanes(lanes, games["you"])
    return figure


def _sum_costs(game: PagerGame) -> np.ndarray:
    """Euros until the end of each day, without what actions cost."""
    return np.cumsum([day["cost_cents"] for day in game.days]) / 100


def _plot_lanes(axes: Axes, game: PagerGame) -> None:
    """Plot a lane for each incident: its days, its alarms, the answers, the remedy."""
    rows = tabulate_incidents(game)
    lane = {row["kind"]: -n for n, row in enumerate(rows)}
    for row in rows:
        last = row["solved"] or row["last"] + 1
        axes.barh(
            lane[row["kind"]], last - row["first"], left=row["first"], height=0.5, color="#ddd"
        )
        if row["solved"]:
            axes.plot(row["solved"], lane[row["kind"]], "D", color=COLORS.champion)
    for alarm in game.alarms:
        axes.plot(alarm.day + 1, lane[alarm.causes[0]], "^", color=COLORS.fraud)
        if alarm.answer:
            mark = "o" if alarm.answer in alarm.causes else "x"
            axes.plot(alarm.answered + 1.3, lane[alarm.causes[0]], mark, color=COLORS.genuine)
    false = [one["day"] + 1 for one in game.actions if not one["right"]]
    axes.plot(false, [-len(rows)] * len(false), "x", color=COLORS.fraud)
    axes.set_yticks([*lane.values(), -len(rows)], [*lane, "false actions"])
    axes.set(xlabel="day", xlim=(0.5, PAGER_DAYS + 0.9), xticks=range(1, PAGER_DAYS + 1, 2))
    axes.set_title(
        "Incidents: days (bar), alarm (triangle), right cause (dot) or wrong (cross), remedy "
        "(diamond)"
    )


def _describe_game(games: dict[str, PagerGame]) -> str:
    """Describe the picture for readers who do not see it."""
    nobody = _sum_costs(games["nobody"])[-1]
    saved = [f"{name} {nobody - _sum_costs(game)[-1]:,.0f}" for name, game in games.items()]
    lanes = [
        f"{row['kind']} from day {row['first']} to {row['last']}, "
        + (f"remedy on day {row['solved']}" if row["solved"] else "no remedy")
        for row in tabulate_incidents(games["you"])
    ]
    return f"Euros saved at the end: {', '.join(saved)}. Incidents: {'; '.join(lanes)}."
