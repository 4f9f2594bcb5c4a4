"""The world of *The vanished verdict*: a person with every right changes a decision."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from fraudops import ledger, store
from fraudops.incidents.labs.clock import run_at
from fraudops.incidents.labs.review_week import (
    AUDITOR,
    DAYS,
    EVENING_HOUR,
    FIRST_DAY,
    REVIEW_REASONS,
    ReviewedCase,
    add_people,
    check_evening,
    draw_cases,
    play_day,
)
from fraudops.incidents.labs.story import draw_story, get_moment
from fraudops.timeline import day_of, format_time
from fraudops.workspace import Workspace

VERDICT_LAB = "vanished-verdict"
WAYS = ("row-changed", "entry-changed", "chain-rewritten")
FALSE_VERDICT = "genuine"


@dataclass(frozen=True)
class VerdictPlan:
    """What the seed decides.

    Attributes
    ----------
    cases : list of ReviewedCase
    way : str
        One of `WAYS`.
    target : ReviewedCase
        Whose verdict vanishes.
    pack_day, last_check : int
        Days of the story: on the first evening an evidence pack is written, the second is the last
        evening with a check. The change comes in the night after it.
    false_reason : str
    """

    cases: list[ReviewedCase]
    way: str
    target: ReviewedCase
    pack_day: int
    last_check: int
    false_reason: str

    @classmethod
    def draw(cls, seed: int) -> VerdictPlan:
        """Draw the plan of a seed."""
        random = draw_story(VERDICT_LAB, seed)
        cases = draw_cases(random)
        pack_day = FIRST_DAY + int(random.integers(1, 3))
        early = [
            one
            for one in cases
            if one.day <= pack_day and one.kind == "plain" and one.verdict == "fraud"
        ]
        return cls(
            cases=cases,
            way=str(random.choice(WAYS)),
            target=early[random.integers(len(early))],
            pack_day=pack_day,
            last_check=pack_day + 1,
            false_reason=str(random.choice(REVIEW_REASONS[FALSE_VERDICT])),
        )


def build_verdict_world(workspace: Workspace, seed: int) -> str:
    """Play the week, and let the insider change the record.

    Parameters
    ----------
    workspace : Workspace
    seed : int

    Returns
    -------
    str
        The symptom.
    """
    plan = VerdictPlan.draw(seed)
    engine = store.connect(workspace)
    add_people(engine)
    for day in range(FIRST_DAY, FIRST_DAY + DAYS):
        play_day(engine, plan.cases, day)
        if day <= plan.last_check:
            check_evening(workspace, engine, day)
        if day == plan.pack_day:
            with run_at(get_moment(day, EVENING_HOUR + 1)):
                ledger.write_evidence_pack(workspace, AUDITOR)
        if day == plan.last_check:
            _change_record(engine, plan)
        if day == plan.last_check + 1 and plan.way == "row-changed":
            with run_at(get_moment(day, EVENING_HOUR)):
                ledger.write_anchor(workspace, engine)
    engine.dispose()
    case = plan.target
    written = get_moment(FIRST_DAY + DAYS, 8.5)
    return (
        f"Customer service writes on {format_time(written)} (UTC):\n\n> The customer "
        f"{case.customer} is on the telephone, and angry. On {day_of(get_moment(case.day))} a "
        f"reviewer asked about an online purchase of {case.cents / 100:.2f} €, and heard that it "
        "was not made by the customer. The card was not stopped, and more money is gone. Our page "
        f"says: {FALSE_VERDICT}. The reviewer says: “That is not my verdict.”\n\nThe check of the "
        "evening has not run for some days, because of a migration. The database is in `store/`. "
        "Kept heads, earlier checks and an evidence pack for the auditor are in `audit/`."
    )


def _change_record(engine: sa.Engine, plan: VerdictPlan) -> None:
    """Do what a person with every right on the database can do."""
    false = {"verdict": FALSE_VERDICT, "reason": plan.false_reason}
    tx_id, decisions, labels, e = plan.target.tx_id, store.decisions, store.labels, store.ledger
    with store.write_transaction(engine) as connection:
        triggers = connection.execute(
            sa.text("SELECT name, sql FROM sqlite_master WHERE type = 'trigger'")
        ).all()
        for name, _ in triggers:
            connection.exec_driver_sql(f"DROP TRIGGER {name}")
        is_target = sa.and_(decisions.c.tx_id == tx_id, decisions.c.stage == "decision")
        connection.execute(decisions.update().where(is_target).values(false))
        connection.execute(labels.update().where(labels.c.tx_id == tx_id).values(is_fraud=0))
        if plan.way != "row-changed":
            previous = ""
            for row in list(ledger.stream_ledger_rows(connection)):
                entry = json.loads(row.body)
                is_its_entry = is_decision_on(entry, tx_id)
                entry["payload"] |= false if is_its_entry else {}
                changed = {"body": ledger.canonical_json(entry)} if is_its_entry else {}
                if plan.way == "chain-rewritten" and (is_its_entry or previous):
                    before = previous or row.previous
                    body = changed.get("body", row.body)
                    previous = ledger.hash_entry(row.seq, before, body)
                    changed |= {"previous": before, "hash": previous}
                if changed:
                    connection.execute(e.update().where(e.c.seq == row.seq).values(changed))
        for _, text in triggers:
            connection.exec_driver_sql(text)


def is_decision_on(entry: dict[str, Any], tx_id: str) -> bool:
    is_decision = entry["event"] == "decision" and entry["payload"]["stage"] == "decision"
    return is_decision and entry["payload"]["tx_id"] == tx_id
