"""docs/troubleshooting.md: the messages are those that the library writes."""

import json
import pickle
import re
import zipfile
from collections.abc import Callable
from datetime import date
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from fraudops import UserError, cli, data, ledger, models, monitoring, setup_check, store
from fraudops.audit_app.auth import users
from fraudops.data import open_source
from fraudops.exercises import load_lessons, open_exercise, start_exercises
from fraudops.exercises.command import run_exercises_command
from fraudops.exercises.diagnosis import compute_outcome
from fraudops.exercises.grading import find_submissions
from fraudops.exercises.submission import read_code_cells
from fraudops.models.persistence import load_model_file
from fraudops.models.registry import ModelRegistry
from fraudops.monitoring.alerts import deliver_alerts
from fraudops.pipeline import lock_workspace
from fraudops.pipeline.airflow import find_airflow
from fraudops.serving.skew import compare_day
from fraudops.simulator import make_course_config
from fraudops.store.signing_key import load_key
from fraudops.timeline import plan_timeline
from fraudops.workspace import REPOSITORY
from tests.support.cases import fill
from website import __main__ as website_command

PAGE = (REPOSITORY / "docs" / "troubleshooting.md").read_text(encoding="utf-8")
ROWS = [
    [cell.strip() for cell in line.strip("|").split(" | ")]
    for line in PAGE.splitlines()
    if line.startswith("| ") and not line.startswith("| message |")
]


def make_patterns(cell: str) -> list[str]:
    """One regular expression for each message of a cell; the sign … stands for any text."""
    return [".+?".join(map(re.escape, one.split("…"))) for one in re.findall(r"`([^`]+)`", cell)]


def find_entries(message: str) -> list[str]:
    """The messages of the page that are like a real one."""
    return [
        row[0]
        for row in ROWS
        if not row[0][0].islower() or row[0].startswith("`")
        if any(re.search(one, message, re.DOTALL) for one in make_patterns(row[0]))
    ]


def test_each_entry_has_message_cause_and_remedy():
    assert len(ROWS) >= 60
    for row in ROWS:
        assert len(row) == 3 and all(row), row
        assert sum(len(cell.split()) for cell in row) <= 75, ("is it short?", row)
    assert len({row[0] for row in ROWS}) == len(ROWS)


@pytest.fixture
def csv(tmp_path):
    """Write a CSV file, and return its path as text."""

    def write(text: str, name: str = "delivery.csv") -> str:
        path = tmp_path / name
        path.write_text(text, encoding="utf-8")
        return str(path)

    return write


HEADER = "tx_id,timestamp,customer_id,terminal_id,amount,is_fraud\n"


def run(*words: str) -> Callable:
    """What a command of `fraudops` prints to the error stream."""

    def call(workspace, capsys):
        code = cli.main([*words, "--workspace", str(workspace.root)])
        assert code == 2
        raise UserError(capsys.readouterr().err)

    return call


def run_exercises(*words: str) -> Callable:
    def call(capsys):
        assert run_exercises_command(list(words)) == 2
        raise UserError(capsys.readouterr().err)

    return call


def run_incidents(*words: str) -> Callable:
    def call(tmp_path, capsys):
        (tmp_path / "note.txt").touch()
        places = [str(tmp_path) if word == "PLACE" else word for word in words]
        assert cli.main(["incidents", *places]) == 2
        raise UserError(capsys.readouterr().err)

    return call


def ingest(text: str) -> Callable:
    """What ingestion says about a CSV file."""
    return lambda csv, workspace: data.ingest(open_source("csv", csv(text)), workspace)


def ask_about_dates(csv):
    path = csv(HEADER + "1,03/04/2026 10:00,c,m,5.00,0\n2,05/04/2026 10:00,c,m,5.00,0\n")
    raise UserError("\n".join(one.text for one in data.look_at(path).questions))


def leave_a_question_open(csv, tmp_path):
    path = csv(HEADER + "1,03/04/2026 10:00,c,m,5.00,0\n")
    (tmp_path / "delivery.yml").write_text("files: [delivery.csv]\nday_order: '?'\n")
    open_source("csv", path)


def open_two_tables(tmp_path):
    with zipfile.ZipFile(tmp_path / "two.zip", "w") as archive:
        archive.writestr("a.csv", "a,b\n1,2\n")
        archive.writestr("b.csv", "c,d\n1,2\n")
    open_source("csv", str(tmp_path / "two.zip"))


class Harmful:
    def __reduce__(self):
        return print, ("this must not be printed",)


