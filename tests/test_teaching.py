"""docs/teaching: what is made from the course agrees with it, and the plans leave nothing out."""

import re

from fraudops.exercises import load_lessons, make_course_map
from fraudops.workspace import REPOSITORY
from website.teaching import TEACHING_FOLDER, make_errors_page, make_outcomes_page

PAGES = {path.name: path.read_text(encoding="utf-8") for path in TEACHING_FOLDER.glob("*.md")}
RENEW = "run `python -m website teaching`"
MAP = make_course_map()
REVIEW_PAGE = {"number": "5.5", "minutes": 10}  # audit_app has no number


def read_minutes() -> dict[str, int]:
    """Minutes of reading by number of the notebook, such as 1.1."""
    minutes = {REVIEW_PAGE["number"]: REVIEW_PAGE["minutes"]}
    for name, time in MAP["time"].items():
        if name != "audit_app":
            minutes[f"{name[0]}.{name[2]}"] = int(re.search(r"\d+", time)[0])
    return minutes


def test_outcomes_and_errors_are_those_of_the_course():
    assert PAGES["outcomes.md"] == make_outcomes_page(), RENEW
    assert PAGES["common-errors.md"] == make_errors_page(), RENEW
    assert PAGES["outcomes.md"].count("\n- ") >= 3 * len(MAP)


def test_the_long_plan_has_each_notebook_and_exercise_once_with_its_minutes():
    minutes, lessons = read_minutes(), load_lessons()
    rows = re.findall(
        r"^\| (\d+) \| ([^|]+) \| (\d+) \| ([^|]+) \| (\d+) \| [^|]+ \|$",
        PAGES["plan-14-weeks.md"],
        re.MULTILINE,
    )
    assert [int(row[0]) for row in rows] == list(range(1, 15))
    notebooks, exercises = [], []
    for week, numbers, reading, ids, work in rows:
        own = re.findall(r"\d\.\d", numbers)
        given = re.findall(r"E\d\d", ids)
        assert int(reading) == sum(minutes[one] for one in own), week
        assert int(work) == sum(lessons[one].minutes for one in given), week
        notebooks += own
        exercises += given
    assert sorted(notebooks) == sorted(minutes)
    assert sorted(exercises) == sorted(lessons)


def test_the_short_plan_names_exercises_of_its_notebooks_and_what_it_leaves_out():
    text, lessons = PAGES["plan-3-days.md"], load_lessons()
    left_out = set(re.findall(r"\d\.\d", text.split("Left out for time:")[1]))
    taken = set(re.findall(r"\b\d\.\d", text.split("Left out")[0]))
    assert not taken & left_out
    assert taken | left_out | {REVIEW_PAGE["number"]} == set(read_minutes())
    for one in re.findall(r"E\d\d", text):
        notebook = lessons[one].notebook
        assert f"{notebook[0]}.{notebook[2]}" in taken, one


def test_the_rubrics_have_every_lab_of_the_plans_and_points_that_add_up():
    rubrics = PAGES["rubrics.md"]
    labs = set(re.findall(r"lab \*([^*]+)\*", PAGES["plan-14-weeks.md"]))
    assert len(labs) == 5 and all(f"| {one} |" in rubrics for one in labs)
    parts = rubrics.split("## ")[1]
    assert sum(map(int, re.findall(r"\((\d), (?:checked|read)\)", parts))) == 20
    pager = rubrics.split("## Pager week")[1]
    assert sum(map(int, re.findall(r"^\| \w+ \| (\d+) \|", pager, re.MULTILINE))) == 100


def test_every_page_is_linked_from_the_teachers_page():
    linked = set(re.findall(r"\]\(([\w-]+\.md)\)", PAGES["README.md"]))
    assert linked == set(PAGES) - {"README.md"}
    assert "docs/teaching/README.md" in (REPOSITORY / "README.md").read_text(encoding="utf-8")
