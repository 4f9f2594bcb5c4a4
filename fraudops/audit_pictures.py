"""The pictures of the review page, and its page parts (jinja templates beside this file)."""

import base64
import html
import io
from functools import cache
from importlib.resources import files

import jinja2
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from fraudops.figures import CHALLENGER, CHAMPION, FRAUD, GENUINE, QUIET, use_style
from fraudops.timeline import day_of

PALETTE = {"genuine": GENUINE, "fraud": FRAUD, "champion": CHAMPION, "challenger": CHALLENGER, "quiet": QUIET}


@cache
def template(name: str) -> jinja2.Template:
    """A page part that lies beside the library; what is put into HTML is escaped."""
    text = files("fraudops").joinpath(name).read_text(encoding="utf-8")
    options = {"undefined": jinja2.StrictUndefined, "trim_blocks": True, "lstrip_blocks": True}
    return jinja2.Environment(autoescape=".html" in name, **options).from_string(text)


def picture(figure: Figure, alt: str) -> str:
    """The figure as an HTML image with a text for those who cannot see it."""
    place = io.BytesIO()
    with plt.rc_context({"svg.fonttype": "none"}):  # letters as letters: smaller, and twice as fast as outlines
        figure.savefig(place, format="svg")
    code = base64.b64encode(place.getvalue()).decode()
    return f'<img class="fo-picture" alt="{html.escape(alt)}" src="data:image/svg+xml;base64,{code}">'


def timeline_figure(days: pd.DataFrame, alarms: pd.DataFrame, begun: pd.DataFrame) -> Figure:
    """Euros saved each judged day, with drift alarms and the versions that began to decide on the same axis.

    Parameters
    ----------
    days : `audit_stats.by_day`
    alarms : as_of (s)
    begun : version, ts (s): from when on each decided
    """
    use_style()
    place = {"left": 0.12, "right": 0.98, "top": 0.9, "bottom": 0.12}
    figure, axes = plt.subplots(figsize=(6.4, 3.4), layout="none", gridspec_kw=place)
    if len(days):
        first, saved = days.index[0], days["saved_cents"].to_numpy(float) / 100
        axes.bar(range(len(saved)), saved, color=np.where(saved >= 0, CHAMPION, FRAUD))
        step = max(1, -(-len(saved) // 6))
        axes.set_xticks(range(0, len(saved), step), [f"{day:%d %b}" for day in days.index[::step]], fontsize=10)
        axes.set_title(f"Reviewing paid for itself on {int((saved >= 0).sum())} of {len(saved)} days")
        axes.yaxis.set_major_formatter(lambda value, _: f"{value:,.0f}")
        top = axes.get_ylim()[1]
        at = [(day_of(int(ts) - 1) - first).days for ts in alarms["as_of"]]  # an alarm is raised as its day ends
        at = [one for one in at if 0 <= one < len(saved)]
        axes.plot(at, [top] * len(at), "v", color=CHALLENGER, markersize=8, clip_on=False, label="drift alarm")
        for one in begun.itertuples():
            x = max((day_of(int(one.ts)) - first).days, 0) - 0.5
            axes.axvline(x, color=QUIET, linestyle="--", linewidth=1)
            axes.text(
                x + 0.1, axes.get_ylim()[0], f"version {one.version}", rotation=90, fontsize=8, va="bottom", color="#333333"
            )
        if at:
            axes.legend(loc="lower right", bbox_to_anchor=(1.0, 1.0), fontsize=8, frameon=False)
    else:
        axes.set_title("No day is old enough to be judged yet")
    axes.axhline(0, color=QUIET, linewidth=0.8)
    axes.set_ylabel("euros saved")
    plt.close(figure)
    return figure


def segments_figure(every: pd.DataFrame, overall: float, apart: int) -> Figure:
    """Recall of segments as dots with their intervals, beside the recall over everything.

    Parameters
    ----------
    every : index (kind, segment), columns as `audit_stats.by_segment`
    overall : recall over everything
    apart : how many segments' intervals leave it out
    """
    use_style()
    shown = every[every["recall"].notna()].iloc[::-1]
    height = 1.3 + 0.26 * len(shown)
    place = {"left": 0.36, "right": 0.98, "top": 1 - 0.4 / height, "bottom": 0.55 / height}
    figure, axes = plt.subplots(figsize=(8, height), layout="none", gridspec_kw=place)
    axes.hlines(range(len(shown)), shown["recall_low"], shown["recall_high"], color=QUIET, linewidth=3)
    axes.plot(shown["recall"], range(len(shown)), "o", color=CHAMPION)
    axes.axvline(overall, color=QUIET, linestyle="--", linewidth=1)
    names = [f"{kind}: {name} ({frauds:,.0f})" for (kind, name), frauds in shown["frauds"].items()]
    axes.set_yticks(range(len(shown)), names, fontsize=8)
    axes.set(xlim=(-0.02, 1.02), xlabel="recall with 95 % interval; in brackets the known frauds")
    axes.set_title(f"In {apart} of {len(shown)} segments the interval leaves out the overall recall")
    plt.close(figure)
    return figure
