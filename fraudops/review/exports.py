"""Rows that leave the page as a file: only with the right to export, and with a ledger entry."""

import csv
import io
from collections.abc import Iterable, Sequence

import sqlalchemy as sa

from fraudops import ledger, store
from fraudops.data import escape_formula


def export_csv(
    engine: sa.Engine,
    what: str,
    columns: Sequence[str],
    rows: Iterable[Sequence[object]],
    actor: str,
) -> str:
    """Write rows as CSV for a person who may export, and record it.

    Parameters
    ----------
    engine : Engine
    what : str
        What it is, for the ledger.
    columns : sequence of str
    rows : iterable of sequence of object
        A text that a spreadsheet would take for a formula is escaped.
    actor : str
        Needs the permission ``export``.

    Returns
    -------
    str

    Raises
    ------
    UserError
        If the person may not export. Then nothing is recorded.
    """
    out, count = io.StringIO(), 0
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(columns)
    with store.write_transaction(engine) as connection:
        store.require_permission(connection, actor, "export")
        for row in rows:
            count += 1
            writer.writerow([escape_formula(one) if isinstance(one, str) else one for one in row])
        ledger.append_entry(connection, "export", actor, what=what, rows=count)
    return out.getvalue()
