"""The pages of the site, as sources for Sphinx: READMEs, docs, executed notebooks, exercises."""

import json
import os
import re
import shutil
import tempfile
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined

import fraudops
from fraudops.exercises import NOTEBOOK_FOLDER, Lesson, load_lessons
from fraudops.pipeline import GRAPH, get_notebook_path, sort_nodes
from fraudops.pipeline.report import BOX_HEIGHT, BOX_WIDTH, layout_graph
from fraudops.workspace import REPOSITORY, Workspace, read_json
from website.links import LinkEditor, make_anchor
from website.notebooks import clean_notebook, find_machine_paths, read_text

START = "START_HERE.ipynb"
REFERENCE = ("glossary", "troubleshooting", "architecture", "settings", "decisions", "non-claims")
NOT_RUN = "*This notebook has not run in this workspace, so the page shows no results.*"
_MERMAID = re.compile(r"```mermaid\n.*?```", re.DOTALL)
_TEMPLATES = Environment(  # noqa: S701 (Markdown and names of our own graph, no data)
    loader=FileSystemLoader(Path(__file__).resolve().parent / "templates"),
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)


def list_pages() -> dict[str, str]:
    """List the files of the repository that are pages of the site.

    Returns
    -------
    dict of str to str
        File of the repository and file of the page, both relative, in the order of reading.
    """
    pages = {"README.md": "index.md", START: START}
    for name in sort_nodes():
        for file in (f"{GRAPH[name].folder}/README.md", f"{GRAPH[name].folder}/{name}.ipynb"):
            pages.setdefault(file, file)
    for path in [
        *sorted(NOTEBOOK_FOLDER.glob("*.ipynb")),
        *sorted(REPOSITORY.glob("docs/**/*.md")),
    ]:
        file = path.relative_to(REPOSITORY).as_posix()
        pages[file] = file
    return pages


def write_pages(workspace: Workspace, source: Path) -> dict[str, str]:
    """Write the sources of all pages.

    Parameters
    ----------
    workspace : Workspace
        Its executed notebooks are shown.
    source : Path
        Replaced if it exists.

    Returns
    -------
    dict of str to str
        The pages, as `list_pages` gives them.
    """
    shutil.rmtree(source, ignore_errors=True)
    source.mkdir(parents=True)
    pages = list_pages()
    links = LinkEditor(REPOSITORY, source, pages)
    for file, page in pages.items():
        path = source / page
        path.parent.mkdir(parents=True, exist_ok=True)
        if file.endswith(".md"):
            text = links.edit((REPOSITORY / file).read_text(encoding="utf-8"), file)
            path.write_text(_make_text_page(file, text, workspace, pages), encoding="utf-8")
        else:
            content = _make_notebook_page(file, workspace, links)
            path.write_text(json.dumps(content, indent=1, ensure_ascii=False), encoding="utf-8")
    index = _TEMPLATES.get_template("exercises.md.j2").render(
        stages=_list_exercises_by_stage(),
        notebooks=sorted(one for one in pages if "/E" in one),
        links={one.name: f"../{one.folder}/{one.name}.ipynb" for one in GRAPH.values()},
    )
    (source / "exercises" / "index.md").write_text(index, encoding="utf-8")
    _write_model_card(workspace, source)
    shutil.copytree(REPOSITORY / "docs" / "pictures", source / "docs" / "pictures")
    return pages


def _make_text_page(file: str, text: str, workspace: Workspace, pages: dict[str, str]) -> str:
    if file == "README.md":
        text = _MERMAID.sub(lambda _: _draw_graph() + "\n\n" + _describe_run(workspace), text)
        return text + _make_contents(workspace, pages)
    # Sphinx has no offline Mermaid: the text of the diagram is readable too
    return text.replace("```mermaid", "```text")


def _draw_graph() -> str:
    """Draw the graph of notebooks as SVG, with a link for each box."""
    drawn = layout_graph(GRAPH, across=True)
    template = _TEMPLATES.get_template("graph.html.j2")
    return template.render(drawn=drawn, graph=GRAPH, box=BOX_WIDTH, tall=BOX_HEIGHT)


def _describe_run(workspace: Workspace) -> str:
    """Say which run the results are from."""
    file = workspace.root / "data" / "dataset.json"
    if not file.is_file():
        return ""
    about = read_json(file)
    return (
        f"The results on these pages are from one run on {about['accepted']:,} transactions "
        f"(source `{about['source']}`, {about['first_day']} to {about['last_day']}; fingerprint of "
        f"the data `{about['fingerprint'][:12]}`).\n"
    )


