"""Samples of decisions for an auditor, and what the auditor finds.

A sample follows from its seed alone, so another person can draw it again. Both a sample and a
finding are entries of the ledger; no table holds them.
"""

import hashlib
from typing import Any

import pandas as pd
import sqlalchemy as sa

from fraudops import ledger, store
from fraudops.errors import UserError
from fraudops.review.exports import export_csv

DEFAULT_SAMPLE_SIZE, MAX_SAMPLE_SIZE = 30, 500  # decisions
MIN_FINDING_CHARACTERS = 10  # of the text of a finding that is not in order
FINDING_GRADES = {
    "in order": "the verdict follows from what the person could see",
    "minor": "the verdict holds, but reason, note or procedure do not",
    "serious": "the verdict does not follow from what the person could see",
    "cannot be judged": "the record does not hold what is needed",
}
SAMPLE_COLUMNS = (
    "decision",
    "tx_id",
    "ts",
    "amount_cents",
    "stage",
    "verdict",
    "reason",
    "note",
    "actor",
    "decided_at",
    "seconds",
    "override",
)
FINDING_COLUMNS = ("grade", "text", "found_by", "found_at")


def choose_decisions(ids: list[int], seed: int, size: int) -> list[int]:
    """Choose decisions by a seed: those with the smallest SHA-256 of seed and number.

    Parameters
    ----------
    ids : list of int
    seed, size : int

    Returns
    -------
    list of int
        In order.

    Examples
    --------
    >>> choose_decisions([1, 2, 3, 4], seed=7, size=2)
    [2, 3]
    """

    def rank(number: int) -> str:
        return hashlib.sha256(f"{seed}\n{number}".encode()).hexdigest()

    return sorted(sorted(ids, key=rank)[:size])


def draw_decision_sample(
    engine: sa.Engine, seed: int, actor: str, size: int = DEFAULT_SAMPLE_SIZE
) -> int:
    """Draw decisions by a seed and record which.

    Drawn from are all verdicts in the table at this moment, without first opinions.

    Parameters
    ----------
    engine : Engine
    seed : int
        State it before you look at the decisions.
    actor : str
        Needs the permission ``audit``.
    size : int, optional

    Returns
    -------
    int
        Number of the entry, which names the sample.

    Raises
    ------
    UserError
        If there is no decision yet, the size is not accepted, or the person may not do it.
    """
    if not 1 <= size <= MAX_SAMPLE_SIZE:
        raise UserError(f"A sample has 1 to {MAX_SAMPLE_SIZE} decisions; this one has {size}.")
    d = store.decisions.c
    with store.write_transaction(engine) as connection:
        store.require_permission(connection, actor, "audit")
        drawable = sa.select(d.id).where(d.stage.not_in(("opinion", "undo"))).order_by(d.id)
        ids = list(connection.scalars(drawable))
        if not ids:
            raise UserError("Nobody has decided a case yet: there is nothing to draw from.")
        drawn = {
            "seed": seed,
            "population": len(ids),
            "last_decision": ids[-1],
            "decisions": choose_decisions(ids, seed, size),
        }
        ledger.append_entry(connection, "sample", actor, **drawn)
        return ledger.get_head(connection)[0]


def list_samples(engine: sa.Engine) -> list[dict[str, Any]]:
    """List all samples, latest first.

    Parameters
    ----------
    engine : Engine

    Returns
    -------
    list of dict
        ``sample, at, actor, seed, population, decisions`` (numbers), ``judged`` (how many).
    """
    with engine.connect() as connection:
        samples = ledger.load_entries(connection, "sample")
        judged: dict[int, set[int]] = {}
        for one in ledger.load_entries(connection, "finding"):
            judged.setdefault(one["payload"]["sample"], set()).add(one["payload"]["decision"])
    return [
        {"sample": one["seq"], "at": one["at"], "actor": one["actor"]}
        | one["payload"]
        | {"judged": len(judged.get(one["seq"], ()))}
        for one in reversed(samples)
    ]


