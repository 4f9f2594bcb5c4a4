# ---
# title: Record a search so that it can be repeated
# level: 2
# minutes: 15
# notebook: 4_1_experiments
# section: Run the comparison
# function: record_search
# ---
# %% [markdown]
# A search tries several strategies. MLflow keeps one parent run for the search and a child
# run for each trial. A colleague must be able to repeat the search: so the parent names the
# data.
#
# Repair `record_search(mlflow, trials, fingerprint)`. `trials` is a dictionary from a name to
# its average precision.
#
# - Start one parent run, and log the parameter `data` with the value `fingerprint` in it.
# - For each trial start a run inside it, with `run_name` and `nested=True`, and log the
# metric `average_precision` there.
#
# `mlflow` is a small imitation that has `start_run`, `log_param` and `log_metric`, so that
# the check needs no server.
# %% tags=["starter"]
def record_search(mlflow, trials: dict[str, float], fingerprint: str) -> None:
    with mlflow.start_run(run_name="search"):
        for value in trials.values():
            mlflow.log_metric("average_precision", value)


# %% tags=["solution"]
def record_search(mlflow, trials: dict[str, float], fingerprint: str) -> None:
    with mlflow.start_run(run_name="search"):
        mlflow.log_param("data", fingerprint)
        for name, value in trials.items():
            with mlflow.start_run(run_name=name, nested=True):
                mlflow.log_metric("average_precision", value)


# %% [markdown] tags=["hint"]
# A run has one value for each metric name in the table of runs. Which one is left here?
# %% [markdown] tags=["hint"]
# Inside the loop, open a run for each trial. MLflow refuses a second run while one is active,
# unless you say `nested=True`.
# %% [markdown] tags=["hint"]
# `mlflow.log_param("data", fingerprint)` before the loop; `with
# mlflow.start_run(run_name=name, nested=True):` inside it.
