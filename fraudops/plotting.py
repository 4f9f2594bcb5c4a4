"""One style for every plot: a color-blind-safe palette with fixed meanings."""

import matplotlib.pyplot as plt

# Okabe and Ito (2008): told apart with every common colour vision
GENUINE_COLOR, FRAUD_COLOR, CHAMPION_COLOR, CHALLENGER_COLOR, NEUTRAL_COLOR = (
    "#0072B2",
    "#D55E00",
    "#009E73",
    "#CC79A7",
    "#8A8A8A",
)


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
            "axes.prop_cycle": plt.cycler(
                color=[GENUINE_COLOR, FRAUD_COLOR, CHAMPION_COLOR, CHALLENGER_COLOR, NEUTRAL_COLOR]
            ),
            "figure.constrained_layout.use": True,
        }
    )
