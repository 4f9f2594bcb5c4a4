"""The shared library of the course: each module has one job and imports only modules above it in docs/architecture.md."""

import os

# Read by numeric and tracking libraries when they are first imported, so this must come before them.
ENVIRONMENT = {
    "OMP_NUM_THREADS": "1",  # on few, busy cores OpenMP's spinning costs more than it gains
    "DO_NOT_TRACK": "true",
    "BENTOML_DO_NOT_TRACK": "True",
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false",
}

for _name, _value in ENVIRONMENT.items():
    os.environ.setdefault(_name, _value)
