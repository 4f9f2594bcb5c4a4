"""The dashboard's aggregates say what the row-by-row versions say, on the course's data and on
random small databases.
"""

import random

import numpy as np
import pandas as pd
import pytest
import sqlalchemy as sa
from scipy.stats import binomtest
from sklearn.metrics import confusion_matrix, f1_score, precision_score, recall_score

from fraudops import ledger, review, store
from fraudops.audit_app.plots import EVENT_MARKERS, plot_savings_timeline
from fraudops.models import DecisionPolicy, wilson_interval
from fraudops.timeline import DAY, LABEL_MATURITY_DAYS, day_of
from tests.support.cases import LONG, NOON, drop_ledger_triggers, fill, say

COSTS = DecisionPolicy(review=300)


def scatter(engine, seed):
    """Forty days with a few transactions each, flags at random, and labels of every kind and
    time.
    """
    rng = random.Random(seed)
    tx, scores, labels = [], [], []
    for i in range(240):
        ts = NOON + rng.randrange(40 * DAY)
        shared = {"customer_id": f"c{rng.randrange(9)}", "terminal_id": "m"}
        tx.append(
            {
                "tx_id": f"t{i}",
                "ts": ts,
                "amount_cents": rng.randrange(1, 90_000),
                "category": rng.choice("abc"),
            }
            | shared
        )
        tx[-1]["channel"] = rng.choice(["chip", "online"])
        decision = rng.choice(["approve", "approve", "approve", "review", "block"])
        scores.append(
            {
                "prediction_id": f"p{i}",
                "tx_id": f"t{i}",
                "ts": ts,
                "scored_at": 1.0,
                "model_version": str(i % 2 + 1),
            }
        )
        scores[-1] |= {"probability": rng.random(), "threshold": 0.2, "decision": decision}
        for source, actor in (("chargeback", "issuer"), ("reviewer", "ann"), ("reviewer", "bob")):
            if rng.random() < 0.15:
                said = {
                    "tx_id": f"t{i}",
                    "source": source,
                    "actor": actor,
                    "is_fraud": rng.randrange(2),
                } | shared
                labels.append(said | {"label_ts": ts + rng.randrange(30 * DAY)})
    with store.write_transaction(engine) as connection:
        store.insert_new(connection, store.transactions, tx)
        store.insert_new(connection, store.predictions, scores)
        drop_ledger_triggers(connection)  # reviewers' labels without their decisions
        store.insert_new(connection, store.labels, labels)


def judge_slowly(rows):
    """Performance of all predictions, row by row, by scikit-learn's metrics."""
    label, flagged = rows["label"].to_numpy(int), rows["flagged"].to_numpy(bool)
    saved = 0
    for is_fraud, decision, cents in zip(
        label, rows["decision"], rows["amount_cents"], strict=True
    ):
        if decision == "review":
            saved += is_fraud * int(cents) - COSTS.review
        elif decision == "block":
            saved += int(cents) if is_fraud else -COSTS.goodwill
    tn, fp, fn, tp = confusion_matrix(label, flagged, labels=[0, 1]).ravel().tolist()
    counts = {"true_positive": tp, "false_positive": fp, "false_negative": fn, "true_negative": tn}
    rates = {
        name: score(label, flagged, zero_division=np.nan)
        for name, score in (
            ("precision", precision_score),
            ("recall", recall_score),
            ("f1", f1_score),
        )
    }
    return counts | rates | {"rows": len(rows), "saved_cents": saved}


def count_once_slowly(rows):
    """Money once per compromise, one transaction after the other."""
    saved, begun, caught = 0, {}, set()
    frauds = rows[rows["label"] == 1]
    assert not frauds.duplicated(["customer_id", "ts"]).any()  # so the order is clear
    for row in rows.sort_values("ts").itertuples():
        if not row.label:
            saved -= {"review": COSTS.review, "block": COSTS.goodwill}.get(row.decision, 0)
            continue
        card = row.customer_id
        if card not in begun or row.ts - begun[card] >= 30 * DAY:
            begun[card] = row.ts
            caught.discard(card)
        if card in caught:
            saved += row.amount_cents
        elif row.decision != "approve":
            saved += row.amount_cents - COSTS.review * (row.decision == "review")
            caught.add(card)
    return saved


