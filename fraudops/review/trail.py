"""The trail of a case: who saw, claimed, said, noted and agreed, in the words of its entries."""

from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from fraudops import ledger, store
from fraudops.review import policy

STAGE_WORDS = {
    "opinion": "gave a first opinion while the score was hidden: {verdict}",
    "decision": "decided: {verdict}",
    "proposal": "proposed: {verdict}; a second person must agree",
    "confirmation": "agreed: {verdict}",
    "objection": "disagreed and proposed: {verdict}; another person must agree",
    "undo": "took the verdict {verdict} back",
}


@dataclass(frozen=True)
class TrailEntry:
    """One entry of the ledger about a case.

    Attributes
    ----------
    seq : int
        Number of the entry.
    digest : str
        Hash of the entry.
    at : float
        Seconds since 1970.
    actor : str
    words : str
        What happened.
    note : str
        What the person wrote.
    """

    seq: int
    digest: str
    at: float
    actor: str
    words: str
    note: str = ""


def load_trail(engine: sa.Engine, tx_id: str, actor: str) -> list[TrailEntry]:
    """Load the trail of a case as this person may see it.

    While a case waits, the verdicts, notes and comments of other people are left out: the next
    person must not know them.

    Parameters
    ----------
    engine : Engine
    tx_id : str
    actor : str
        Who looks.

    Returns
    -------
    list of TrailEntry
        In order.
    """
    with engine.connect() as connection:
        state = sa.select(store.cases.c.state).where(store.cases.c.tx_id == tx_id)
        waits = connection.scalar(state) in store.WAITING_STATES
        entries = ledger.load_case_entries(connection, tx_id)
    return [
        TrailEntry(
            one["seq"],
            one["hash"],
            one["at"],
            one["actor"],
            *_describe(one["event"], one["payload"], waits and one["actor"] != actor),
        )
        for one in entries
    ]


def _describe(event: str, payload: dict[str, Any], covered: bool) -> tuple[str, str]:
    """Describe an entry in words, and give what the person wrote."""
    if event == "read":
        return ("claimed and opened the case" if payload.get("claimed") else "opened the case"), ""
    if event == "skip":
        return f"skipped the case: {policy.SKIP_REASONS.get(payload['reason'], '')}", ""
    if event == "assign":
        return f"assigned the case to {payload['to']}", ""
    if event == "bulk":
        return "gave one verdict on several cases, this one among them", ""
    if event == "settled":
        cause = {"chargeback": "its chargeback arrived"}.get(payload["row"][1], "its label is due")
        return f"let the case leave the queue: {cause}", ""
    if event == "chargebacks":
        says = "fraud" if payload["row"][2] else "genuine"
        return f"reported the transaction as {says} ({payload['row'][1]})", ""
    if covered:
        said = "wrote a comment" if event == "comment" else "gave a verdict"
        return f"{said}; it is not shown while the case waits", ""
    if event == "comment":
        return "wrote a comment", payload["text"]
    words = STAGE_WORDS[payload.get("stage", "decision")].format(verdict=payload["verdict"])
    code = policy.REASON_CODES.get(payload.get("reason", ""))
    return (f"{words}, because {code.words}" if code else words), payload.get("note", "")
