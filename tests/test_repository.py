"""What lies in git, and what the lock file says."""

import re
import subprocess

from fraudops.workspace import REPOSITORY


def test_what_runs_write_is_not_in_git():
    tracked = subprocess.run(
        ["git", "ls-files"], cwd=REPOSITORY, capture_output=True, text=True, check=True
    ).stdout.split("\n")
    assert not [
        file
        for file in tracked
        if file.startswith(("artifacts/", "mlruns/", ".venv/")) or file.endswith((".db", ".pkl"))
    ]


def test_the_lock_names_versions_and_hashes_only():
    lock = (REPOSITORY / "requirements.txt").read_text(encoding="utf-8")
    assert "uv pip compile pyproject.toml" in lock.splitlines()[1]
    assert (
        "://" not in lock
        and "--index" not in lock.replace("--no-emit-index-url", "")
        and "--find-links" not in lock
    )
    pinned = re.findall(r"^([A-Za-z0-9._-]+)(?:\[[a-z,-]+\])?==", lock, re.M)
    for name in (
        "jupyterlab",
        "papermill",
        "pandas",
        "scikit-learn",
        "imbalanced-learn",
        "evidently",
        "mlflow",
        "bentoml",
    ):
        assert name in pinned
    assert {"voila", "ipywidgets", "nbval"} <= set(pinned)