def compare(engine):
    frame = store.load_predictions_with_labels(engine)
    rows = frame[review.is_on_mature_day(frame)]
    over = review.get_evaluation_period(engine)
    notable = review.load_flagged_and_frauds(engine, over)
    per_day = review.count_predictions_by_day(engine, over, notable)
    total = review.compute_performance(notable, COSTS, int(per_day["rows"].sum()))
    assert total == pytest.approx(judge_slowly(rows), nan_ok=True)
    assert review.compute_performance(rows, COSTS) == pytest.approx(total, nan_ok=True)
    once = review.compute_performance_by_compromise(notable, COSTS)
    assert review.compute_performance_by_compromise(rows, COSTS) == pytest.approx(once, nan_ok=True)
    assert once["saved_cents"] == count_once_slowly(rows) >= total["saved_cents"]
    by_day = review.compute_performance_by_day(notable, COSTS, per_day["rows"])
    slow = {day_of(ts): judge_slowly(part) for ts, part in rows.groupby(rows["ts"] // DAY * DAY)}
    expected = pd.DataFrame.from_dict(slow, orient="index")[by_day.columns]
    pd.testing.assert_frame_equal(by_day, expected, check_dtype=False)
    pd.testing.assert_frame_equal(
        review.compute_performance_by_day(rows, COSTS), by_day, check_dtype=False
    )
    for name in ("category", "channel"):
        table = review.compute_performance_by_segment(notable, notable[name], COSTS)
        full = review.compute_performance_by_segment(rows, rows[name], COSTS, rounds=2)
        for segment, row in table.iterrows():
            part = rows[rows[name] == segment]
            expected = judge_slowly(part) | {"frauds": part["label"].sum()}
            expected["saved"] = expected["saved_cents"] / 100
            for figure in ("frauds", "recall", "precision", "saved"):
                assert row[figure] == pytest.approx(expected[figure], nan_ok=True)
                assert full.loc[segment, figure] == pytest.approx(expected[figure], nan_ok=True)
            assert full.loc[segment, "rows"] == len(part)
    return rows


@pytest.mark.parametrize("seed", range(5))
def test_aggregates_agree_with_rows_on_random_databases(engine, seed):
    scatter(engine, seed)
    rows = compare(engine)
    assert 0 < rows["label"].sum() < len(rows)


def test_aggregates_agree_with_rows_on_the_course(small_workspace):
    engine = store.connect(small_workspace)
    assert len(compare(engine)) > 1000
    engine.dispose()


def test_postgresql_gives_the_same(workspace, postgres):
    engine = store.connect(workspace, postgres)
    scatter(engine, 1)
    compare(engine)
    period = review.get_evaluation_period(engine)
    assert set(review.load_version_starts(engine, period)["version"]) == {"1", "2"}
    with store.write_transaction(engine) as connection:
        ledger.append_entry(
            connection, "refused", "pipeline", version="9", failed=["a gate"], gates=[]
        )
    assert [one["kind"] for one in review.ModelEventReader(engine).read()] == ["refusal"]
    engine.dispose()


@pytest.mark.parametrize("seed", range(3))
def test_a_version_begins_with_its_first_transaction_of_the_period(engine, seed):
    scatter(engine, seed)
    for days in (None, 5):
        over = review.get_evaluation_period(engine, days)
        frame = store.load_predictions_with_labels(engine)
        inside = frame[(frame["ts"] >= over.start) & (frame["ts"] < over.end)]
        wanted = inside.groupby("model_version")["ts"].min().sort_values().to_dict()
        assert (
            review.load_version_starts(engine, over).set_index("version")["ts"].to_dict() == wanted
            and wanted
        )


def test_model_events_stand_where_their_clock_says_and_nowhere_else(engine):
    fill(engine, flagged=1)
    at = NOON + 3 * DAY
    moved = {"version": "1", "previous": None, "reason": "first", "gates": [], "kind": "promotion"}
    with store.write_transaction(engine) as connection:
        ledger.append_entry(connection, "champion", "month", at, **moved)
        # only looks like one
        ledger.append_entry(connection, "decision", "ann", note='"event":"champion"')
        ledger.append_entry(
            connection,
            "refused",
            "month",
            at + DAY,
            version="2",
            failed=["cost", "ranking"],
            gates=[],
        )
        # raised as its day ends
        alert = {"alert_id": "a", "as_of": NOON // DAY * DAY + DAY, "severity": "act", "text": "x"}
        connection.execute(sa.insert(store.alerts), alert)
        connection.execute(sa.insert(store.alerts), alert | {"alert_id": "skew-x"})  # no drift
    events = review.ModelEventReader(engine).read()
    assert [(one["kind"], one["version"]) for one in events] == [
        ("promotion", "1"),
        ("refusal", "2"),
    ]
    assert events[1]["reason"] == "did not pass: cost, ranking"
    marks = review.build_event_marks(
        review.load_drift_alerts(engine), pd.DataFrame({"version": ["1"], "ts": [NOON]}), events
    )
    days = [day_of(NOON), day_of(NOON), day_of(at), day_of(at + DAY)]
    assert list(marks.itertuples(index=False, name=None)) == list(
        zip(days, ["drift alarm", "version begins", "promotion", "refusal"], strict=True)
    )
    assert set(marks["kind"]) <= set(EVENT_MARKERS)
    shown = pd.DataFrame({"saved_cents": [100.0, -50.0]}, index=[day_of(NOON), day_of(at)])
    picture = plot_savings_timeline(shown, marks)
    assert [text.get_text() for text in picture.axes[0].get_legend().get_texts()] == [
        "drift alarm",
        "version begins",
        "promotion",
    ]


def test_wilsons_interval_is_scipys():
    for of in (1, 2, 7, 40, 1_000):
        for found in {0, 1, of // 3, of - 1, of}:
            ends = binomtest(found, of).proportion_ci(0.95, method="wilson")
            assert wilson_interval(found, of) == pytest.approx((ends.low, ends.high), abs=1e-12)


def test_a_window_holds_the_latest_judged_days(engine):
    assert review.get_evaluation_period(engine) is None
    scatter(engine, 1)
    everything, some = review.get_evaluation_period(engine), review.get_evaluation_period(engine, 7)
    assert some.end == everything.end and some.start == everything.end - 7 * DAY
    assert everything.known - everything.end == LABEL_MATURITY_DAYS * DAY
    assert (
        len(
            review.count_predictions_by_day(
                engine, some, review.load_flagged_and_frauds(engine, some)
            )
        )
        == 7
    )


def test_who_decided_then_is_answered_in_the_time_of_the_transactions(engine):
    assert review.find_deciding_version(engine, 10) is None
    fill(engine, flagged=2)
    p = store.predictions
    with store.write_transaction(engine) as connection:
        later = p.update().where(p.c.tx_id == "t1").values(model_version="2", ts=NOON + DAY)
        connection.execute(later)
    assert review.find_deciding_version(engine, NOON - 1) is None
    assert review.find_deciding_version(engine, NOON + DAY - 1) == ("1", NOON)
    assert review.find_deciding_version(engine, NOON + DAY) == ("2", NOON + DAY)


def test_an_operation_without_a_judged_day_is_no_error(engine):
    fill(engine, flagged=2, approved=3)
    over = review.get_evaluation_period(engine)
    notable = review.load_flagged_and_frauds(engine, over)
    per_day = review.count_predictions_by_day(engine, over, notable)
    assert over.start == over.end and notable.empty and per_day.empty
    found = review.compute_performance(notable, COSTS, 0)
    assert (
        found["rows"] == 0
        and np.isnan(found["recall"])
        and review.compute_performance_by_day(notable, COSTS, per_day["rows"]).empty
    )
    assert review.compute_performance_by_segment(notable, notable["channel"], COSTS).empty


def test_what_reviewers_did_is_counted(engine):
    fill(engine, flagged=4, cents=20_000)  # 200, 400, 600, 800 euros: two need a second person
    say(engine, review.ReviewQueue(engine).claim_next("ann"), "fraud", "ann")  # t3: a proposal
    say(engine, review.ReviewQueue(engine).claim_next("bob"), "fraud", "bob")  # agreed
    say(engine, review.ReviewQueue(engine).claim_next("bob"), "genuine", "bob")  # t1: its own case
    say(engine, review.ReviewQueue(engine).claim_next("ann"), "genuine", "ann")  # t2: a proposal
    say(engine, review.ReviewQueue(engine).claim_next("bob"), "fraud", "bob")  # differs
    found = review.compute_review_statistics(engine)
    assert found.progress == {"open": 1, "second": 1, "closed": 2, "settled": 0}
    assert (found.agreement.found, found.agreement.of) == (
        1,
        2,
    ) and found.agreement.interval == wilson_interval(1, 2)
    assert (found.sighted.found, found.sighted.of, found.blind.of) == (1, 3, 0)  # first words only
    assert found.people["verdicts"].to_dict() == {
        "ann": 2,
        "bob": 3,
    } and found.overrides == review.Proportion(0, 5)


def test_the_sample_and_blind_opinions_are_counted_apart(engine):
    fill(engine, flagged=1, blind=True, approved=2, sampled=2)
    for _ in range(2):
        tx_id = review.ReviewQueue(engine).claim_next("ann")
        verdict = "fraud" if tx_id == "t0" else "genuine"
        review.ReviewQueue(engine).record_opinion(tx_id, verdict, "ann")
        say(engine, tx_id, verdict, "ann", note=LONG)
    found = review.compute_review_statistics(engine)
    assert found.blind == review.Proportion(1, 1) and found.sighted.of == 0
    # one look says little
    assert found.missed == review.Proportion(0, 1) and found.missed.interval[1] > 0.5


def test_of_many_words_the_latest_count_with_whole_cases(engine):
    fill(engine, flagged=4, cents=60_000)
    for who in ("ann", "bob", "ann", "bob"):  # two cases, each with a second person
        say(engine, review.ReviewQueue(engine).claim_next(who), "fraud", who)
    everything, some = (
        review.compute_review_statistics(engine),
        review.compute_review_statistics(engine, latest=3),
    )
    assert (
        everything.agreement.of == 2
        and review.compute_review_statistics(engine, latest=4).agreement.of == 2
    )
    # the first case began before: none of its words
    assert some.agreement.of == 1 and some.sighted.of == 1
    assert some.progress == everything.progress


def test_model_events_are_read_as_they_are_added(engine):
    events = review.ModelEventReader(engine)
    assert events.read() == []
    for version in ("1", "2"):
        with store.write_transaction(engine) as connection:
            ledger.append_entry(
                connection, "refused", "pipeline", version=version, failed=["a"], gates=[]
            )
            ledger.append_entry(connection, "read", "ann", tx_id="t")
        found = events.read()
        assert [one["version"] for one in found] == ["1", "2"][
            : int(version)
        ] and events.seen == 2 * int(version)
    found[0]["version"] = "changed by a reader"
    assert events.read() == review.ModelEventReader(engine).read()


def test_nothing_reviewed_is_no_error(engine):
    found = review.compute_review_statistics(engine)
    assert found.agreement.of == 0 and np.isnan(found.agreement.value) and np.isnan(found.minutes)


def test_the_state_changes_with_what_the_page_shows(engine):
    seen = [review.get_change_token(engine)]
    fill(engine, flagged=1)
    seen.append(review.get_change_token(engine))
    say(engine, review.ReviewQueue(engine).claim_next("ann"), "fraud", "ann")
    seen.append(review.get_change_token(engine))
    with store.write_transaction(engine) as connection:
        connection.execute(
            sa.insert(store.alerts), {"alert_id": "a", "as_of": 1, "severity": "alarm", "text": "x"}
        )
    seen.append(review.get_change_token(engine))
    with store.write_transaction(engine) as connection:
        moved = {
            "version": "2",
            "previous": "1",
            "reason": "better",
            "gates": [],
            "kind": "promotion",
        }
        ledger.append_entry(connection, "champion", "pipeline", **moved)
    # a second person has to see it
    review.request_rollback(engine, "it misses every second fraud", "ann")
    seen.append(review.get_change_token(engine))
    assert len(set(seen)) == 5
