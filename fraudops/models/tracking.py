"""What a training run leaves in MLflow besides the model: its data, its pictures, its environment
and the code's commit.
"""

import subprocess
from importlib.metadata import distributions

import matplotlib.pyplot as plt
import mlflow
import mlflow.data
import numpy as np
from matplotlib.figure import Figure
from sklearn.calibration import CalibrationDisplay
from sklearn.metrics import PrecisionRecallDisplay

from fraudops.models.decision import Costs, make_decisions
from fraudops.models.fitting import FittedModel
from fraudops.models.gates import build_segment_masks
from fraudops.models.inference import predict_probability
from fraudops.models.metrics import compute_decision_costs
from fraudops.models.training_set import LabelledRows
from fraudops.plotting import COLORS, use_style
from fraudops.workspace import REPOSITORY

CALIBRATION_BINS = 8  # of the calibration curve: frauds are few


def get_git_commit() -> str:
    """The commit of the code that runs; empty where it is no checkout."""
    words = ["git", "-C", str(REPOSITORY), "rev-parse", "HEAD"]
    try:
        ran = subprocess.run(words, capture_output=True, text=True, check=False)
    except FileNotFoundError:  # a machine without git
        return ""
    return ran.stdout.strip() if ran.returncode == 0 else ""


def log_dataset(rows: LabelledRows, context: str, fingerprint: str) -> None:
    """Name a data set of the active run: MLflow's digest of its rows, and the fingerprint of what
    was ingested.
    """
    frame = rows.X.assign(is_fraud=rows.y.astype(float))
    source = mlflow.data.from_pandas(frame, name=fingerprint[:12], targets="is_fraud")
    mlflow.log_input(source, context=context)


def log_environment() -> None:
    """The commit as a tag, and every installed package with its version as a file."""
    mlflow.set_tag("mlflow.source.git.commit", get_git_commit() or "not a checkout")
    installed = sorted(
        {f"{one.metadata['Name']}=={one.version}" for one in distributions()}, key=str.lower
    )
    mlflow.log_text("\n".join(installed) + "\n", "environment.txt")


def plot_evaluation(fitted: FittedModel, rows: LabelledRows, costs: Costs) -> dict[str, Figure]:
    """Precision-recall, cost by threshold, calibration and money by segment, on labelled rows that
    were not trained on.
    """
    use_style()
    p = predict_probability(fitted.model, rows.X)
    made = {
        name: plt.subplots() for name in ("precision_recall", "cost", "calibration", "segments")
    }
    _, ax = made["precision_recall"]
    PrecisionRecallDisplay.from_predictions(
        rows.y, p, ax=ax, curve_kwargs={"color": COLORS.challenger}, plot_chance_level=True
    )
    ax.set_title("Precision and recall")
    _, ax = made["cost"]
    thresholds = np.unique(np.quantile(p, 1 - np.geomspace(1e-3, 0.3, 40)))
    spent = [
        compute_decision_costs(rows.y, make_decisions(p, one, costs), rows.cents, costs).sum() / 100
        for one in thresholds
    ]
    ax.plot(thresholds, spent, color=COLORS.challenger)
    ax.axvline(fitted.threshold, color=COLORS.neutral, linestyle="--")
    ax.set(
        xscale="log",
        xlabel="threshold (dashed: the one chosen)",
        ylabel="cost, euros",
        title="What each threshold costs",
    )
    _, ax = made["calibration"]
    CalibrationDisplay.from_predictions(
        rows.y, p, n_bins=CALIBRATION_BINS, strategy="quantile", ax=ax, color=COLORS.challenger
    )
    ax.set(xscale="symlog", yscale="symlog", title="Frauds expected and found")
    for scale in (ax.set_xscale, ax.set_yscale):
        scale("symlog", linthresh=1e-3)
    _, ax = made["segments"]
    decision = make_decisions(p, fitted.threshold, costs)
    spent = compute_decision_costs(rows.y, decision, rows.cents, costs)
    names = build_segment_masks(rows.X)
    stake = [rows.cents[inside & (rows.y == 1)].sum() / 100 for inside in names.values()]
    ax.barh(list(names), stake, color=COLORS.neutral, label="fraud")
    ax.barh(
        list(names),
        [spent[inside].sum() / 100 for inside in names.values()],
        height=0.4,
        color=COLORS.fraud,
        label="cost",
    )
    ax.set(xlabel="euros", title="What fraud was there, and what it cost all the same")
    ax.legend(frameon=False)
    for figure, _ in made.values():
        plt.close(figure)
    return {name: figure for name, (figure, _) in made.items()}


def log_evaluation_figures(fitted: FittedModel, rows: LabelledRows, costs: Costs) -> None:
    """`plot_evaluation` of the active run."""
    for name, figure in plot_evaluation(fitted, rows, costs).items():
        mlflow.log_figure(figure, f"pictures/{name}.png")
