"""The evidence pack: decisions and model events, with the ledger and its verifier."""

import csv
import hashlib
import json
import re
import shutil
import zipfile
from pathlib import Path
from typing import BinaryIO

import sqlalchemy as sa

from fraudops import store
from fraudops.data import escape_formula
from fraudops.errors import UserError
from fraudops.ledger import anchors, chain, seals, verification, verifier
from fraudops.ledger.verification_result import save_verification
from fraudops.workspace import Workspace, atomic_write, write_json

PACK_NAME = re.compile(r"evidence-[0-9a-f]{12}")
CSV_CHUNK_ROWS = 10_000  # rows that are held at once


def write_evidence_pack(workspace: Workspace, actor: str = "") -> Path:
    """Write the evidence pack as a folder ``audit/evidence-HEAD``.

    The last entry of its ledger records that it was written.

    Parameters
    ----------
    workspace : Workspace
    actor : str, optional
        Needs the permission ``export``. Default: the user of the terminal.

    Returns
    -------
    Path

    Raises
    ------
    UserError
        If the person may not export, there is no operation yet, or its ledger does not hold.
    """
    actor = actor or store.get_terminal_actor()
    engine = store.connect(workspace)
    with engine.connect() as connection:
        store.require_permission(connection, actor, "export")
    found = verification.verify_record(workspace, engine)
    save_verification(workspace, found, actor)
    if found.problems:
        text = "; ".join(found.problems)
        raise UserError(
            f"No evidence pack: the record does not hold ({text}). Keep the database as "
            "it is, and find out why."
        )
    with engine.connect() as connection:
        if chain.get_head_hash(connection) == verifier.GENESIS_HASH:
            raise UserError("No evidence pack: nothing has happened yet. Run `fraudops run` first.")
    seals.seal_new_rows(engine, actor)
    with store.write_transaction(engine) as connection:
        head = chain.append_entry(connection, "export", actor, what="evidence pack")
    folder = workspace.path("audit", f"evidence-{head[:12]}")
    with atomic_write(folder) as temporary, engine.connect() as connection:
        temporary.mkdir(parents=True)
        decision, prediction = store.decisions, store.predictions
        _write_csv(
            connection, sa.select(decision).order_by(decision.c.id), temporary / "decisions.csv"
        )
        _write_csv(
            connection,
            sa.select(prediction).order_by(prediction.c.ts, prediction.c.tx_id),
            temporary / "predictions.csv",
        )
        count = _write_ledger(connection, temporary / "ledger.jsonl", head)
        write_json(temporary / "model_events.json", chain.load_champion_changes(engine))
        card = workspace.root / "audit" / "model_card.md"
        if card.is_file():
            shutil.copyfile(card, temporary / "model_card.md")
        shutil.copyfile(verifier.__file__, temporary / "verify.py")
        files = {
            file.name: hashlib.sha256(file.read_bytes()).hexdigest()
            for file in sorted(temporary.iterdir())
        }
        write_json(temporary / "manifest.json", {"head": head, "entries": count, "files": files})
        problem = verifier.verify_pack(temporary)
        if problem:
            raise UserError(
                f"The evidence pack does not verify ({problem}): tables and ledger disagree."
            )
    anchors.write_anchor(workspace, engine)
    engine.dispose()
    return folder


def list_evidence_packs(workspace: Workspace) -> list[Path]:
    """List the folders of evidence packs, latest first.

    Parameters
    ----------
    workspace : Workspace

    Returns
    -------
    list of Path
    """
    folders = [one for one in workspace.root.glob("audit/evidence-*") if one.is_dir()]
    return sorted(folders, key=lambda folder: folder.stat().st_mtime, reverse=True)


def find_evidence_pack(workspace: Workspace, name: str) -> Path | None:
    """Find an evidence pack by the name of its folder; None if there is none."""
    folder = workspace.root / "audit" / name
    return folder if PACK_NAME.fullmatch(name) and folder.is_dir() else None


def zip_evidence_pack(engine: sa.Engine, folder: Path, actor: str, out: BinaryIO) -> None:
    """Write an evidence pack as one file for a person who may export, and record it.

    Parameters
    ----------
    engine : Engine
    folder : Path
        See `write_evidence_pack`.
    actor : str
        Needs the permission ``export``.
    out : BinaryIO
        Gets the zip file.

    Raises
    ------
    UserError
        If the person may not export. Then nothing is written.
    """
    with store.write_transaction(engine) as connection:
        store.require_permission(connection, actor, "export")
        chain.append_entry(connection, "export", actor, what=f"download of {folder.name}")
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for file in sorted(folder.iterdir()):
            archive.write(file, f"{folder.name}/{file.name}")


def _write_csv(connection: sa.Connection, query: sa.Select, file: Path) -> None:
    """Write the rows of a query as CSV, a part at a time; no text is a spreadsheet's formula."""
    names = [column.name for column in query.selected_columns]
    with file.open("w", encoding="utf-8", newline="") as handle:
        writer = csv.writer(handle, lineterminator="\n")
        writer.writerow(names)
        for chunk in (
            connection.execution_options(stream_results=True)
            .execute(query)
            .partitions(CSV_CHUNK_ROWS)
        ):
            for row in chunk:
                writer.writerow(
                    [escape_formula(one) if isinstance(one, str) else one for one in row]
                )


def _write_ledger(connection: sa.Connection, file: Path, head: str) -> int:
    """Write the ledger up to an entry, one JSON object per line; return their number."""
    count = 0
    with file.open("w", encoding="utf-8", newline="\n") as handle:
        for row in chain.stream_ledger_rows(connection):
            handle.write(json.dumps(dict(row._mapping), sort_keys=True, ensure_ascii=False) + "\n")
            count += 1
            if row.hash == head:  # later events belong to the next pack
                break
    return count
