"""The month: the same story to the last cent however often it is interrupted, and nothing read
before it was known.
"""

import json
import shutil
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from fraudops import backtest, ledger, models, store
from fraudops.backtest import (
    BacktestData,
    BacktestSettings,
    InMemoryModelStore,
    OperatingPolicy,
    PolicyState,
    report,
    runner,
    scoring,
)
from fraudops.backtest.backtest_data import DEFAULT_VERDICT
from fraudops.backtest.team import DayWishes
from fraudops.errors import UserError
from fraudops.models import MAX_REVIEW_SHARE, Candidate, DecisionPolicy, GateResult
from fraudops.monitoring import RetrainPolicy
from fraudops.review import SimulatedReviewer, compute_cost_with_review_errors
from fraudops.timeline import DAY, load_timeline
from fraudops.workspace import Workspace

SETTING = BacktestSettings(
    days=5,
    retrain_policy=RetrainPolicy("schedule", cooldown_days=2, every_days=2),
    judge_after_days=(2,),
)


@pytest.fixture(scope="module")
def played(small_workspace, tmp_path_factory):
    """Five days of the small world, played in one go; a gate may refuse or not, the loop trains
    every second day.
    """
    workspace = Workspace.find(tmp_path_factory.mktemp("month"))
    for name in ("data", "features"):
        shutil.copytree(small_workspace.root / name, workspace.root / name)
    return workspace, backtest.run_backtest(workspace, SETTING)


def test_the_story_has_every_day_of_every_policy(played):
    workspace, result = played
    table = report.tabulate_daily_costs(result)
    assert table.shape == (5, 5) and table.notna().all().all()
    assert (table["oracle"] <= table[["loop", "daily", "never", "nothing"]].min(axis=1)).all()
    rows = pd.DataFrame(result["played"])
    assert (
        rows[rows["policy"] == "daily"]["trained"].all()
        and not rows[rows["policy"] == "never"]["trained"].any()
    )
    assert rows[(rows["policy"] == "loop") & rows["judged"].astype(bool)].shape[0] >= 1
    own = runner.get_backtest_workspace(workspace)
    engine = store.connect(own)
    with engine.connect() as connection:
        assert ledger.verify_chain(connection) is None
    live = load_timeline(workspace).live
    assert (
        models.ModelRegistry.find_champion_at(engine, live - 1) is None
        and models.ModelRegistry.find_champion_at(engine, live) == result["moves"][0]["version"]
    )
    engine.dispose()


def test_interrupted_anywhere_it_tells_the_same_story(played, tmp_path):
    workspace, result = played
    again = Workspace.find(tmp_path)
    for name in ("data", "features"):
        shutil.copytree(workspace.root / name, again.root / name)

    class StopRun(Exception):
        """Stops the run."""

    calls = []

    def stop_soon(policy: str, days: int) -> None:
        calls.append((policy, days))
        if policy == "daily" and days >= 2:
            raise StopRun

    with pytest.raises(StopRun):
        backtest.run_backtest(again, SETTING, stop_soon)
    own = runner.get_backtest_workspace(again)
    engine = store.connect(own)
    kept = runner._count_finished_days(engine, "daily")
    engine.dispose()
    assert 2 <= kept < 5
    second = backtest.run_backtest(again, SETTING)
    pd.testing.assert_frame_equal(
        report.tabulate_daily_costs(second), report.tabulate_daily_costs(result)
    )
    keys = ["policy", "day", "trained", "judged", "promoted", "reviews", "blocked", "why"]
    pd.testing.assert_frame_equal(
        pd.DataFrame(second["played"])[keys], pd.DataFrame(result["played"])[keys]
    )
    assert [move["version"] for move in second["moves"]] == [
        move["version"] for move in result["moves"]
    ]
    # what is done is not done again
    assert backtest.run_backtest(again, SETTING)["played"] == second["played"]


def test_the_page_is_whole_and_asks_nobody(played):
    workspace, result = played
    backtest.write_backtest_report(workspace, result)
    page = (workspace.root / "report" / "timeline.html").read_text(encoding="utf-8")
    assert (
        "5 days of operation" in page and "retraining every day" in page and page.count("<svg") == 2
    )
    assert "This data has no answer key" in page
    assert "src=" not in page and "@import" not in page


