"""Predictions: kept before the result, shown beside it, silent where nobody can answer."""

import json

import IPython.display
import numpy as np
import pytest

from fraudops.errors import UserError
from fraudops.exercises import predictions
from fraudops.exercises.predictions import Prediction, can_ask, load_predictions, predict


@pytest.fixture
def shown(monkeypatch) -> list:
    """What an opened notebook shows, in order."""
    outputs = []

    class Handle:
        def update(self, output):
            outputs.append(output)

    def display(output, display_id=None):
        outputs.append(output)
        return Handle() if display_id else None

    monkeypatch.setattr(predictions, "can_ask", lambda: True)
    monkeypatch.setattr(IPython.display, "display", display)
    return outputs


@pytest.fixture
def file(tmp_path, monkeypatch):
    file = tmp_path / "my_work" / "predictions.json"
    monkeypatch.setattr(predictions, "PREDICTIONS_FILE", file)
    return file


def test_outside_an_opened_notebook_nothing_is_shown_or_written(file, capsys):
    assert not can_ask()
    predict("1.1 rows", "rows").reveal(3)
    assert capsys.readouterr().out == "" and not file.parent.exists()


def test_an_answer_is_kept_and_shown_beside_the_result(file, shown):
    asked = predict("1.1 rows", "rows <of a thousand>")
    question, control, status = shown[0].children
    assert "rows &lt;of a thousand&gt;" in question.value and status.value == ""
    control.value = "12 %"
    assert json.loads(file.read_text())["1.1 rows"]["answer"] == 12
    asked.reveal(np.int64(38))
    assert "You predicted 12. The result is 38." in shown[1].data
    assert control.disabled


def test_the_same_cells_run_twice_give_the_same(file, shown):
    predict("1.1 when", "when", ["today", "later"]).keep("later")
    before = file.read_text()
    for _ in range(2):
        asked = predict("1.1 when", "when", ["today", "later"])
        assert shown[-1].children[1].value == "later"
    assert file.read_text() == before
    asked.reveal("later")
    asked.reveal("later")
    assert "You were right." in shown[-1].data


def test_an_answer_after_the_result_says_so_and_one_before_stays(file, shown):
    late = predict("1.1 rows", "rows")
    late.reveal(38)
    assert "You made no prediction." in shown[1].data
    shown[0].children[1].value = "38"
    assert "When the result was known, you said 38." in shown[-1].data
    early = Prediction("1.1 share", "share")
    early.keep("0.5")
    early.reveal(0.25)
    assert early.keep("0.25") == "You predicted 0.5. The result is 0.25."


@pytest.mark.parametrize("text", ["many", "", "1,5", "nan", "inf"])
def test_what_is_no_number_is_not_kept(file, text):
    assert "Please write a number" in Prediction("1.1 rows", "rows").keep(text)
    assert not file.exists()


def test_a_damaged_file_is_named_and_left_as_it_is(file, shown):
    file.parent.mkdir()
    file.write_text("{half")
    with pytest.raises(UserError, match="move it away"):
        load_predictions(file)
    asked = predict("1.1 rows", "rows")
    assert "predictions.json" in shown[0].children[-1].value
    assert "cannot be kept" in asked.keep("3") and file.read_text() == "{half"
    asked.reveal(4)
    assert "The result is 4." in shown[-1].data
