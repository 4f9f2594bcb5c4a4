"""The incident labs: worlds, forms, answers, actions, seals."""

import csv
import dataclasses
import json
import re
import shutil
import sqlite3
import sys

import numpy as np
import pandas as pd
import pytest
import yaml

from fraudops import cli, ledger, store
from fraudops.errors import UserError
from fraudops.exercises import CORRECT, INCORRECT, NOT_ATTEMPTED
from fraudops.incidents import LABS, LabFolder, check_lab
from fraudops.incidents.labs import lab as lab_module
from fraudops.incidents.labs.lab_check import CHANGED, judge_world
from fraudops.incidents.labs.lab_folder import FORM_FILE, LAB_FILE, SYMPTOM_FILE
from fraudops.incidents.labs.midnight_world import NightPlan
from fraudops.incidents.labs.postmortem import TEXTS, make_form, read_postmortem
from fraudops.incidents.labs.seal import compute_seal, find_changes
from fraudops.incidents.labs.storm_queue import TOO_BUSY, Requests, play_queue
from fraudops.incidents.labs.storm_world import StormPlan, play_hour, read_settings
from fraudops.pipeline import GRAPH, get_notebook_path
from fraudops.workspace import read_json
from tests.incidents.lab_actions import RIGHT, WRONG

# these ids have both causes of the storm, and all three ways of the insider
STUDENTS = ("ada", "cyd", "gus")
REGISTRY_LABS = ("midnight-promotion", "too-good-challenger")  # MLflow makes them slow


def list_labs(*students):
    return [
        pytest.param(
            lab,
            student,
            marks=[pytest.mark.slow] if lab in REGISTRY_LABS else [],
            id=f"{lab}-{student}",
        )
        for lab in LABS
        for student in students
    ]


@pytest.fixture(scope="session")
def worlds(tmp_path_factory):
    """Makes the folder of a student once; tests change copies."""
    made = {}

    def get(lab, student):
        key = lab, student
        if key not in made:
            folder = tmp_path_factory.mktemp("lab") / lab
            made[key] = LabFolder.start(LABS[lab], student, folder)
        return made[key]

    return get


@pytest.fixture
def copy(worlds, tmp_path):
    def get(lab, student, name="copy"):
        shutil.copytree(worlds(lab, student).path, tmp_path / name)
        return LabFolder.open(tmp_path / name)

    return get


def to_text(value):
    if isinstance(value, frozenset):
        return sorted(value)
    return str(value) if isinstance(value, str) else repr(float(value))


def fill(folder, **changes):
    """Fill the form with the right answers and the action that the world shows, but `changes`."""
    right = folder.lab.answer(folder.workspace, folder.seed)
    values = {name: one.value for name, one in right.items()}
    values["action"] = judge_world(folder).done
    values |= changes
    texts = {name: values.pop("text", "Something that was written about it.") for name in TEXTS}
    figures = {one.name: to_text(values.pop(one.name)) for one in folder.lab.figures}
    form = {name: to_text(value) for name, value in values.items()}
    form |= {"evidence": figures, "text": texts}
    (folder.path / FORM_FILE).write_text(yaml.safe_dump(form, allow_unicode=True), encoding="utf-8")


@pytest.mark.parametrize(("lab", "student"), list_labs(*STUDENTS))
def test_the_right_answers_pass(copy, lab, student):
    folder = copy(lab, student)
    untouched = check_lab(folder)
    assert untouched.state == NOT_ATTEMPTED and untouched.total == untouched.texts == 0
    RIGHT[lab](folder)
    fill(folder)
    result = check_lab(folder)
    assert result.diagnoses == {} and result.state == CORRECT, result.describe()
    assert result.points == lab_module.QUESTION_POINTS and result.texts == len(TEXTS)


