"""The pictures of the review page."""

import base64
import html
import io
from datetime import timedelta

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from fraudops.plotting import COLORS, use_style

# kind of event: marker, colour
EVENT_MARKERS = {
    "drift alarm": ("v", COLORS.challenger),
    "version begins": (">", COLORS.genuine),
    "promotion": ("^", COLORS.champion),
    "rollback": ("<", COLORS.fraud),
    "refusal": ("X", COLORS.neutral),
}
CSS_COLORS = {
    "genuine": COLORS.genuine,
    "fraud": COLORS.fraud,
    "champion": COLORS.champion,
    "challenger": COLORS.challenger,
    "quiet": COLORS.neutral,
}


def figure_to_html(figure: Figure, alt: str) -> str:
    """Convert a figure to an HTML image with an alternative text.

    The same figure gives the same text. So a tab that is drawn again without new data does not
    change in the browser, and what a reader opened stays open.
    """
    place = io.BytesIO()
    # text as text: smaller, and twice as fast as outlines
    with plt.rc_context({"svg.fonttype": "none", "svg.hashsalt": "fraudops"}):
        figure.savefig(place, format="svg", metadata={"Date": None})
    code = base64.b64encode(place.getvalue()).decode()
    return (
        f'<img class="fo-picture" alt="{html.escape(alt)}" src="data:image/svg+xml;base64,{code}">'
    )


def plot_savings_timeline(days: pd.DataFrame, marks: pd.DataFrame) -> Figure:
    """Euros saved each judged day, with what happened on the same axis.

    Parameters
    ----------
    days : `performance.compute_performance_by_day`
    marks : `events.build_event_marks`; those of other days are left out
    """
    use_style()
    place = {"left": 0.12, "right": 0.98, "top": 0.84, "bottom": 0.1}
    figure, axes = plt.subplots(figsize=(6.4, 3.4), layout="none", gridspec_kw=place)
    title = "No day is old enough to be judged yet"
    if len(days):
        first, saved = days.index[0], days["saved_cents"].to_numpy(float) / 100
        last = (days.index[-1] - first).days
        at = np.array([(day - first).days for day in days.index])
        wide = 0.8 * 6.4 * 72 * (place["right"] - place["left"]) / (last + 1)  # points
        # one collection of lines draws five times faster than bars
        axes.vlines(
            at, 0, saved, colors=np.where(saved >= 0, COLORS.champion, COLORS.fraud), linewidth=wide
        )
        low, high = min(saved.min(), 0), max(saved.max(), 0)
        room = 0.08 * (high - low or 1)
        axes.set(xlim=(-0.5, last + 0.5), ylim=(low - room, high + 2 * room))
        ticks = range(0, last + 1, max(1, -(-(last + 1) // 6)))
        axes.set_xticks(ticks, [f"{first + timedelta(one):%d %b}" for one in ticks], fontsize=10)
        axes.yaxis.set_major_formatter(lambda value, _: f"{value:,.0f}")
        title = f"Reviewing paid for itself on {int((saved >= 0).sum())} of {len(saved)} days"
        inside = marks[(marks["day"] >= first) & (marks["day"] <= days.index[-1])]
        for kind, (marker, colour) in EVENT_MARKERS.items():
            days_of = [(day - first).days for day in inside.loc[inside["kind"] == kind, "day"]]
            if days_of:
                axes.plot(
                    days_of,
                    [high + room] * len(days_of),
                    marker,
                    color=colour,
                    markersize=8,
                    linestyle="",
                    label=kind,
                )
        if len(inside):
            axes.legend(
                loc="lower left",
                bbox_to_anchor=(-0.02, 0.99),
                fontsize=8,
                frameon=False,
                ncols=5,
                handletextpad=0,
            )
    axes.set_title(title, y=1.09)  # a fixed place, because the search for one is slow
    axes.axhline(0, color=COLORS.neutral, linewidth=0.8)
    axes.set_ylabel("euros saved")
    plt.close(figure)
    return figure


def plot_segment_recall(every: pd.DataFrame, overall: float, apart: int) -> Figure:
    """Recall of segments as dots with their intervals, beside the recall over everything.

    Parameters
    ----------
    every : index (kind, segment), columns as `performance.compute_performance_by_segment`
    overall : recall over everything
    apart : how many segments' intervals leave it out
    """
    use_style()
    shown = every[every["recall"].notna()].iloc[::-1]
    height = 1.3 + 0.26 * len(shown)
    place = {"left": 0.36, "right": 0.98, "top": 1 - 0.4 / height, "bottom": 0.55 / height}
    figure, axes = plt.subplots(figsize=(8, height), layout="none", gridspec_kw=place)
    axes.hlines(
        range(len(shown)),
        shown["recall_low"],
        shown["recall_high"],
        color=COLORS.neutral,
        linewidth=3,
    )
    axes.plot(shown["recall"], range(len(shown)), "o", color=COLORS.champion)
    axes.axvline(overall, color=COLORS.neutral, linestyle="--", linewidth=1)
    names = [f"{kind}: {name} ({frauds:,.0f})" for (kind, name), frauds in shown["frauds"].items()]
    axes.set_yticks(range(len(shown)), names, fontsize=8)
    axes.set(xlim=(-0.02, 1.02), xlabel="recall with 95 % interval; in brackets the known frauds")
    axes.set_title(
        f"In {apart} of {len(shown)} segments the interval leaves out the overall recall"
    )
    plt.close(figure)
    return figure
