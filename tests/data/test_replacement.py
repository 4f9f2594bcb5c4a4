"""An opened notebook does not replace the data of a run that had other parameters."""

import sys
from types import SimpleNamespace

import pytest

from fraudops import data, features
from fraudops.errors import MissingInputError, UserError
from fraudops.processes import RUNNER_VARIABLE
from fraudops.workspace import read_json

HEADER = "tx_id,timestamp,customer_id,terminal_id,amount,is_fraud"


@pytest.fixture
def opened(monkeypatch):
    """As in the kernel of JupyterLab."""
    monkeypatch.delenv(RUNNER_VARIABLE, raising=False)
    shell = SimpleNamespace(kernel=object())
    monkeypatch.setitem(sys.modules, "IPython", SimpleNamespace(get_ipython=lambda: shell))


def write(folder, name: str, days: int = 3):
    file = folder / name
    rows = [f"{name}{day},2026-01-{day:02},C1,M1,5.00,0" for day in range(1, days + 1)]
    file.write_text("\n".join([HEADER, *rows, ""]), encoding="utf-8")
    return data.open_source("csv", str(file))


def test_other_parameters_stop_an_opened_notebook(workspace, tmp_path, opened):
    data.ingest(write(tmp_path, "a.csv"), workspace, as_of="2026-01-03")
    before = read_json(workspace.path("data", "dataset.json"))
    with pytest.raises(UserError) as refused:
        data.ingest(data.open_source("simulate", profile="smoke", seed=8), workspace)
    told = str(refused.value)
    assert "source = 'csv'" in told and "seed = 8" in told and "\n" not in told
    assert "--profile smoke" in told and "-p 1_1_ingest.seed=8" in told
    assert f"--workspace {workspace.root}" in told
    assert read_json(workspace.path("data", "dataset.json")) == before


def test_the_same_parameters_and_the_same_source_run_again(workspace, tmp_path, opened):
    source = write(tmp_path, "a.csv")
    first = data.ingest(source, workspace)
    assert data.ingest(source, workspace).manifest == first.manifest


def test_added_deliveries_are_not_thrown_away(workspace, tmp_path, opened):
    first = write(tmp_path, "a.csv")
    data.ingest(first, workspace)
    data.ingest(write(tmp_path, "b.csv", 5), workspace, add=True)
    with pytest.raises(UserError, match="1 later deliveries were added"):
        data.ingest(first, workspace)
    assert data.load_transactions(workspace)["tx_id"].str.startswith("b.csv").sum() == 5


def test_the_runner_replaces_what_it_is_told_to(workspace, tmp_path, opened, monkeypatch):
    monkeypatch.setenv(RUNNER_VARIABLE, "1")
    data.ingest(write(tmp_path, "a.csv"), workspace)
    assert data.ingest(write(tmp_path, "b.csv", 5), workspace).accepted == 5


def test_results_of_other_data_are_refused(workspace, tmp_path):
    data.ingest(write(tmp_path, "a.csv"), workspace)
    tx, labels = data.load_transactions(workspace), data.load_labels(workspace)
    features.write_features(workspace, tx, features.compute_features(tx, labels))
    workspace.write_json("models/champion.json", {"version": "1"})
    assert len(features.load_features(workspace)) == 3
    assert workspace.first_champion() == {"version": "1"}
    data.ingest(write(tmp_path, "b.csv", 5), workspace)
    with pytest.raises(MissingInputError, match=r"other data.*Run 1_2_features again"):
        features.load_features(workspace)
    with pytest.raises(MissingInputError, match=r"other data.*Run 3_1_champion again"):
        workspace.first_champion()
    workspace.write_json("models/champion.json", {"version": "2"})
    assert workspace.first_champion() == {"version": "2"}
