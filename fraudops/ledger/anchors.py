"""Anchors: heads of the ledger that are kept outside the database.

Each anchor goes to ``audit/anchors.jsonl`` and becomes a tag of the registered model in MLflow. A
person who can change the database and both of these can still rewrite history, up to a head that
another person kept. `fraudops verify` prints one.
"""

import json
import re
import time
from dataclasses import asdict, dataclass

import sqlalchemy as sa

from fraudops import store
from fraudops.errors import UserError
from fraudops.ledger import chain
from fraudops.ledger.verification_result import append_line, read_complete_lines
from fraudops.workspace import Workspace, parse_sqlite_url

REGISTERED_MODEL_NAME = "card-fraud"  # its name in MLflow's registry
ANCHOR_TAG = "ledger_head"


@dataclass(frozen=True)
class Anchor:
    """The ledger's head at a moment.

    Attributes
    ----------
    seq : int
        Number of the last entry.
    hash : str
        Of the last entry.
    at : float
        Seconds since 1970.
    signed : int
        How many of the entries up to this one are signed.
    """

    seq: int
    hash: str
    at: float
    signed: int = 0


class BrokenLedgerError(UserError):
    """The ledger is broken, or the tables disagree with it."""


def read_anchor_file(workspace: Workspace) -> list[Anchor]:
    """Read the anchors of ``audit/anchors.jsonl``.

    A last line that a power failure left incomplete is ignored.

    Parameters
    ----------
    workspace : Workspace

    Returns
    -------
    list of Anchor

    Raises
    ------
    BrokenLedgerError
        If a line cannot be read.
    """
    file, anchors_read = workspace.root / "audit" / "anchors.jsonl", []
    for number, line in enumerate(read_complete_lines(file), start=1):
        try:
            anchors_read.append(Anchor(**json.loads(line)))
        except (ValueError, TypeError):
            raise BrokenLedgerError(
                f"line {number} of {workspace.relative_path(file)} cannot be read: it was changed"
            ) from None
    return anchors_read


def parse_head(text: str) -> tuple[int | None, str]:
    """Parse a head as `fraudops verify` prints it: its number and hash, or the hash alone.

    Parameters
    ----------
    text : str
        The hash may be shortened to its first 12 characters or more.

    Returns
    -------
    seq : int or None
        Number of the entry.
    hash : str

    Raises
    ------
    UserError
        If it cannot be a head.

    Examples
    --------
    >>> parse_head("12 ea5ffb9f1112")
    (12, 'ea5ffb9f1112')
    """
    match = re.fullmatch(r"(?:(\d{1,12})[\s:]+)?([0-9a-f]{12,64})", text.strip().lower())
    if match is None:
        raise UserError(
            f"{text!r} is no head: give what `fraudops verify` printed, the number and the hash, "
            "or at least the first 12 characters of the hash."
        )
    return (int(match[1]) if match[1] else None), match[2]


def read_mlflow_anchor(workspace: Workspace) -> Anchor | None:
    """Read the anchor in the MLflow registry.

    Parameters
    ----------
    workspace : Workspace

    Returns
    -------
    Anchor or None
        None if no model is registered.

    Raises
    ------
    BrokenLedgerError
        If the tag cannot be read.
    """
    client = _mlflow_client(workspace)
    text = (
        client.get_registered_model(REGISTERED_MODEL_NAME).tags.get(ANCHOR_TAG) if client else None
    )
    try:
        return Anchor(**json.loads(text)) if text else None
    except (ValueError, TypeError):
        raise BrokenLedgerError(
            f"the tag {ANCHOR_TAG} of {REGISTERED_MODEL_NAME} in MLflow cannot be read: "
            "it was changed"
        ) from None


