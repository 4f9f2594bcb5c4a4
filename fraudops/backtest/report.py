"""The report of a backtest: what each policy cost, and what happened when. One HTML file."""

import io
from collections.abc import Callable

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from fraudops.plotting import COLORS, use_style
from fraudops.timeline import day_of
from fraudops.workspace import Workspace, atomic_write

LANE = 0.3  # between the lines of trials at the same time
SMOOTHED_DAYS = 5
# policy: its name on the page, its colour
POLICY_STYLES = {
    "loop": ("the loop (ours)", COLORS.champion),
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
                        f"version {row['version']} goes on trial; {row['why']}",
                    )
                )
            for one in row["judged"]:
                if one["refused"]:
                    text = f"version {one['version']}: {', '.join(one['refused'])}"
                    found.append((row["day"], "refusal", text))
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


def render_svg(draw: Callable[[], Figure], name: str) -> Markup:
    """Render a figure as an SVG element.

    Parameters
    ----------
    draw : callable
        Makes the figure.
    name : str
        Keeps the ids of the element apart from those of the others on the page.

    Returns
    -------
    Markup
    """
    use_style()
    text = io.StringIO()
    with plt.rc_context({"svg.fonttype": "none", "svg.hashsalt": name}):
        figure = draw()
        figure.savefig(text, format="svg", metadata={"Date": None})
    plt.close(figure)
    svg = text.getvalue()
    return Markup(svg[svg.index("<svg") :])  # noqa: S704 (matplotlib escapes its texts)


def _plot_money(story: dict, width: float) -> Figure:
    """Plot the money of each day and the money saved so far, with the onset and the events."""
    figure, axes = plt.subplots(
        3, 1, figsize=(width, 8), sharex=True, height_ratios=[3, 3, 1.1], squeeze=True
    )
    spent = tabulate_daily_costs(story) / 100
    days = list(spent.index)
    at = np.arange(len(days))
    smooth = spent.rolling(SMOOTHED_DAYS, center=True, min_periods=1).mean()
    saved = spent.rsub(spent["nothing"], axis=0).cumsum()
    for name, (policy_label, colour) in POLICY_STYLES.items():
        style = {"color": colour, "linewidth": 2.6 if name == "loop" else 1.5}
        style["linestyle"] = {"oracle": ":", "nothing": "--"}.get(name, "-")
        axes[0].plot(at, smooth[name], label=policy_label, **style)
        axes[1].plot(at, saved[name], **style)
    onset = story["truth"]["day"]
    if onset in days:
        for one in axes:
            one.axvline(days.index(onset) - 0.5, color="black", linewidth=1, alpha=0.6)
        axes[0].annotate(
            " true onset of the drift",
            (days.index(onset) - 0.5, 1),
            xycoords=("data", "axes fraction"),
            va="top",
            fontsize=9,
        )
    axes[0].set(ylim=(0, None), ylabel="euros a day")
    axes[0].set_title(f"What each day costs (mean over {SMOOTHED_DAYS} days)")
    axes[1].set(ylabel="euros")
    axes[1].set_title("Saved so far against doing nothing")
    _plot_events(axes[2], story, days)
    columns = 5 if width > 6 else 2
    figure.legend(loc="outside upper left", ncols=columns, frameon=False, fontsize=9)
    step = max(len(days) // (6 if width > 6 else 4), 1)
    axes[2].set_xticks(at[::step], [days[one][5:] for one in at[::step]])
    axes[2].set(xlim=(-0.5, len(days) - 0.5))
    return figure


def _plot_events(axes: Axes, story: dict, days: list[str]) -> None:
    """Plot the days in alarm, the trials and the promotions of the loop, one line for each kind."""
    alarms = [
        days.index(day["day"])
        for day in story["days"]
        if day["severity"] == "act" and day["action"] == "retrain"
    ]
    axes.plot(alarms, [0] * len(alarms), "s", color=COLORS.fraud, markersize=5)
    lanes: list[str] = []  # of trials at the same time
    for row in story["played"]:
        if row["policy"] != "loop":
            continue
        at = days.index(row["day"])
        for one in row["judged"]:
            colour = COLORS.neutral if one["refused"] else COLORS.champion
            height = -1 - LANE * lanes.index(one["version"]) if one["refused"] else -2
            axes.plot(at, height, "D", color=colour, markersize=6)
        lanes = [version if version in row["on_trial"] else "" for version in lanes]
        for version in row["on_trial"]:
            if version not in lanes:
                free = lanes.index("") if "" in lanes else len(lanes)
                lanes[free : free + 1] = [version]
            height = -1 - LANE * lanes.index(version)
            axes.plot([at, at + 1], [height] * 2, color=COLORS.challenger, linewidth=4, zorder=1)
    axes.set_yticks([0, -1, -2], ["alarm", "trial", "promotion"])
    axes.set(ylim=(-2.5, 0.5))


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
        money=render_svg(lambda: _plot_money(story, 9.5), "wide"),
        money_narrow=render_svg(lambda: _plot_money(story, 4.2), "narrow"),
        gates=_list_gate_results(story),
        policy=story["setting"]["decision_policy"],
        onset_is_shown=story["truth"]["day"] in spent.index,
        trial=_sum_trial_reviews(story),
        description=_describe_money(table),
    )
    with atomic_write(workspace.path("report", "timeline.html")) as temporary:
        temporary.write_text(page, encoding="utf-8")


def _list_gate_results(story: dict) -> list[dict]:
    """List the trials of the loop with their gates."""
    return [
        {
            "day": row["day"],
            "version": one["version"],
            "promoted": not one["refused"],
            "gates": row["gates"][one["version"]],
        }
        for row in story["played"]
        for one in row["judged"]
        if row["policy"] == "loop"
    ]


def _sum_trial_reviews(story: dict) -> dict[str, int]:
    """Sum what the reviews of the loop's trials found, and what they took the place of."""
    loop = [row for row in story["played"] if row["policy"] == "loop"]
    keys = {
        "reviews": "trial_reviews",
        "frauds": "trial_frauds",
        "accused": "trial_accused",
        "found_cents": "trial_found_cents",
        "displaced": "displaced_reviews",
    }
    return {name: sum(row[key] for row in loop) for name, key in keys.items()}


def _describe_money(table: pd.DataFrame) -> str:
    """Describe the charts in words, for readers who do not see them."""
    parts = [
        f"{name} {table.loc[key, 'saved_cents'] / 100:,.0f}"
        for key, (name, _) in POLICY_STYLES.items()
    ]
    return f"Euros saved against doing nothing at the end: {', '.join(parts)}."
