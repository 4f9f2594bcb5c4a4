"""Each check accepts right answers, and names the mistake of each wrong one."""

import json
import re

import numpy as np
import pytest

from fraudops.errors import UserError
from fraudops.exercises import compute_outcome, find_lesson, load_lessons
from fraudops.exercises.lessons import read_lesson
from fraudops.exercises.student_notebooks import build_notebooks, make_notebook
from fraudops.pipeline import GRAPH, get_notebook_path

SEEDS = (0, 7, 2026)
LESSONS = load_lessons()


def load_answer(lesson, source: str):
    """The function that a student's code defines, in a notebook whose examples have run."""
    variables: dict = {}
    for cell in lesson.cells:
        if cell.is_code and not cell.role:
            exec(cell.source, variables)
    exec(source, variables)
    return variables[lesson.function]


def read_answers(lesson, kind: str) -> dict[str, str]:
    paths = sorted(lesson.folder.joinpath("answers").glob(f"{kind}_*.py"))
    return {path.stem.removeprefix(f"{kind}_"): path.read_text(encoding="utf-8") for path in paths}


@pytest.mark.parametrize("name", LESSONS)
def test_the_untouched_starter_is_not_attempted(name):
    lesson = LESSONS[name]
    commented = f"# my first try\n{lesson.starter}\n# I do not know\n"
    for source in (lesson.starter, commented):
        outcome = compute_outcome(lesson, load_answer(lesson, source), SEEDS[0])
        assert outcome.kind == "not attempted"


@pytest.mark.parametrize("name", LESSONS)
def test_each_right_answer_is_correct(name):
    lesson = LESSONS[name]
    answers = read_answers(lesson, "right") | {"solution": lesson.solution}
    assert len(answers) >= 3, "two styles beside the solution"
    for style, source in answers.items():
        for seed in SEEDS:
            outcome = compute_outcome(lesson, load_answer(lesson, source), seed)
            assert outcome.kind == "correct", (style, seed, outcome)


@pytest.mark.parametrize("name", LESSONS)
def test_each_wrong_answer_gets_its_own_diagnosis(name):
    lesson = LESSONS[name]
    answers = read_answers(lesson, "wrong")
    assert len(answers) >= 2
    assert set(answers) == {one.name for one in lesson.check_module.MISCONCEPTIONS}
    for diagnosis, source in answers.items():
        for seed in SEEDS:
            outcome = compute_outcome(lesson, load_answer(lesson, source), seed)
            assert (outcome.kind, outcome.diagnosis) == ("incorrect", diagnosis), (seed, outcome)
            assert outcome.probe and outcome.idea and outcome.section
            assert outcome.value != outcome.expected, (diagnosis, seed, outcome)


@pytest.mark.parametrize("name", LESSONS)
def test_misconceptions_differ_on_many_seeds(name):
    lesson = LESSONS[name]
    for seed in range(100, 102):
        assert compute_outcome(lesson, lesson.check_module.answer, seed).kind == "correct"
        for one in lesson.check_module.MISCONCEPTIONS:
            if one.name != "no_circle_check":  # it would wait for the time limit each time
                assert compute_outcome(lesson, one.imitate, seed).diagnosis == one.name, seed


@pytest.mark.parametrize("name", LESSONS)
def test_the_numbers_differ_between_students(name):
    check = LESSONS[name].check_module
    texts = set()
    for seed in range(8):
        probes = check.make_probes(np.random.default_rng([seed, int(name[1:])]))
        texts.add("\n".join(probe.describe("f", check.answer) for probe in probes))
    assert len(texts) >= 3


def test_a_probe_names_its_arguments():
    def first_lines(name):
        check = LESSONS[name].check_module
        (probe, *_) = check.make_probes(np.random.default_rng(0))
        return [line.split(" =")[0] for line in probe.describe("f", check.answer).splitlines()]

    assert {"  ts", "  moment"} <= set(first_lines("E07"))
    assert {"  notebook", "  folder", "  values"} <= set(first_lines("E06"))  # not `execute`


def test_every_named_section_exists():
    titles, missing = {}, []
    for name, node in GRAPH.items():
        cells = json.loads(get_notebook_path(node).read_text(encoding="utf-8"))["cells"]
        text = "\n".join("".join(c["source"]) for c in cells if c["cell_type"] == "markdown")
        titles[name] = set(re.findall(r"^#+ (?:\d[\d.]* )?(.+)$", text, re.M))
    for lesson in LESSONS.values():
        places = [(lesson.notebook, lesson.section)]
        for one in lesson.check_module.MISCONCEPTIONS:
            if one.section or one.notebook:
                places.append((one.notebook or lesson.notebook, one.section or lesson.section))
        for notebook, section in places:
            if section not in titles[notebook]:
                missing.append((lesson.id, notebook, section))
    assert missing == [], titles


def test_student_notebooks_are_made_from_their_sources():
    assert build_notebooks(only_compare=True) == [], "run `fraudops exercises build`"


@pytest.mark.parametrize("name", LESSONS)
def test_no_solution_is_in_a_student_notebook(name):
    lesson = LESSONS[name]
    notebook = json.loads(make_notebook(lesson, "ada"))
    code = [c for c in notebook["cells"] if c["cell_type"] == "code"]
    shown = {line.strip() for c in code for line in "".join(c["source"]).splitlines()}
    own = {line.strip() for line in lesson.solution.splitlines() if len(line.strip()) > 9}
    given = {line.strip() for line in lesson.starter.splitlines()}
    assert own - given and not (own - given) & shown
    with pytest.raises(UserError, match="no exercise 'E99'"):
        find_lesson("E99")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda text: text.replace("# ---\n", "", 1), "does not begin with a header"),
        (lambda text: text.replace("title: ", "title: a: ", 1), "is no YAML"),
        (lambda text: text.replace("# level: 1", "# level: 9"), "does not exist"),
        (lambda text: text.replace("# minutes: 5\n", ""), "must name exactly"),
        (lambda text: text.replace('["hint"]', '["tip"]', 1), "is no cell"),
        (lambda text: text.rsplit("# %%", 1)[0], "needs one starter, one solution and 3 hints"),
    ],
)
def test_a_broken_lesson_is_refused_with_its_reason(tmp_path, change, message):
    folder = tmp_path / "E07_broken"
    folder.mkdir()
    text = (LESSONS["E07"].folder / "lesson.py").read_text(encoding="utf-8")
    folder.joinpath("lesson.py").write_text(change(text), encoding="utf-8")
    with pytest.raises(UserError, match=message):
        read_lesson(folder)


def test_each_stage_has_exercises_of_all_levels():
    levels = {stage: [] for stage in range(1, 6)}
    for lesson in LESSONS.values():
        levels[lesson.stage].append(lesson.level)
    assert len(LESSONS) >= 30
    for stage, found in levels.items():
        assert len(found) >= 4 and set(found) == {1, 2, 3}, stage