@pytest.mark.parametrize(("lab", "student"), list_labs(*STUDENTS))
def test_each_wrong_answer_has_its_own_diagnosis(worlds, lab, student):
    folder = worlds(lab, student)
    answers = folder.lab.answer(folder.workspace, folder.seed)
    assert set(answers) == {one.name for one in folder.lab.questions} - {"action"}
    assert len(answers["cause"].slips) >= 3
    for name, answer in answers.items():
        slips = answer.slips
        assert answer.is_right(answer.value), name
        assert len({one.name for one in slips}) == len({one.idea for one in slips}) == len(slips)
        for slip in slips:
            if callable(slip.value):  # tests of each lab
                continue
            assert not answer.is_right(slip.value), slip.name
            assert answer.find_slip(slip.value).name == slip.name
    choices = folder.lab.find_question("cause").choices
    assert answers["cause"].value in choices
    assert {one.value for one in answers["cause"].slips} <= set(choices)


@pytest.mark.parametrize(("lab", "student"), list_labs("ada"))
def test_a_wrong_answer_costs_its_points_and_names_the_section(copy, lab, student):
    folder = copy(lab, student)
    answers = folder.lab.answer(folder.workspace, folder.seed)
    RIGHT[lab](folder)
    for name, answer in answers.items():
        slip = next((one for one in answer.slips if not callable(one.value)), None)
        if slip is None:
            continue
        fill(folder, **{name: slip.value})
        result = check_lab(folder)
        assert result.diagnoses == {name: slip.name} and result.state == INCORRECT
        assert result.total == {"cause": 8, "where": 11, "when": 11}.get(name, 12)
        text = result.describe()
        assert slip.idea in text and ".ipynb, section" in text
        if name != "cause":
            shown = re.escape(str(to_text(answer.value)))
            assert not re.search(rf"(?<![\w.]){shown}(?!\w)", text), name


@pytest.mark.parametrize(("lab", "student"), list_labs("ada"))
def test_the_world_shows_what_was_done(worlds, copy, lab, student):
    for number, (act, diagnosis, points) in enumerate(WRONG[lab]):
        folder = copy(lab, student, f"copy{number}")
        act(folder)
        fill(folder)
        result = check_lab(folder)
        assert result.diagnoses == {"action": diagnosis}, result.describe()
        assert result.points["action"] == points
    folder = copy(lab, student, "said")
    RIGHT[lab](folder)
    fill(folder, action="nothing")
    result = check_lab(folder)
    assert result.diagnoses == {"action": "says_otherwise"} and result.points["action"] == 2


def change_world(folder):
    """Change something that was there; returns what the check must name."""
    root = folder.workspace.root
    if folder.lab.id in ("cents-monday", "503-storm", "too-good-challenger"):
        file = sorted(
            one
            for one in root.rglob("*.parquet")
            if not {"mlflow", "labels.parquet"} & set(one.parts)
        )[0]
        pd.read_parquet(file).iloc[:-1].to_parquet(file, index=False)
        return {"data/transactions", "logs", "challenger"}
    with sqlite3.connect(root / "store" / "fraudops.db") as connection:
        table = {"vanished-verdict": "decisions"}.get(folder.lab.id, "predictions")
        column = {"decisions": "note", "predictions": "decision"}[table]
        connection.execute(f"UPDATE {table} SET {column} = 'other'")
    connection.close()
    return {table}


@pytest.mark.parametrize(("lab", "student"), list_labs("ada"))
def test_a_changed_world_is_told_and_gives_no_points(copy, lab, student):
    folder = copy(lab, student)
    RIGHT[lab](folder)
    fill(folder)
    expected = change_world(folder)
    result = check_lab(folder)
    assert result.state == CHANGED and set(result.changed) <= expected and result.total == 0
    assert "The world is not the one that was made" in result.describe()


def test_a_corrected_row_destroys_the_evidence(copy):
    folder = copy("vanished-verdict", "gus")
    WRONG["vanished-verdict"][1][0](folder)
    result = check_lab(folder)
    assert result.changed == ("decisions",)
    assert result.diagnoses == {"action": "evidence_destroyed"}


@pytest.mark.parametrize(("lab", "student"), list_labs("cyd"))
def test_the_same_id_makes_the_same_world(worlds, lab, student):
    folder = worlds(lab, student)
    assert folder.compute_fresh_seal() == folder.seal
    assert find_changes(folder.workspace, folder.seal) == []


