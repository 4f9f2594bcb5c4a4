"""How fast the review page answers: its parts drawn and lists turned, at a hundred thousand and a
million predictions.
"""

import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import sqlalchemy as sa

from fraudops import ledger, store
from fraudops.audit_app import AuditPage
from fraudops.review import PERIOD_CHOICES_DAYS, PREDICTION_LISTS, ReviewQueue, get_change_token
from fraudops.timeline import DAY
from fraudops.workspace import Workspace

SIZES = (100_000, 1_000_000)
A_DAY = 2_500  # predictions; the larger database holds more days, as one that is used for longer
FLAGGED, FRAUD = 0.03, 0.008
RUNS = 7
TARGET_SECONDS = 0.3
BACKLOG_DAYS = 3  # whose cases are still open
START = 20_000 * DAY


def fill(engine: sa.Engine, rows: int) -> None:
    """A database with so many predictions, flagged ones with cases, frauds with chargebacks that
    took days.
    """
    rng = np.random.default_rng(rows)
    ts = START + np.sort(rng.integers(0, rows // A_DAY * DAY, rows))
    flagged, fraud = rng.random(rows) < FLAGGED, rng.random(rows) < FRAUD
    flagged |= fraud & (rng.random(rows) < 0.7)
    columns = {
        "ts": ts,
        "customer": rng.integers(0, 5_000, rows),
        "terminal": rng.integers(0, 2_000, rows),
        "cents": np.rint(rng.lognormal(8, 1.2, rows)).astype(int),
        "kind": rng.integers(0, 9, rows),
        "online": rng.random(rows) < 0.4,
        "p": np.where(flagged, rng.beta(2, 3, rows), rng.beta(1, 200, rows)),
        "flagged": flagged,
    }
    part = 50_000
    for start in range(0, rows, part):
        taken = zip(
            *(values[start : start + part].tolist() for values in columns.values()), strict=True
        )
        tx, scores = [], []
        for i, (at, customer, terminal, cents, kind, online, p, flag) in enumerate(taken, start):
            tx.append(
                {
                    "tx_id": f"T{i}",
                    "ts": at,
                    "customer_id": f"C{customer}",
                    "terminal_id": f"M{terminal}",
                }
            )
            tx[-1] |= {
                "amount_cents": cents,
                "category": f"kind {kind}",
                "channel": "online" if online else "chip",
            }
            scores.append(
                {
                    "prediction_id": f"{rng.integers(2**62):016x}{i:08x}",
                    "tx_id": f"T{i}",
                    "ts": at,
                    "scored_at": 1.0,
                }
            )
            scores[-1] |= {
                "model_version": "1",
                "probability": p,
                "threshold": 0.1,
                "decision": "review" if flag else "approve",
            }
        with store.write_transaction(engine) as connection:
            connection.execute(store.transactions.insert(), tx)
            connection.execute(store.predictions.insert(), scores)
    late = ts + rng.integers(1, 20, rows) * DAY
    reports = [
        {
            "tx_id": f"T{i}",
            "source": "chargeback",
            "actor": "issuer",
            "customer_id": f"C{columns['customer'][i]}",
        }
        | {"terminal_id": f"M{columns['terminal'][i]}", "is_fraud": 1, "label_ts": int(late[i])}
        for i in np.flatnonzero(fraud)
    ]
    with store.write_transaction(engine) as connection:
        connection.execute(store.labels.insert(), reports)
    ReviewQueue(engine).open_cases()


def review(engine: sa.Engine) -> None:
    """Four people have closed all cases but those of the latest days: decisions, and an entry of
    the ledger each.
    """
    c = store.cases.c
    with store.write_transaction(engine) as connection:
        latest = connection.scalar(sa.select(sa.func.max(c.opened_ts)))
        old = c.opened_ts < latest - BACKLOG_DAYS * DAY
        taken = connection.execute(
            sa.select(c.tx_id, c.opened_ts).where(old).order_by(c.opened_ts, c.tx_id)
        ).all()
        decisions = [
            {
                "tx_id": tx_id,
                "stage": "decision",
                "verdict": "genuine" if i % 4 else "fraud",
                "note": "",
                "reason": "",
                "seconds": 90.0,
                "actor": f"reviewer{i % 4}",
                "decided_at": float(at),
                "override": int(i % 25 == 0),
            }
            for i, (tx_id, at) in enumerate(taken)
        ]
        connection.execute(store.decisions.insert(), decisions)
        connection.execute(store.cases.update().where(old).values(state="closed"))
        for one in decisions:
            ledger.append_entry(
                connection, "decision", one["actor"], tx_id=one["tx_id"], verdict=one["verdict"]
            )


def _once(action: Callable[[], object]) -> float:
    begin = time.perf_counter()
    action()
    return time.perf_counter() - begin


def _timed(action: Callable[[], object]) -> float:
    return statistics.median(_once(action) for _ in range(RUNS))


def clicks(workspace: Workspace, engine: sa.Engine) -> dict[str, float]:
    """Median seconds of each click."""
    page = AuditPage(workspace, engine, "ann")
    lists, review = page.lists, page.review
    page.tabs.selected_index = page.parts.index(lists)
    took: dict[str, float] = {}
    for name in PREDICTION_LISTS:
        other = next(one for one in PREDICTION_LISTS if one != name)
        runs = []
        for _ in range(RUNS):
            lists.which.value = other
            runs.append(_once(lambda name=name: setattr(lists.which, "value", name)))
        took[f"list: {name}"] = statistics.median(runs)
    lists.which.value = "Predicted non-frauds"
    took["list: next page"] = _timed(lists.on.click)
    lists.channel.value = "online"
    took["list: filtered, next page"] = _timed(lists.on.click)
    for days in PERIOD_CHOICES_DAYS:
        page.dashboard.window.value = days
        took[f"dashboard: latest {days} days"] = _timed(page.dashboard.draw)
    took["model"] = _timed(page.model.draw)
    took["has anything happened?"] = _timed(lambda: get_change_token(engine))
    runs = []
    for _ in range(RUNS):
        runs.append(_once(review.take.click))
        time.sleep(2)  # what is worked out beside the page is no part of the next click
        review.form.skip_reason.value = "interrupted"
        review.panel.follow.value = False
        review.form.skip.click()
    took["take a case"] = statistics.median(runs)
    return took


def main() -> None:
    """Print the median of each click beside its target, and how much slower the larger
    database is.
    """
    found: dict[str, list[float]] = {}
    for size in SIZES:
        with tempfile.TemporaryDirectory() as folder:
            workspace = Workspace.find(Path(folder))
            engine = store.connect(workspace)
            fill(engine, size)
            review(engine)
            for name, seconds in clicks(workspace, engine).items():
                found.setdefault(name, []).append(seconds)
            engine.dispose()
    for name, (small, large) in found.items():
        met = "met" if max(small, large) <= TARGET_SECONDS else "MISSED"
        print(
            f"{name:32} {small * 1000:6.0f} ms, {large * 1000:6.0f} ms; "
            f"{large / small:4.1f} times (target 300 ms: {met})"
        )
