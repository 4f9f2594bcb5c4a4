"""Entries in words: each event of the library has its own, and nothing stops on a strange one."""

import ast

import pytest

from fraudops import review
from fraudops.workspace import REPOSITORY

DECISION = {"tx_id": "T7", "stage": "decision", "verdict": "fraud", "reason": "", "note": ""}


def find_written_events() -> set[str]:
    """The events that the library's code appends: the second argument of `append_entry`."""
    events = {"read", "list"}  # `ledger.access_log` passes these on
    for file in (REPOSITORY / "fraudops").rglob("*.py"):
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            is_call = isinstance(node, ast.Call) and "append_entry" in ast.unparse(node.func)
            if is_call and len(node.args) > 1 and isinstance(node.args[1], ast.Constant):
                events.add(node.args[1].value)
    return events


def test_every_event_that_the_library_writes_belongs_to_a_kind():
    known = {event for events in review.ENTRY_KINDS.values() for event in events}
    written = find_written_events()
    assert {"decision", "seal", "champion", "finding"} <= written
    assert written <= known


@pytest.mark.parametrize(
    ("event", "payload", "words"),
    [
        ("decision", DECISION, "decides that T7 is fraud"),
        (
            "decision",
            DECISION
            | {"override": 1, "reason": "customer_denies", "note": "asked", "seconds": 62.4},
            "decides that T7 is fraud, against the model. Reason: the customer did not make it. "
            "Note: “asked”. After 62 s",
        ),
        (
            "decision",
            DECISION | {"stage": "opinion"},
            "says about T7, with the score hidden: fraud",
        ),
        (
            "decision",
            DECISION | {"verdict": "unsure"},
            "is unsure about T7 and puts it back for another person",
        ),
        (
            "settled",
            {"cases": [[f"T{i}", "mature"] for i in range(5)]},
            "takes 5 cases out of the queue: T0 (no report came in time), T1 (no report came in "
            "time), T2 (no report came in time) and 2 more",
        ),
        (
            "chargebacks",
            {"labels": [["T7", "issuer", 1, 86_400]]},
            "delivers 1 chargeback: T7 on 1970-01-02 00:00 UTC",
        ),
        (
            "champion",
            {"version": "2", "previous": "1", "kind": "promotion", "reason": "better"},
            "makes champion version 2, in place of 1. Reason: better",
        ),
        (
            "service",
            {
                "mode": {"mode": "rules"},
                "challenger": None,
                "reason": "slow",
                "on_behalf_of": "eva",
            },
            "changes what the service follows for eva: mode is rules, challenger is removed. "
            "Reason: slow",
        ),
        (
            "user",
            {"name": "ann", "change": "role", "role": "auditor"},
            "gives the user ann the role auditor",
        ),
        ("login", {"result": "ok", "via": "form"}, "logs in with the form"),
        (
            "login",
            {"result": "refused", "via": "proxy", "reason": "locked"},
            "is refused at the login through the proxy: locked",
        ),
        ("seal", {"rows": 1, "table": "labels"}, "seals 1 row of labels"),
        ("export", {"what": "evidence pack"}, "exports: evidence pack"),
        ("strange", {"a": 1}, "records strange: a 1"),
        ("decision", {"tx_id": "T7"}, "records decision: tx_id T7"),
        (
            "user",
            {"change": "made king", "name": "eve"},
            "records user: change made king, name eve",
        ),
    ],
)
def test_an_entry_in_words(event, payload, words):
    assert review.describe_entry(event, payload) == words