def open_a_pickle_with_code(tmp_path):
    path = tmp_path / "days.pkl"
    path.write_bytes(pickle.dumps(Harmful()))
    list(open_source("handbook", str(path)).chunks)


def mix_labels(csv, workspace):
    rows = "".join(f"{k},2026-01-0{k}T10:00:00Z,c,m,5.00,0\n" for k in range(1, 9))
    data.ingest(open_source("csv", csv(HEADER + rows)), workspace)
    without = "".join(line.rsplit(",", 1)[0] + "\n" for line in (HEADER + rows).splitlines())
    data.ingest(open_source("csv", csv(without, "more.csv")), workspace, add=True)


def fit(strategy: str, frauds: int) -> Callable:
    def call():
        y = np.zeros(500, int)
        y[:frauds] = 1
        rows = models.LabelledRows(pd.DataFrame({"x": np.arange(500.0)}), y, y + 100, y, y)
        models.fit_strategy(strategy, rows, models.DecisionPolicy())

    return call


def two_submissions(tmp_path):
    notebook = json.dumps({"cells": [], "metadata": {}})
    for name in ("E07_count_seven_days.ipynb", "again/E07_count_seven_days.ipynb"):
        path = tmp_path / "class" / "ada" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(notebook)
    find_submissions(tmp_path / "class")


def open_solution(capsys):
    open_exercise("E07", "nobody-yet").show_solution()
    raise UserError(capsys.readouterr().out)


def start_twice(tmp_path):
    start_exercises("ada", tmp_path)
    start_exercises("ben", tmp_path)


def add_twice(engine):
    users.add_user(engine, "ada", "analyst", "os:test")
    users.add_user(engine, "ada", "analyst", "os:test")


def review_as_an_auditor(engine):
    users.add_user(engine, "ada", "auditor", "os:test")
    with engine.connect() as connection:
        store.require_permission(connection, "ada", "review")


def write_a_reviewers_label(engine):
    row = {"tx_id": "T1", "source": "analyst", "actor": "ada", "is_fraud": 1, "label_ts": 0}
    with store.write_transaction(engine) as connection:
        ledger.insert_chargebacks(connection, [row], "ada")


def fail_a_check(name: str) -> Callable:
    def call(workspace, tmp_path, monkeypatch):
        file = tmp_path / "file"
        file.write_text("no folder")
        monkeypatch.setattr(setup_check, "FREE_GIGABYTES", 3e9)
        monkeypatch.setattr(setup_check.metadata, "requires", lambda _: ["no-such-package"])
        monkeypatch.setenv("OMP_NUM_THREADS", "4")
        checks = setup_check.check_setup(type(workspace)(file / "run"))
        text = "\n".join(str(one) for one in checks if name in one.name)
        raise UserError(text.replace("3e+09", "3"))

    return call


def compare_a_day_without_answers(engine):
    fill(engine, flagged=1)
    with store.read_transaction(engine) as connection:
        compare_day(connection, day=0)


def lock_twice(workspace):
    with lock_workspace(workspace, "run"), lock_workspace(workspace, "run"):
        pass


def without_environment(monkeypatch, tmp_path):
    monkeypatch.setattr(website_command, "SITE_FOLDER", tmp_path / "none")
    website_command.find_site_python()


def without_airflow(monkeypatch, tmp_path):
    monkeypatch.setattr("fraudops.pipeline.airflow.REPOSITORY", tmp_path)
    find_airflow()


