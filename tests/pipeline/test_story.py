"""The story on the report page: sentences from the figures of a run; text from data is escaped."""

import json
import shutil

import pandas as pd
import pytest
import sqlalchemy as sa

from fraudops import store
from fraudops.models import DecisionPolicy
from fraudops.monitoring import VerdictFile
from fraudops.monitoring.verdict import make_verdict
from fraudops.pipeline.report import NodeOutcome, write_run_report
from fraudops.pipeline.story import FILES, tell_story
from fraudops.timeline import DAY, day_of, load_timeline
from fraudops.workspace import Workspace


def make_verdict_file(live: int) -> dict:
    """Verdicts of 20 days: amounts move from the fourth day on, reports from the tenth day on."""
    days = []
    for number in range(20):
        moved = [("amount", number >= 3), ("low reports", number >= 9)]
        table = pd.DataFrame(moved, columns=["statistic", "alarm"]).assign(
            window=7, z=9.0, limit=5.0
        )
        table = table[table["alarm"]]
        days.append(make_verdict(live // DAY + number, table, []))
    return VerdictFile.collect(days, ("2026-01-31", "2026-03-01")).model_dump()


@pytest.fixture
def finished(small_workspace, tmp_path) -> Workspace:
    """A copy of the small workspace with the files of a finished run."""
    shutil.copytree(small_workspace.root, tmp_path / "workspace")
    workspace = Workspace.find(tmp_path / "workspace")
    live = load_timeline(workspace).live
    alert = {
        "as_of": live + 4 * DAY,
        "severity": "act",
        "text": "2026-03-07: retrain. inputs moved (<b>amount</b>).",
    }
    champion = {"version": "1", "rows": 5238, "frauds": 48, "policy": DecisionPolicy().to_record()}
    retrain = {
        "retrained": True,
        "promoted": True,
        "champion": "2",
        "failed": [],
        "reason": "",
        "test_start": live + 7 * DAY,
        "test_end": live + 21 * DAY,
    }
    contents = {
        "drift/alerts.json": [alert],
        "models/champion.json": champion,
        "models/retrain.json": retrain,
        "figures/3_1_champion.json": {"frauds_expected": 30.2, "frauds_found": 43},
        "figures/4_2_retrain.json": {"gain_eur": 2926.67, "money_gate_low_eur": 1544.35},
        "drift/verdict.json": make_verdict_file(live),
    }
    assert set(contents) == set(FILES)
    for name, content in contents.items():
        workspace.path(*name.split("/")).write_text(json.dumps(content), encoding="utf-8")
    return workspace


def test_the_story_tells_alarm_trial_and_promotion_with_their_figures(finished):
    story = tell_story(finished)
    text = " ".join(story.sentences)
    assert 6 <= len(story.sentences) <= 8 and story.chart.startswith("<svg")
    live = load_timeline(finished).live
    alarm = day_of(live + 3 * DAY)
    assert f"In the evening of {alarm} the drift monitor asked for a new model" in text
    assert "the model expected 30 frauds, and 43 became known" in text
    assert "2,927 euros more" in text and "version 2 was promoted" in text
    assert f"From {day_of(live + 9 * DAY)} on the fraud reports showed a change too" in text
    assert "its hash chain holds" in text
    engine = store.connect(finished)
    with engine.connect() as connection:
        states = pd.Series(connection.scalars(sa.select(store.cases.c.state)).all())
    engine.dispose()
    n_closed = int((states == "closed").sum())
    assert f"decided {n_closed:,} cases" in text
    assert f"{len(states) - n_closed:,} cases wait" in text


def test_a_refusal_and_a_missing_alarm_are_told_too(finished):
    file = finished.root / "models" / "retrain.json"
    retrain = json.loads(file.read_text(encoding="utf-8"))
    refused = retrain | {"promoted": False, "champion": "1", "failed": ["money gained (most: x)"]}
    file.write_text(json.dumps(refused), encoding="utf-8")
    (finished.root / "drift" / "alerts.json").write_text("[]", encoding="utf-8")
    text = " ".join(tell_story(finished).sentences)
    assert "not promoted, because it failed at: money gained." in text
    assert "did not ask for a new model" in text


def test_the_page_begins_with_the_story_and_escapes_it(finished):
    run = {
        "command": "fraudops run",
        "started": "2026-11-26T10:00:00",
        "seconds": 1.0,
        "exit_code": 0,
        "parameters": {},
    }
    done = {"5_1_model_audit": NodeOutcome("done", 1.0)}
    page = write_run_report(finished, done, run).read_text(encoding="utf-8")
    assert page.index("What happened") < page.index("The steps")
    assert "&lt;b&gt;amount" in page and "<b>amount" not in page
    page = write_run_report(finished, {}, run).read_text(encoding="utf-8")
    assert "What happened" not in page


def test_a_changed_record_is_told(finished):
    engine = store.connect(finished)
    with engine.begin() as connection:
        connection.execute(sa.text("DROP TRIGGER ledger_no_update"))
        connection.execute(
            sa.text("UPDATE ledger SET body = replace(body, 'pipeline', 'pipelime')")
        )
    engine.dispose()
    assert "it does not hold" in tell_story(finished).sentences[-1]


def test_a_run_that_is_not_complete_has_no_story(finished):
    (finished.root / "models" / "retrain.json").unlink()
    assert tell_story(finished) is None
