"""The daily comparison finds a changed window the same day, and nothing where nothing changed."""

import json
import shutil
import time

import pytest
import sqlalchemy as sa

from fraudops import cli, data, ledger, models, store
from fraudops.errors import UserError
from fraudops.features import FEATURE_SQL, FEATURES, numpy_windows, sql_plan
from fraudops.monitoring import AlertLog, SkewReport
from fraudops.serving import Scorer, check_skew, skew
from fraudops.timeline import DAY, day_of, load_timeline
from fraudops.workspace import Workspace

SEVEN_DAYS = "c_7d AS (PARTITION BY customer_id ORDER BY ts RANGE BETWEEN 604800 PRECEDING"
EIGHT_DAYS = SEVEN_DAYS.replace("604800", "691200")
ALL = 10_000  # more than a day has


@pytest.fixture
def operation(small_workspace, tmp_path) -> Workspace:
    """A copy of the small operation that a test may change."""
    return Workspace.find(shutil.copytree(small_workspace.root, tmp_path / "operation"))


@pytest.fixture
def engine(operation):
    engine = store.connect(operation)
    yield engine
    engine.dispose()


def make_scorer(workspace, engine) -> Scorer:
    champion = models.ModelRegistry(workspace).find()
    file = champion.folder / "model.skops"
    return Scorer(engine, file, champion.sha256, champion.version, champion.policy)


def answer_last_day(workspace, engine) -> int:
    """Answer the last live day once more, as if it came now; return its first second."""
    day = load_timeline(workspace).live_days[-1]
    with store.write_transaction(engine) as connection:
        for table in (store.predictions, store.transactions):
            connection.execute(table.delete().where(table.c.ts >= day))
    tx = data.load_transactions(workspace)
    make_scorer(workspace, engine).score(tx[(tx["ts"] >= day) & (tx["ts"] < day + DAY)])
    return day


def list_alerts(workspace) -> list[str]:
    alerts = AlertLog.read(workspace)
    return alerts.loc[alerts["alert_id"].str.startswith("skew-"), "text"].tolist()


def test_nothing_changed_gives_no_alert(operation, capsys):
    report = check_skew(operation)
    last = load_timeline(operation).live_days[-1]
    assert report.day == str(day_of(last)) and set(report.features) == set(FEATURES)
    assert report.compared == min(skew.SKEW_SAMPLE, report.answered) > 50
    assert report.differing == {} and report.late == 0 and list_alerts(operation) == []
    assert {one.compared for one in report.features.values()} == {report.compared}
    assert SkewReport.load_latest(operation) == report
    metrics = (operation.root / "drift" / "metrics.prom").read_text()
    assert f"skew_compared_transactions {float(report.compared)}" in metrics
    assert cli.main(["skew", "--workspace", str(operation.root)]) == 0
    assert f"All {len(FEATURES)} features are the same." in capsys.readouterr().out


def test_no_week_of_the_live_days_has_skew(operation, engine):
    with store.read_transaction(engine) as connection:
        reports = [skew.compare_day(connection, day, 40) for day in days_of(operation)[::7]]
    assert [one.differing for one in reports] == [{}] * len(reports) and len(reports) >= 2


def days_of(workspace) -> list[int]:
    return load_timeline(workspace).live_days


def test_eight_days_for_seven_are_found_the_same_day(operation, engine, monkeypatch, capsys):
    assert FEATURE_SQL.count(SEVEN_DAYS) == 1
    wrong = sql_plan.read_plan(FEATURE_SQL.replace(SEVEN_DAYS, EIGHT_DAYS))
    with monkeypatch.context() as planted:
        planted.setattr(numpy_windows, "load_plan", lambda: wrong)
        day = str(day_of(answer_last_day(operation, engine)))
    assert cli.main(["skew", "--workspace", str(operation.root), "--day", day]) == 1
    told = capsys.readouterr().out
    report = SkewReport.load_latest(operation)
    assert report.day == day and set(report.differing) == {"c_n_7d", "c_mean_7d"}
    assert report.features["c_n_7d"].mismatches > report.compared / 4
    assert report.late == 0
    assert "c_n_7d" in told and "c_n_30d" not in told
    assert cli.main(["skew", "--workspace", str(operation.root)]) == 1  # the same alarm
    (alert,) = list_alerts(operation)
    assert alert.startswith(f"{day}: training-serving skew.") and "c_n_7d (" in alert