@pytest.mark.slow
@pytest.mark.parametrize("lab", REGISTRY_LABS)
def test_the_record_of_a_lab_without_tampering_holds(copy, lab):
    folder = copy(lab, "ada")
    assert "The record holds" in ledger.verify_and_report(folder.workspace)
    assert find_changes(folder.workspace, folder.seal) == []  # the new seals are new entries


@pytest.mark.parametrize(("lab", "student"), list_labs("cyd"))
def test_another_id_makes_another_world(worlds, lab, student):
    own, other = (worlds(lab, one) for one in (student, "gus"))
    assert own.seal != other.seal
    answers = [one.lab.answer(one.workspace, one.seed) for one in (own, other)]
    different = [name for name in answers[0] if answers[0][name].value != answers[1][name].value]
    assert len(different) >= 3


@pytest.mark.parametrize(("lab", "student"), list_labs("ada"))
def test_the_folder_holds_no_answer(worlds, lab, student):
    folder = worlds(lab, student)
    answers = folder.lab.answer(folder.workspace, folder.seed)
    texts = {name: (folder.path / name).read_text("utf-8") for name in (LAB_FILE, SYMPTOM_FILE)}
    for name, answer in answers.items():
        if isinstance(answer.value, str):
            for text in texts.values():
                assert answer.value not in text, name
    assert set(read_json(folder.path / LAB_FILE)) == {"lab", "student", "seal"}
    form = (folder.path / FORM_FILE).read_text("utf-8")
    assert form.replace("student ada", "") == _make_other_form(folder)
    for one in folder.lab.questions:
        shown = [line[4:] for line in form.splitlines() if line.startswith("#   ")]
        assert not one.choices or sorted(one.choices) == [c for c in shown if c in one.choices]
    manifest = folder.workspace.root / "data" / "dataset.json"
    if manifest.is_file():
        made_with = json.loads(manifest.read_text("utf-8"))["made_with"]
        assert not {"seed", "drift"} & set(made_with)


def _make_other_form(folder):
    return make_form(folder.lab, "zoe").replace("student zoe", "")


def test_each_lab_has_a_full_form():
    for one in LABS.values():
        names = [question.name for question in one.questions]
        assert {"cause", "where", "when", "action"} < set(names) and len(set(names)) == len(names)
        assert len(one.figures) == lab_module.FIGURES
        assert len(one.find_question("cause").choices) >= 5
    assert sum(lab_module.QUESTION_POINTS.values()) + lab_module.TEXT_POINTS == 20


@pytest.mark.parametrize(("lab", "student"), list_labs("ada"))
def test_every_named_section_exists(worlds, lab, student):
    folder = worlds(lab, student)
    answers = folder.lab.answer(folder.workspace, folder.seed)
    places = {one.place for one in folder.lab.questions}
    places |= {slip.place for one in answers.values() for slip in one.slips if slip.place}
    places |= {one for one in _list_module_values(folder.lab) if isinstance(one, lab_module.Place)}
    for place in places:
        cells = read_json(get_notebook_path(GRAPH[place.notebook]))["cells"]
        lines = "\n".join("".join(one["source"]) for one in cells).splitlines()
        titles = {line.lstrip("# ") for line in lines if line.startswith("#")}
        titles |= {one.partition(". ")[2] for one in titles}
        assert place.section in titles, place


def _list_module_values(lab):
    modules = (sys.modules[one.__module__] for one in (lab.judge, lab.answer))
    return [value for module in modules for value in vars(module).values()]


def test_a_form_that_cannot_be_read_says_why(copy):
    folder = copy("503-storm", "ada")
    path = folder.path / FORM_FILE
    form = yaml.safe_load(path.read_text("utf-8"))
    for text, said in (
        ("cause: [", "is no YAML"),
        ("cause: x", "must hold exactly these lines"),
        (yaml.safe_dump(form | {"evidence": "none"}), "evidence must hold exactly"),
        (" " * 200_000, "more than 100,000 bytes"),
        ("cause: &a [x, x]\nwhen: [*a, *a]", "must hold exactly these lines"),
    ):
        path.write_text(text, encoding="utf-8")
        with pytest.raises(UserError, match=said):
            read_postmortem(path, folder.lab)
    wrong = {"cause": "magic", "when": "noon", "evidence": {"refused": "many", "part": "nan"}}
    path.write_text(yaml.safe_dump(form | wrong), encoding="utf-8")
    result = check_lab(folder)
    assert set(result.diagnoses) == {"cause", "when", "refused", "part", "action"}
    assert "Choose one of" in result.describe() and "a number" in result.describe()


