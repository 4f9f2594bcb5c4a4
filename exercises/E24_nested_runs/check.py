"""Check of E24: one run for each trial, inside a parent that names the data."""

from contextlib import contextmanager

from fraudops.exercises import Misconception, Probe


class Recorder:
    """Imitates the part of MLflow that keeps runs."""

    def __init__(self):
        self.runs, self.active = [], []

    @contextmanager
    def start_run(self, run_name=None, nested=False, **options):
        if self.active and not nested:
            raise RuntimeError("A run is active already. Start a nested run with nested=True.")
        run = {"name": run_name, "inside": bool(self.active), "params": {}, "metrics": {}}
        self.runs.append(run)
        self.active.append(run)
        yield run
        self.active.pop()

    def log_param(self, key, value):
        self.active[-1]["params"][key] = value

    def log_metric(self, key, value, step=None):
        self.active[-1]["metrics"][key] = value

    def log_params(self, params):
        self.active[-1]["params"].update(params)

    def log_metrics(self, metrics, step=None):
        self.active[-1]["metrics"].update(metrics)


def observe(function, trials, fingerprint):
    recorder = Recorder()
    function(recorder, trials, fingerprint)
    tops = [run for run in recorder.runs if not run["inside"]]
    found = {
        run["name"]: run["metrics"].get("average_precision")
        for run in recorder.runs
        if run["inside"]
    }
    on_parent = [run["metrics"]["average_precision"] for run in tops if run["metrics"]]
    data = [run["params"].get("data") for run in tops]
    return {"trials": found, "runs without a parent": len(tops), "on it": on_parent, "data": data}


def make_probes(random):
    values = [round(float(one), 3) for one in random.uniform(0.5, 0.8, size=3)]
    trials = dict(zip(["plain", "undersample", "smote"], values, strict=True))
    fingerprint = f"{int(random.integers(16**8)):08x}"
    return [
        Probe((trials, fingerprint), "three trials", observe),
        Probe(({"plain": values[0]}, fingerprint), "one trial", observe),
    ]


def record(mlflow, trials, fingerprint, data="parent", nested=True):
    with mlflow.start_run(run_name="search"):
        if data == "parent":
            mlflow.log_param("data", fingerprint)
        for name, value in trials.items():
            if nested:
                with mlflow.start_run(run_name=name, nested=True):
                    mlflow.log_metric("average_precision", value)
            else:
                mlflow.log_metric("average_precision", value)


def answer(mlflow, trials, fingerprint):
    record(mlflow, trials, fingerprint)


def forget_nested(mlflow, trials, fingerprint):
    with mlflow.start_run(), mlflow.start_run():
        pass


def start_separate_runs(mlflow, trials, fingerprint):
    for name, value in trials.items():
        with mlflow.start_run(run_name=name):
            mlflow.log_param("data", fingerprint)
            mlflow.log_metric("average_precision", value)


MISCONCEPTIONS = (
    Misconception(
        "on_the_parent",
        "All trials log to the parent run, and each value overwrites the one before. Only"
        " the last trial is left.",
        lambda *arguments: record(*arguments, nested=False),
    ),
    Misconception(
        "data_not_named",
        "No run says which data it used. The search cannot be repeated, and its numbers "
        "cannot be compared with others.",
        lambda *arguments: record(*arguments, data=None),
    ),
    Misconception(
        "not_nested",
        "MLflow refuses a second run while one is active. A run inside a run needs nested=True.",
        forget_nested,
    ),
    Misconception(
        "no_parent",
        "The trials are separate runs. Nothing says that they belong to one search.",
        start_separate_runs,
    ),
)
