"""The page of an executed notebook shows its pictures with their alternative text."""

import nbformat
import pytest
from bs4 import BeautifulSoup
from nbformat import v4

from fraudops.pipeline import GRAPH
from fraudops.pipeline.worker import NotebookJob, export_html

DOT = (
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5E"
    "rkJggg=="
)


@pytest.mark.parametrize(
    ("alt", "expected"),
    [
        ('Cost "falls" & <b>stays</b>', 'Cost "falls" & <b>stays</b>'),
        (None, "No description has been provided for this image"),
    ],
)
def test_a_picture_has_the_alternative_text_of_its_output(workspace, alt, expected):
    metadata = {"image/png": {"alt": alt}} if alt else {}
    picture = v4.new_output("display_data", {"image/png": DOT}, metadata=metadata)
    executed = workspace.path("notebooks", "one.ipynb")
    cell = v4.new_code_cell("plot()", outputs=[picture])
    nbformat.write(v4.new_notebook(cells=[cell]), executed)
    html = workspace.path("notebooks", "one.html")
    job = NotebookJob(GRAPH["1_1_ingest"], executed, executed, html, workspace, {})
    assert export_html(job) == ""
    (image,) = BeautifulSoup(html.read_text(encoding="utf-8"), "html.parser").find_all("img")
    assert image["alt"] == expected and image["src"].endswith(DOT)
