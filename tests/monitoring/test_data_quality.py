"""The data of a day: healthy days pass, every planted fault is named, and a broken day is held back
until it is mended.
"""

import numpy as np
import pandas as pd
import pytest

from fraudops import data, monitoring
from fraudops.data import iter_world_chunks, open_source
from fraudops.data.sources import Source
from fraudops.simulator import make_course_config, simulate_world
from fraudops.timeline import DAY, day_of, load_timeline
from fraudops.workspace import Workspace


@pytest.fixture(scope="module")
def day(small_workspace):
    """The last day's transactions, the profile of the reference, and the start of the day."""
    timeline = load_timeline(small_workspace)
    tx = data.load_transactions(small_workspace)
    start, end = monitoring.reference_window(timeline)
    last = timeline.live_days[-1]
    return tx[tx["ts"] >= last], monitoring.DataProfile.learn(tx, start, end), last


def test_healthy_days_have_no_findings(small_workspace):
    timeline = load_timeline(small_workspace)
    transactions = data.load_transactions(small_workspace)
    profile = monitoring.DataProfile.learn(transactions, *monitoring.reference_window(timeline))
    found = profile.check_days(transactions, timeline)
    assert list(found) == [str(day_of(day)) for day in timeline.live_days]
    assert not any(monitoring.is_data_broken(one) for one in found.values())


