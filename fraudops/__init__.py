"""The shared library of the course; docs/architecture.md shows its packages.

The names below are what nearly every notebook needs. They are loaded when they are first used.
"""

import getpass
import os

from fraudops._lazy import lazy_exports

# Read by numeric and tracking libraries when they are first imported, so this must come before
# them.
ENVIRONMENT = {
    "OMP_NUM_THREADS": "1",  # on few, busy cores OpenMP's spinning costs more than it gains
    "DO_NOT_TRACK": "true",
    "BENTOML_DO_NOT_TRACK": "True",
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false",
    "MLFLOW_LOGGING_LEVEL": "WARNING",  # its INFO lines fill the pages of notebooks
    # else a kernel `python3` of another interpreter in the user's folder is started
    "JUPYTER_PREFER_ENV_PATH": "1",
}

for _name, _value in ENVIRONMENT.items():
    os.environ.setdefault(_name, _value)

# No proxy stands between this machine and itself.
for _name in ("NO_PROXY", "no_proxy"):
    _hosts = [*filter(None, os.environ.get(_name, "").split(",")), "localhost", "127.0.0.1"]
    os.environ[_name] = ",".join(dict.fromkeys(_hosts))

try:
    getpass.getuser()
except (KeyError, OSError):  # a user without a name, as in containers: libraries ask for one
    os.environ["LOGNAME"] = f"uid{os.getuid()}"

__getattr__, __dir__, __all__ = lazy_exports(
    __name__,
    {
        "data.warehouse": ("load_labels", "load_transactions"),
        "errors": ("UserError",),
        "exercises.predictions": ("predict",),
        "features.offline": ("load_features",),
        "ledger.chain": ("verify_chain",),
        "pipeline.figure": ("plot_pipeline",),
        "plotting": ("COLORS",),
        "store.database": ("connect", "write_transaction"),
        "timeline": ("DAY", "LABEL_MATURITY_DAYS", "day_of", "format_time", "load_timeline"),
        "workspace": ("REPOSITORY", "Workspace", "read_json"),
    },
)