def record_late(workspace, engine, row) -> None:
    """Send what happened before a transaction only now: a report, a reversal, and a purchase."""
    about = {"customer_id": row["customer_id"], "terminal_id": row["terminal_id"]}
    report = about | {"tx_id": "OLD", "label_ts": row["ts"] - 3600, "is_fraud": 1}
    back = about | {"tx_id": "BACK", "ts": row["ts"] - 7200, "amount_cents": -500}
    with store.write_transaction(engine) as connection:
        more = {"source": "chargeback", "actor": "issuer"}
        ledger.insert_chargebacks(connection, [report | more], by="api:issuer")
        ledger.insert_refunds(connection, [back | {"kind": "reversal"}], by="api:issuer")
    purchase = about | {"tx_id": "LATE", "ts": row["ts"] - 1800, "amount_cents": 700}
    purchase |= {"category": "food", "channel": "chip", "lat_cdeg": None, "lon_cdeg": None}
    make_scorer(workspace, engine).answer([purchase])


def load_row(engine, day) -> dict:
    """The last transaction of a day."""
    t = store.transactions
    query = sa.select(t).where(t.c.ts < day + DAY).order_by(t.c.ts.desc()).limit(1)
    with engine.connect() as connection:
        return dict(connection.execute(query).mappings().one())


def test_what_was_recorded_after_the_answer_is_no_skew(operation, engine, monkeypatch):
    day = days_of(operation)[-1]
    row = load_row(engine, day)
    record_late(operation, engine, row)
    report = check_skew(operation, day, ALL)
    assert report.compared == report.answered and report.late >= 1
    assert report.differing == {} and list_alerts(operation) == []
    with monkeypatch.context() as patch, store.read_transaction(engine) as connection:
        nothing = skew.LateEvents(frozenset(), frozenset(), frozenset())
        patch.setattr(skew, "find_late_events", lambda *_: nothing)
        careless = skew.compare_day(connection, day, ALL)
    assert {"t_fraud_1d", "c_fraud_30d", "c_refunds_7d", "c_n_1d"} <= set(careless.differing)
    change_inputs(engine, row["tx_id"], amount=row["amount_cents"] / 100 + 1)
    assert check_skew(operation, day, ALL).differing == {"amount": 1}


def test_labels_and_refunds_that_arrive_in_time_order_change_nothing(operation, engine):
    day = days_of(operation)[-1]
    row = load_row(engine, day)
    later = row | {"ts": row["ts"] + 10 * 3600}  # everything happens after the answered one
    record_late(operation, engine, later)
    with store.read_transaction(engine) as connection:
        report = skew.compare_day(connection, day, ALL)
    assert report.differing == {} and report.late == 0


def change_inputs(engine, tx_id, **values) -> None:
    """Change what is stored of an answer's inputs."""
    p, e = store.predictions, store.evidence
    with store.write_transaction(engine) as connection:
        of_tx = (
            e.c.prediction_id
            == sa.select(p.c.prediction_id).where(p.c.tx_id == tx_id).scalar_subquery()
        )
        inputs = json.loads(connection.scalar(sa.select(e.c.inputs).where(of_tx)))
        for name, value in values.items():
            inputs[FEATURES.index(name)] = value
        connection.execute(e.update().where(of_tx).values(inputs=json.dumps(inputs)))


def test_missing_and_extra_values_are_told_apart(operation, engine):
    day = days_of(operation)[-1]
    row = load_row(engine, day)
    change_inputs(engine, row["tx_id"], hour=None, c_n_30d=-1, category="another")
    report = check_skew(operation, day, ALL)
    assert report.differing == {"hour": 1, "c_n_30d": 1, "category": 1}
    assert report.features["hour"].missing == report.features["category"].mismatches == 1
    one = report.features["c_n_30d"]
    assert (one.mismatches, one.missing, one.extra) == (1, 0, 0)
    stranger = row | {"tx_id": "STRANGER", "customer_id": "stranger", "ts": day}
    make_scorer(operation, engine).answer([stranger])  # no history, so no mean
    change_inputs(engine, "STRANGER", c_mean_7d=5.0)
    one = check_skew(operation, day, ALL).features["c_mean_7d"]
    assert (one.mismatches, one.missing, one.extra) == (0, 0, 1)


