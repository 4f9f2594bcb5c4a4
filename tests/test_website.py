"""The static site and the slides: sources of pages, rules of the finished pages, a real build."""

import json
import re
import shutil

import nbformat
import pytest

from fraudops.errors import UserError
from fraudops.exercises import load_lessons
from fraudops.pipeline import GRAPH, sort_nodes
from fraudops.workspace import REPOSITORY, read_json
from website import __main__ as command
from website import pages
from website.checks import find_faults
from website.notebooks import clean_notebook, find_machine_paths
from website.slides import make_stage_slides, write_slides

NOTEBOOK = "2_1_data_quality"
PICTURE = (
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJg"
    "gg=="
)


def make_figure(text: str) -> dict:
    data = {"image/png": PICTURE, "text/plain": "<Figure>"}
    about = {"image/png": {"alt": text}}
    return nbformat.v4.new_output("display_data", data=data, metadata=about)


@pytest.fixture
def executed(workspace):
    """A workspace in which one notebook has run, with a figure in its fifth section."""
    source = REPOSITORY / GRAPH[NOTEBOOK].folder / f"{NOTEBOOK}.ipynb"
    notebook = json.loads(source.read_text(encoding="utf-8"))
    code = [cell for cell in notebook["cells"] if cell["cell_type"] == "code"]
    for number, cell in enumerate(code, 1):
        cell["execution_count"] = number
    printed = f"written to {workspace.root}/data and {REPOSITORY}/docs\n"
    code[-1]["outputs"] = [
        nbformat.v4.new_output("stream", name="stdout", text=printed),
        nbformat.v4.new_output("stream", name="stderr", text="a progress bar"),
        make_figure("Volume falls on the second day."),
    ]
    path = workspace.path("notebooks", f"{NOTEBOOK}.ipynb")
    notebook["metadata"]["papermill"] = {"output_path": str(path)}
    path.write_text(json.dumps(notebook), encoding="utf-8")
    return workspace


@pytest.fixture
def source(executed, tmp_path, monkeypatch):
    """The sources of all pages."""
    start = json.loads((REPOSITORY / "START_HERE.ipynb").read_text(encoding="utf-8"))
    monkeypatch.setattr(pages, "_execute_start", lambda: start)
    pages.write_pages(executed, tmp_path / "pages")
    return tmp_path / "pages"


def read_pages(source) -> dict[str, str]:
    return {
        path.relative_to(source).as_posix(): path.read_text(encoding="utf-8")
        for path in source.rglob("*")
        if path.suffix in (".md", ".ipynb")
    }


def test_every_notebook_exercise_and_text_has_a_page(source):
    written = set(read_pages(source))
    assert {f"{GRAPH[name].folder}/{name}.ipynb" for name in sort_nodes()} <= written
    assert {f"exercises/notebooks/{one.folder.name}.ipynb" for one in load_lessons().values()} <= (
        written
    )
    docs = {path.relative_to(REPOSITORY).as_posix() for path in REPOSITORY.glob("docs/**/*.md")}
    assert docs | {"index.md", "START_HERE.ipynb", "exercises/index.md"} <= written
    index = (source / "index.md").read_text(encoding="utf-8")
    for page in written - {"index.md"}:
        if not page.startswith("exercises/notebooks/"):
            assert f"\n{page.rpartition('.')[0]}\n" in index, "the contents leave it out"


def test_every_link_of_a_page_leads_to_a_page_or_a_file(source):
    for name, text in read_pages(source).items():
        if name.endswith(".ipynb"):
            cells = json.loads(text)["cells"]
            text = "\n".join(c["source"] for c in cells if c["cell_type"] == "markdown")
        text = re.sub(r"```.*?```", "", text, flags=re.DOTALL)
        for target in re.findall(r"\]\(([^()#\s]+)(?:#[^()\s]*)?\)", text):
            if ":" not in target:
                assert (source / name).parent.joinpath(target).is_file(), (name, target)


def test_no_page_holds_a_solution_and_hints_are_folded(source):
    for name, text in read_pages(source).items():
        plain = text.replace("\\n", "\n").replace('\\"', '"')
        for lesson in load_lessons().values():
            assert lesson.solution not in plain, (name, lesson.id)
        if name.startswith("exercises/notebooks/"):
            assert plain.count("<details><summary>Hint") == 3, name


def test_an_executed_notebook_shows_results_and_no_path_of_the_machine(source, executed):
    page = (source / GRAPH[NOTEBOOK].folder / f"{NOTEBOOK}.ipynb").read_text(encoding="utf-8")
    assert "written to artifacts/data and ./docs" in page and PICTURE in page
    assert str(executed.root) not in page and str(REPOSITORY) not in page
    assert "a progress bar" not in page and pages.NOT_RUN not in page
    assert '"alt": "Volume falls on the second day."' in page
    cells = read_json(source / "1_DAG_Data" / "1_1_ingest.ipynb")["cells"]
    assert pages.NOT_RUN in cells[0]["source"]


def test_an_exercise_links_to_its_section_and_a_notebook_to_its_exercises(source):
    exercise = (source / "exercises/notebooks/E07_count_seven_days.ipynb").read_text("utf-8")
    assert "../../1_DAG_Data/1_2_features.ipynb#1-by-hand-for-one-customer" in exercise
    notebook = (source / "1_DAG_Data" / "1_2_features.ipynb").read_text(encoding="utf-8")
    assert "../exercises/notebooks/E07_count_seven_days.ipynb" in notebook