def _mlflow_client(workspace: Workspace):  # type: ignore[no-untyped-def]
    """Get MLflow's client, or None if there is no registered model that could have a tag."""
    file = parse_sqlite_url(workspace.tracking_uri)
    if file and not file.exists():
        return None  # a client would create the file
    if file:
        store.check_sqlite_file(file)
    from mlflow import MlflowClient  # takes seconds, and the review page does not need it
    from mlflow.exceptions import MlflowException

    client = MlflowClient(tracking_uri=workspace.tracking_uri)
    try:
        client.get_registered_model(REGISTERED_MODEL_NAME)
    except MlflowException as error:
        if error.error_code != "RESOURCE_DOES_NOT_EXIST":
            raise
        return None
    return client


def verify_anchored_chain(
    workspace: Workspace,
    engine: sa.Engine,
    registry: bool = True,
    extra_anchor: Anchor | None = None,
) -> str | None:
    """Verify the chain against every anchor that was kept.

    Parameters
    ----------
    workspace : Workspace
    engine : Engine
    registry : bool, optional
        Check the anchor in MLflow too.
    extra_anchor : Anchor, optional
        An anchor that a person kept.

    Returns
    -------
    str or None
        What is wrong with the first broken entry; None if everything holds.
    """
    with store.read_transaction(engine) as connection:
        return _find_broken_entry(workspace, connection, registry, extra_anchor)


def _find_broken_entry(
    workspace: Workspace,
    connection: sa.Connection,
    registry: bool,
    extra_anchor: Anchor | None = None,
) -> str | None:
    """Do what `verify_anchored_chain` does.

    The anchors are read before the chain, because an anchor that is written meanwhile may be ahead.
    """
    try:
        anchors = (
            read_anchor_file(workspace)
            + ([read_mlflow_anchor(workspace)] if registry else [])
            + [extra_anchor]
        )
    except (BrokenLedgerError, store.DamagedDatabaseError) as error:
        return str(error)
    kept: dict[int, str] = {}
    for anchor in filter(None, anchors):
        if kept.setdefault(anchor.seq, anchor.hash) != anchor.hash:
            return (
                f"entry {anchor.seq} was anchored twice, with different hashes: an anchor or the "
                "chain was rewritten"
            )
    return chain.verify_chain(connection, kept=kept)


def write_anchor(workspace: Workspace, engine: sa.Engine) -> Anchor | None:
    """Keep the present head of the ledger outside the database.

    Parameters
    ----------
    workspace : Workspace
    engine : Engine

    Returns
    -------
    Anchor or None
        None if the ledger is empty.

    Raises
    ------
    BrokenLedgerError
        If chain or anchors are broken. The anchors stay as they are, as evidence.
    """
    problem = verify_anchored_chain(workspace, engine)
    if problem:
        raise BrokenLedgerError(
            f"The ledger does not hold: {problem}. No new head was kept; keep database and "
            "anchors, and find out why."
        )
    with engine.connect() as connection:
        seq, head = chain.get_head(connection)
        signed = chain.count_signed(connection, seq)
    if not seq:
        return None
    anchor = Anchor(seq, head, round(time.time(), 3), signed)
    if not any((anchor.seq, anchor.hash) == (seq, head) for anchor in read_anchor_file(workspace)):
        line = json.dumps(asdict(anchor), sort_keys=True)
        lock = workspace.path("state", ".anchors.lock")
        append_line(workspace.path("audit", "anchors.jsonl"), line, lock)
    client = _mlflow_client(workspace)
    if client:
        client.set_registered_model_tag(
            REGISTERED_MODEL_NAME, ANCHOR_TAG, json.dumps(asdict(anchor), sort_keys=True)
        )
    return anchor


def delete_anchor_tag(workspace: Workspace) -> None:
    """Delete the anchor that the ledger of an earlier operation left in MLflow.

    Parameters
    ----------
    workspace : Workspace
    """
    client = _mlflow_client(workspace)
    if client and ANCHOR_TAG in client.get_registered_model(REGISTERED_MODEL_NAME).tags:
        client.delete_registered_model_tag(REGISTERED_MODEL_NAME, ANCHOR_TAG)