def test_the_day_is_the_seed_of_the_sample(operation, engine):
    first, second = days_of(operation)[-2:]
    with store.read_transaction(engine) as connection:
        drawn = []
        load = skew._load_answered
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(skew, "_load_answered", lambda c, ids: drawn.append(ids) or load(c, ids))
            for day in (first, first, second):
                assert skew.compare_day(connection, day, 5).compared == 5
    assert drawn[0] == drawn[1] and len(set(drawn[0]) | set(drawn[2])) == 10


def test_skew_that_goes_on_is_one_alarm(operation, engine):
    first, second = days_of(operation)[-2:]
    for day in (first, second):
        change_inputs(engine, load_row(engine, day)["tx_id"], hour=25.0)
        check_skew(operation, day, ALL)
    assert len(list_alerts(operation)) == 1
    change_inputs(engine, load_row(engine, second)["tx_id"], weekday=9.0)
    check_skew(operation, second, ALL)
    assert len(list_alerts(operation)) == 2 and "weekday" in list_alerts(operation)[1]
    change_inputs(engine, load_row(engine, second)["tx_id"], amount=1e6)  # later on the same day
    check_skew(operation, second, ALL)
    assert len(list_alerts(operation)) == 3 and "amount" in list_alerts(operation)[2]


def test_a_day_without_answers_and_an_empty_sample_are_refused(operation, workspace, capsys):
    words = ["skew", "--workspace", str(operation.root)]
    assert cli.main([*words, "--day", "1999-01-01"]) == 2
    latest = day_of(days_of(operation)[-1])
    assert f"the latest answered day is {latest}" in capsys.readouterr().err
    assert cli.main([*words, "--sample", "0"]) == 2 and "at least 1" in capsys.readouterr().err
    assert cli.main([*words, "--day", "yesterday"]) == 2
    assert "write it as YYYY-MM-DD" in capsys.readouterr().err
    store.connect(workspace).dispose()
    with pytest.raises(UserError, match="No transaction was answered yet"):
        check_skew(workspace)


@pytest.mark.parametrize("server", [False, True])
def test_late_events_are_those_recorded_after_the_answer(workspace, request, server):
    engine = store.connect(workspace, request.getfixturevalue("postgres") if server else "")
    about = {"customer_id": "c", "terminal_id": "m", "amount_cents": 500}
    kinds = {"category": "food", "channel": "chip"}
    answer = {"model_version": "1", "probability": 0.1, "threshold": 0.2, "decision": "approve"}
    scored = {"early": 10.0, "late": 20.0, "after": 30.0, "asked": 15.0}
    times = {"early": 5_000, "late": 6_000, "after": 10_000, "asked": 10_000}
    tx = [about | kinds | {"tx_id": name, "ts": ts} for name, ts in times.items()]
    answers = [
        answer | {"tx_id": name, "ts": times[name], "prediction_id": name, "scored_at": at}
        for name, at in scored.items()
    ]
    label = {"tx_id": "x", "customer_id": "c", "terminal_id": "other", "label_ts": 7_000}
    label |= {"source": "chargeback", "actor": "issuer", "is_fraud": 1}
    with store.write_transaction(engine) as connection:
        store.insert_new(connection, store.transactions, tx)
        store.insert_new(connection, store.predictions, answers)
        ledger.insert_chargebacks(connection, [label], by="api:issuer")
        back = about | {"tx_id": "back", "ts": 8_000, "amount_cents": -5, "kind": "refund"}
        ledger.insert_refunds(connection, [back], by="api:issuer")
    row = about | {"ts": 10_000, "scored_at": scored["asked"]}
    with store.read_transaction(engine) as connection:
        reports = skew._load_reports(connection, 0.0)
        found = skew.find_late_events(connection, row, reports)
        later = skew.find_late_events(connection, row | {"scored_at": time.time() + 60}, reports)
    engine.dispose()
    assert found == (frozenset({"late"}), frozenset({("x", 7_000)}), frozenset({"back"}))
    assert not any(later)