def test_a_widget_is_replaced_and_a_table_keeps_its_rows():
    widget = {"application/vnd.jupyter.widget-view+json": {}, "text/plain": "Button()"}
    table = {"text/html": '<style scoped>\n.x{}</style><table border="1"><tr><td>7</td></table>'}
    outputs = [nbformat.v4.new_output("display_data", data=one) for one in (widget, table)]
    cell = nbformat.v4.new_code_cell("x", outputs=outputs)
    notebook = {"cells": [cell], "metadata": {"kernelspec": {}, "language_info": {}}}
    clean = clean_notebook(notebook, find_machine_paths(notebook, REPOSITORY), str)
    shown = [one["data"] for one in clean["cells"][0]["outputs"]]
    assert "widget" in shown[0]["text/plain"] and len(shown[0]) == 1
    assert shown[1]["text/html"] == "<table><tr><td>7</td></table>"


def test_each_fault_of_a_page_is_found(tmp_path):
    (tmp_path / "good.html").write_text('<a id="x" href="good.html#x">x</a>')
    assert find_faults(tmp_path) == []
    (tmp_path / "bad.html").write_text(
        '<script src="https://cdn.example/x.js"></script><img src="none.png">'
        '<a href="none.html"></a><a href="good.html#y"></a><a href="https://example.org"></a>'
    )
    (tmp_path / "bad.css").write_text("@import url(//fonts.example/css)")
    (tmp_path / "large.html").write_text("x" * 3_000_001)
    text = "\n".join(find_faults(tmp_path))
    for part in ("cdn.example/x.js", "none.png", "none.html", "#y", "fonts.example", "large.html"):
        assert text.count(part) == 1, part
    assert "example.org" not in text


def test_slides_have_outcomes_figures_with_words_and_lessons(executed):
    deck = make_stage_slides(GRAPH[NOTEBOOK].folder, executed)
    text = "\n".join(cell["source"] for cell in deck.cells)
    assert "You will be able to\n\n-" in text and "## What we learned\n\n-" in text
    figures = [cell for cell in deck.cells if cell["cell_type"] == "code"]
    assert [one["outputs"][0]["metadata"]["image/png"]["alt"] for one in figures] == [
        "Volume falls on the second day."
    ]


@pytest.fixture
def reveal(tmp_path):
    """An environment that has the files of reveal.js by name only."""
    folder = tmp_path / "env" / "lib" / "sphinx_revealjs" / "_static" / "revealjs"
    for part in ("dist/reveal.js", "dist/reveal.css", "dist/theme/white.css"):
        (folder / part).parent.mkdir(parents=True, exist_ok=True)
        (folder / part).touch()
    for part in ("dist/theme/fonts/source-sans-pro", "plugin/notes"):
        (folder / part).mkdir(parents=True)
    (folder / "plugin/notes/notes.js").touch()
    return tmp_path / "env" / "bin" / "python"


def test_slides_fetch_nothing_from_another_host(executed, reveal, tmp_path):
    page = write_slides(executed, tmp_path / "slides", reveal)
    assert page.read_text(encoding="utf-8").count("<li>") == 5
    assert find_faults(tmp_path / "slides") == []
    deck = (tmp_path / "slides" / f"{GRAPH[NOTEBOOK].folder}.html").read_text(encoding="utf-8")
    assert 'alt="Volume falls on the second day."' in deck and "cdn" not in deck.lower()


def test_slides_need_a_run_and_reveal(executed, reveal, workspace, tmp_path):
    shutil.rmtree(reveal.parent.parent)
    with pytest.raises(UserError, match="make slides"):
        write_slides(executed, tmp_path / "slides", reveal)
    shutil.rmtree(executed.root / "notebooks")
    with pytest.raises(UserError, match="fraudops run"):
        write_slides(executed, tmp_path / "slides", reveal)


def test_the_lock_of_the_site_names_versions_and_hashes_only():
    lock = (REPOSITORY / "requirements-site.txt").read_text(encoding="utf-8")
    assert "://" not in lock and "--index" not in lock.replace("--no-emit-index-url", "")
    pinned = set(re.findall(r"^([a-z0-9-]+)==[^ ]+", lock, re.MULTILINE))
    assert {"myst-nb", "sphinx-book-theme", "sphinx-revealjs"} <= pinned
    assert lock.count("\n    --hash=sha256:") >= len(pinned)


@pytest.mark.slow
def test_the_site_builds_without_a_warning_and_works_without_a_network(source, browser, tmp_path):
    try:
        command.find_site_python()
    except UserError as error:
        pytest.skip(f"{error}")
    site = tmp_path / "site"
    command.build_site(source, site)
    command.check_pages(site)
    requests = []
    page = browser.new_page(viewport={"width": 390, "height": 800}, color_scheme="dark")
    page.on("request", lambda request: requests.append(request.url))
    exercise = "exercises/notebooks/E07_count_seven_days.html"
    for name in ("index.html", "docs/exercises.html", exercise):
        page.goto((site / name).as_uri())
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), name
        assert page.evaluate("document.documentElement.dataset.theme") == "dark", name
    assert not page.get_by_text("Draw a line of time.").is_visible()
    page.get_by_text("Hint 1").click()
    assert page.get_by_text("Draw a line of time.").is_visible()
    page.goto((site / "search.html").as_uri() + "?q=quarantine")
    page.wait_for_selector("#search-results li")
    assert page.get_by_role("link", name="Glossary").count() >= 1
    assert [url for url in requests if not url.startswith(("file:", "data:"))] == []
    page.close()
