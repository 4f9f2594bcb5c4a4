"""A case is decided once, by those who may; what comes first, what is blind, what is random, and
who has to agree.
"""

import json
import time
import uuid
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from multiprocessing import get_context

import pytest
import sqlalchemy as sa
from hypothesis import given, settings
from hypothesis import strategies as st

from fraudops import ledger, models, review, store
from fraudops.errors import UserError
from fraudops.review import policy, queue
from fraudops.review.staffing import rank_cases
from fraudops.store import case_rules
from fraudops.timeline import DAY, LABEL_MATURITY_DAYS
from fraudops.workspace import REPOSITORY, Workspace
from tests.support.cases import LONG, NOON, fill, identifier, say


def rows(engine, table):
    with engine.connect() as connection:
        return connection.execute(sa.select(table)).all()


# --- claims and decisions ---


def test_only_flagged_transactions_become_cases_and_only_once(engine):
    assert fill(engine, flagged=3, approved=2) == 3
    assert review.ReviewQueue(engine).open_cases() == 0


def test_the_largest_expected_loss_comes_first_and_a_claim_is_kept(engine):
    fill(engine, flagged=3)
    assert review.ReviewQueue(engine).find_held("ann") is None
    assert review.ReviewQueue(engine).claim_next("ann") == "t2"
    assert (
        review.ReviewQueue(engine).find_held("ann")
        == "t2"
        == review.ReviewQueue(engine).claim_next("ann")
    )
    assert review.ReviewQueue(engine).claim_next("bob") == "t1"
    # her own and the free one
    assert (
        review.ReviewQueue(engine).count_waiting(),
        review.ReviewQueue(engine).count_waiting("ann"),
    ) == (3, 2)


def test_an_empty_queue_gives_none(engine):
    fill(engine, flagged=1)
    assert review.ReviewQueue(engine).claim_next("ann") == "t0"
    assert review.ReviewQueue(engine).claim_next("bob") is None


def test_a_lease_runs_out(engine, monkeypatch):
    fill(engine, flagged=1)
    assert review.ReviewQueue(engine).claim_next("ann") == "t0"
    later = time.time() + policy.LEASE_SECONDS + 1
    monkeypatch.setattr(queue.time, "time", lambda: later)
    assert review.ReviewQueue(engine).find_held("ann") is None
    with pytest.raises(UserError, match="not yours"):
        say(engine, "t0", "fraud", "ann")
    assert review.ReviewQueue(engine).claim_next("bob") == "t0"


def test_a_decision_is_decision_label_and_entry_together(engine):
    fill(engine, flagged=1)
    say(
        engine,
        review.ReviewQueue(engine).claim_next("ann"),
        "fraud",
        "ann",
        note="a call confirmed it",
    )
    with engine.connect() as connection:
        decision = connection.execute(sa.select(store.decisions)).one()
        label = connection.execute(sa.select(store.labels)).one()
        entry = ledger.load_entries(connection, "decision")[-1]
        state = connection.scalar(sa.select(store.cases.c.state))
        assert ledger.verify_chain(connection) is None
    assert (decision.verdict, decision.note, decision.actor) == (
        "fraud",
        "a call confirmed it",
        "ann",
    )
    assert (label.tx_id, label.is_fraud, label.source, label.actor, label.label_ts) == (
        "t0",
        1,
        "reviewer",
        "ann",
        NOON,
    )
    said = {
        "tx_id": "t0",
        "stage": "decision",
        "verdict": "fraud",
        "reason": "customer_denies",
        "override": 0,
    }
    said |= {"decided_at": decision.decided_at, "seconds": decision.seconds}
    assert entry["actor"] == "ann" and entry["payload"] == said | {"note": "a call confirmed it"}
    assert entry["at"] == decision.decided_at
    assert state == "closed"


def test_unsure_gives_no_label_and_goes_to_somebody_else(engine):
    fill(engine, flagged=2)
    say(engine, review.ReviewQueue(engine).claim_next("ann"), "unsure", "ann")
    with engine.connect() as connection:
        assert connection.scalar(sa.select(sa.func.count()).select_from(store.labels)) == 0
    assert review.ReviewQueue(engine).claim_next("ann") == "t0"  # the next one, not the same again
    assert review.ReviewQueue(engine).claim_next("bob") == "t1"


