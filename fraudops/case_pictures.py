"""The picture of a case: what customer and terminal did before, on one time axis."""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from fraudops.case_views import CUSTOMER_DAYS, TERMINAL_DAYS, Case
from fraudops.figures import CHALLENGER, FRAUD, GENUINE, QUIET, use_style
from fraudops.timeline import DAY


def history_figure(case: Case) -> Figure:
    """Customer above, terminal below: amounts (log scale) over days before this transaction, reported frauds marked."""
    use_style()
    # placed by hand: finding a layout takes longer than drawing, and a reviewer waits for it
    place = {"left": 0.08, "right": 0.99, "top": 0.94, "bottom": 0.12, "hspace": 0.28}
    figure, lanes = plt.subplots(2, 1, figsize=(9.6, 3.9), sharex=True, layout="none", gridspec_kw=place)
    reported = int(case.customer["reported"].sum()), int(case.terminal["reported"].sum())
    _lane(lanes[0], case, case.customer, f"customer: {_counted(len(case.customer), reported[0], CUSTOMER_DAYS)}")
    _lane(lanes[1], case, case.terminal, f"terminal: {_counted(len(case.terminal), reported[1], TERMINAL_DAYS)}")
    lanes[1].set_xlabel("days before this transaction")
    lanes[1].set_xlim(-CUSTOMER_DAYS - 1, 2)
    lanes[0].legend(loc="upper left", bbox_to_anchor=(0.0, 1.0), ncols=3, fontsize=8, frameon=False)
    plt.close(figure)
    return figure


def _counted(rows: int, reported: int, days: int) -> str:
    frauds = f"{reported} reported as fraud by then" if reported else "none reported as fraud by then"
    return f"{rows} transactions in {days} days, {frauds}"


def _lane(axes: Axes, case: Case, past: pd.DataFrame, words: str) -> None:
    days, euros = (past["ts"] - case.about["ts"]) / DAY, np.maximum(past["amount_cents"], 1) / 100
    fraud = past["reported"].to_numpy(bool)
    axes.scatter(days[~fraud], euros[~fraud], s=16, color=GENUINE, alpha=0.6, linewidths=0, label="not reported")
    axes.scatter(days[fraud], euros[fraud], s=36, color=FRAUD, marker="X", linewidths=0, label="reported fraud")
    here = max(case.about["amount_cents"], 1) / 100
    axes.scatter([0], [here], s=90, color=CHALLENGER, marker="*", zorder=3, label="this transaction")
    axes.axvline(0, color=QUIET, linewidth=0.8)
    axes.set_yscale("log")
    axes.yaxis.set_major_formatter(lambda value, _: f"{value:,.0f}" if value >= 1 else f"{value:g}")
    axes.minorticks_off()
    axes.set_ylabel("euros")
    axes.set_title(words, fontsize=9.5)