NEW_YEAR = date(2026, 1, 1), date(2026, 5, 30)
# the beginning of an entry: what provokes its message
PROVOKED = {
    "`FAILED  packages": fail_a_check("packages"),
    "`FAILED  one thread": fail_a_check("thread"),
    "`FAILED  the folder": fail_a_check("folder"),
    "`FAILED  3 GB": fail_a_check("space"),
    "`There is no profile": lambda: make_course_config("huge"),
    "`There is no node": run("run", "--until", "1_1_ingets"),
    "`-p … is not understood": run("run", "-p", "seed=8"),
    "`-p …: … takes": run("run", "-p", "1_1_ingest.seed=many"),
    "`--source … reads": run("run", "--source", "sparkov"),
    "`--path goes with": run("run", "--path", "x.csv"),
    "`There is no file": run("run", "--source", "csv", "--path", "no/such/file.csv"),
    "`--as-of … is not": run("run", "--as-of", "31.01.2026"),
    "`as_of is": lambda: plan_timeline(*NEW_YEAR, as_of="2027-01-01"),
    "`live_start is": lambda: plan_timeline(*NEW_YEAR, live_start="2026-01-05"),
    "`There are … days of data": lambda: plan_timeline(date(2026, 1, 1), date(2026, 1, 9)),
    "`Another run is working": lock_twice,
    "`… is missing. The notebook": lambda workspace: workspace.require_path(
        "models", "champion.json", made_by="3_1_champion"
    ),
    "`Say who you are": run_exercises("start", "--student", ""),
    "`… is no id of a student": run_exercises("start", "--student", "a/b"),
    "`… belongs to the student": start_twice,
    "`There is no exercise": run_exercises("check", "E99"),
    "`There is no lab": run_incidents("start", "no-lab", "--student", "ada"),
    "`No lab lies in": run_incidents("check", "PLACE"),
    "`… holds something already": run_incidents(
        "start", "503-storm", "--student", "ada", "--folder", "PLACE"
    ),
    "`A check needs the function": lambda: compute_outcome(load_lessons()["E07"], 3, 0),
    "`The solution of": open_solution,
    "`… cannot be read as a notebook": lambda csv: read_code_cells(
        Path(csv("no JSON", "E07_x.ipynb"))
    ),
    "`The student … has two": two_submissions,
    "`There is no notebook of an exercise": lambda tmp_path: find_submissions(tmp_path),
    "`… is empty": ingest(""),
    "`… has no column": ingest("a,b\n1,2\n"),
    "`… has two columns named": ingest(HEADER.replace("terminal_id", "tx_id") + "1,2,3,4,5,6\n"),
    "`Is the day or the month": ask_about_dates,
    "`… leaves a question open": leave_a_question_open,
    "`… a program has read ids": ingest(HEADER + "1.0,2026-01-01T10:00:00Z,c,m,5.00,0\n"),
    "`None of the … rows": ingest(HEADER + "1,2026-01-01T10:00:00Z,c,m,five,0\n"),
    "`… holds … files with different": open_two_tables,
    "`… was refused": open_a_pickle_with_code,
    "`… labels, and this delivery": mix_labels,
    "`FRAUDOPS_ALERT_WEBHOOK": lambda engine: deliver_alerts(engine, "ftp://x"),
    "`Choose an outcome": lambda engine: monitoring.AlertLog(engine).close("a", "", "ada", ""),
    "`No fraud is known": fit("plain", 0),
    "`Only … frauds are known": fit("plain", 3),
    "`There is no strategy": fit("magic", 50),
    "`The decision policy has": lambda: models.DecisionPolicy(review=-1),
    "`The decision policy needs calibrated": lambda: models.DecisionPolicy().make_decisions(
        np.array([2.0]), np.array([100])
    ),
    "`The registry has no": lambda workspace: ModelRegistry(workspace).find(),
    "`… is not the model": lambda csv: load_model_file(
        Path(csv("changed", "model.skops")), "0" * 64
    ),
    "`No transaction of … was answered": compare_a_day_without_answers,
    "`There is a user": add_twice,
    "`There is no user": lambda engine: users.reset_password(engine, "nobody", "os:test"),
    "`A password has": lambda engine: users.set_password(engine, "admin", "short", "os:test"),
    "`… has the role": review_as_an_auditor,
    "`There is no database": lambda workspace: store.read_undisturbed(workspace, len),
    "`… holds no key": lambda csv: load_key(Path(csv("key", "ledger.key"))),
    "`… is no head": lambda: ledger.anchors.parse_head("twelve"),
    "`a label of a reviewer": write_a_reviewers_label,
    "`… is missing: … installs Airflow": without_airflow,
    "`… is missing: … installs there": without_environment,
}


@pytest.mark.parametrize("entry", PROVOKED)
def test_the_library_writes_the_message_of_the_page(entry, request):
    provoke = PROVOKED[entry]
    names = provoke.__code__.co_varnames[: provoke.__code__.co_argcount]
    values = {name: request.getfixturevalue(name) for name in names}
    with pytest.raises(UserError) as caught:
        provoke(**values)
    found = find_entries(str(caught.value))
    assert len(found) == 1 and found[0].startswith(entry), str(caught.value)


def test_the_makefile_writes_the_message_about_python():
    lines = (REPOSITORY / "Makefile").read_text(encoding="utf-8").splitlines()
    line = next(one for one in lines if "This course needs Python" in one)
    assert find_entries(line) == [ROWS[1][0]]
