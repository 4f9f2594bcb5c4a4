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


def test_the_readme_is_short_and_its_pictures_are_small_and_described():
    text = (REPOSITORY / "README.md").read_text(encoding="utf-8")
    assert len(text.split()) <= 700
    pictures = re.findall(r"!\[([^]]*)\]\(([^)]+)\)", text)
    assert len(pictures) == 3
    for description, target in pictures:
        assert len(description.split()) >= 8
        assert (REPOSITORY / target).stat().st_size <= 300_000
