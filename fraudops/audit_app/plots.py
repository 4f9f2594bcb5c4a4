"""The pictures of the review page."""

import base64
import html
import io
from datetime import timedelta

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from fraudops.plotting import COLORS, use_style
from fraudops.review import CUSTOMER_HISTORY_DAYS, TERMINAL_HISTORY_DAYS, Case
from fraudops.timeline import DAY

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


def plot_case_history(case: Case) -> Figure:
    """Plot customer above and terminal below: amounts over days before this transaction.

    The amounts have a log scale; reported frauds are marked.
    """
    use_style()
    # a fixed layout, because the search for one is slow
    place = {"left": 0.08, "right": 0.99, "top": 0.94, "bottom": 0.12, "hspace": 0.28}
    figure, lanes = plt.subplots(
        2, 1, figsize=(9.6, 3.9), sharex=True, layout="none", gridspec_kw=place
    )
    reported = int(case.customer["reported"].sum()), int(case.terminal["reported"].sum())
    _plot_lane(
        lanes[0],
        case,
        case.customer,
        f"customer: {_describe_history(len(case.customer), reported[0], CUSTOMER_HISTORY_DAYS)}"
        f"{_count_refunds(case)}",
    )
    _plot_lane(
        lanes[1],
        case,
        case.terminal,
        f"terminal: {_describe_history(len(case.terminal), reported[1], TERMINAL_HISTORY_DAYS)}",
    )
    _plot_refunds(lanes[0], case)
    lanes[1].set_xlabel("days before this transaction")
    lanes[1].set_xlim(-CUSTOMER_HISTORY_DAYS - 1, 2)
    lanes[0].legend(loc="upper left", bbox_to_anchor=(0.0, 1.0), ncols=5, fontsize=8, frameon=False)
    plt.close(figure)
    return figure


def _plot_refunds(axes: Axes, case: Case) -> None:
    """Mark what the customer got back, at its amount without the minus."""
    back = case.refunds
    for kind, marker in (("refund", "v"), ("reversal", "<")):
        some = back[back["kind"] == kind]
        if len(some):
            axes.scatter(
                (some["ts"] - case.about["ts"]) / DAY,
                -some["amount_cents"] / 100,
                s=30,
                facecolors="none",
                edgecolors=COLORS.champion,
                marker=marker,
                label=f"{kind} (money back)",
            )


def _count_refunds(case: Case) -> str:
    n = len(case.refunds)
    return f", money came back {n} {'time' if n == 1 else 'times'}" if n else ""


def _describe_history(rows: int, reported: int, days: int) -> str:
    frauds = (
        f"{reported} reported as fraud by then" if reported else "none reported as fraud by then"
    )
    return f"{rows} transactions in {days} days, {frauds}"


def _plot_lane(axes: Axes, case: Case, past: pd.DataFrame, words: str) -> None:
    days, euros = (past["ts"] - case.about["ts"]) / DAY, np.maximum(past["amount_cents"], 1) / 100
    fraud = past["reported"].to_numpy(bool)
    axes.scatter(
        days[~fraud],
        euros[~fraud],
        s=16,
        color=COLORS.genuine,
        alpha=0.6,
        linewidths=0,
        label="not reported",
    )
    axes.scatter(
        days[fraud],
        euros[fraud],
        s=36,
        color=COLORS.fraud,
        marker="X",
        linewidths=0,
        label="reported fraud",
    )
    here = max(case.about["amount_cents"], 1) / 100
    axes.scatter(
        [0], [here], s=90, color=COLORS.challenger, marker="*", zorder=3, label="this transaction"
    )
    axes.axvline(0, color=COLORS.neutral, linewidth=0.8)
    axes.set_yscale("log")
    axes.yaxis.set_major_formatter(lambda value, _: f"{value:,.0f}" if value >= 1 else f"{value:g}")
    axes.minorticks_off()
    axes.set_ylabel("euros")
    axes.set_title(words, fontsize=9.5)
