"""Compare the cases with what makes and closes them: predictions, decisions, arrived labels."""

from collections.abc import Iterator

import sqlalchemy as sa

from fraudops import store

COMPARED = ("kind", "blind", "opened_ts", "state", "proposed", "proposed_by")


def compare_cases(
    connection: sa.Connection, decisions: dict[str, list[dict]], settled: dict[str, int]
) -> Iterator[str]:
    """Compare each case with its prediction and with the entries about it.

    Who holds a case is not compared: a lease leaves no entry.

    Parameters
    ----------
    connection : Connection
    decisions : dict of str to list of dict
        Entries of decisions by transaction, in order.
    settled : dict of str to int
        Number of the entry with which a case left the queue by itself, by transaction.

    Yields
    ------
    str
        A difference in words.
    """
    c, p, t = store.cases, store.predictions, store.transactions
    needs_case = sa.or_(
        p.c.decision != "approve", p.c.prediction_id < store.get_sample_id_bound(store.SAMPLE_SHARE)
    )
    columns = (p.c.prediction_id, p.c.tx_id, p.c.ts, p.c.probability, p.c.decision)
    of_case = [c.c[name] for name in COMPARED]
    query = (
        sa.select(*columns, t.c.amount_cents, c.c.tx_id.label("case_id"), *of_case)
        .join(t, t.c.tx_id == p.c.tx_id, isouter=True)
        .join(c, c.c.tx_id == p.c.tx_id, isouter=True)
        .where(needs_case)
    )
    for row in store.stream_rows(connection, query.order_by(p.c.tx_id)):
        if row.case_id is None:
            yield f"the prediction {row.prediction_id} on {row.tx_id} needs a case and has none"
            continue
        made = store.make_case(row, row.amount_cents or 0)
        entries, seq = decisions.get(row.tx_id, []), settled.get(row.tx_id)
        expected = made | follow_entries(entries, seq)
        for name in COMPARED:
            if getattr(row, name) != expected[name]:
                yield (
                    f"the case of {row.tx_id} has {name} {getattr(row, name)!r}, and by prediction "
                    f"and entries it is {expected[name]!r}"
                )
    without = sa.select(c.c.tx_id).where(
        ~sa.exists().where(p.c.tx_id == c.c.tx_id, needs_case).correlate(c)
    )
    for tx_id in connection.scalars(without.order_by(c.c.tx_id)):
        yield f"the case of {tx_id} belongs to no prediction that needs one"


def drop_undone(entries: list[dict]) -> list[dict]:
    """Leave out each verdict that the person took back, and the entry that says so.

    Parameters
    ----------
    entries : list of dict
        Decisions on one transaction in order, with stage and actor.

    Returns
    -------
    list of dict

    Examples
    --------
    >>> said = {"stage": "decision", "actor": "ann", "verdict": "fraud"}
    >>> drop_undone([said, said | {"stage": "undo"}])
    []
    """
    standing: list[dict] = []
    for one in entries:
        if one.get("stage") != "undo":
            standing.append(one)
            continue
        own = [
            place
            for place, other in enumerate(standing)
            if other["actor"] == one["actor"] and other.get("stage") != "opinion"
        ]
        if own:
            del standing[own[-1]]
    return standing


def follow_entries(entries: list[dict], settled: int | None = None) -> dict[str, str | None]:
    """Find the state of a case, and who proposed what, from the entries about it.

    Parameters
    ----------
    entries : list of dict
        Decisions on one transaction in order.
    settled : int, optional
        Number of the entry with which the case left the queue by itself.

    Returns
    -------
    dict
        state, proposed, proposed_by.
    """
    state: dict[str, str | None] = {"state": "open", "proposed": None, "proposed_by": None}
    done = {"proposed": None, "proposed_by": None}
    for one in drop_undone(entries):
        stage = one.get("stage", "decision")
        if one["verdict"] == "unsure" or stage == "opinion":
            continue
        if stage in ("proposal", "objection"):
            state = {"state": "second", "proposed": one["verdict"], "proposed_by": one["actor"]}
        else:
            state = {"state": "closed"} | done
    return {"state": "settled"} | done if settled is not None else state
