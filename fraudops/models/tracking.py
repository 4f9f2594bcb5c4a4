"""What a training run logs in MLflow besides the model: data, code, packages and figures."""

import subprocess
from dataclasses import replace
from importlib.metadata import distributions

import matplotlib.pyplot as plt
import mlflow
import mlflow.data
import numpy as np
from matplotlib.figure import Figure
from sklearn.calibration import CalibrationDisplay
from sklearn.metrics import PrecisionRecallDisplay

from fraudops.models.decision import DecisionPolicy
from fraudops.models.fitting import FittedModel
from fraudops.models.gates import build_segment_masks
from fraudops.models.training_set import LabelledRows
from fraudops.plotting import COLORS, use_style
from fraudops.timeline import DAY
from fraudops.workspace import REPOSITORY

CALIBRATION_BINS = 8  # of the calibration curve: frauds are few


def get_git_commit() -> str:
    """Get the commit of the running code; empty if the code is not in a git checkout."""
    command = ["git", "-C", str(REPOSITORY), "rev-parse", "HEAD"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    except FileNotFoundError:  # a machine without git
        return ""
    return done.stdout.strip() if done.returncode == 0 else ""


def log_run_inputs(datasets: dict[str, LabelledRows], fingerprint: str) -> None:
    """Log in the active MLflow run what it depends on: data, code and installed packages.

    Parameters
    ----------
    datasets : dict of str to LabelledRows
        By context, such as ``training``. MLflow stores a digest of the rows.
    fingerprint : str
        Of the data set that was ingested.
    """
    for context, rows in datasets.items():
        frame = rows.X.assign(is_fraud=rows.y.astype(float))
        source = mlflow.data.from_pandas(frame, name=fingerprint[:12], targets="is_fraud")
        mlflow.log_input(source, context=context)
    mlflow.set_tag("mlflow.source.git.commit", get_git_commit() or "not a checkout")
    packages = {f"{one.metadata['Name']}=={one.version}" for one in distributions()}
    mlflow.log_text("\n".join(sorted(packages, key=str.lower)) + "\n", "environment.txt")


def plot_evaluation(
    fitted: FittedModel, rows: LabelledRows, policy: DecisionPolicy
) -> dict[str, Figure]:
    """Plot how a model performs on labelled rows that it was not trained on.

    Parameters
    ----------
    fitted : FittedModel
    rows : LabelledRows
    policy : DecisionPolicy

    Returns
    -------
    dict of str to Figure
        ``precision_recall``, ``cost`` by reviews a day, ``calibration``, and money by ``segments``.
    """
    use_style()
    p = fitted.predict_probability(rows.X)

    days = max(np.ptp(rows.ts) / DAY, 1.0)

    def compute_costs(capacity: int | None) -> np.ndarray:
        limited = replace(policy, capacity=capacity).learn_capacity_price(p, rows.cents, days)
        decisions = limited.make_decisions(p, rows.cents)
        return policy.compute_decision_costs(rows.y, decisions, rows.cents) / 100

    figures, axes = {}, {}
    for name in ("precision_recall", "cost", "calibration", "segments"):
        figures[name], axes[name] = plt.subplots()

    PrecisionRecallDisplay.from_predictions(
        rows.y,
        p,
        ax=axes["precision_recall"],
        curve_kwargs={"color": COLORS.challenger},
        plot_chance_level=True,
    )
    axes["precision_recall"].set_title("Precision and recall")

    ax = axes["cost"]
    capacities = np.unique(np.geomspace(1, max(len(p) / days, 2), 25).astype(int))
    ax.plot(
        capacities, [compute_costs(int(one)).sum() for one in capacities], color=COLORS.challenger
    )
    ax.axhline(compute_costs(None).sum(), color=COLORS.neutral, linestyle="--")
    ax.set(
        xscale="log",
        xlabel="reviews a day that the team can do (dashed: without limit)",
        ylabel="cost, euros",
        title="Cost by capacity of the team",
    )

    ax = axes["calibration"]
    CalibrationDisplay.from_predictions(
        rows.y, p, n_bins=CALIBRATION_BINS, strategy="quantile", ax=ax, color=COLORS.challenger
    )
    ax.set_title("Expected and found share of frauds")
    ax.set_xscale("symlog", linthresh=1e-3)
    ax.set_yscale("symlog", linthresh=1e-3)
    for axis in (axes["cost"].xaxis, ax.xaxis, ax.yaxis):
        axis.set_major_formatter("{x:g}")  # the default is written as a formula
        axis.set_minor_formatter("")

    ax = axes["segments"]
    row_costs = compute_costs(policy.capacity)
    segments = build_segment_masks(rows.X)
    names = list(segments)
    fraud_euros = [rows.cents[mask & (rows.y == 1)].sum() / 100 for mask in segments.values()]
    cost_euros = [row_costs[mask].sum() for mask in segments.values()]
    ax.barh(names, fraud_euros, color=COLORS.neutral, label="fraud")
    ax.barh(names, cost_euros, height=0.4, color=COLORS.fraud, label="cost")
    ax.set(xlabel="euros", title="Fraud in each segment, and what it cost with this model")
    ax.legend(frameon=False)

    for figure in figures.values():
        plt.close(figure)
    return figures


def log_evaluation_figures(fitted: FittedModel, rows: LabelledRows, policy: DecisionPolicy) -> None:
    """Log the figures of `plot_evaluation` in the active MLflow run.

    Parameters
    ----------
    fitted : FittedModel
    rows : LabelledRows
        Not used for the training.
    policy : DecisionPolicy
    """
    for name, figure in plot_evaluation(fitted, rows, policy).items():
        mlflow.log_figure(figure, f"pictures/{name}.png")