@pytest.mark.parametrize("who", ["bob", "nobody"])
def test_only_the_holder_decides(engine, who):
    fill(engine, flagged=2)
    review.ReviewQueue(engine).claim_next("ann")
    review.ReviewQueue(engine).claim_next("bob")
    with pytest.raises(UserError, match="not yours"):
        say(engine, "t1", "fraud", who)
    with engine.connect() as connection:
        assert ledger.load_entries(connection) == []
        assert connection.scalar(sa.select(sa.func.count()).select_from(store.decisions)) == 0


def test_a_case_is_decided_once(engine):
    fill(engine, flagged=1)
    say(engine, review.ReviewQueue(engine).claim_next("ann"), "genuine", "ann")
    with pytest.raises(UserError, match="closed"):
        say(engine, "t0", "fraud", "ann")


def test_an_unknown_verdict_is_refused(engine):
    fill(engine, flagged=1)
    with pytest.raises(UserError, match="choose one of fraud, genuine, unsure"):
        review.ReviewQueue(engine).record_decision(
            review.ReviewQueue(engine).claim_next("ann"), "maybe", "ann", "customer_denies"
        )


def review_all(root: str, actor: str) -> list[str]:
    """A reviewer who works until nothing is left; what they decided."""
    engine, mine = store.connect(Workspace.find(root)), []
    while (tx_id := review.ReviewQueue(engine).claim_next(actor)) is not None:
        say(engine, tx_id, "genuine", actor)
        mine.append(tx_id)
    engine.dispose()
    return mine


@pytest.mark.parametrize("pool", ["threads", "processes"])
def test_reviewers_side_by_side_never_decide_the_same_case(workspace, engine, pool):
    fill(engine, flagged=60, cents=100)
    if pool == "threads":
        workers = ThreadPoolExecutor(4)
    else:
        workers = ProcessPoolExecutor(3, mp_context=get_context("spawn"))
    with workers:
        done = list(workers.map(review_all, [str(workspace.root)] * 3, ["ann", "bob", "cem"]))
    decided = [tx_id for mine in done for tx_id in mine]
    assert sorted(decided) == sorted(f"t{i}" for i in range(60))
    with engine.connect() as connection:
        assert ledger.verify_chain(connection) is None
        assert sorted(e["payload"]["tx_id"] for e in ledger.load_entries(connection)) == sorted(
            decided
        )
        assert connection.scalar(sa.select(sa.func.count()).select_from(store.labels)) == 60


# --- what comes first ---


def age(engine, tx_id, seconds):
    """Make a case older, as if it had been opened earlier."""
    with store.write_transaction(engine) as connection:
        opened = store.cases.c.opened_ts - seconds
        connection.execute(
            store.cases.update().where(store.cases.c.tx_id == tx_id).values(opened_ts=opened)
        )


def test_an_old_case_comes_after_a_new_one_of_half_its_size(engine):
    fill(engine, flagged=3)  # expected losses as 1 to 2 to 3
    age(engine, "t2", 12 * 3600)  # a quarter of 3 is left
    assert review.ReviewQueue(engine).claim_next("ann") == "t1"
    assert review.ReviewQueue(engine).claim_next("bob") == "t0"
    assert review.ReviewQueue(engine).claim_next("cem") == "t2"


def test_overdue_is_only_a_mark(engine):
    fill(engine, flagged=2, cents=100)
    age(engine, "t1", DAY + 60)
    assert review.ReviewQueue(engine).count_overdue() == 1
    assert review.ReviewQueue(engine).claim_next("ann") == "t0"


