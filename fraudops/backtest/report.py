"""The report of a backtest: what each policy cost, and what happened when. One HTML file."""

import io
from collections.abc import Callable

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup
from matplotlib.figure import Figure

from fraudops.plotting import COLORS, use_style
from fraudops.timeline import day_of
from fraudops.workspace import Workspace, atomic_write

# policy: its name on the page, its colour
POLICY_STYLES = {
    "loop": ("the loop", COLORS.champion),
    "daily": ("retraining every day", COLORS.genuine),
    "never": ("never retraining", COLORS.fraud),
    "oracle": ("an oracle", COLORS.neutral),
    "nothing": ("doing nothing", "black"),
}


def tabulate_daily_costs(story: dict) -> pd.DataFrame:
    """Tabulate the cost of each day and policy in cents."""
    played = pd.DataFrame(story["played"])
    table = played.pivot(index="day", columns="policy", values="cost_cents")
    days = pd.DataFrame(story["days"]).set_index("day")
    return table.join(days[["oracle", "nothing"]])[list(POLICY_STYLES)]


def summarize_policies(story: dict) -> pd.DataFrame:
    """Summarize the results of each policy.

    Parameters
    ----------
    story : dict
        See `run_backtest`.

    Returns
    -------
    DataFrame
        By policy: ``cost_cents``, ``saved_cents`` (against approving everything), ``of_oracle``
        (share of what the oracle saves), trainings, promotions, reviews and blocks.
    """
    spent = tabulate_daily_costs(story).sum()
    saved = spent["nothing"] - spent
    played = (
        pd.DataFrame(story["played"])
        .groupby("policy")[["trained", "promoted", "reviews", "blocked"]]
        .sum()
    )
    table = pd.DataFrame(
        {"cost_cents": spent, "saved_cents": saved, "of_oracle": saved / max(saved["oracle"], 1)}
    )
    return table.join(played).loc[list(POLICY_STYLES)]


def tabulate_events(story: dict) -> pd.DataFrame:
    """Tabulate the events in order: day, kind, text."""
    found = []
    before = "nothing"
    for day in story["days"]:
        action = day["action"] if day["severity"] == "act" else "nothing"
        if action not in ("nothing", before):
            found.append(
                (day["day"], "alarm" if action == "retrain" else "broken data", day["evidence"])
            )
        before = action
    for row in story["played"]:
        if row["policy"] == "loop":
            if row["trained"]:
                found.append(
                    (
                        row["day"],
                        "training",
                        f"version {row['challenger']} goes on trial; {row['why']}",
                    )
                )
            if row["judged"] and not row["promoted"]:
                found.append(
                    (row["day"], "refusal", f"version {row['tried']}: {', '.join(row['refused'])}")
                )
    for move in story["moves"]:
        if move["previous"]:
            text = (
                f"version {move['version']} in the place of version {move['previous']}: "
                f"{move['reason']}"
            )
            found.append((str(day_of(move["at"])), move["kind"], text))
    return pd.DataFrame(found, columns=["day", "kind", "text"]).sort_values(
        "day", kind="stable", ignore_index=True
    )


def _render_svg(draw: Callable[[], Figure]) -> Markup:
    use_style()
    plt.rcParams["svg.fonttype"] = "none"
    figure = draw()
    text = io.StringIO()
    figure.savefig(text, format="svg", metadata={"Date": None})
    plt.close(figure)
    return Markup(text.getvalue()[text.getvalue().index("<svg") :])


def _plot_money_saved(story: dict) -> Figure:
    """Plot the money saved so far by policy, and the events of the champion below."""
    spent, happened = tabulate_daily_costs(story), tabulate_events(story)
    saved = spent.rsub(spent["nothing"], axis=0).cumsum() / 100
    day = np.arange(len(saved))
    figure, (ax, below) = plt.subplots(2, 1, figsize=(9, 5.4), sharex=True, height_ratios=[4, 1.3])
    for name in ("oracle", "daily", "never", "loop"):
        policy_label, colour = POLICY_STYLES[name]
        ax.plot(
            day,
            saved[name],
            color=colour,
            linewidth=2.6 if name == "loop" else 1.6,
            label=policy_label,
        )
    ax.axhline(0, color="black", linewidth=0.8, label="doing nothing")
    ax.set(
        ylabel="saved so far, euros",
        title="What each way to operate has saved against doing nothing",
    )
    ax.legend(frameon=False)
    rows = {
        "alarm": COLORS.fraud,
        "training": COLORS.challenger,
        "refusal": COLORS.neutral,
        "promotion": COLORS.champion,
    }
    place = {name: number for number, name in enumerate(saved.index)}
    for height, (kind, colour) in enumerate(rows.items()):
        at = [place[one] for one in happened.loc[happened["kind"] == kind, "day"]]
        below.plot(at, [-height] * len(at), "s", color=colour, markersize=6)
    below.set_yticks([-height for height in range(len(rows))], list(rows))
    shown = day[:: max(len(day) // 6, 1)]
    below.set_xticks(shown, [saved.index[one][5:] for one in shown])
    below.set(ylim=(-len(rows) + 0.5, 0.5), xlim=(-0.5, len(day) - 0.5))
    return figure


def _plot_daily_costs(story: dict) -> Figure:
    """Plot the daily cost of the loop beside that of never retraining."""
    spent = tabulate_daily_costs(story) / 100
    day = np.arange(len(spent))
    figure, ax = plt.subplots(figsize=(9, 3))
    for name, shift in (("never", -0.2), ("loop", 0.2)):
        policy_label, colour = POLICY_STYLES[name]
        ax.bar(day + shift, spent[name], 0.4, color=colour, label=policy_label)
    ax.legend(frameon=False)
    shown = day[:: max(len(day) // 6, 1)]
    ax.set_xticks(shown, [spent.index[one][5:] for one in shown])
    better = int((spent["loop"] < spent["never"]).sum())
    same = int((spent["loop"] == spent["never"]).sum())
    ax.set(
        ylabel="cost of the day, euros",
        title=f"The loop is cheaper on {better} of {len(spent)} days, as dear on {same}",
    )
    return figure


def write_backtest_report(workspace: Workspace, story: dict) -> None:
    """Write the page ``report/timeline.html``.

    Parameters
    ----------
    workspace : Workspace
    story : dict
        See `run_backtest`.
    """
    spent = tabulate_daily_costs(story)
    table = summarize_policies(story)
    rows = [
        {
            "day": day,
            "cents": spent.loc[day],
            **next(one for one in story["days"] if one["day"] == day),
            **{f"loop_{key}": value for key, value in row.items()},
        }
        for row in story["played"]
        if row["policy"] == "loop"
        for day in [row["day"]]
    ]
    environment = Environment(
        loader=PackageLoader("fraudops.backtest", "."),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    page = environment.get_template("story.html.j2").render(
        story=story,
        names=POLICY_STYLES,
        summary=table.to_dict("index"),
        events=tabulate_events(story).to_dict("records"),
        rows=rows,
        money=_render_svg(lambda: _plot_money_saved(story)),
        each_day=_render_svg(lambda: _plot_daily_costs(story)),
        gates=_list_gate_results(story),
    )
    with atomic_write(workspace.path("report", "timeline.html")) as temporary:
        temporary.write_text(page, encoding="utf-8")


def _list_gate_results(story: dict) -> list[dict]:
    """List the trials of the loop with their gates."""
    return [
        {
            "day": row["day"],
            "version": row["tried"],
            "promoted": row["promoted"],
            "gates": row["gates"],
        }
        for row in story["played"]
        if row["policy"] == "loop" and row["judged"]
    ]
