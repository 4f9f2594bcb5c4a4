"""The whole chain through run_all.py, and the kept outputs through nbval."""

import json
import os
import re
import subprocess
import sys

from fraudops.pipeline import GRAPH, get_notebook_path, sort_nodes
from fraudops.workspace import REPOSITORY, Workspace, read_json
from tests.chain.conftest import AS_OF, OPTIONS, run_all
from tests.support import kept_outputs


def test_the_chain_succeeds_and_says_where_everything_is(chain):
    workspace, ran = chain
    assert ran.returncode == 0, ran.stderr[-3000:]
    for word in ("notebooks", "index.html", "fraudops lab", "fraudops serve", "fraudops audit"):
        assert word in ran.stdout
    for name in sort_nodes():
        assert workspace.root.joinpath("notebooks", f"{name}.ipynb").is_file()
        assert all(workspace.root.joinpath(written).exists() for written in GRAPH[name].writes)


def test_figures_have_alternative_text_and_pages_no_noise(chain):
    workspace, _ = chain
    for name in sort_nodes():
        if not name.startswith(("1_", "2_", "4_")):
            continue
        cells = read_json(workspace.path("notebooks", f"{name}.ipynb"))["cells"]
        for output in [one for cell in cells for one in cell.get("outputs", [])]:
            if "image/png" in output.get("data", {}):
                assert output["metadata"]["image/png"]["alt"], name
            assert output.get("name") != "stderr", (name, output)


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
    again = run_all(workspace, *OPTIONS)
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
        (("--profile", "smoke", "--days", "30"), "28 live days"),
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
    for name, content, message in (
        ("missing.csv", None, "no file"),
        ("empty.csv", "", "empty"),
        ("renamed.csv", header.replace("amount", "amt"), "'amount'"),
        ("short.csv", header + "1,2026-01-01,c,t,5,0\n", "days of data"),
    ):
        file = tmp_path / name
        if content is not None:
            file.write_text(content, encoding="utf-8")
        ran = run_all(Workspace.find(tmp_path / "w"), "--source", "csv", "--path", str(file))
        assert ran.returncode in (1, 2) and message in ran.stderr, (name, ran.stderr)
        assert "Traceback" not in ran.stderr and len(ran.stderr.splitlines()) < 25


def test_the_smallest_world_proves_the_kept_outputs(chain):
    workspace, _ = chain
    for name, node in GRAPH.items():
        kept = kept_outputs.find_kept_cells(get_notebook_path(node))
        executed = kept_outputs.find_executed_cells(workspace, name)
        for key, cell in kept.items():
            now = kept_outputs.describe_outputs(executed[key])
            assert kept_outputs.describe_outputs(cell) == now, (
                f"{name}, cell {key}: `python -m tests.support.kept_outputs WORKSPACE` takes the "
                "output of a run with --profile smoke."
            )


def test_nbval_proves_the_kept_outputs_at_the_default_parameters(tmp_path):
    """At this size only the first notebooks: the others would take minutes."""
    paths = map(get_notebook_path, GRAPH.values())
    kept = [path for path in paths if kept_outputs.PROVEN_BY_NBVAL in path.read_text("utf-8")]
    assert [path.stem[:3] for path in kept] == ["1_1", "1_2", "1_3", "2_1"]
    environment = Workspace.find(tmp_path).subprocess_environment()
    environment.pop("PYTEST_CURRENT_TEST", None)
    options = ["--nbval-lax", "--nbval-cell-timeout=600", "-q", "-p", "no:cacheprovider"]
    ran = subprocess.run(
        [sys.executable, "-m", "pytest", *options, "-c", os.devnull, "--rootdir", str(REPOSITORY)]
        + [str(path) for path in kept],
        cwd=REPOSITORY,
        env=environment,
        capture_output=True,
        text=True,
        encoding="utf-8",
    )
    assert ran.returncode == 0, ran.stdout[-3000:]


def test_an_airflow_day_runs_the_same_graph(chain, make_airflow):
    """What is fresh is not run again by Airflow either; a notebook without a record is."""
    workspace, _ = chain
    records = {name: workspace.path("state", f"{name}.json") for name in GRAPH}
    before = {name: path.stat().st_mtime_ns for name, path in records.items()}
    records["2_1_data_quality"].unlink()
    call = make_airflow(workspace)
    call("dags", "test", "fraud_data", AS_OF, "-c", json.dumps({"profile": "smoke"}))
    call("dags", "test", "fraud_operation", "-c", json.dumps({"profile": "smoke", "as_of": AS_OF}))
    after = {name: path.stat().st_mtime_ns for name, path in records.items()}
    assert [name for name in GRAPH if before[name] != after[name]] == ["2_1_data_quality"]
    assert {read_json(path)["status"] for path in records.values()} == {"ok"}
