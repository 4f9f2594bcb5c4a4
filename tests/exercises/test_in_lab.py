"""A prediction in JupyterLab itself: the form, the kept answer, the result beside it."""

import json

import nbformat
import pytest
from nbformat import v4
from playwright.sync_api import expect

from tests.support.lab import lab_server, open_notebook, run_all

HERE = """
from pathlib import Path
from fraudops import predict
from fraudops.exercises import predictions

predictions.PREDICTIONS_FILE = Path("predictions.json")
"""
ASK = 'guess = predict("1.1 when", "the bank knows", ["today", "this week"])'


@pytest.mark.slow
def test_an_answer_in_jupyterlab_is_kept_and_shown_beside_the_result(browser, tmp_path):
    home = tmp_path / "home"
    cells = [HERE, ASK, 'guess.reveal("this week")']
    notebook = v4.new_notebook(cells=[v4.new_code_cell(one) for one in cells])
    notebook.metadata.kernelspec = {"name": "python3", "display_name": "Python 3"}
    (tmp_path / "work").mkdir()
    nbformat.write(notebook, tmp_path / "work" / "one.ipynb")
    with (
        lab_server(tmp_path / "work", home) as link,
        open_notebook(browser, link, "one.ipynb") as page,
    ):
        errors = [
            output
            for cell in run_all(page)
            for output in cell["outputs"]
            if output["output_type"] == "error"
        ]
        assert errors == []
        page.get_by_text("The result is this week. You made no prediction.").first.wait_for()
        page.get_by_label("this week").check()
        told = "When the result was known, you said this week. The result is this week."
        expect(page.get_by_text(told)).to_have_count(2)  # in the form, and below the result
    kept = json.loads((tmp_path / "work" / "predictions.json").read_text())
    assert kept["1.1 when"]["answer"] == "this week" and not kept["1.1 when"]["in_time"]
