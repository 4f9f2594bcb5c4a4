"""Cases whose label has arrived leave the review queue by themselves, with a ledger entry."""

import time

import sqlalchemy as sa

from fraudops import store
from fraudops.ledger.chain import append_entry

SETTLING_ACTOR = "system:queue"  # no person can have this name
MAX_CASES_PER_ENTRY = 500


def settle_cases(connection: sa.Connection) -> int:
    """Close the waiting cases whose label has arrived, and record why.

    A review of them would save nothing. A flagged case leaves with its chargeback, and every case
    once a transaction without a report counts as genuine (`store.mature_before`). A case of the
    random sample leaves at that age only: if a chargeback removed it sooner, frauds would be too
    rare among the reviewed ones. A case that a person holds stays until the lease ends.

    Parameters
    ----------
    connection : Connection
        Of a writing transaction.

    Returns
    -------
    int
        How many cases left the queue.
    """
    c, f, p = store.cases.c, store.labels.c, store.predictions.c
    as_of = store.get_latest_ts(connection)
    is_reported = (
        sa.exists()
        .where(f.tx_id == c.tx_id, f.source == "chargeback", f.label_ts <= as_of)
        .correlate(store.cases)
    )
    leaves_as_reported = sa.and_(c.kind == "flagged", is_reported)
    cause = sa.case((is_reported, "chargeback"), else_="mature")
    query = (
        sa.select(c.tx_id, cause)
        .join(store.predictions, p.tx_id == c.tx_id)
        .where(
            c.state.in_(store.WAITING_STATES),
            c.claimed_until < time.time(),
            sa.or_(leaves_as_reported, p.ts < store.mature_before(as_of)),
        )
        .order_by(c.tx_id)
    )
    settled = [list(row) for row in connection.execute(query)]
    for start in range(0, len(settled), MAX_CASES_PER_ENTRY):
        part = settled[start : start + MAX_CASES_PER_ENTRY]
        append_entry(connection, "settled", SETTLING_ACTOR, as_of=as_of, cases=part)
    changes = {
        "state": "settled",
        "proposed": None,
        "proposed_by": None,
        "claimed_by": None,
        "claimed_until": 0.0,
    }
    for keys in store.split_keys([tx_id for tx_id, _ in settled]):
        connection.execute(store.cases.update().where(c.tx_id.in_(keys)).values(changes))
    return len(settled)
