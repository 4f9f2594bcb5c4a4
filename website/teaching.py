"""The pages of the teacher's pack that are made from notebooks and exercises."""

import posixpath
from pathlib import Path

from fraudops.exercises import Lesson, load_lessons, make_course_map
from fraudops.pipeline import GRAPH, get_notebook_path, sort_nodes
from fraudops.workspace import REPOSITORY, atomic_write, read_json
from website.notebooks import read_text
from website.slides import find_outcomes

TEACHING_FOLDER = REPOSITORY / "docs" / "teaching"
_MADE = "This page is made by `python -m website teaching`. Do not edit it by hand."


def make_outcomes_page() -> str:
    """Make the page of learning outcomes, from the cells *You will be able to* of the notebooks.

    Returns
    -------
    str
        Markdown.
    """
    lines = ["# Learning outcomes", "", f"After a notebook, a student is able to do this. {_MADE}"]
    course_map = make_course_map()
    stage = ""
    for name in sorted(sort_nodes(), key=lambda one: GRAPH[one].folder):
        if GRAPH[name].folder != stage:
            stage = GRAPH[name].folder
            lines += ["", f"## {stage.replace('_', ' ')}"]
        cells = read_json(get_notebook_path(GRAPH[name]))["cells"]
        texts = [read_text(one["source"]) for one in cells if one["cell_type"] == "markdown"]
        outcomes = next(filter(None, map(find_outcomes, texts)), "")
        exercises = course_map.loc[name, "exercises"] or "none"
        title = texts[0].splitlines()[0].removeprefix("# ")
        target = f"../../{stage}/{name}.ipynb"
        lines += ["", f"**[{title}]({target})** (exercises: {exercises})", "", outcomes]
    return "\n".join(lines) + "\n"


def make_errors_page() -> str:
    """Make the page of common errors, from the misconceptions of the exercises.

    Returns
    -------
    str
        Markdown.
    """
    lines = [
        "# Common errors",
        "",
        "Each row is an error that students make, and the exercise whose check finds it. The",
        "text is what the student reads. `fraudops exercises grade FOLDER --csv` writes the names",
        "of the first column, so you see what a class gets wrong.",
        f"{_MADE}",
    ]
    stage = 0
    for lesson in sorted(load_lessons().values(), key=lambda one: (one.stage, one.id)):
        if lesson.stage != stage:
            stage = lesson.stage
            lines += ["", f"## Stage {stage}", "", "| error | what is missed | exercise |"]
            lines.append("|---|---|---|")
        for one in lesson.check_module.MISCONCEPTIONS:
            idea = " ".join(one.idea.split()).replace("|", "\\|")
            lines.append(f"| `{one.name}` | {idea} | {_link(lesson)} |")
    return "\n".join(lines) + "\n"


def _link(lesson: Lesson) -> str:
    target = posixpath.join("..", "..", "exercises", "notebooks", f"{lesson.folder.name}.ipynb")
    return f"[{lesson.id}]({target})"


def write_teaching_pages(folder: Path = TEACHING_FOLDER) -> list[Path]:
    """Write the pages that are made from notebooks and exercises.

    Parameters
    ----------
    folder : Path

    Returns
    -------
    list of Path
    """
    made = {"outcomes.md": make_outcomes_page(), "common-errors.md": make_errors_page()}
    for name, text in made.items():
        with atomic_write(folder / name) as temporary:
            temporary.write_text(text, encoding="utf-8")
    return [folder / name for name in made]