@given(
    st.lists(
        st.tuples(
            st.floats(0.001, 0.999), st.integers(0, 49_999), st.integers(0, 6 * DAY), st.booleans()
        ),
        min_size=1,
        max_size=12,
    )
)
@settings(max_examples=30, deadline=None)
def test_the_queue_has_the_order_that_5_3_calls_expected_loss(made):
    """Small amounts, which one person decides: the order of `staffing.rank_cases`."""
    engine = store.connect(Workspace.find("demo"), "sqlite://")
    tx, scores = [], []
    for i, (probability, cents, ago, is_blocked) in enumerate(made):
        shared = {"tx_id": f"t{i:02}", "ts": NOON - ago}
        about = {"customer_id": "c", "terminal_id": "m", "category": "x", "channel": "y"}
        tx.append(shared | about | {"amount_cents": cents})
        score = {"prediction_id": identifier(), "scored_at": 1.0, "model_version": "1"}
        score |= {"probability": probability, "threshold": 0.1}
        scores.append(shared | score | {"decision": "block" if is_blocked else "review"})
    with store.write_transaction(engine) as connection:
        store.insert_new(connection, store.transactions, tx)
        store.insert_new(connection, store.predictions, scores)
    queue_ = review.ReviewQueue(engine)
    queue_.open_cases()
    given_out = []
    while tx_id := queue_.claim_next(f"person{len(given_out)}"):
        given_out.append(tx_id)
    stake = [  # a blocked one loses no money, but perhaps a customer
        (1 - p) * policy.BLOCKED_STAKE_CENTS if is_blocked else p * cents
        for p, cents, _, is_blocked in made
    ]
    ts = [one["ts"] for one in tx]
    rank = rank_cases("expected loss", ts, [1.0] * len(made), stake, policy.HALF_LIFE_HOURS)
    order = {f"t{i:02}": one for i, one in enumerate(rank)}
    assert sorted(given_out) == sorted(order)
    found = [order[tx_id] for tx_id in given_out]
    assert found == pytest.approx(sorted(found), abs=1e-6)
    engine.dispose()


def test_the_rule_says_what_the_policy_and_the_notebook_assume():
    assert models.DecisionPolicy().goodwill == policy.BLOCKED_STAKE_CENTS
    notebook = REPOSITORY / "5_Audit_Web_App" / "5_3_review_economics.ipynb"
    cells = json.loads(notebook.read_text(encoding="utf-8"))["cells"]
    text = "".join(line for cell in cells for line in cell["source"])
    assert f"half_life_hours = {policy.HALF_LIFE_HOURS}" in text


def test_a_second_look_comes_before_a_first_one_that_two_people_need(engine):
    fill(engine, flagged=2, cents=review.SECOND_REVIEW_CENTS)  # losses as 1 to 2
    say(engine, review.ReviewQueue(engine).claim_next("ann"), "fraud", "ann")  # t1
    age(engine, "t0", -6 * 3600)  # as valuable as t1 now, but two people have to look
    assert review.ReviewQueue(engine).claim_next("bob") == "t1"


def test_a_second_person_can_take_second_looks_only(engine):
    fill(engine, flagged=2, cents=review.SECOND_REVIEW_CENTS)
    assert review.ReviewQueue(engine).claim_next("bob", second_only=True) is None
    say(engine, review.ReviewQueue(engine).claim_next("ann"), "fraud", "ann")
    age(engine, "t1", 10 * DAY)  # far behind t0
    assert review.ReviewQueue(engine).claim_next("cem") == "t0"
    assert review.ReviewQueue(engine).claim_next("bob", second_only=True) == "t1"


# --- cases that leave by themselves ---


def report(engine, tx_id, label_ts=NOON + 10):
    row = {"tx_id": tx_id, "source": "chargeback", "actor": "issuer", "customer_id": "c"}
    row |= {"terminal_id": "m", "is_fraud": 1, "label_ts": label_ts}
    with store.write_transaction(engine) as connection:
        ledger.insert_chargebacks(connection, [row], by="api:issuer")


def pass_time(engine, seconds):
    """Let a transaction arrive later, which is the present of the operation."""
    score = {"prediction_id": f"p{seconds}", "tx_id": f"later{seconds}", "ts": NOON + seconds}
    score |= {"scored_at": 1.0, "model_version": "1", "probability": 0.01, "threshold": 0.2}
    with store.write_transaction(engine) as connection:
        connection.execute(store.predictions.insert(), score | {"decision": "approve"})