def load_sample(engine: sa.Engine, sample: int) -> pd.DataFrame:
    """Load the decisions of a sample with the latest finding on each.

    Parameters
    ----------
    engine : Engine
    sample : int

    Returns
    -------
    DataFrame
        Columns `SAMPLE_COLUMNS` and `FINDING_COLUMNS`; the latter are empty before a finding.

    Raises
    ------
    UserError
        If there is no such sample.
    """
    with engine.connect() as connection:
        ids = _load_sample_ids(connection, sample)
        d, t = store.decisions.c, store.transactions.c
        columns = [d.id.label("decision"), d.tx_id, t.ts, t.amount_cents]
        columns += [d[name] for name in SAMPLE_COLUMNS[4:]]
        query = (
            sa.select(*columns)
            .join_from(store.decisions, store.transactions, t.tx_id == d.tx_id, isouter=True)
            .where(d.id.in_(ids))
        )
        rows = store.read_frame(connection, query.order_by(d.id))
        findings = {
            one["payload"]["decision"]: one
            for one in ledger.load_entries(connection, "finding")
            if one["payload"]["sample"] == sample
        }
    found = [findings.get(number) for number in rows["decision"]]
    return rows.assign(
        grade=[one["payload"]["grade"] if one else "" for one in found],
        text=[one["payload"]["text"] if one else "" for one in found],
        found_by=[one["actor"] if one else "" for one in found],
        found_at=[one["at"] if one else None for one in found],
    )


def _load_sample_ids(connection: sa.Connection, sample: int) -> list[int]:
    for one in ledger.load_entries(connection, "sample"):
        if one["seq"] == sample:
            return one["payload"]["decisions"]
    raise UserError(f"There is no sample {sample}. Draw one first.")


def record_finding(
    engine: sa.Engine, sample: int, decision: int, grade: str, text: str, actor: str
) -> None:
    """Record what an auditor finds about a decision. A later finding replaces an earlier one.

    Parameters
    ----------
    engine : Engine
    sample, decision : int
    grade : str
        A key of `FINDING_GRADES`.
    text : str
        May be empty if the decision is in order.
    actor : str
        Needs the permission ``audit``, and has not made the decision.

    Raises
    ------
    UserError
        If the sample does not hold the decision, grade or text are not accepted, or the person may
        not do it.
    """
    text = text.strip()
    if grade not in FINDING_GRADES:
        raise UserError(f"Choose a grade first: {', '.join(FINDING_GRADES)}.")
    if grade != "in order" and len(text) < MIN_FINDING_CHARACTERS:
        raise UserError(
            f"Say what you found in at least {MIN_FINDING_CHARACTERS} letters: it is not in order."
        )
    d = store.decisions.c
    with store.write_transaction(engine) as connection:
        store.require_permission(connection, actor, "audit")
        if decision not in _load_sample_ids(connection, sample):
            raise UserError(f"The sample {sample} does not hold the decision {decision}.")
        row = connection.execute(sa.select(d.tx_id, d.actor).where(d.id == decision)).first()
        if row is None:
            raise UserError(f"The decision {decision} is not in the table. Verify the record.")
        if row.actor == actor:
            raise UserError("You have made this decision yourself: another auditor judges it.")
        finding = {"sample": sample, "decision": decision, "tx_id": row.tx_id}
        ledger.append_entry(connection, "finding", actor, **finding, grade=grade, text=text)


def export_sample(engine: sa.Engine, sample: int, actor: str) -> str:
    """Export a sample with its findings as CSV, and record it.

    Parameters
    ----------
    engine : Engine
    sample : int
    actor : str
        Needs the permission ``export``.

    Returns
    -------
    str

    Raises
    ------
    UserError
        If there is no such sample, or the person may not export.
    """
    rows = load_sample(engine, sample)
    columns = [*SAMPLE_COLUMNS, *FINDING_COLUMNS]
    what = f"decisions and findings of sample {sample}"
    values = rows[columns].astype(object).where(rows[columns].notna(), "")
    return export_csv(engine, what, columns, values.itertuples(index=False), actor)