def test_the_commands(worlds, copy, tmp_path, capsys, monkeypatch):
    assert cli.main(["incidents", "list"]) == 0
    listed = capsys.readouterr().out
    assert all(lab in listed for lab in LABS)
    assert cli.main(["incidents", "start", "no-lab", "--student", "ada"]) == 2
    assert "Choose one of: cents-monday" in capsys.readouterr().err
    words = ["incidents", "start", "503-storm", "--student", "ada", "--folder", str(tmp_path / "a")]
    assert cli.main(words) == 0
    assert "status 503" in capsys.readouterr().out
    assert cli.main(words) == 2
    assert "stays as it is" in capsys.readouterr().err
    assert cli.main([*words[:4], "a/b", "--folder", str(tmp_path / "b")]) == 2
    capsys.readouterr()
    folder = LabFolder.open(tmp_path / "a")
    RIGHT["503-storm"](folder)
    fill(folder)
    broken = copy("cents-monday", "gus", "b")
    (broken.path / FORM_FILE).write_text("cause: [", encoding="utf-8")
    table = tmp_path / "points.csv"
    assert cli.main(["incidents", "check", str(tmp_path), "--csv", str(table)]) == 1
    assert "is no YAML" in capsys.readouterr().out
    with table.open(encoding="utf-8") as file:
        rows = {row["student"]: row for row in csv.DictReader(file)}
    assert (rows["ada"]["state"], rows["ada"]["points"]) == (CORRECT, "14")
    assert (rows["gus"]["state"], rows["gus"]["points"]) == ("unreadable", "0")
    shutil.copytree(tmp_path / "a", tmp_path / "again")
    assert cli.main(["incidents", "check", str(tmp_path)]) == 2
    assert "Move one of them away" in capsys.readouterr().err
    assert cli.main(["incidents", "check", str(tmp_path / "none")]) == 2


def test_a_form_with_lists_in_lists_is_no_answer_and_expands_nothing(copy):
    folder = copy("503-storm", "ada")
    levels = ["&a0 [" + ", ".join("x" * 9) + "]"]
    levels += [f"&a{n} [" + ", ".join([f"*a{n - 1}"] * 9) + "]" for n in range(1, 9)]
    form = make_form(folder.lab, "ada")
    first = next(
        line for line in form.splitlines() if line.strip().startswith(f"{next(iter(TEXTS))}:")
    )
    indent = first[: len(first) - len(first.lstrip())]
    (folder.path / FORM_FILE).write_text(
        form.replace(first, f"{indent}{next(iter(TEXTS))}: [{', '.join(levels)}]"), encoding="utf-8"
    )
    assert read_postmortem(folder.path / FORM_FILE, folder.lab).texts == 0


def test_a_start_leaves_what_it_did_not_make(tmp_path):
    kept = tmp_path / "world" / "thesis.txt"
    kept.parent.mkdir()
    kept.write_text("years of work")
    words = ["incidents", "start", "503-storm", "--student", "ada", "--folder", str(tmp_path)]
    assert cli.main(words) == 2 and kept.read_text() == "years of work"


def test_one_broken_world_does_not_stop_the_check_of_a_class(copy, tmp_path, capsys):
    broken = copy("cents-monday", "gus", "broken")
    shutil.rmtree(broken.path / "world" / "store")
    (broken.path / "world" / "data" / "held.json").write_text("{")
    fill(broken)
    copy("503-storm", "ada", "sound")
    table = tmp_path / "points.csv"
    assert cli.main(["incidents", "check", str(tmp_path), "--csv", str(table)]) == 1
    with table.open(encoding="utf-8") as file:
        assert {row["student"] for row in csv.DictReader(file)} == {"ada", "gus"}


