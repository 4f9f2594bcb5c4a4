"""The whole chain through run_all.py, and every notebook through nbval."""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from fraudops.pipeline import GRAPH, get_notebook_path, sort_nodes
from fraudops.workspace import REPOSITORY, Workspace, read_json

# These notebooks make their own input from their default parameters; the others take what the workspace holds.
AT_COURSE_SIZE = ("1_1_ingest", "1_2_features", "2_1_data_quality")


def run_all(workspace: Workspace, *words: str) -> subprocess.CompletedProcess:
    command = [sys.executable, "run_all.py", "--workspace", str(workspace.root), *words]
    return subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, encoding="utf-8")


@pytest.fixture(scope="module")
def chain(tmp_path_factory) -> tuple[Workspace, subprocess.CompletedProcess]:
    """A workspace in which the chain has run once at smoke size."""
    workspace = Workspace.find(tmp_path_factory.mktemp("chain"))
    return workspace, run_all(workspace, "--profile", "smoke", "--jobs", "2")


def test_the_chain_succeeds_and_says_where_everything_is(chain):
    workspace, ran = chain
    assert ran.returncode == 0, ran.stderr[-3000:]
    for word in ("notebooks", "index.html", "figures", "make lab", "make serve", "make audit"):
        assert word in ran.stdout
    for name in sort_nodes():
        assert workspace.root.joinpath("notebooks", f"{name}.ipynb").is_file()
        assert all(workspace.root.joinpath(written).exists() for written in GRAPH[name].writes)


def test_no_stage_loses_a_row(chain):
    workspace, _ = chain
    manifest = read_json(workspace.path("data", "dataset.json"))
    assert manifest["accepted"] + manifest["quarantined"] == manifest["read"]
    served = read_json(workspace.path("figures", "3_2_serve.json"))
    compared = read_json(workspace.path("figures", "3_3_skew.json"))
    assert compared["largest_skew"] <= 1e-9 and compared["rows"] == served["transactions"]
    assert (
        served["transactions"]
        == read_json(workspace.path("serving", "replay.json"))["transactions"]
    )


def test_the_registry_names_a_champion_and_the_report_page_is_self_contained(chain):
    workspace, _ = chain
    assert read_json(workspace.path("models", "retrain.json"))["champion"].isdigit()
    page = workspace.path("report", "index.html").read_text(encoding="utf-8")
    assert not re.search(r"""(src|href)\s*=\s*["'](https?:)?//""", page)
    for link in re.findall(r'href="([^"#]+)"', page):
        assert link.startswith("data:") or (workspace.root / "report" / link).resolve().exists(), (
            link
        )


def test_a_second_run_runs_nothing(chain):
    workspace, _ = chain
    before = {
        path: path.stat().st_mtime_ns
        for path in workspace.path("notebooks", "x").parent.glob("*.ipynb")
    }
    again = run_all(workspace, "--profile", "smoke")
    assert again.returncode == 0
    assert before == {
        path: path.stat().st_mtime_ns
        for path in workspace.path("notebooks", "x").parent.glob("*.ipynb")
    }


def test_a_wrong_name_is_refused_with_the_nearest(chain):
    workspace, _ = chain
    for words, nearest in (
        (("--profile", "smok"), "smoke"),
        (("--until", "3_1_campion"), "3_1_champion"),
        (("-p", "3_1_champion.strategi=smote"), "strategy"),
        (("--days", "0"), "at least 1"),
        (("--days", "5", "--only", "3_1_champion"), "leave out"),
    ):
        refused = run_all(workspace, *words)
        assert (
            refused.returncode == 2
            and nearest in refused.stderr
            and "Traceback" not in refused.stderr
        )


def test_bad_files_end_with_one_message(tmp_path):
    header = "tx_id,timestamp,customer_id,terminal_id,amount,is_fraud\n"
    for name, content, said in (
        ("missing.csv", None, "no file"),
        ("empty.csv", "", "empty"),
        ("renamed.csv", header.replace("amount", "amt"), "'amount'"),
        ("short.csv", header + "1,2026-01-01,c,t,5,0\n", "days of data"),
    ):
        file = tmp_path / name
        if content is not None:
            file.write_text(content, encoding="utf-8")
        ran = run_all(Workspace.find(tmp_path / "w"), "--source", "csv", "--path", str(file))
        assert ran.returncode in (1, 2) and said in ran.stderr, (name, ran.stderr)
        assert "Traceback" not in ran.stderr and len(ran.stderr.splitlines()) < 25


def nbval(workspace: Workspace, names: list[str]) -> subprocess.CompletedProcess:
    files = [str(get_notebook_path(GRAPH[name])) for name in names]
    command = [
        sys.executable,
        "-m",
        "pytest",
        "--nbval-lax",
        "--nbval-cell-timeout=600",
        "-q",
        "-p",
        "no:cacheprovider",
    ]
    environment = workspace.subprocess_environment()
    environment.pop("PYTEST_CURRENT_TEST", None)
    return subprocess.run(
        [*command, "-c", os.devnull, "--rootdir", str(REPOSITORY), *files],
        cwd=REPOSITORY, env=environment, capture_output=True, text=True, encoding="utf-8",
    )  # fmt: skip


def test_nbval_proves_the_data_notebooks_at_their_default_parameters(tmp_path):
    ran = nbval(Workspace.find(tmp_path), list(AT_COURSE_SIZE))
    assert ran.returncode == 0, ran.stdout[-3000:]


def test_nbval_proves_the_other_notebooks_on_the_smoke_run(chain, tmp_path):
    source, ran = chain
    assert ran.returncode == 0
    copy = Workspace.find(tmp_path / "copy")
    # MLflow keeps absolute paths, so the tracking folder is made again by 3.1
    shutil.copytree(
        source.root, copy.root, ignore=shutil.ignore_patterns("mlflow", "store", "bentoml", "state")
    )
    ran = nbval(copy, [name for name in sort_nodes() if name not in AT_COURSE_SIZE])
    assert ran.returncode == 0, ran.stdout[-3000:]


def test_notebooks_keep_the_house_rules():
    for name in sort_nodes():
        cells = json.loads(Path(get_notebook_path(GRAPH[name])).read_text(encoding="utf-8"))[
            "cells"
        ]
        code = [cell for cell in cells if cell["cell_type"] == "code"]
        lines = [
            len([line for line in "".join(cell["source"]).splitlines() if line.strip()])
            for cell in code
        ]
        parameters = [cell for cell in code if "parameters" in cell["metadata"].get("tags", [])]
        assert len(parameters) == 1, name
        assert max(lines) <= 25 and sorted(lines)[len(lines) // 2] <= 5, (name, lines)
        assert len(cells) - len(code) >= len(code), name
        for cell in code:
            text = "".join(cell["source"])
            assert not re.search(
                r"^\s*[%!]|sys\.path|['\"]/(home|root|work|tmp|Users)", text, re.M
            ), (name, text)
            assert not cell["outputs"] or text.startswith("# NBVAL_CHECK_OUTPUT"), (name, text)
            assert not cell["outputs"] or cell["execution_count"], (
                name,
                "nbval takes it for a cell that never ran",
                text,
            )


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