def test_a_case_whose_chargeback_has_arrived_leaves_the_queue_with_an_entry(engine):
    fill(engine, flagged=3)
    report(engine, "t2")
    assert review.ReviewQueue(engine).claim_next("ann") == "t2"  # it has not arrived yet
    assert review.ReviewQueue(engine).claim_next("bob") == "t1"
    pass_time(engine, 60)
    assert review.ReviewQueue(engine).claim_next("ann") == "t2"  # she holds it
    review.ReviewQueue(engine).skip("t2", "ann", "interrupted")
    assert review.ReviewQueue(engine).claim_next("ann") == "t0"
    states = {case.tx_id: case.state for case in rows(engine, store.cases)}
    assert states == {"t0": "open", "t1": "open", "t2": "settled"}
    with engine.connect() as connection:
        (entry,) = ledger.load_entries(connection, "settled")
    assert entry["actor"] == "system:queue"
    assert entry["payload"] == {"as_of": NOON + 60, "cases": [["t2", "chargeback"]]}
    assert review.ReviewQueue(engine).count_waiting() == 2
    assert review.ReviewQueue(engine).count_closed() == 0  # nobody decided it


def test_a_case_leaves_when_its_label_is_mature(engine):
    fill(engine, flagged=1, approved=1, sampled=1)
    pass_time(engine, LABEL_MATURITY_DAYS * DAY + 5)
    assert review.ReviewQueue(engine).settle() == 2
    assert review.ReviewQueue(engine).claim_next("ann") is None
    with engine.connect() as connection:
        (entry,) = ledger.load_entries(connection, "settled")
    assert entry["payload"]["cases"] == [["t0", "mature"], ["t1", "mature"]]
    assert review.ReviewQueue(engine).settle() == 0


def test_a_chargeback_does_not_take_a_case_out_of_the_random_sample(engine):
    fill(engine, flagged=0, approved=1, sampled=1)
    report(engine, "t0")
    pass_time(engine, 60)
    assert review.ReviewQueue(engine).settle() == 0
    assert review.ReviewQueue(engine).claim_next("ann") == "t0"


# --- cases that are skipped ---


def test_a_skipped_case_goes_to_others_first_and_the_ledger_knows_why(engine):
    fill(engine, flagged=2)
    queue_ = review.ReviewQueue(engine)
    assert queue_.claim_next("ann") == "t1"
    with pytest.raises(UserError, match="not yours"):
        queue_.skip("t1", "bob", "conflict")
    for reason, words in (("", "Choose why"), ("boring", "choose one of conflict")):
        with pytest.raises(UserError, match=words):
            queue_.skip("t1", "ann", reason)
    assert queue_.find_held("ann") == "t1"
    queue_.skip("t1", "ann", "conflict")
    assert queue_.find_held("ann") is None
    assert queue_.claim_next("ann") == "t0"  # not the same again
    assert queue_.claim_next("bob") == "t1"
    queue_.skip("t1", "bob", "interrupted")
    say(engine, "t0", "fraud", "ann")
    assert queue_.claim_next("ann") == "t1"  # when nothing else is left
    with engine.connect() as connection:
        entries = ledger.load_entries(connection, "skip")
    assert [(one["actor"], one["payload"]["reason"]) for one in entries] == [
        ("ann", "conflict"),
        ("bob", "interrupted"),
    ]


def test_a_snoozed_case_is_given_to_nobody_before_its_time(engine, monkeypatch):
    fill(engine, flagged=2)
    queue_, now = review.ReviewQueue(engine), time.time()
    assert queue_.claim_next("ann") == "t1"
    for until in (now - 1, now + policy.MAX_SNOOZE_SECONDS + 60):
        with pytest.raises(UserError, match="at most 24 hours"):
            queue_.skip("t1", "ann", "waiting", until)
    queue_.skip("t1", "ann", "waiting", now + 3600)
    assert queue_.claim_next("bob") == "t0" and queue_.claim_next("ann") is None
    assert queue_.count_waiting("ann") == 0
    monkeypatch.setattr(queue.time, "time", lambda: now + 3601)
    assert queue_.claim_next("ann") == "t1"


def test_a_claim_that_has_run_out_is_renewed_unless_another_has_the_case(engine, monkeypatch):
    fill(engine, flagged=1)
    queue_, now = review.ReviewQueue(engine), time.time()
    assert queue_.claim_next("ann") == "t0"
    later = now + policy.LEASE_SECONDS + 1
    monkeypatch.setattr(queue.time, "time", lambda: later)
    assert queue_.find_held("ann") is None
    assert queue_.renew_claim("t0", "ann") and queue_.find_held("ann") == "t0"
    assert not queue_.renew_claim("t0", "bob")
    monkeypatch.setattr(queue.time, "time", lambda: later + policy.LEASE_SECONDS + 1)
    assert queue_.claim_next("bob") == "t0"
    assert not queue_.renew_claim("t0", "ann") and queue_.find_held("bob") == "t0"