def _make_contents(workspace: Workspace, pages: dict[str, str]) -> str:
    stages: dict[str, list[str]] = {}
    for name in sort_nodes():
        stages.setdefault(GRAPH[name].folder, []).append(name)
    docs = [Path(page).stem for page in pages.values() if re.fullmatch(r"docs/[^/]+\.md", page)]
    teaching = [page for page in pages.values() if page.startswith("docs/teaching/")]
    if (workspace.root / "audit" / "model_card.md").is_file():
        docs.append("model_card")
    first = [one for one in REFERENCE if one in docs]
    return _TEMPLATES.get_template("contents.md.j2").render(
        stages=dict(sorted(stages.items())),
        teaching=sorted(teaching, key=lambda page: not page.endswith("README.md")),
        docs=first + sorted(set(docs) - set(first)),
    )


def _make_notebook_page(file: str, workspace: Workspace, links: LinkEditor) -> dict[str, Any]:
    name = Path(file).stem
    result = workspace.root / "notebooks" / f"{name}.ipynb"
    has_run = name in GRAPH and result.is_file()
    if file == START:
        notebook = _execute_start()
    else:
        notebook = read_json(result if has_run else REPOSITORY / file)
    paths = find_machine_paths(notebook, REPOSITORY)
    content = clean_notebook(notebook, paths, lambda text: links.edit(text, file))
    title = content["cells"][0]
    if name in GRAPH:
        if not has_run:
            title["source"] += f"\n\n{NOT_RUN}"
        own = [lesson for lesson in load_lessons().values() if lesson.notebook == name]
        if own:
            content["cells"].append(_make_text_cell("exercises", _list_exercises(own)))
    elif file != START:
        lesson = load_lessons()[name[:3]]
        title["source"] = title["source"].replace(lesson.describe_section(), _link_section(lesson))
    return content


def _execute_start() -> dict[str, Any]:
    """Run START_HERE.ipynb in an empty workspace: it takes seconds, and no run executes it."""
    import papermill

    with tempfile.TemporaryDirectory() as folder:
        result = Path(folder, "artifacts", "notebooks", START)
        result.parent.mkdir(parents=True)
        before = dict(os.environ)
        os.environ.update(fraudops.ENVIRONMENT | {"FRAUDOPS_WORKSPACE": f"{folder}/artifacts"})
        try:
            papermill.execute_notebook(
                REPOSITORY / START, result, progress_bar=False, cwd=REPOSITORY
            )
            return read_json(result)
        finally:
            os.environ.clear()
            os.environ.update(before)


def _make_text_cell(name: str, text: str) -> dict[str, Any]:
    return {"cell_type": "markdown", "id": name, "metadata": {"tags": []}, "source": text}


def _list_exercises(own: list[Lesson]) -> str:
    lines = [
        f"- [{one.id} {one.title}](../exercises/notebooks/{one.folder.name}.ipynb) "
        f"{'★' * one.level} {one.minutes} minutes"
        for one in own
    ]
    return "**The exercises of this notebook**\n\n" + "\n".join(lines)


def _link_section(lesson: Lesson) -> str:
    """Link to the section that teaches the idea of an exercise."""
    path = get_notebook_path(GRAPH[lesson.notebook])
    wanted = re.compile(rf"^#+ ((?:[\d.]+ )?{re.escape(lesson.section)})$", re.MULTILINE)
    anchor = ""
    for cell in read_json(path)["cells"]:
        found = cell["cell_type"] == "markdown" and wanted.search(read_text(cell["source"]))
        if found:
            anchor = f"#{make_anchor(found[1])}"
    target = f"../../{GRAPH[lesson.notebook].folder}/{lesson.notebook}.ipynb{anchor}"
    return f"[{lesson.notebook.replace('_', '.', 1).split('_')[0]}, “{lesson.section}”]({target})"


def _list_exercises_by_stage() -> dict[str, list[Lesson]]:
    folders = {one.name[0]: one.folder.replace("_", " ") for one in GRAPH.values()}
    stages: dict[str, list[Lesson]] = {}
    for lesson in sorted(load_lessons().values(), key=lambda one: (one.stage, one.id)):
        stages.setdefault(folders[str(lesson.stage)], []).append(lesson)
    return stages


def _write_model_card(workspace: Workspace, source: Path) -> None:
    card = workspace.root / "audit" / "model_card.md"
    if card.is_file():
        shutil.copyfile(card, source / "docs" / "model_card.md")
