"""The pictures of one case: what happened before, and where."""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import ArrayLike

from fraudops import review
from fraudops.plotting import COLORS, use_style
from fraudops.review import CUSTOMER_HISTORY_DAYS, TERMINAL_HISTORY_DAYS, Case
from fraudops.timeline import DAY

# each picture has the width of a phone, and three of them stand side by side on a desk
SIZE_INCHES = (3.7, 2.15)
FONT_POINTS = 8.5
# a fixed place for the axes, because the search for one is slow
PLACE = {"left": 0.15, "right": 0.98, "top": 0.75, "bottom": 0.19}


def plot_customer_history(case: Case) -> Figure:
    """Plot the customer's amounts (log scale) over days before this transaction."""
    return _plot_history(case, case.customer, "customer", CUSTOMER_HISTORY_DAYS)


def plot_terminal_history(case: Case) -> Figure:
    """Plot the terminal's amounts (log scale) over days before this transaction."""
    return _plot_history(case, case.terminal, "terminal", TERMINAL_HISTORY_DAYS)


def _begin_figure() -> tuple[Figure, Axes]:
    use_style()
    figure, axes = plt.subplots(figsize=SIZE_INCHES, layout="none", gridspec_kw=PLACE)
    axes.tick_params(labelsize=FONT_POINTS)
    return figure, axes


def _end_figure(figure: Figure, title: str) -> Figure:
    """Write the title at the left edge, and the legend below it, outside of the points."""
    axes = figure.axes[0]
    figure.text(0.01, 0.99, title, fontsize=9, va="top")
    handles, names = axes.get_legend_handles_labels()
    place = {"loc": "upper left", "bbox_to_anchor": (-0.01, 0.92), "ncols": 3, "frameon": False}
    spacing = {"handletextpad": 0.1, "columnspacing": 0.8, "borderpad": 0.2}
    figure.legend(handles, names, fontsize=FONT_POINTS, **place, **spacing)
    plt.close(figure)
    return figure


def _plot_history(case: Case, past: pd.DataFrame, name: str, n_days: int) -> Figure:
    figure, axes = _begin_figure()
    days, euros = (past["ts"] - case.about["ts"]) / DAY, np.maximum(past["amount_cents"], 1) / 100
    here = max(case.about["amount_cents"], 1) / 100
    _scatter(axes, days, euros, past["reported"].to_numpy(bool), (0, here))
    if name == "customer":
        _plot_refunds(axes, case)
    axes.axvline(0, color=COLORS.neutral, linewidth=0.8)
    axes.set_yscale("log")
    axes.yaxis.set_major_formatter(lambda value, _: f"{value:,.0f}" if value >= 1 else f"{value:g}")
    axes.minorticks_off()
    axes.set_xlabel("days before this transaction", fontsize=FONT_POINTS, labelpad=1)
    axes.set_ylabel("euros", fontsize=FONT_POINTS, labelpad=1)
    axes.set_xlim(-1.02 * n_days, 0.04 * n_days)
    reported = int(past["reported"].sum()) or "none"
    title = f"{name}: {len(past)} in {n_days} days, {reported} reported as fraud"
    return _end_figure(figure, title)


def _plot_refunds(axes: Axes, case: Case) -> None:
    """Mark what the customer got back, at its amount without the minus."""
    for kind, marker in (("refund", "v"), ("reversal", "<")):
        some = case.refunds[case.refunds["kind"] == kind]
        if len(some):
            days, euros = (some["ts"] - case.about["ts"]) / DAY, -some["amount_cents"] / 100
            style = {"facecolors": "none", "edgecolors": COLORS.champion, "marker": marker}
            axes.scatter(days, euros, s=30, label=f"{kind} ({len(some)})", **style)


def _scatter(
    axes: Axes, x: ArrayLike, y: ArrayLike, fraud: np.ndarray, here: tuple[float, float] | None
) -> None:
    """Draw earlier transactions, those reported as fraud, and this transaction."""
    quiet = {"color": COLORS.genuine, "alpha": 0.6, "linewidths": 0, "label": "not reported"}
    axes.scatter(x[~fraud], y[~fraud], s=16, **quiet)
    marked = {"color": COLORS.fraud, "marker": "X", "linewidths": 0, "label": "reported fraud"}
    axes.scatter(x[fraud], y[fraud], s=36, **marked)
    star = {"color": COLORS.challenger, "marker": "*", "zorder": 3, "label": "this transaction"}
    at = ([here[0]], [here[1]]) if here else ([], [])
    axes.scatter(*at, s=110, **star)


def plot_case_places(case: Case) -> Figure:
    """Plot where the customer paid before, and where this transaction is, in kilometres.

    The places lie on a plane that touches the globe at their middle, north above.
    """
    figure, axes = _begin_figure()
    past = case.customer.dropna(subset=["lat_cdeg", "lon_cdeg"])
    at = case.about["lat_cdeg"], case.about["lon_cdeg"]
    if past.empty:
        axes.set_axis_off()
        return _end_figure(figure, "places: none is known of what came before")
    places = past[["lat_cdeg", "lon_cdeg"]].to_numpy(float)
    middle = np.median(places, axis=0)
    east, north = review.project_places(places, middle).T
    here = None if None in at else tuple(review.project_places(np.array([at]), middle)[0])
    _scatter(axes, east, north, past["reported"].to_numpy(bool), here)
    axes.set_aspect("equal", adjustable="datalim")
    axes.margins(0.12)
    axes.set_xlabel("km to the east", fontsize=FONT_POINTS, labelpad=1)
    axes.set_ylabel("km to the north", fontsize=FONT_POINTS, labelpad=1)
    words = f"{np.hypot(*here):,.0f} km from the usual one" if here else "this one has none"
    return _end_figure(figure, f"places of the customer: {words}")