def test_the_parts_of_the_lead_add_up_to_it_on_every_day(played):
    _, result = played
    cost = report.tabulate_daily_costs(result)
    lead = cost["never"] - cost["loop"]
    for row in result["played"]:
        assert sum(row["lead_cents"].values()) == cost.loc[row["day"], "never"] - row["cost_cents"]
        if row["policy"] == "never":
            assert set(row["lead_cents"].values()) == {0}
    parts = result["lead"]
    assert parts["lead"] == lead.sum() == parts["model"] + parts["policy"] + parts["reviews"]
    assert any(row["trial_reviews"] for row in result["played"])  # so there is a lead to explain


def test_each_part_of_the_lead_is_what_its_name_says(played):
    workspace, _ = played
    data = runner.load_backtest_data(workspace, SETTING, {})
    now = data.timeline.live_days[1]
    policy = OperatingPolicy("loop", data, SETTING, StrictAndWideStore())
    kept, _, _ = policy.run_day(PolicyState("strict", trained=now - DAY), now)
    changed, _, _ = policy.run_day(PolicyState("wide", [], "strict", trained=now - DAY), now)
    gain = kept["cost_cents"] - changed["cost_cents"]
    assert gain and changed["lead_cents"] == {"model": gain, "policy": 0, "reviews": 0}
    tried, _, _ = policy.run_day(
        PolicyState("strict", [["wide", now - DAY]], trained=now - DAY), now
    )
    gain = kept["cost_cents"] - tried["cost_cents"]
    assert gain and tried["lead_cents"] == {"model": 0, "policy": 0, "reviews": gain}


def test_no_way_to_operate_reviews_more_than_the_team_can(played):
    workspace, _ = played
    setting = replace(SETTING, decision_policy=DecisionPolicy(capacity=3))
    data = runner.load_backtest_data(workspace, setting, {})
    now = data.timeline.live_days[1]
    policy = OperatingPolicy("loop", data, setting, StrictAndWideStore())
    for champion, trials in (("wide", ()), ("wide", ("wider",)), ("strict", ("wide", "wider"))):
        state = PolicyState(champion, [[one, now - DAY] for one in trials], trained=now - DAY)
        row, evening, _ = policy.run_day(state, now)
        assert 0 < row["reviews"] <= 3 and len(evening.reviews) == row["reviews"]


def test_the_oracle_has_the_same_team():
    rows = pd.DataFrame({"tx_id": list("abcd"), "ts": 0, "amount": [1.0, 50.0, 20.0, 99.0]})
    labels = pd.DataFrame({"tx_id": list("abc"), "label_ts": 0})
    data = BacktestData(rows, labels, None, {})
    for capacity, cost in ((None, 100 + 300 + 300), (1, 100 + 300 + 2000)):
        setting = BacktestSettings(decision_policy=DecisionPolicy(300, capacity=capacity))
        baseline = backtest.compute_baseline_costs(data, setting, 0)
        assert baseline == {"oracle": cost, "nothing": 7100}


def test_a_training_waits_until_the_change_has_labels(played):
    workspace, _ = played
    data = runner.load_backtest_data(workspace, SETTING, {})
    days = data.timeline.live_days
    asks = DEFAULT_VERDICT.model_copy(update={"severity": "act", "action": "retrain"})
    data = replace(data, verdicts={day: asks for day in [days[2], *days[4:7]]})  # with a pause
    policy = OperatingPolicy("loop", data, BacktestSettings(wait_days=3), TrainingStore())
    trained = {}
    for number in range(2, 8):
        row, _, _ = policy.run_day(PolicyState("strict"), days[number])
        trained[number] = row["trained"], row["why"].split(":")[0]
    assert [number for number, (one, _) in trained.items() if one] == [6, 7]
    assert trained[2][1] == trained[4][1] == "the monitor did not ask"
    assert "waits 3 days for labels" in trained[5][1] and trained[6][1] == "the monitor asked"


def test_a_promotion_ends_older_trials_and_a_last_refusal_its_own():
    policy = OperatingPolicy("loop", None, BacktestSettings(judge_after_days=(7, 14)), None)
    now = 100 * DAY
    trials = [["old", now - 14 * DAY], ["middle", now - 7 * DAY], ["young", now - DAY]]
    state = PolicyState("first", trials)
    passed, failed = GateResult("money", 1, 0, True, "EUR"), GateResult("load", 1, 0, False, "EUR")
    row = {"judged": [], "promoted": False}
    for gates, champion, left in (
        ([passed], "middle", ["young"]),
        ([passed, failed], "first", ["old", "middle", "young"]),
    ):
        after = policy._conclude(state, "middle", now - 7 * DAY, now, gates, row)
        assert (after.champion, [version for version, _ in after.trials]) == (champion, left)
    after = policy._conclude(state, "old", now - 14 * DAY, now, [failed], row)
    assert [version for version, _ in after.trials] == ["middle", "young"]
    assert [one["refused"] for one in row["judged"]] == [[], ["load"], ["load"]]
    assert row["promoted"]


