"""Anchors: heads of the ledger that are kept outside the database.

Each anchor goes to ``audit/anchors.jsonl`` and becomes a tag of the registered model in MLflow. A
person who can change the database and both of these can still rewrite history, up to a head that
another person kept. `fraudops verify` prints one.
"""

import json
import os
import time
from dataclasses import asdict, dataclass

import sqlalchemy as sa
from filelock import FileLock

from fraudops import ledger, store
from fraudops.errors import UserError
from fraudops.ledger import chain, reconciliation, seals
from fraudops.workspace import Workspace

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
    """

    seq: int
    hash: str
    at: float


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
    lines = (
        file.read_text(encoding="utf-8", errors="replace").split("\n")[:-1]
        if file.is_file()
        else []
    )
    for number, line in enumerate(lines, start=1):
        try:
            anchors_read.append(Anchor(**json.loads(line)))
        except (ValueError, TypeError):
            raise BrokenLedgerError(
                f"line {number} of {workspace.relative_path(file)} cannot be read: it was changed"
            ) from None
    return anchors_read


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
    if workspace.tracking_uri.startswith("sqlite:///") and not os.path.exists(
        workspace.tracking_uri[len("sqlite:///") :]
    ):
        return None  # a client would create the file
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
    except BrokenLedgerError as error:
        return str(error)
    kept: dict[int, str] = {}
    for anchor in filter(None, anchors):
        if kept.setdefault(anchor.seq, anchor.hash) != anchor.hash:
            return (
                f"entry {anchor.seq} was anchored twice, with different hashes: an anchor or the "
                "chain was rewritten"
            )
    return chain.verify_chain(connection, kept=kept)


def find_record_problems(
    workspace: Workspace, engine: sa.Engine, registry: bool = True
) -> list[str]:
    """Find what is wrong with chain and anchors; if nothing is, where facts and ledger disagree."""
    with store.read_transaction(engine) as connection:
        problem = _find_broken_entry(workspace, connection, registry)
        return (
            [problem]
            if problem
            else reconciliation.take_first(reconciliation.find_differences(connection))
        )


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
    if not seq:
        return None
    anchor = Anchor(seq, head, round(time.time(), 3))
    if not any((anchor.seq, anchor.hash) == (seq, head) for anchor in read_anchor_file(workspace)):
        _append_line(workspace, json.dumps(asdict(anchor), sort_keys=True) + "\n")
    client = _mlflow_client(workspace)
    if client:
        client.set_registered_model_tag(
            REGISTERED_MODEL_NAME, ANCHOR_TAG, json.dumps(asdict(anchor), sort_keys=True)
        )
    return anchor


def _append_line(workspace: Workspace, line: str) -> None:
    """Append a line and wait until it is on the disk."""
    file = workspace.path("audit", "anchors.jsonl")
    with FileLock(workspace.path("state", ".anchors.lock")), file.open("a+b") as handle:
        handle.seek(0)
        complete = handle.read().rfind(b"\n") + 1
        handle.truncate(complete)  # an incomplete line after a power failure
        handle.write(line.encode())
        handle.flush()
        os.fsync(handle.fileno())


def seal_and_anchor(
    workspace: Workspace, engine: sa.Engine, actor: str = "pipeline"
) -> Anchor | None:
    """Check everything, seal the new rows, and keep the head outside the database.

    Parameters
    ----------
    workspace : Workspace
    engine : Engine
    actor : str, optional

    Returns
    -------
    Anchor or None
        None if the ledger is empty.

    Raises
    ------
    BrokenLedgerError
        If something does not hold. Then nothing is sealed or anchored.
    """
    problem = find_record_problems(workspace, engine)
    if problem:
        raise BrokenLedgerError(
            "The record does not hold:\n" + "\n".join(f"- {anchor}" for anchor in problem)
        )
    seals.seal_new_rows(engine, actor)
    return write_anchor(workspace, engine)


def verify_and_report(workspace: Workspace) -> str:
    """Check everything, keep the head, and describe the result for `fraudops verify`.

    Parameters
    ----------
    workspace : Workspace

    Returns
    -------
    str

    Raises
    ------
    BrokenLedgerError
        If something does not hold.
    """
    engine = store.connect(workspace)
    try:
        known, anchor = len(read_anchor_file(workspace)), seal_and_anchor(workspace, engine)
    finally:
        engine.dispose()
    if anchor is None:
        return "The ledger is empty: nothing has happened yet."
    return (
        f"The record holds: {anchor.seq:,} entries, {known:,} anchors, and decisions, "
        "labels, users, champion and sealed rows "
        "as the ledger has them.\nKeep this where no writer of the database can write: "
        f"{anchor.seq} {anchor.hash}"
    )


def delete_anchor_tag(workspace: Workspace) -> None:
    """Delete the anchor that the ledger of an earlier operation left in MLflow.

    Parameters
    ----------
    workspace : Workspace
    """
    client = _mlflow_client(workspace)
    if client and ANCHOR_TAG in client.get_registered_model(REGISTERED_MODEL_NAME).tags:
        client.delete_registered_model_tag(REGISTERED_MODEL_NAME, ANCHOR_TAG)


# --- champion and ledger ---


@dataclass(frozen=True)
class LedgerStatus:
    """The state of the ledger.

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


def check_ledger(
    engine: sa.Engine, workspace: Workspace | None = None, registry: bool = True
) -> LedgerStatus:
    """Verify the ledger.

    Parameters
    ----------
    engine : Engine
    workspace : Workspace, optional
        If given, verify it also against the anchors outside the database.
    registry : bool, optional
        Check the anchor in MLflow too, which takes seconds the first time.

    Returns
    -------
    LedgerStatus
    """
    broken = ledger.verify_anchored_chain(workspace, engine, registry) if workspace else None
    with store.read_transaction(engine) as connection:
        entries, head = ledger.get_head(connection)
        return LedgerStatus(
            broken or (None if workspace else ledger.verify_chain(connection)), entries, head
        )
