"""The map of the course: each notebook with its question, its time and its exercises."""

import json
import re

import pandas as pd

from fraudops.exercises.lessons import load_lessons
from fraudops.pipeline import GRAPH, get_notebook_path, sort_nodes

_TITLE = re.compile(r"^# (?:[\d.]+ )?(.+)$", re.MULTILINE)
_TIME = re.compile(r"\*\*Time:\*\* ([^.]+)\.")


def make_course_map() -> pd.DataFrame:
    """Make the map from the notebooks and the exercises.

    Returns
    -------
    pandas.DataFrame
        One row for each notebook, in the order of the chain; columns question, time, exercises and
        minutes (of all exercises of the notebook).
    """
    rows = {}
    for name in sort_nodes():
        cells = json.loads(get_notebook_path(GRAPH[name]).read_text(encoding="utf-8"))["cells"]
        text = "".join(cells[0]["source"])
        question, time = _TITLE.search(text), _TIME.search(text)
        own = [lesson for lesson in load_lessons().values() if lesson.notebook == name]
        rows[name] = {
            "question": question[1] if question else "",
            "time": time[1] if time else "",
            "exercises": " ".join(lesson.id for lesson in own),
            "minutes": sum(lesson.minutes for lesson in own),
        }
    return pd.DataFrame(rows).T