def test_no_more_trials_begin_than_the_settings_allow(played):
    workspace, _ = played
    data = runner.load_backtest_data(workspace, SETTING, {})
    now = data.timeline.live_days[2]
    setting = replace(SETTING, max_trials=2)
    for names, trained in ((["wide"], True), (["wide", "wider"], False)):
        trials = [[one, now - 3 * DAY] for one in names]
        policy = OperatingPolicy("loop", data, setting, TrainingStore())
        row, _, _ = policy.run_day(PolicyState("strict", trials, trained=now - 3 * DAY), now)
        assert row["trained"] is trained


def test_a_full_team_takes_the_most_useful_cases_of_both_models():
    policy = DecisionPolicy(review=300, goodwill=100_000)
    cents = np.array([10_000, 20_000, 30_000, 40_000])
    own = DayWishes.decide(np.array([0.9, 0.5, 0.0, 0.0]), cents, policy)
    trial = DayWishes.decide(np.array([0.0, 0.0, 0.9, 0.01]), cents, policy)
    both = own.add_reviews(trial)
    assert own.decision.tolist() == ["review", "review", "approve", "approve"]
    assert both.limit(None).tolist() == ["review"] * 4
    assert both.limit(2).tolist() == ["approve", "review", "review", "approve"]
    # a case that no reviewer has time for gets the cheaper of the other decisions
    sure = DayWishes.decide(np.array([0.6, 0.99]), np.array([100_000, 1000]), policy)
    assert sure.limit(0).tolist() == ["block", "approve"]


def test_the_onset_comes_from_the_answer_key(played, tmp_path):
    original, result = played
    workspace = Workspace.find(tmp_path)
    timeline = load_timeline(original)
    assert scoring.load_true_onset(workspace, timeline) == {
        "known": False,
        "day": None,
        "kinds": [],
    }
    key = workspace.path("data", "answer_key", "drifts.parquet")
    day = (timeline.live_days[2] - timeline.first) // DAY
    drifts = pd.DataFrame({"kind": ["new_terminals", "<b>"], "onset": [day + 9, day]})
    for table, shown in (
        (drifts, "the drift begins on"),
        (drifts[:1], "which is not among these days"),
        (drifts[:0], "No drift was planted"),
    ):
        table.to_parquet(key)
        truth = scoring.load_true_onset(workspace, timeline)
        told = result | {"truth": truth}
        told |= {"remedy": scoring.summarize_remedy(told)}
        backtest.write_backtest_report(workspace, told)
        page = (workspace.root / "report" / "timeline.html").read_text(encoding="utf-8")
        assert shown in page and "<b>" not in page
        assert ("true onset of the drift" in page) == (shown == "the drift begins on")
        if len(table) == 2:
            days = [one["day"] for one in result["days"]]
            remedy, cost = told["remedy"], report.tabulate_daily_costs(result)
            assert truth["day"] == remedy["onset"] == days[2] and truth["kinds"] == ["<b>"]
            inside = days[2:] if remedy["promotion"] is None else days[2 : 2 + remedy["days"]]
            assert remedy["cost_cents"] == cost.loc[inside].sum().astype(int).to_dict()


def test_the_remedy_is_the_first_promotion_after_the_morning_of_the_onset():
    days = [f"2026-01-0{number}" for number in range(1, 6)]
    told = {
        "truth": {"known": True, "day": days[1], "kinds": []},
        "days": [
            {"day": day, "severity": "act", "action": "retrain", "oracle": 1, "nothing": 100}
            for day in days
        ],
        "played": [
            {"policy": "loop", "day": day, "cost_cents": 10, "promoted": number != 2}
            for number, day in enumerate(days)
        ],
    }
    remedy = scoring.summarize_remedy(told)
    assert (remedy["alarm"], remedy["promotion"], remedy["days"]) == (days[1], days[3], 2)
    assert remedy["cost_cents"] == {"loop": 20, "oracle": 2, "nothing": 200}


def test_more_days_than_there_are_is_refused(played):
    workspace, _ = played
    with pytest.raises(UserError, match="28 live days, and the backtest needs 99"):
        backtest.run_backtest(workspace, BacktestSettings(days=99))


