"""The one verification of the record, in named parts: command, page and evidence packs use it."""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import sqlalchemy as sa

from fraudops import store
from fraudops.ledger import anchors, chain, reconciliation, seals, signatures
from fraudops.ledger.anchors import Anchor, BrokenLedgerError
from fraudops.ledger.verification_result import (
    Verification,
    VerifiedPart,
    load_verifications,
    save_verification,
)
from fraudops.workspace import Workspace

CHAIN_PART = "chain of hashes"
FILE_PART = "heads in audit/anchors.jsonl"
MLFLOW_PART = "head in MLflow"
GIVEN_PART = "the given head"
SIGNATURE_PART = "signatures of the entries"  # only where the key is


def verify_record(
    workspace: Workspace,
    engine: sa.Engine,
    given_head: str = "",
    on_part: Callable[[str], None] = lambda name: None,
) -> Verification:
    """Verify chain, kept heads, and every table that the ledger vouches for; change nothing.

    Parameters
    ----------
    workspace : Workspace
    engine : Engine
    given_head : str, optional
        A head that a person kept, see `anchors.parse_head`.
    on_part : callable, optional
        Called with the name of each part before it is checked.

    Returns
    -------
    Verification

    Raises
    ------
    UserError
        If `given_head` cannot be a head.
    """
    given = anchors.parse_head(given_head) if given_head else None
    with store.read_transaction(engine) as connection:
        parts = list(_verify_ledger(workspace, connection, given, on_part))
        is_intact = not any(part.problems for part in parts)
        key_file = store.find_key_file(workspace)
        if key_file.is_file():
            on_part(SIGNATURE_PART)
            parts.append(_verify_signatures(workspace, connection, key_file, is_intact))
        comparisons = reconciliation.list_comparisons(connection) if is_intact else {}
        for name in reconciliation.COMPARISON_NAMES:
            if not is_intact:
                parts.append(VerifiedPart(name, checked=False))
                continue
            on_part(name)
            found = reconciliation.take_first(comparisons[name]())
            parts.append(VerifiedPart(name, tuple(found)))
        entries, head = chain.get_head(connection)
    return Verification(time.time(), entries, head, tuple(parts))


def _verify_ledger(
    workspace: Workspace,
    connection: sa.Connection,
    given: tuple[int | None, str] | None,
    on_part: Callable[[str], None],
) -> Iterator[VerifiedPart]:
    """Verify the chain, alone and against the heads of each place where they are kept.

    The heads are read before the chain, because one that is written meanwhile may be ahead.
    """
    kept = {FILE_PART: anchors.read_anchor_file, MLFLOW_PART: _read_mlflow_anchors}
    read: dict[str, list[Anchor] | str] = {}
    for name, reader in kept.items():
        try:
            read[name] = reader(workspace)
        except (BrokenLedgerError, store.DamagedDatabaseError) as error:
            read[name] = str(error)
    on_part(CHAIN_PART)
    broken = chain.verify_chain(connection)
    yield VerifiedPart(CHAIN_PART, (broken,) if broken else ())
    for name, found in read.items():
        on_part(name)
        problem = found if isinstance(found, str) else _compare_heads(connection, found)
        yield VerifiedPart(name, (problem,) if problem else ())
    if given:
        on_part(GIVEN_PART)
        problem = _compare_given_head(connection, *given)
        yield VerifiedPart(GIVEN_PART, (problem,) if problem else ())


def _verify_signatures(
    workspace: Workspace, connection: sa.Connection, key_file: Path, is_intact: bool
) -> VerifiedPart:
    """Verify the signatures, which say nothing about a chain that is broken."""
    if not is_intact:
        return VerifiedPart(SIGNATURE_PART, checked=False)
    kept = [*anchors.read_anchor_file(workspace), *_read_mlflow_anchors(workspace)]
    key = store.load_key(key_file)
    found = signatures.find_wrong_signatures(connection, key, kept)
    return VerifiedPart(SIGNATURE_PART, tuple(reconciliation.take_first(found)))


def _read_mlflow_anchors(workspace: Workspace) -> list[Anchor]:
    found = anchors.read_mlflow_anchor(workspace)
    return [found] if found else []


def _compare_heads(connection: sa.Connection, found: list[Anchor]) -> str | None:
    """Compare kept heads with the chain; None if all are in it."""
    heads: dict[int, str] = {}
    for one in found:
        if heads.setdefault(one.seq, one.hash) != one.hash:
            return (
                f"entry {one.seq} was anchored twice, with different hashes: an anchor or the "
                "chain was rewritten"
            )
    return chain.verify_chain(connection, kept=heads) if heads else None


