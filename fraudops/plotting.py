"""One style for every plot: a color-blind-safe palette with fixed meanings."""

from typing import NamedTuple

import matplotlib.pyplot as plt


class Palette(NamedTuple):
    """Colors that readers with any common color vision can tell apart (Okabe and Ito 2008)."""

    genuine: str = "#0072B2"
    fraud: str = "#D55E00"
    champion: str = "#009E73"
    challenger: str = "#CC79A7"
    neutral: str = "#8A8A8A"


COLORS = Palette()


def use_style() -> None:
    """Set matplotlib's defaults for the course."""
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
        }
    )