def test_a_forged_seal_does_not_help(copy, capsys):
    folder = copy("503-storm", "ada")
    fill(folder)
    file = folder.workspace.root / "logs" / "requests_today.parquet"
    pd.read_parquet(file).iloc[:10].to_parquet(file, index=False)
    about = read_json(folder.path / LAB_FILE)
    about["seal"] = compute_seal(folder.workspace)
    (folder.path / LAB_FILE).write_text(json.dumps(about), encoding="utf-8")
    assert cli.main(["incidents", "check", str(folder.path)]) == 1
    assert "The world is not the one that was made: logs" in capsys.readouterr().out


def test_the_queue_refuses_waits_and_follows_the_lock():
    """One worker, one second for each request, one place; another program writes from 1 to 3 s."""
    n = 4
    requests = Requests(
        np.array([0.0, 0.1, 0.2, 5.0]),
        np.zeros(n),
        np.full(n, 0.5),
        np.full(n, 0.3),
        np.full(n, 0.2),
    )
    log = play_queue(requests, 1, 1, {}, [(1.5, 3.0)])
    assert log["status"].tolist() == [200, 200, 503, 200]
    assert log.loc[2, "title"] == TOO_BUSY and np.isnan(log.loc[2, "queue_ms"])
    assert log["queue_ms"].tolist()[:2] == [0.0, 900.0]
    assert log["lock_ms"].tolist()[:2] == [0.0, 1200.0]  # ready at 1.8 s, free at 3.0 s
    slow = play_queue(requests, 1, 1, {1: (4.0, 3.0)}, [])
    assert slow["features_ms"].tolist()[3] == 1500.0 and slow.loc[1, "features_ms"] == 500.0


@pytest.mark.slow
@pytest.mark.parametrize("student", STUDENTS)
def test_the_gates_of_the_midnight_promotion_tell_good_from_bad(worlds, student):
    folder = worlds("midnight-promotion", student)

    def read(engine):
        with engine.connect() as connection:
            return ledger.load_entries(connection)

    entries = store.read_undisturbed(folder.workspace, read)
    plan = NightPlan.draw(folder.seed)
    moves = [one for one in entries if one["event"] == "champion"]
    refused = next(one["payload"] for one in entries if one["event"] == "refused")
    assert (refused["version"], moves[-1]["payload"]["version"]) == (plan.bad, plan.bad)
    assert refused["failed"] and moves[-1]["payload"]["gates"] == []
    assert [one["passed"] for one in moves[-2]["payload"]["gates"]] == [True]


@pytest.mark.slow
@pytest.mark.parametrize("student", STUDENTS)
def test_the_challenger_is_too_good_and_its_column_changes(worlds, student):
    folder = worlds("too-good-challenger", student)
    text = (folder.path / SYMPTOM_FILE).read_text("utf-8")
    challenger, champion = map(float, re.findall(r"(?:is|has) (0\.\d\d)[,.]", text))
    assert challenger > champion + 0.1
    answers = folder.lab.answer(folder.workspace, folder.seed)
    assert answers["changed"].value >= 5


def test_the_storm_is_not_cured_by_what_the_wrong_cause_asks_for(copy):
    """A restart does not help against a lock, nor another hour of the jobs against slowness."""
    for number, student in enumerate(("ada", "cyd")):
        folder = copy("503-storm", student, f"copy{number}")
        plan = StormPlan.draw(folder.seed)
        usual = read_settings(folder.workspace)
        if plan.is_lock:
            wrong = dataclasses.replace(usual, restart=(1, 2, 3))
            more = dataclasses.replace(usual, workers=12)
        else:
            wrong = dataclasses.replace(usual, jobs=dict.fromkeys(usual.jobs, 3.0))
            more = None
        before = (play_hour(plan, usual)["status"] == 503).sum()
        assert (play_hour(plan, wrong)["status"] == 503).sum() > before / 2
        if more:  # more workers wait for the same lock
            assert (play_hour(plan, more)["status"] == 503).sum() > before / 4
        assert (play_hour(plan, usual, "yesterday")["status"] == 200).all()