@pytest.mark.parametrize(
    "fault, check",
    [
        (lambda tx: tx.assign(amount_cents=tx["amount_cents"] * 100), "amount scale"),
        (lambda tx: tx.assign(amount_cents=tx["amount_cents"] // 100), "amount scale"),
        (
            lambda tx: tx.assign(
                amount_cents=np.where(np.arange(len(tx)) % 20 == 0, np.inf, tx["amount_cents"])
            ),
            "range",
        ),
        (lambda tx: tx.assign(amount_cents=-tx["amount_cents"]), "range"),
        (lambda tx: tx.assign(amount_cents=tx["amount_cents"].astype(str)), "schema"),
        (lambda tx: tx.drop(columns="channel"), "schema"),
        (lambda tx: tx.assign(category=None), "nulls"),
        (lambda tx: tx.assign(channel="unknown"), "nulls"),
        (lambda tx: tx.assign(channel="carrier pigeon"), "new category"),
        (lambda tx: tx.assign(category=tx["category"].iloc[0]), "constant"),
        (lambda tx: tx[tx["ts"] < tx["ts"].min() + DAY // 2], "freshness"),
        (lambda tx: tx.iloc[:1], "volume"),
        (lambda tx: tx.iloc[:0], "volume"),
        (lambda tx: pd.concat([tx, tx.assign(tx_id="again-" + tx["tx_id"])]), "duplicates"),
    ],
)
def test_each_fault_is_named(day, fault, check):
    tx, profile, start = day
    found = profile.check(fault(tx), start)
    assert any(one["check"] == check and one["severity"] == "act" for one in found), found


def test_some_amounts_in_a_wrong_unit_are_found_also_if_there_is_one_customer(small_workspace):
    timeline = load_timeline(small_workspace)
    tx = data.load_transactions(small_workspace).assign(customer_id="the only one")
    profile = monitoring.DataProfile.learn(tx, *monitoring.reference_window(timeline))
    last = timeline.live_days[-1]
    today = tx[tx["ts"] >= last]
    factor = np.where(np.arange(len(today)) % 20 == 0, 1000, 1)
    wrong = today.assign(amount_cents=today["amount_cents"] * factor)
    assert not any("unit" in one["text"] for one in profile.check(today, last))
    assert any("unit" in one["text"] for one in profile.check(wrong, last))


def test_a_column_with_one_value_is_sound_if_days_of_the_reference_had_that(small_workspace):
    timeline = load_timeline(small_workspace)
    tx = data.load_transactions(small_workspace)
    start, end = monitoring.reference_window(timeline)
    last = timeline.live_days[-1]
    today = tx[tx["ts"] >= last].assign(channel="online")
    some_days = tx["ts"].between(start, start + 3 * DAY)
    usual = tx.assign(channel=tx["channel"].mask(some_days, "online"))
    for rows, expected in ((tx, True), (usual, False)):
        found = monitoring.DataProfile.learn(rows, start, end).check(today, last)
        assert any(one["check"] == "constant" for one in found) is expected


def test_one_row_of_a_small_day_is_no_reason_to_hold_it_back(day):
    tx, profile, start = day
    few = tx.iloc[:: len(tx) // 8].head(8).reset_index(drop=True)
    gaps = few.assign(category=few["category"].mask(few.index == 0))
    twice = pd.concat([few, few.head(1).assign(tx_id="again")], ignore_index=True)
    for rows, check in ((gaps, "nulls"), (twice, "duplicates")):
        found = [one["severity"] for one in profile.check(rows, start) if one["check"] == check]
        assert found == ["watch"]


def test_a_new_category_on_few_rows_is_only_looked_at(day):
    tx, profile, start = day
    few = tx.assign(category=np.where(np.arange(len(tx)) < 3, "moon rocks", tx["category"]))
    assert [(one["check"], one["severity"]) for one in profile.check(few, start)] == [
        ("new category", "watch")
    ]


def test_an_old_reference_is_said_to_be_old(day):
    tx, profile, start = day
    later = start + 140 * DAY
    found = profile.check(tx.assign(ts=tx["ts"] + 140 * DAY), later)
    assert [one["check"] for one in found] == ["reference"] and found[0]["severity"] == "watch"
    early = profile.check(tx.assign(ts=tx["ts"] - 140 * DAY), start - 140 * DAY)
    assert any("older than the reference" in one["text"] for one in early)


def test_broken_days_are_held_back_and_set_free(tmp_path):
    workspace = Workspace(tmp_path)
    data.ingest(open_source("simulate", profile="smoke", drift="nulls"), workspace)
    everything = data.load_transactions(workspace)
    monitoring.hold_broken_days(workspace)
    held = workspace.held_days()
    onset = make_course_config("smoke", drift="nulls").drifts[0].onset
    days = load_timeline(workspace)
    assert held == [str(day_of(day)) for day in days.live_days if day >= days.first + onset * DAY]
    sound = data.load_transactions(workspace)
    assert len(sound) and not sound["ts"].map(lambda ts: str(day_of(ts))).isin(held).any()
    pd.testing.assert_frame_equal(data.load_transactions(workspace, held=True), everything)

    healthy = simulate_world(make_course_config("smoke", drift="none"))
    # the supplier sends them again
    data.ingest(Source("simulate", iter_world_chunks(healthy), world=None), workspace, add=True)
    monitoring.hold_broken_days(workspace)
    assert workspace.held_days() == []
    assert len(data.load_transactions(workspace)) == len(everything)


def make_days(n_days: int, rows_per_day: int, online_share: float = 0.5) -> pd.DataFrame:
    """Sound days of different customers, with amounts of a log-normal distribution."""
    random, n = np.random.default_rng(1), n_days * rows_per_day
    return pd.DataFrame(
        {
            "tx_id": [f"t{i}" for i in range(n)],
            "ts": np.sort(random.integers(0, n_days * DAY, n)),
            "customer_id": random.choice([f"c{i}" for i in range(50)], n),
            "terminal_id": random.choice([f"m{i}" for i in range(50)], n),
            "amount_cents": np.exp(random.normal(8, 1, n)).astype(int),
            "category": "food",
            "channel": np.where(random.random(n) < online_share, "online", "chip"),
        }
    )


def list_broken_days(rows: pd.DataFrame, reference_days: int, last_day: int) -> list[int]:
    profile = monitoring.DataProfile.learn(rows, 0, reference_days * DAY)
    found = {}
    for day in range(reference_days, last_day):
        start = day * DAY
        found[day] = profile.check(rows[rows["ts"].between(start, start + DAY - 1)], start)
    return [day for day, findings in found.items() if monitoring.is_data_broken(findings)]


@pytest.mark.parametrize(("rows_per_day", "online_share"), [(2, 0.5), (40, 0.03), (200, 0.005)])
def test_sound_days_of_small_data_are_not_held_back(rows_per_day, online_share):
    assert list_broken_days(make_days(150, rows_per_day, online_share), 60, 150) == []


def test_a_constant_that_is_no_chance_is_held_back():
    rows = make_days(61, 40, 0.5)
    rows.loc[rows["ts"] >= 60 * DAY, "channel"] = "chip"
    assert list_broken_days(rows, 60, 61) == [60]


@pytest.mark.parametrize(("n_large", "n_customers", "broken"), [(1, 1, 0), (9, 1, 0), (9, 9, 1)])
def test_amounts_above_the_largest_are_counted_by_customer(n_large, n_customers, broken):
    rows = make_days(61, 48)
    large = rows.index[rows["ts"] >= 60 * DAY][:n_large]
    rows.loc[large, "amount_cents"] = 10**7
    rows.loc[large, "customer_id"] = [f"c{i % n_customers}" for i in range(n_large)]
    assert len(list_broken_days(rows, 60, 61)) == broken


@pytest.mark.parametrize(("usual", "delivered", "broken"), [(100, 0, 1), (100, 20, 1), (3, 0, 0)])
def test_a_day_without_rows_is_broken_only_if_it_is_no_chance(usual, delivered, broken):
    rows = make_days(60, usual)
    last = make_days(1, usual).head(delivered)
    rows = pd.concat([rows, last.assign(ts=60 * DAY + np.arange(delivered) * 4_000)])
    assert len(list_broken_days(rows, 60, 61)) == broken