def test_a_policy_reads_nothing_that_had_not_arrived(played):
    workspace, _ = played
    data = runner.load_backtest_data(workspace, SETTING, {})
    now = data.timeline.live_days[3]
    blind = data.labels.assign(
        label_ts=data.labels["label_ts"].where(data.labels["label_ts"] < now, now + 900 * DAY)
    )
    seen = []
    for labels in (data.labels, blind):
        policy = OperatingPolicy(
            "daily",
            BacktestData(data.rows, labels, data.timeline, {}),
            SETTING,
            InMemoryModelStore(None),
        )
        version = policy.train(PolicyState("1"), now)
        entrant = policy.model_store.load(version)
        x = data.day(now, now + DAY)[list(entrant.model.feature_names_in_)]
        seen.append(entrant.model.predict_proba(x)[:, 1])
    np.testing.assert_array_equal(*seen)


def test_what_a_challenger_on_trial_would_flag_is_reviewed_and_known_in_the_evening(played):
    workspace, _ = played
    data = runner.load_backtest_data(workspace, SETTING, {})
    now = data.timeline.live_days[1]
    policy = OperatingPolicy("loop", data, SETTING, StrictAndWideStore())
    alone, _, _ = policy.run_day(PolicyState("strict", trained=now - DAY), now)
    tried, evening, _ = policy.run_day(
        PolicyState("strict", [["wide", now - DAY]], trained=now - DAY), now
    )
    assert alone["trial_reviews"] == 0 and alone["reviews"] == 0
    today = data.day(now, now + DAY)
    assert (
        0 < tried["trial_reviews"] == tried["reviews"] <= np.ceil(MAX_REVIEW_SHARE * len(today)) + 1
    )
    assert {review[0] for review in evening.reviews} <= set(today["tx_id"]) and len(
        evening.reviews
    ) == tried["reviews"]
    assert all(review[2] == now + DAY - 1 for review in evening.reviews)


class StrictAndWideStore:
    """A store with a model that expects no fraud, and one that expects fraud everywhere."""

    def load(self, version: str) -> Candidate:
        return Candidate(ConstantModel({"strict": 0.0, "wide": 0.05, "wider": 0.06}[version]), 1.0)


class TrainingStore(StrictAndWideStore):
    """A store in which every trained model is the same."""

    def save(self, fitted, rows, day: int) -> str:
        return "wide"


class ConstantModel:
    """Gives every transaction the same probability."""

    def __init__(self, probability: float):
        self.probability = probability

    def predict_proba(self, X: pd.DataFrame) -> np.ndarray:
        return np.tile([1 - self.probability, self.probability], (len(X), 1))


def test_the_reviewer_errs_as_often_as_stated_and_always_alike():
    ids = pd.Series([f"T{i}" for i in range(40_000)])
    fraud = np.arange(40_000) % 2 == 0
    calls_fraud = SimulatedReviewer(0.05, 0.01).call_fraud(ids, fraud)
    assert (
        abs((~calls_fraud[fraud]).mean() - 0.05) < 0.005
        and abs(calls_fraud[~fraud].mean() - 0.01) < 0.003
    )
    shuffled = ids.sample(frac=1, random_state=0)
    np.testing.assert_array_equal(
        SimulatedReviewer(0.05, 0.01).call_fraud(shuffled, fraud[shuffled.index]),
        calls_fraud[shuffled.index],
    )


def test_every_decision_and_error_has_its_price():
    fraud = np.array([1, 1, 1, 0, 0, 0, 1, 0])
    decision = np.array(
        ["approve", "review", "block", "approve", "review", "block", "review", "review"]
    )
    called = np.array([0, 1, 0, 0, 0, 0, 0, 1])
    cost = compute_cost_with_review_errors(
        fraud, decision, called, np.full(8, 10_000), DecisionPolicy(300, 3000)
    )
    assert cost.tolist() == [10_000, 300, 0, 0, 300, 3000, 10_300, 3300]


def test_a_month_is_apart_from_the_operation_whatever_the_environment_says(tmp_path, monkeypatch):
    monkeypatch.setenv("FRAUDOPS_DATABASE_URL", "postgresql://production")
    monkeypatch.setenv("FRAUDOPS_TRACKING_URI", "http://production")
    own = runner.get_backtest_workspace(Workspace.find(tmp_path))
    assert own.database_url.startswith("sqlite") and own.tracking_uri.startswith("sqlite")
    assert "month" in own.database_url and "month" in own.tracking_uri


def test_a_setting_can_be_written_down():
    assert json.loads(json.dumps(runner._settings_as_json(BacktestSettings())))["days"] == 30