# --- reasons, overrides and the second person ---


def test_a_reason_has_to_fit_its_verdict(engine):
    fill(engine, flagged=1)
    review.ReviewQueue(engine).claim_next("ann")
    with pytest.raises(UserError, match="Choose a reason"):
        review.ReviewQueue(engine).record_decision("t0", "fraud", "ann", "")
    for reason in ("customer_confirms", "because"):
        with pytest.raises(
            UserError, match="not a reason for 'fraud': choose one of customer_denies"
        ):
            review.ReviewQueue(engine).record_decision("t0", "fraud", "ann", reason)
    with pytest.raises(UserError, match=r"not on the list.* at least 15 letters"):
        review.ReviewQueue(engine).record_decision(
            "t0", "fraud", "ann", "other_fraud", "  too short    "
        )
    assert (
        review.ReviewQueue(engine)
        .record_decision("t0", "fraud", "ann", "other_fraud", "a" * 15)
        .label
        == 1
    )


@pytest.mark.parametrize(
    ("verdict", "flagged", "probability", "against"),
    [
        ("fraud", True, 0.1, False),
        ("genuine", True, 0.1, False),
        ("genuine", True, 0.5, True),
        ("fraud", True, 0.9, False),
        ("fraud", False, 0.01, True),
        ("genuine", False, 0.01, False),
        ("unsure", True, 0.9, False),
    ],
)
def test_what_goes_against_the_model(verdict, flagged, probability, against):
    assert review.is_override(verdict, flagged, probability) is against


def test_an_override_needs_a_note_and_a_second_person(engine):
    fill(engine, flagged=1, probability=0.8)
    review.ReviewQueue(engine).claim_next("ann")
    with pytest.raises(UserError, match=r"goes against the model.* at least 15 letters"):
        say(engine, "t0", "genuine", "ann", note="no")
    assert say(engine, "t0", "genuine", "ann", note=LONG) == queue.DecisionOutcome("proposal", None)
    assert rows(engine, store.labels) == [] and rows(engine, store.cases)[0].state == "second"
    assert review.ReviewQueue(engine).claim_next("ann") is None  # nobody confirms their own
    assert (
        review.ReviewQueue(engine).count_waiting(),
        review.ReviewQueue(engine).count_waiting("ann"),
    ) == (1, 0)
    assert review.ReviewQueue(engine).claim_next("bob") == "t0"
    assert say(engine, "t0", "genuine", "bob", note=LONG) == queue.DecisionOutcome(
        "confirmation", 0
    )
    (label,) = rows(engine, store.labels)
    assert (label.actor, label.is_fraud) == ("bob", 0)
    assert [d.stage for d in rows(engine, store.decisions)] == ["proposal", "confirmation"]
    assert [d.override for d in rows(engine, store.decisions)] == [1, 1]


def test_who_proposed_cannot_confirm_with_an_old_claim(engine):
    fill(engine, flagged=1, cents=review.SECOND_REVIEW_CENTS)
    review.ReviewQueue(engine).claim_next("ann")
    say(engine, "t0", "fraud", "ann")
    with store.write_transaction(engine) as connection:  # even if the row said that she holds it
        connection.execute(
            store.cases.update().values(claimed_by="ann", claimed_until=time.time() + 60)
        )
    with pytest.raises(UserError, match="another person"):
        say(engine, "t0", "fraud", "ann")
    assert rows(engine, store.labels) == []


@pytest.mark.parametrize(
    ("cents", "stage"),
    [(review.SECOND_REVIEW_CENTS - 1, "decision"), (review.SECOND_REVIEW_CENTS, "proposal")],
)
def test_above_an_amount_two_have_to_agree(engine, cents, stage):
    fill(engine, flagged=1, cents=cents)
    assert say(engine, review.ReviewQueue(engine).claim_next("ann"), "fraud", "ann").stage == stage