def _compare_given_head(connection: sa.Connection, seq: int | None, head: str) -> str | None:
    """Look for the head that a person gave."""
    e = store.ledger.c
    query = sa.select(e.seq).where(e.hash.startswith(head))
    if connection.scalar(query if seq is None else query.where(e.seq == seq)) is not None:
        return None
    number = "" if seq is None else f"{seq} "
    return (
        f"the head {number}{head[:12]} is not in the ledger: entries were rewritten or cut off "
        "after it was kept"
    )


def find_record_problems(workspace: Workspace, engine: sa.Engine) -> list[str]:
    """Find what is wrong with the record, each problem with the name of its part."""
    return verify_record(workspace, engine).problems


def seal_and_anchor(
    workspace: Workspace, engine: sa.Engine, actor: str = "pipeline", given_head: str = ""
) -> Anchor | None:
    """Verify everything, seal the new rows, and keep the head outside the database.

    Parameters
    ----------
    workspace : Workspace
    engine : Engine
    actor : str, optional
    given_head : str, optional
        See `verify_record`.

    Returns
    -------
    Anchor or None
        None if the ledger is empty.

    Raises
    ------
    BrokenLedgerError
        If something does not hold. Then nothing is sealed or anchored.
    """
    found = verify_record(workspace, engine, given_head)
    save_verification(workspace, found, actor)
    _require_holding(found)
    seals.seal_new_rows(engine, actor)
    return anchors.write_anchor(workspace, engine)


def _require_holding(found: Verification) -> None:
    if found.holds:
        return
    skipped = [part.name for part in found.parts if not part.checked]
    lines = [f"- {problem}" for problem in found.problems]
    if skipped:
        lines.append(f"Not checked, because of this: {', '.join(skipped)}.")
    raise BrokenLedgerError("The record does not hold:\n" + "\n".join(lines))


def verify_and_report(workspace: Workspace, given_head: str = "", read_only: bool = False) -> str:
    """Verify everything and describe the result for `fraudops verify`.

    Parameters
    ----------
    workspace : Workspace
    given_head : str, optional
        See `verify_record`.
    read_only : bool, optional
        Change nothing. Otherwise seal the new rows and keep the head.

    Returns
    -------
    str

    Raises
    ------
    BrokenLedgerError
        If something does not hold.
    """
    if read_only:
        found = store.read_undisturbed(
            workspace, lambda engine: verify_record(workspace, engine, given_head)
        )
        _require_holding(found)
        seq, head, parts = found.entries, found.head, found.parts
    else:
        engine = store.connect(workspace)
        try:
            anchor = seal_and_anchor(workspace, engine, store.get_terminal_actor(), given_head)
        finally:
            engine.dispose()
        seq, head = (anchor.seq, anchor.hash) if anchor else (0, "")
        parts = load_verifications(workspace)[0][0].parts
    if not seq:
        return "The ledger is empty: nothing has happened yet."
    lines = "\n".join(f"- {part.name}" for part in parts)
    kept = len(anchors.read_anchor_file(workspace))
    return (
        f"The record holds: {seq:,} entries, {kept:,} heads in the file. These parts were "
        f"checked:\n{lines}\n"
        + ("Nothing was changed: rows without a seal stay without one.\n" if read_only else "")
        + f"Keep this where no writer of the database can write: {seq} {head}"
    )


@dataclass(frozen=True)
class LedgerStatus:
    """The state of the chain of hashes.

    Attributes
    ----------
    broken : str or None
        What is wrong; None if nothing is.
    entries : int
        Number of entries.
    head : str
        Hash of the last entry.
    """

    broken: str | None
    entries: int
    head: str


def check_ledger(engine: sa.Engine, workspace: Workspace | None = None) -> LedgerStatus:
    """Verify the chain of hashes alone; `verify_record` verifies the whole record.

    Parameters
    ----------
    engine : Engine
    workspace : Workspace, optional
        If given, verify the chain also against the heads outside the database.

    Returns
    -------
    LedgerStatus
    """
    broken = anchors.verify_anchored_chain(workspace, engine) if workspace else None
    with store.read_transaction(engine) as connection:
        entries, head = chain.get_head(connection)
        return LedgerStatus(
            broken or (None if workspace else chain.verify_chain(connection)), entries, head
        )
