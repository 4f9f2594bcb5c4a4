"""The pipeline figure: every step, with the current one highlighted."""

import matplotlib.pyplot as plt
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import FancyBboxPatch

from fraudops.pipeline.cache import load_record
from fraudops.pipeline.graph import GRAPH
from fraudops.plotting import COLORS, use_style
from fraudops.processes import is_opened_notebook
from fraudops.workspace import Workspace


def plot_pipeline(lit: str) -> Figure:
    """Plot the chain of notebooks, one column per stage, with one step highlighted.

    It also sets the course's style for every later plot of the notebook. In an opened notebook it
    prints the parameters that the last run in this workspace had.

    Parameters
    ----------
    lit : str
        The name of a notebook in the graph.

    Returns
    -------
    Figure
    """
    use_style()
    if is_opened_notebook():
        _print_parameters_of_run(lit)
    columns: dict[str, list[str]] = {}
    for node in GRAPH.values():
        columns.setdefault(node.folder, []).append(node.name)
    rows = max(map(len, columns.values()))
    figure, axes = plt.subplots(figsize=(9.5, 0.5 * rows + 0.5))
    axes.set_axis_off()
    for x, (folder, names) in enumerate(columns.items()):
        axes.text(x, 0.75, folder.replace("_", " "), ha="center", fontsize=8, color=COLORS.neutral)
        for y, name in enumerate(names):
            _draw_box(axes, x, -y, name, name == lit)
        if x:
            axes.annotate(
                "",
                (x - 0.46, -0.5),
                (x - 0.54, -0.5),
                arrowprops={"arrowstyle": "->", "color": COLORS.neutral},
            )
    axes.set_xlim(-0.55, len(columns) - 0.45)
    axes.set_ylim(-rows + 0.6, 1.1)
    figure.set_label(f"All notebooks of the course by stage; {lit} is highlighted.")
    plt.close(figure)  # the cell shows the returned figure once
    return figure


def _print_parameters_of_run(name: str) -> None:
    workspace = Workspace.find()
    given = load_record(GRAPH[name], workspace).get("parameters", {})
    if given:
        values = ", ".join(f"{key} = {value!r}" for key, value in given.items())
        print(
            f"The last run in {workspace.root} gave this notebook {values}. Write the same in the "
            "cell of parameters to go on with it."
        )


def _draw_box(axes: Axes, x: float, y: float, name: str, lit: bool) -> None:
    face, ink = (COLORS.champion, "white") if lit else ("#F2F2F2", "#333333")
    axes.add_patch(
        FancyBboxPatch(
            (x - 0.4, y - 0.22), 0.8, 0.44, boxstyle="round,pad=0.03", fc=face, ec="#CCCCCC"
        )
    )
    axes.text(
        x,
        y,
        name,
        ha="center",
        va="center",
        fontsize=7.5,
        color=ink,
        fontweight="bold" if lit else "normal",
    )
