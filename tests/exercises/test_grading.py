"""Notebooks of students: started, run by papermill, checked and graded in their own processes."""

import csv
import json

import nbformat
import numpy as np
import papermill
import pytest

from fraudops.cli import main
from fraudops.errors import UserError
from fraudops.exercises import (
    Outcome,
    check_submission,
    compute_outcome,
    compute_student_seed,
    find_lesson,
    grade_folder,
    open_exercise,
    start_exercises,
)
from fraudops.exercises.grading import StudentFile, write_feedback

RIGHT = (
    "def count_seven_days(ts, moment):\n    return ts.between(moment - 604800, moment - 60).sum()"
)
WRONG = "def count_seven_days(ts, moment):\n    return (ts <= moment).sum()"


@pytest.fixture(autouse=True)
def own_workspace(tmp_path, monkeypatch):
    """Tries are counted in a folder of this test alone."""
    monkeypatch.setenv("FRAUDOPS_WORKSPACE", str(tmp_path / "run"))


def write_answer(folder, student, exercise, source):
    """Start the notebooks of a student, and replace one starter by this answer."""
    start_exercises(student, folder)
    (path,) = folder.glob(f"{exercise}_*.ipynb")
    notebook = nbformat.read(path, as_version=4)
    for cell in notebook.cells:
        if "answer" in cell.metadata.get("tags", []):
            cell.source = source
    nbformat.write(notebook, path)
    for other in folder.glob("*.ipynb"):
        if other != path:
            other.unlink()
    return path


def test_start_writes_the_id_and_keeps_what_is_there(tmp_path):
    written, present = start_exercises("ada", tmp_path)
    assert written and not present
    assert sorted(tmp_path.rglob("*")) == sorted(written)  # notebooks alone, no sources
    written[0].write_text(written[0].read_text().replace("# fill in", "# my work"))
    before = written[0].read_bytes()
    assert start_exercises("ada", tmp_path) == ([], written)
    assert written[0].read_bytes() == before
    assert json.loads(before)["metadata"]["fraudops"]["student"] == "ada"
    with pytest.raises(UserError, match="belongs to the student 'ada'"):
        start_exercises("bob", tmp_path)


@pytest.mark.parametrize("student", ["../x", "a b", "é", ".hidden", "a" * 65, "x\n"])
def test_an_id_that_cannot_be_a_file_name_is_refused(student):
    with pytest.raises(UserError, match="is no id of a student"):
        compute_student_seed(student)
    with pytest.raises(UserError):
        open_exercise("E07", student)


def test_students_have_other_numbers():
    lesson = find_lesson("E07")
    texts = {
        repr(compute_outcome(lesson, lambda ts, moment: -1, compute_student_seed(student)))
        for student in ("ada", "bob", "cyd")
    }
    assert len(texts) == 3


def test_copied_values_are_worth_nothing_with_other_probes():
    lesson = find_lesson("E07")
    check = lesson.check_module
    seed = compute_student_seed("ada")
    copied = {}
    for probe in check.make_probes(np.random.default_rng([seed, 7])):
        copied[probe.arguments[0].to_string()] = check.answer(*probe.arguments)

    def look_up(ts, moment):
        return copied.get(ts.to_string(), 0)

    assert compute_outcome(lesson, look_up, seed).kind == "correct"
    assert compute_outcome(lesson, look_up, compute_student_seed("bob")).kind == "incorrect"


def test_the_solution_opens_after_three_incorrect_tries(capsys):
    exercise = open_exercise("E07", "ada")
    for tries in range(3):
        exercise.show_solution()
        assert f"You have made {tries}." in capsys.readouterr().out
        assert exercise.check(lambda ts, moment: 0).kind == "incorrect"
    exercise.show_solution()
    assert "moment - 60" in capsys.readouterr().out
    open_exercise("E07", "bob").show_solution()
    assert "moment - 60" not in capsys.readouterr().out
    open_exercise("E07", "bob").show_solution(teacher=True)
    assert "moment - 60" in capsys.readouterr().out


def test_a_check_says_what_it_needs():
    exercise = open_exercise("E07")
    with pytest.raises(UserError, match="without parentheses"):
        exercise.check(3)


def test_an_outcome_escapes_what_a_student_returns():
    outcome = open_exercise("E07").check(lambda ts, moment: "<script>alert(1)</script>")
    assert outcome.diagnosis == "unknown"
    assert "<script>" not in outcome._repr_html_() and "&lt;script&gt;" in outcome._repr_html_()
    assert "<script>" in repr(outcome)


def test_an_error_and_an_endless_loop_are_diagnoses():
    def fails(ts, moment):
        return ts["no such label"]

    def never_ends(ts, moment):
        while True:
            pass

    exercise = open_exercise("E07")
    assert exercise.check(fails).diagnosis == "raised"
    assert "KeyError" in exercise.check(fails).value
    assert exercise.check(never_ends).diagnosis == "too_slow"


def test_a_function_may_change_its_arguments():
    def careless(ts, moment):
        number = int(ts.between(moment - 604800, moment - 60).sum())
        ts.iloc[:] = 0
        return number

    assert open_exercise("E07").check(careless).kind == "correct"


