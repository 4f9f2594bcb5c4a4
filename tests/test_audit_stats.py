"""The dashboard's aggregates say what the row-by-row versions say, on the course's data and on random small databases."""

import random

import numpy as np
import pandas as pd
import pytest
import sqlalchemy as sa

from fraudops import audit_stats as stats
from fraudops import audit_views as views
from fraudops import cases, store
from fraudops.metrics import Costs, wilson
from fraudops.timeline import DAY, MATURE_DAYS
from fraudops.workspace import Workspace
from tests.test_cases import LONG, fill, say

NOON = 20_000 * DAY + DAY // 2
COSTS = Costs(review=300)


@pytest.fixture
def engine(tmp_path, monkeypatch):
    monkeypatch.delenv("FRAUDOPS_DATABASE_URL", raising=False)
    engine = store.connect(Workspace.find(tmp_path))
    yield engine
    engine.dispose()


def scatter(engine, seed):
    """Forty days with a few transactions each, flags at random, and labels of every kind and time."""
    rng = random.Random(seed)
    tx, scores, labels = [], [], []
    for i in range(240):
        ts = NOON + rng.randrange(40 * DAY)
        shared = {"customer_id": f"c{rng.randrange(9)}", "terminal_id": "m"}
        tx.append(
            {"tx_id": f"t{i}", "ts": ts, "amount_cents": rng.randrange(1, 90_000), "category": rng.choice("abc")} | shared
        )
        tx[-1]["channel"] = rng.choice(["chip", "online"])
        decision = rng.choice(["approve", "approve", "approve", "review", "block"])
        scores.append({"prediction_id": f"p{i}", "tx_id": f"t{i}", "ts": ts, "scored_at": 1.0, "model_version": str(i % 2 + 1)})
        scores[-1] |= {"probability": rng.random(), "threshold": 0.2, "decision": decision}
        for source, actor in (("chargeback", "issuer"), ("reviewer", "ann"), ("reviewer", "bob")):
            if rng.random() < 0.15:
                said = {"tx_id": f"t{i}", "source": source, "actor": actor, "is_fraud": rng.randrange(2)} | shared
                labels.append(said | {"label_ts": ts + rng.randrange(30 * DAY)})
    with store.writing(engine) as connection:
        store.insert_new(connection, store.transactions, tx)
        store.insert_new(connection, store.predictions, scores)
        store.insert_new(connection, store.labels, labels)


def compare(engine):
    rows = views.judged(cases.predictions_with_labels(engine))
    over = stats.period(engine)
    notable, per_day = stats.notable(engine, over), stats.totals(stats.counted(engine, over))
    assert stats.summary(notable, per_day, COSTS) == pytest.approx(views.summary(rows, COSTS), nan_ok=True)
    ours, theirs = stats.by_day(notable, per_day, COSTS), views.by_day(rows, COSTS)
    pd.testing.assert_frame_equal(ours, theirs[ours.columns], check_dtype=False)
    for name in ("category", "channel"):
        mine, slow = stats.by_segment(notable, notable[name], COSTS), views.by_segment(rows, rows[name], COSTS, rounds=2)
        slow = slow.loc[mine.index]
        for figure in ("frauds", "recall", "precision", "saved"):
            assert mine[figure].to_numpy(float) == pytest.approx(slow[figure].to_numpy(float), nan_ok=True)
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


def test_a_window_holds_the_latest_judged_days(engine):
    assert stats.period(engine) is None
    scatter(engine, 1)
    everything, some = stats.period(engine), stats.period(engine, 7)
    assert some.end == everything.end and some.start == everything.end - 7 * DAY
    assert everything.known - everything.end == MATURE_DAYS * DAY
    assert len(stats.totals(stats.counted(engine, some))) == 7


def test_an_operation_without_a_judged_day_is_no_error(engine):
    fill(engine, flagged=2, approved=3)
    over = stats.period(engine)
    notable, per_day = stats.notable(engine, over), stats.totals(stats.counted(engine, over))
    assert over.start == over.end and notable.empty and per_day.empty
    found = stats.summary(notable, per_day, COSTS)
    assert found["rows"] == 0 and np.isnan(found["recall"]) and stats.by_day(notable, per_day, COSTS).empty
    assert stats.by_segment(notable, notable["channel"], COSTS).empty


def test_what_reviewers_did_is_counted(engine):
    fill(engine, flagged=4, cents=20_000)  # 200, 400, 600, 800 euros: two need a second person
    say(engine, cases.claim_next(engine, "ann"), "fraud", "ann")  # t3: a proposal
    say(engine, cases.claim_next(engine, "bob"), "fraud", "bob")  # agreed
    say(engine, cases.claim_next(engine, "ann"), "genuine", "ann")  # t2: a proposal
    say(engine, cases.claim_next(engine, "bob"), "fraud", "bob")  # differs
    say(engine, cases.claim_next(engine, "bob"), "genuine", "bob")  # t1: its own case
    found = stats.reviewing(engine)
    assert found.progress == {"open": 1, "second": 1, "closed": 2}
    assert (found.agreement.found, found.agreement.of) == (1, 2) and found.agreement.interval == wilson(1, 2)
    assert (found.sighted.found, found.sighted.of, found.blind.of) == (1, 3, 0)  # first words only
    assert found.people["verdicts"].to_dict() == {"ann": 2, "bob": 3} and found.overrides == stats.Share(0, 5)


def test_the_sample_and_blind_opinions_are_counted_apart(engine):
    fill(engine, flagged=1, blind=True, approved=2, sampled=2)
    for _ in range(2):
        tx_id = cases.claim_next(engine, "ann")
        verdict = "fraud" if tx_id == "t0" else "genuine"
        cases.opinion(engine, tx_id, verdict, "ann")
        say(engine, tx_id, verdict, "ann", note=LONG)
    found = stats.reviewing(engine)
    assert found.blind == stats.Share(1, 1) and found.sighted.of == 0
    assert found.missed == stats.Share(0, 1) and found.missed.interval[1] > 0.5  # one look says little


def test_nothing_reviewed_is_no_error(engine):
    found = stats.reviewing(engine)
    assert found.agreement.of == 0 and np.isnan(found.agreement.value) and np.isnan(found.minutes)


def test_the_state_changes_with_what_the_page_shows(engine):
    seen = [stats.state(engine)]
    fill(engine, flagged=1)
    seen.append(stats.state(engine))
    say(engine, cases.claim_next(engine, "ann"), "fraud", "ann")
    seen.append(stats.state(engine))
    with store.writing(engine) as connection:
        connection.execute(sa.insert(store.alerts), {"alert_id": "a", "as_of": 1, "severity": "alarm", "text": "x"})
    seen.append(stats.state(engine))
    assert len(set(seen)) == 4
