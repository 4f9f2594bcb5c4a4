"""One style for every plot: a color-blind-safe palette with fixed meanings, alternative text."""

import sys
from typing import Any, NamedTuple

import matplotlib.pyplot as plt
import pandas as pd
from matplotlib.figure import Figure


class Palette(NamedTuple):
    """Colors that readers with any common color vision can tell apart (Okabe and Ito 2008)."""

    genuine: str = "#0072B2"
    fraud: str = "#D55E00"
    champion: str = "#009E73"
    challenger: str = "#CC79A7"
    neutral: str = "#8A8A8A"


COLORS = Palette()


def describe_figure(figure: Figure) -> str:
    """Describe a figure in words, for people who do not see it.

    Parameters
    ----------
    figure : Figure

    Returns
    -------
    str
        The label of the figure, if it has one; else title and axis labels of each part.

    Examples
    --------
    >>> figure = Figure()
    >>> _ = figure.subplots().set(title="Fraud grows", xlabel="day", ylabel="frauds")
    >>> describe_figure(figure)
    'Fraud grows. Horizontal axis: day. Vertical axis: frauds.'
    """
    if figure.get_label():
        return str(figure.get_label())
    sentences = []
    for axes in figure.axes:
        title = axes.get_title("left") or axes.get_title() or axes.get_title("right")
        sentences += [
            title,
            axes.get_xlabel() and f"Horizontal axis: {axes.get_xlabel()}",
            axes.get_ylabel() and f"Vertical axis: {axes.get_ylabel()}",
        ]
    return " ".join(one.rstrip(".") + "." for one in sentences if one)


def _add_alternative_text() -> None:
    """Let notebooks show figures with `describe_figure` as alternative text."""
    shell = sys.modules["IPython"].get_ipython() if "IPython" in sys.modules else None
    if not shell:
        return
    plt.switch_backend(plt.get_backend())  # loads the backend, which registers its own formatter
    formatter = shell.display_formatter.formatters["image/png"]
    if Figure not in formatter.type_printers:
        return
    draw = formatter.lookup_by_type(Figure)
    if getattr(draw, "has_alternative_text", False):
        return

    def draw_with_text(figure: Figure) -> Any:
        drawn = draw(figure)
        if drawn is None:
            return None
        image, metadata = drawn if isinstance(drawn, tuple) else (drawn, {})
        return image, metadata | {"alt": describe_figure(figure)}

    draw_with_text.has_alternative_text = True  # type: ignore[attr-defined]
    formatter.for_type(Figure, draw_with_text)


def use_style() -> None:
    """Set the defaults of matplotlib and pandas for the course, and alternative text in notebooks.

    Dollar signs in a text from data begin no formula, neither in a figure nor in a table.
    """
    pd.set_option("display.html.use_mathjax", False)
    plt.rcParams.update(
        {
            "figure.figsize": (8, 3.4),
            "figure.dpi": 100,
            "axes.spines.top": False,
            "axes.spines.right": False,
            "axes.titlelocation": "left",
            "axes.titlesize": 11,
            "axes.prop_cycle": plt.cycler(color=COLORS),
            "figure.constrained_layout.use": True,
            "date.converter": "concise",  # full dates touch each other
            "text.parse_math": False,
        }
    )
    _add_alternative_text()