def test_who_disagrees_puts_their_own_verdict_in_its_place(engine):
    fill(engine, flagged=1, cents=review.SECOND_REVIEW_CENTS)
    say(engine, review.ReviewQueue(engine).claim_next("ann"), "fraud", "ann")
    assert say(
        engine, review.ReviewQueue(engine).claim_next("bob"), "genuine", "bob"
    ) == queue.DecisionOutcome("objection", None)
    assert rows(engine, store.labels) == []
    for actor in ("ann", "bob"):  # both have given their verdicts: a third person has to look
        assert review.ReviewQueue(engine).claim_next(actor) is None
    assert say(
        engine, review.ReviewQueue(engine).claim_next("cem"), "genuine", "cem"
    ) == queue.DecisionOutcome("confirmation", 0)
    assert rows(engine, store.cases)[0].state == "closed" and len(rows(engine, store.labels)) == 1


def test_unsure_as_the_second_person_leaves_the_proposal(engine):
    fill(engine, flagged=1, cents=review.SECOND_REVIEW_CENTS)
    say(engine, review.ReviewQueue(engine).claim_next("ann"), "fraud", "ann")
    say(engine, review.ReviewQueue(engine).claim_next("bob"), "unsure", "bob")
    (case,) = rows(engine, store.cases)
    assert (case.state, case.proposed, case.proposed_by) == ("second", "fraud", "ann")
    assert (
        review.ReviewQueue(engine).claim_next("bob") is None
        and review.ReviewQueue(engine).claim_next("cem") == "t0"
    )


def test_a_label_arrives_when_it_is_given(engine):
    # the operation's present is the time of its latest transaction
    fill(engine, flagged=1, approved=1)
    say(engine, review.ReviewQueue(engine).claim_next("ann"), "fraud", "ann")
    assert rows(engine, store.labels)[0].label_ts == NOON + 1
    assert (
        len(store.load_reviewer_labels(engine, known_at=NOON + 1)) == 0
        and len(store.load_reviewer_labels(engine, known_at=NOON + 2)) == 1
    )


# --- blind first, and the random sample ---


def test_a_blind_case_wants_an_opinion_before_the_score_is_shown(engine):
    fill(engine, flagged=1, blind=True)
    review.ReviewQueue(engine).claim_next("ann")
    with pytest.raises(UserError, match="first opinion"):
        say(engine, "t0", "fraud", "ann")
    review.ReviewQueue(engine).record_opinion("t0", "genuine", "ann")
    with pytest.raises(UserError, match="not hidden any more"):
        review.ReviewQueue(engine).record_opinion("t0", "fraud", "ann")
    # the score may change a mind: both are on record
    assert say(engine, "t0", "fraud", "ann").label == 1
    assert [(d.stage, d.verdict) for d in rows(engine, store.decisions)] == [
        ("opinion", "genuine"),
        ("decision", "fraud"),
    ]
    with engine.connect() as connection:
        assert [e["payload"]["stage"] for e in ledger.load_entries(connection, "decision")] == [
            "opinion",
            "decision",
        ]


def test_only_blind_cases_take_opinions_and_only_from_who_holds_them(engine):
    fill(engine, flagged=1)
    review.ReviewQueue(engine).claim_next("ann")
    with pytest.raises(UserError, match="not hidden"):
        review.ReviewQueue(engine).record_opinion("t0", "fraud", "ann")
    with pytest.raises(UserError, match="not yours"):
        review.ReviewQueue(engine).record_opinion("t0", "fraud", "bob")
    with pytest.raises(UserError, match="choose one of"):
        review.ReviewQueue(engine).record_opinion("t0", "perhaps", "ann")
    assert rows(engine, store.decisions) == []


def test_lots_fall_as_often_as_they_should():
    ids = [
        uuid.UUID(int=i * 0x9E3779B97F4A7C15F39CC0605CEDC835 % 2**128).hex for i in range(1, 20_001)
    ]
    blind = sum(case_rules.is_sampled(one, case_rules.BLIND_SHARE) for one in ids) / len(ids)
    sample = sum(
        one < case_rules.get_sample_id_bound(case_rules.SAMPLE_SHARE) for one in ids
    ) / len(ids)
    assert blind == pytest.approx(case_rules.BLIND_SHARE, abs=0.01) and sample == pytest.approx(
        case_rules.SAMPLE_SHARE, abs=0.002
    )


