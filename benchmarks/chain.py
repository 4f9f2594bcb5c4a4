"""Wall time of `run_all.py --profile smoke --jobs 2` against plain papermill, one notebook after
another.

Both start from an empty workspace, in turn, on the same machine. Target: a ratio of at most 0.75.
"""

import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from fraudops.pipeline import GRAPH, get_notebook_path, resolve_parameters, sort_nodes
from fraudops.workspace import REPOSITORY, Workspace

ROUNDS = 3
TARGET_RATIO = 0.75


def ours(folder: Path) -> None:
    """The chain by its own runner, two notebooks side by side, report page included."""
    command = [
        sys.executable,
        "run_all.py",
        "--profile",
        "smoke",
        "--jobs",
        "2",
        "--workspace",
        str(folder),
    ]
    subprocess.run(command, cwd=REPOSITORY, check=True, stdout=subprocess.DEVNULL)


def plain(folder: Path) -> None:
    """The same notebooks with the same parameters by papermill's own command line, in order."""
    workspace = Workspace.find(folder)
    parameters = resolve_parameters(profile="smoke")
    for name in sort_nodes():
        notebook = get_notebook_path(GRAPH[name])
        words = [
            word for key, value in parameters[name].items() for word in ("-p", key, str(value))
        ]
        output = workspace.path("notebooks", f"{name}.ipynb")
        command = [
            sys.executable,
            "-m",
            "papermill",
            str(notebook),
            str(output),
            "--no-progress-bar",
            *words,
        ]
        subprocess.run(
            command,
            cwd=notebook.parent,
            env=workspace.subprocess_environment(),
            check=True,
            capture_output=True,
        )


def timed(run, folder: Path) -> float:  # type: ignore[no-untyped-def]
    """Seconds of one run in a new workspace."""
    began = time.perf_counter()
    run(folder)
    seconds = time.perf_counter() - began
    shutil.rmtree(folder)
    return seconds


def main() -> None:
    """Print each round's two times and their ratio, and the median ratio."""
    ratios = []
    with tempfile.TemporaryDirectory() as scratch:
        for number in range(ROUNDS):
            side_by_side = timed(ours, Path(scratch, f"ours{number}"))
            in_sequence = timed(plain, Path(scratch, f"plain{number}"))
            ratios.append(side_by_side / in_sequence)
            print(
                f"run_all {side_by_side:.1f} s, plain papermill {in_sequence:.1f} s, "
                f"ratio {ratios[-1]:.2f}",
                flush=True,
            )
    print(f"median ratio {statistics.median(ratios):.2f}, target at most {TARGET_RATIO}")
