"""One deck of slides for each stage: outcomes, figures and lessons of its executed notebooks."""

import html
import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import nbformat

from fraudops.errors import UserError
from fraudops.pipeline import GRAPH, sort_nodes
from fraudops.workspace import REPOSITORY, Workspace, read_json
from website.notebooks import get_alternative_text, read_text

REVEAL = "reveal.js"
THEME, FONT = "white", "source-sans-pro"  # other themes fetch their fonts from another host
_HEADING = re.compile(r"^#{1,3} (.+)$", re.MULTILINE)
_OUTCOMES = re.compile(r"\*\*You will be able to\*\*\n\n((?:[-*] .+\n(?:  .+\n?)*\n?)+)")
_LEARNED = re.compile(r"^## What we learned\n\n((?:[-*] .+\n?(?:  .+\n?)*)+)", re.MULTILINE)
_READ = re.compile(r"\*\*Read the result\.\*\* (.+?)(?:\n\n|\Z)", re.DOTALL)
_PURPOSE = re.compile(r"\*\*Purpose\.\*\* (.+?)\n\n", re.DOTALL)
_LINK = re.compile(r"\[([^\]]+)\]\([^)]+\)")


def find_outcomes(text: str) -> str:
    """Find the list of what a student is able to do after a notebook.

    Parameters
    ----------
    text : str
        A Markdown cell.

    Returns
    -------
    str
        A Markdown list; empty if the cell has none.
    """
    found = _OUTCOMES.search(text + "\n")
    return found[1].strip() if found else ""


def make_stage_slides(folder: str, workspace: Workspace) -> nbformat.NotebookNode:
    """Make the slides of one stage.

    Parameters
    ----------
    folder : str
        Such as ``1_DAG_Data``.
    workspace : Workspace

    Returns
    -------
    nbformat.NotebookNode
        Its cells name their place on the slides.
    """
    readme = (REPOSITORY / folder / "README.md").read_text(encoding="utf-8")
    purpose = _PURPOSE.search(readme)
    cells = [_text(f"# {_HEADING.search(readme)[1]}\n\n{purpose[1] if purpose else ''}", "slide")]
    for name in sort_nodes():
        path = workspace.root / "notebooks" / f"{name}.ipynb"
        if GRAPH[name].folder == folder and path.is_file():
            cells += _make_notebook_slides(read_json(path)["cells"])
    return nbformat.v4.new_notebook(
        cells=cells,
        metadata={"title": folder.replace("_", " "), "language_info": {"name": "python"}},
    )


def _make_notebook_slides(cells: list[dict[str, Any]]) -> Iterator[nbformat.NotebookNode]:
    texts = [read_text(one["source"]) for one in cells if one["cell_type"] == "markdown"]
    heading = title = _HEADING.search(texts[0])[1]
    outcomes = next(filter(None, map(find_outcomes, texts)), "")
    yield _text(f"# {title}\n\nYou will be able to\n\n{outcomes}", "slide")
    for place, cell in enumerate(cells):
        if cell["cell_type"] == "markdown":
            found = _HEADING.findall(read_text(cell["source"]))
            heading = found[-1] if found else heading
            continue
        for output in cell["outputs"]:
            if "image/png" in output.get("data", {}) and heading != title:
                yield _text(f"## {heading}", "slide")
                yield _figure(output)
                if note := _find_note(cells[place + 1 :]):
                    yield _text(note, "notes")
    learned = next(filter(None, map(_LEARNED.search, texts)), None)
    if learned:
        yield _text(f"## What we learned\n\n{learned[1]}", "slide")


def _find_note(later: list[dict[str, Any]]) -> str:
    """What the notebook says about a figure, for the notes of the speaker."""
    for cell in later[:1]:
        found = cell["cell_type"] == "markdown" and _READ.search(read_text(cell["source"]))
        if found:
            return found[1]
    return ""


def _text(source: str, place: str) -> nbformat.NotebookNode:
    return nbformat.v4.new_markdown_cell(
        _LINK.sub(r"\1", source), metadata={"slideshow": {"slide_type": place}}
    )


def _figure(output: dict[str, Any]) -> nbformat.NotebookNode:
    shown = nbformat.v4.new_output(
        "display_data",
        data={"image/png": read_text(output["data"]["image/png"])},
        metadata={"image/png": {"alt": get_alternative_text(output)}},
    )
    return nbformat.v4.new_code_cell("", outputs=[shown], metadata={"slideshow": {}})


def write_slides(workspace: Workspace, output: Path, python: Path) -> Path:
    """Write the slides of all stages, and what they need to open without a network.

    Parameters
    ----------
    workspace : Workspace
        Its notebooks have run.
    output : Path
        Replaced if it exists.
    python : Path
        Python of the environment that holds reveal.js, in the package sphinx-revealjs.

    Returns
    -------
    Path
        The page with the list of decks.

    Raises
    ------
    UserError
        If no notebook has run, or reveal.js is missing.
    """
    from nbconvert import SlidesExporter
    from traitlets.config import Config

    if not list((workspace.root / "notebooks").glob("*.ipynb")):
        raise UserError(f"No notebook has run in {workspace.root}: run `fraudops run` first.")
    shutil.rmtree(output, ignore_errors=True)
    output.mkdir(parents=True)
    _copy_reveal(python, output / REVEAL)
    config = Config()
    config.SlidesExporter.reveal_url_prefix = REVEAL
    config.SlidesExporter.reveal_theme = THEME
    config.SlidesExporter.exclude_input = True
    config.SlidesExporter.exclude_output_prompt = True
    config.SlidesExporter.template_name = "slides"
    config.SlidesExporter.extra_template_basedirs = [
        str(Path(__file__).resolve().parent / "templates")
    ]
    items = []
    for folder in sorted({one.folder for one in GRAPH.values()}):
        deck = make_stage_slides(folder, workspace)
        text, _ = SlidesExporter(config=config).from_notebook_node(deck)
        (output / f"{folder}.html").write_text(text, encoding="utf-8")
        title = html.escape(deck.metadata.title)
        items.append(f'<li><a href="{folder}.html">Stage {title}</a></li>')
    page = output / "index.html"
    page.write_text(
        '<!DOCTYPE html><html lang="en"><meta charset="utf-8"><title>Slides</title><h1>Slides</h1>'
        f"<ul>{''.join(items)}</ul><p>Press S for the notes of the speaker.</p></html>\n",
        encoding="utf-8",
    )
    return page


def _copy_reveal(python: Path, folder: Path) -> None:
    found = list(python.parent.parent.glob("**/sphinx_revealjs/_static/revealjs"))
    if not found:
        raise UserError(
            f"reveal.js is missing in {python.parent.parent}: remove that folder, and run "
            "`make slides` again."
        )
    theme = "dist/theme"
    for part in ("dist/reveal.js", "dist/reveal.css", f"{theme}/{THEME}.css"):
        (folder / part).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(found[0] / part, folder / part)
    for part in (f"{theme}/fonts/{FONT}", "plugin/notes"):
        shutil.copytree(found[0] / part, folder / part)