@pytest.mark.slow
def test_papermill_runs_a_notebook_and_keeps_the_outcome(tmp_path):
    endless = "def count_seven_days(ts, moment):\n    while True:\n        pass"
    for student, source, kind in (
        ("ada", RIGHT, "E07: correct"),
        ("bob", WRONG, "E07: incorrect"),
        ("cyd", endless, "does not end"),
    ):
        path = write_answer(tmp_path / student, student, "E07", source)
        ran = papermill.execute_notebook(path, None, cwd=tmp_path, progress_bar=False)
        (check,) = [c for c in ran.cells if c.source.startswith("exercise.check(")]
        assert kind in check.outputs[0]["data"]["text/plain"]
        assert kind in check.outputs[0]["data"]["text/html"]


@pytest.mark.slow
def test_the_command_checks_a_notebook(tmp_path, capsys):
    right = write_answer(tmp_path / "ada", "ada", "E07", RIGHT)
    wrong = write_answer(tmp_path / "bob", "bob", "E07", "%precision 3\n" + WRONG)
    assert main(["exercises", "check", str(right)]) == 0
    assert "E07: correct" in capsys.readouterr().out
    assert main(["exercises", "check", str(wrong)]) == 1
    out = capsys.readouterr().out
    assert "Your value:" in out and "1_2_features.ipynb" in out
    assert open_exercise("E07", "bob").count_tries() == 1
    assert main(["exercises", "check", str(tmp_path / "E07_none.ipynb")]) == 2
    assert "does not exist" in capsys.readouterr().err


@pytest.mark.slow
def test_a_class_is_graded(tmp_path, capsys):
    folder = tmp_path / "class"
    write_answer(folder / "ada", "ada", "E07", RIGHT)
    write_answer(folder / "bob", "bob", "E07", WRONG + "\nprint('<b>')")
    write_answer(folder / "cyd", "cyd", "E07", "def count_seven_days(ts, moment)\n    return 0")
    write_answer(folder / "=dan", "dan", "E07", "import os\nos._exit(3)")
    write_answer(folder / "eve", "eve", "E07", "while True:\n    pass")
    write_answer(folder / "fay", "fay", "E07", "x = ['0123456789' * 100 * k for k in range(10**7)]")
    (folder / "gus").mkdir()
    (folder / "gus" / "E07_count_seven_days.ipynb").write_text("{not json")
    (folder / "notes.ipynb").write_text("{}")
    limits = ["--seconds", "20", "--megabytes", "700"]
    code = main(["exercises", "grade", str(folder), "--csv", "--seed", "5", *limits])
    out, err = capsys.readouterr()
    assert code == 0 and "1 of 7 submissions are correct" in out and "notes.ipynb" in err
    with (folder / "scores.csv").open(encoding="utf-8", newline="") as file:
        rows = {row["student"]: row for row in csv.DictReader(file)}
    assert {name: (row["score"], row["diagnosis"]) for name, row in rows.items()} == {
        "ada": ("1", ""),
        "bob": ("0", "counts_itself"),  # and two more; this one alone explains the most values
        "cyd": ("0", "does_not_run"),
        "'=dan": ("0", "no_result"),
        "eve": ("0", "too_slow"),
        "fay": ("0", "too_much_memory"),
        "gus": ("0", "unreadable"),
    }
    assert {row["probe_seed"] for row in rows.values()} == {"5"}
    page = (folder / "feedback" / "bob.html").read_text(encoding="utf-8")
    assert "incorrect" in page and "1_2_features.ipynb" in page
    assert len(list((folder / "feedback").glob("*.html"))) == 7


def test_each_student_has_a_page_and_its_text_is_escaped(tmp_path):
    students = ("a b", "a_b", "a/b", "<i>")
    value = "<script>alert(1)</script>"
    graded = [
        (StudentFile(tmp_path / "E07.ipynb", one, "E07"), Outcome("E07", "incorrect", value=value))
        for one in students
    ]
    write_feedback(tmp_path / "pages", graded, 1)
    pages = [path.read_text(encoding="utf-8") for path in (tmp_path / "pages").iterdir()]
    assert len(pages) == len(students)
    assert not any("<script>" in page or "<i>" in page for page in pages)
    assert all("&lt;script&gt;" in page for page in pages)


def test_two_submissions_of_one_student_are_refused(tmp_path):
    write_answer(tmp_path / "ada", "ada", "E07", RIGHT)
    write_answer(tmp_path / "ada" / "old", "ada", "E07", WRONG)
    with pytest.raises(UserError, match="two submissions for E07"):
        grade_folder(tmp_path, tmp_path / "s.csv", tmp_path / "f", 1)
    empty = tmp_path / "empty"
    empty.mkdir()
    with pytest.raises(UserError, match="no notebook of an exercise"):
        grade_folder(empty, tmp_path / "s.csv", tmp_path / "f", 1)


@pytest.mark.slow
def test_a_python_file_is_a_submission_too(tmp_path):
    path = tmp_path / "E07.py"
    path.write_text(RIGHT)
    assert check_submission(path, find_lesson("E07"), 3).kind == "correct"
    path.write_text("x = 1")
    assert check_submission(path, find_lesson("E07"), 3).kind == "not attempted"
