"""Verify an evidence pack: `python verify.py [FOLDER [HEAD]]`.

It needs Python 3.10 or later and nothing else, and changes nothing. It checks that the files are
those of the manifest, that the ledger's chain holds, and that decisions and model events agree with
the ledger. A person who writes the whole pack again can make it consistent: give the HEAD that was
kept elsewhere.
"""

import csv
import hashlib
import json
import sys
from pathlib import Path

GENESIS_HASH = "0" * 64
# defaults for entries of earlier versions
DECISION_DEFAULTS = {
    "tx_id": "",
    "stage": "decision",
    "verdict": "",
    "reason": "",
    "note": "",
    "override": 0,
}


def hash_entry(seq: int, previous: str, body: str) -> str:
    """Compute the hash of a ledger entry: SHA-256 over its number, the hash before it, and its
    text.

    Examples
    --------
    >>> hash_entry(1, "", "{}")[:12]
    'ea5ffb9f1112'
    """
    return hashlib.sha256(f"{seq}\n{previous}\n{body}".encode()).hexdigest()


def verify_pack(folder: Path, head: str = "") -> str | None:
    """Verify an evidence pack.

    Parameters
    ----------
    folder : Path
    head : str, optional
        The ledger's head as a person kept it: all of it, or its first 12 characters or more.

    Returns
    -------
    str or None
        The first problem in words; None if everything holds.
    """
    try:
        manifest = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))
        files, kept, count = manifest["files"], manifest["head"], manifest["entries"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        return f"manifest.json cannot be read: {type(error).__name__} {error}"
    for name, digest in sorted(files.items()):
        if not (folder / name).is_file():
            return f"{name} is missing"
        if hashlib.sha256((folder / name).read_bytes()).hexdigest() != digest:
            return f"{name} was changed"
    unexpected = {
        file.relative_to(folder).as_posix() for file in folder.rglob("*") if file.is_file()
    }
    unexpected -= {*files, "manifest.json"}
    if unexpected:
        return f"{min(unexpected)} is not in the manifest"
    entries, broken = read_verified_entries(
        (folder / "ledger.jsonl").read_text(encoding="utf-8").splitlines()
    )
    if broken:
        return broken
    last = entries[-1]["hash"] if entries else GENESIS_HASH
    if last != kept or len(entries) != count:
        return (
            f"the ledger ends with entry {len(entries)} ({last[:12]}), the manifest with "
            f"entry {count} ({str(kept)[:12]})"
        )
    if head and (len(head) < 12 or not last.startswith(head)):
        return f"the ledger's head is {last[:12]}, and not {head[:12]}, the one that you kept"
    return _compare_tables(folder, entries)


def read_verified_entries(lines: list[str]) -> tuple[list[dict], str | None]:
    """Read the entries of a ledger until the first broken one, and describe its problem."""
    previous, entries = GENESIS_HASH, []
    for number, line in enumerate(lines, start=1):
        try:
            row = json.loads(line)
            body = json.loads(row["body"])
            seq, earlier, digest = row["seq"], row["previous"], row["hash"]
        except (ValueError, KeyError, TypeError):
            return entries, f"entry {number} of the ledger cannot be read"
        if seq != number:
            return (
                entries,
                f"entry {number} of the ledger is missing: entry {seq} is in its place",
            )
        if earlier != previous:
            return entries, f"entry {number} of the ledger does not follow the one before it"
        if hash_entry(seq, earlier, row["body"]) != digest:
            return entries, f"entry {number} of the ledger was changed"
        previous = digest
        entries.append({"hash": digest, **body})
    return entries, None


def _compare_tables(folder: Path, entries: list[dict]) -> str | None:
    """Compare decisions and model events with the ledger, row by row."""
    with (folder / "decisions.csv").open(encoding="utf-8", newline="") as file:
        table = [
            {name: _unescape(text) for name, text in row.items()} for row in csv.DictReader(file)
        ]
    recorded = [entry for entry in entries if entry["event"] == "decision"]
    for number, (row, entry) in enumerate(zip(table, recorded, strict=False), start=1):
        expected = DECISION_DEFAULTS | entry["payload"] | {"actor": entry["actor"]}
        item = {name: row.get(name) for name in expected}
        other = {name: str(value) for name, value in expected.items()}
        if item != other:
            return f"decision {number} of the table is {item}, and in the ledger it is {other}"
    if len(table) != len(recorded):
        return f"the table has {len(table)} decisions, the ledger {len(recorded)}"
    events = json.loads((folder / "model_events.json").read_text(encoding="utf-8"))
    recorded_changes = [entry["payload"] for entry in entries if entry["event"] == "champion"]
    kept = [
        {key: value for key, value in event.items() if key not in ("seq", "at", "actor")}
        for event in events
    ]
    if kept != recorded_changes:
        return "the model events are not those of the ledger"
    return None


def _unescape(text: object) -> str:
    """Remove the apostrophe that keeps a spreadsheet from taking the text for a formula."""
    return str(text).removeprefix("'")


if __name__ == "__main__":
    place = Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).resolve().parent
    problem = verify_pack(place, sys.argv[2] if len(sys.argv) > 2 else "")
    print(
        problem or f"{place.resolve().name} holds: files, chain, decisions and model events agree."
    )
    sys.exit(1 if problem else 0)
