"""The pictures of the review page, and its page parts (jinja templates beside this file)."""

import base64
import html
import io
from importlib.resources import files

import jinja2
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from fraudops.figures import CHALLENGER, CHAMPION, FRAUD, GENUINE, QUIET, use_style

PALETTE = {"genuine": GENUINE, "fraud": FRAUD, "champion": CHAMPION, "challenger": CHALLENGER, "quiet": QUIET}


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


def confusion_figure(counts: dict[str, float]) -> Figure:
    """The four kinds of decision as tiles with their counts."""
    use_style()
    figure, axes = plt.subplots(figsize=(4.6, 3.4))
    cells = {
        (0, 1): ("true_positive", "fraud stopped", CHAMPION), (1, 1): ("false_negative", "fraud missed", FRAUD),
        (0, 0): ("false_positive", "reviewed in vain", CHALLENGER), (1, 0): ("true_negative", "rightly approved", GENUINE),
    }  # fmt: skip
    for (x, y), (key, words, colour) in cells.items():
        axes.add_patch(plt.Rectangle((x + 0.02, y + 0.02), 0.96, 0.96, facecolor=colour, alpha=0.16))
        axes.add_patch(plt.Rectangle((x + 0.02, y + 0.02), 0.96, 0.96, fill=False, edgecolor=colour, linewidth=1.5))
        axes.text(x + 0.5, y + 0.55, f"{counts[key]:,}", ha="center", va="center", fontsize=18, color="#1B1B1B")
        axes.text(x + 0.5, y + 0.25, words, ha="center", va="center", fontsize=10, color="#333333")
    axes.set(xlim=(0, 2), ylim=(0, 2), xticks=[0.5, 1.5], yticks=[0.5, 1.5])
    axes.set_xticklabels(["sent to review", "approved"], fontsize=10)
    axes.set_yticklabels(["genuine", "fraud"], fontsize=10)
    axes.tick_params(length=0)
    axes.spines[:].set_visible(False)
    frauds = counts["true_positive"] + counts["false_negative"]
    axes.set_title(f"{counts['true_positive']:,} of {frauds:,} known frauds were stopped")
    plt.close(figure)
    return figure


def daily_figure(days: pd.DataFrame) -> Figure:
    """Euros saved each judged day, against approving everything."""
    use_style()
    figure, axes = plt.subplots(figsize=(6.4, 3.4))
    if len(days):
        saved = days["saved_cents"] / 100
        axes.bar(range(len(saved)), saved, color=np.where(saved >= 0, CHAMPION, FRAUD))
        step = max(1, -(-len(saved) // 6))
        axes.set_xticks(range(0, len(saved), step), [f"{day:%d %b}" for day in saved.index[::step]], fontsize=10)
        axes.set_title(f"Reviewing paid for itself on {int((saved >= 0).sum())} of {len(saved)} days")
        axes.yaxis.set_major_formatter(lambda value, _: f"{value:,.0f}")
    else:
        axes.set_title("No day is old enough to be judged yet")
    axes.axhline(0, color=QUIET, linewidth=0.8)
    axes.set_ylabel("euros saved")
    plt.close(figure)
    return figure