def test_some_approved_transactions_are_reviewed_too_and_look_blind(engine):
    assert fill(engine, flagged=1, approved=5, sampled=2) == 3
    kinds = {case.tx_id: (case.kind, case.blind) for case in rows(engine, store.cases)}
    assert kinds == {"t0": ("flagged", 0), "t4": ("sample", 1), "t5": ("sample", 1)}


def test_the_sample_has_its_turn_though_its_losses_are_small(engine):
    fill(engine, flagged=25, approved=5, sampled=3)
    taken = []
    for _ in range(28):
        tx_id = review.ReviewQueue(engine).claim_next("ann")
        kind = next(case.kind for case in rows(engine, store.cases) if case.tx_id == tx_id)
        taken.append(kind)
        if kind == "sample":
            review.ReviewQueue(engine).record_opinion(tx_id, "genuine", "ann")
        say(engine, tx_id, "genuine", "ann")
    assert taken.count("sample") == 3 and taken[0] == "flagged"
    places = [i for i, kind in enumerate(taken) if kind == "sample"]
    assert places == [1, 12, 23]  # one for each ten flagged ones that were begun


def test_a_fraud_in_the_sample_is_an_override(engine):
    fill(engine, flagged=0, approved=1, sampled=1)
    tx_id = review.ReviewQueue(engine).claim_next("ann")
    review.ReviewQueue(engine).record_opinion(tx_id, "fraud", "ann")
    assert say(engine, tx_id, "fraud", "ann", note=LONG).stage == "proposal"


# --- what is known of predictions ---


def test_labels_stand_beside_predictions(engine):
    fill(engine, flagged=2, approved=2)
    say(engine, review.ReviewQueue(engine).claim_next("ann"), "fraud", "ann")  # t1
    late = {
        "tx_id": "late",
        "ts": NOON + 20 * DAY,
        "customer_id": "c",
        "terminal_id": "m",
        "amount_cents": 1,
    }
    with store.write_transaction(engine) as connection:
        store.insert_new(connection, store.transactions, [late | {"category": "x", "channel": "x"}])
        score = {
            "prediction_id": "pl",
            "tx_id": "late",
            "ts": late["ts"],
            "scored_at": 1.0,
            "model_version": "2",
        }
        store.insert_new(
            connection,
            store.predictions,
            [score | {"probability": 0.1, "threshold": 0.2, "decision": "approve"}],
        )
        report = {
            "tx_id": "t2",
            "source": "chargeback",
            "actor": "issuer",
            "customer_id": "c",
            "terminal_id": "m",
        }
        store.insert_new(
            connection, store.labels, [report | {"is_fraud": 1, "label_ts": NOON + 9 * DAY}]
        )
    frame = store.load_predictions_with_labels(engine).set_index("tx_id")
    assert frame["label"].astype(object).where(frame["label"].notna(), None).to_dict() == {
        "t0": 0,
        "t1": 1,
        "t2": 1,
        "t3": 0,
        "late": None,
    }
    assert frame.loc[["t0", "t1", "t2"], "label_source"].tolist() == [
        "no report",
        "reviewer",
        "chargeback",
    ]
    assert frame["flagged"].to_dict() == {
        "t0": True,
        "t1": True,
        "t2": False,
        "t3": False,
        "late": False,
    }
    before = store.load_predictions_with_labels(engine, as_of=NOON + 8 * DAY).set_index("tx_id")
    # the report came on day 9
    assert before.loc["t2", "label"] == 0 and before.loc["t2", "label_source"] == "no report"
    young = store.load_predictions_with_labels(
        engine, as_of=NOON + LABEL_MATURITY_DAYS * DAY
    ).set_index("tx_id")
    assert young.loc[["t0", "t2", "t3"], "label"].isna().all()


def test_no_predictions_give_an_empty_frame_with_all_columns(engine):
    frame = store.load_predictions_with_labels(engine)
    assert len(frame) == 0 and {"tx_id", "label", "label_source", "flagged", "amount_cents"} <= set(
        frame.columns
    )
