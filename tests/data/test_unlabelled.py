"""Files without labels land, and rows without a label never count as genuine beside others."""

import pandas as pd
import pytest

from fraudops import data, models
from fraudops.data import ingest, load_labels, load_transactions, look_at, open_source
from fraudops.errors import UserError
from fraudops.models import DecisionPolicy, LabelledRows
from tests.support.worlds import world

HEADER = ["tx_id", "ts", "customer_id", "terminal_id", "amount"]


def write(folder, name: str = "may.csv", **columns):
    file = folder / name
    rows = pd.DataFrame([[f"{name}{i}", 1_767_225_600 + i, "C1", "M1", "5.00"] for i in range(3)])
    rows.set_axis(HEADER, axis=1).assign(**columns).to_csv(file, index=False)
    return str(file)


def test_a_file_without_labels_lands_and_says_so(workspace, tmp_path):
    source = open_source("csv", write(tmp_path))
    done = ingest(source, workspace)
    assert done.accepted == 3 and not source.has_labels and len(load_labels(workspace)) == 0
    assert source.not_filled[0].startswith("is_fraud: not in the file")
    assert not done.manifest["made_with"]["labels"]
    look = look_at(write(tmp_path))
    assert look.counts["accepted"] == 3 and not look.questions


@pytest.mark.parametrize("name", ["isFraud", "Label", "class", "is_fraud ", "is fraud", "is_fruad"])
def test_a_label_with_another_name_is_asked_for(workspace, tmp_path, name):
    file = write(tmp_path, **{name: "1"})
    if name.strip() == "is_fraud":  # spaces around a name do not count
        assert open_source("csv", file).has_labels
        return
    with pytest.raises(UserError, match=f"'is_fraud' \\(is it '{name}'"):
        open_source("csv", file)
    assert open_source("csv", file, for_scoring=True).not_filled


@pytest.mark.parametrize("first", ["with", "without"])
def test_rows_with_and_without_labels_are_not_mixed(workspace, tmp_path, first):
    folder = tmp_path / "deliveries"
    folder.mkdir()
    with_labels = write(folder, "a.csv", is_fraud="0")
    without = write(folder, "b.csv")
    order = [with_labels, without] if first == "with" else [without, with_labels]
    ingest(open_source("csv", order[0]), workspace)
    with pytest.raises(UserError, match="rows without a label would count as genuine"):
        ingest(open_source("csv", order[1]), workspace, add=True)
    assert len(load_transactions(workspace)) == 3
    with pytest.raises(UserError, match="files without it: deliver them apart"):
        open_source("csv", str(folder))


def test_labels_are_not_read_for_scoring(tmp_path):
    source = open_source("csv", write(tmp_path, is_fraud="perhaps"), for_scoring=True)
    (chunk,) = source.chunks
    assert chunk.frame["is_fraud"].tolist() == [0, 0, 0] and chunk.frame["label_ts"].isna().all()


@pytest.mark.parametrize("layout", ["sparkov", "handbook", "ulb"])
def test_the_layout_is_found_without_its_label(tmp_path, layout):
    adapter = data.adapters.SOURCE_ADAPTERS[layout]
    names = [name for name in adapter.required if name != adapter.label_column]
    file = tmp_path / "export.csv"
    pd.DataFrame([["1"] * len(names)], columns=names).to_csv(file, index=False)
    assert data.find_source_name(str(file)) == layout
    assert not open_source(layout, str(file)).has_labels


def test_training_without_a_known_fraud_is_refused_in_one_sentence():
    table, tx, labels = world()
    rows = LabelledRows.select_mature(table, tx, labels[:0], 0, 2**40, known_at=2**40)
    with pytest.raises(UserError, match=r"No fraud is known .* `fraudops score FILE`") as refused:
        models.fit_strategy("plain", rows, DecisionPolicy())
    assert "\n" not in str(refused.value)
