"""How many of many tamperings with copies of a database `fraudops verify` finds.

`FRAUDOPS_TAMPERINGS=500 python -m benchmarks tampering` makes the first 500; a later run goes on.
The database is that of the workspace, of any profile.
"""

import json
import os
import random
import re
import shutil
import sqlite3
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

import sqlalchemy as sa

from benchmarks import verdict
from benchmarks.tampering_kinds import KINDS, Kind, add_loose_ends, drop_triggers
from fraudops import ledger, store
from fraudops.errors import UserError
from fraudops.workspace import REPOSITORY, Workspace, parse_sqlite_url

TAMPERINGS = 2_000
PEOPLE = (("ann", "analyst"), ("bob", "supervisor"), ("cem", "auditor"))


def prepare(source: Workspace, folder: Path) -> Workspace:
    """Copy the database of a workspace, add what it lacks, seal and anchor it."""
    file = parse_sqlite_url(source.database_url)
    if file is None or not file.is_file():
        raise UserError(f"There is no SQLite database in {source.root}. Run `fraudops run` first.")
    lab, engine = Workspace(folder, isolated=True), store.connect(source)
    store.copy_database(engine, lab)
    engine.dispose()
    kept = source.root / "audit" / "anchors.jsonl"
    if kept.is_file():
        shutil.copyfile(kept, lab.path("audit", "anchors.jsonl"))
    engine = store.connect(lab)
    with store.write_transaction(engine) as connection:
        known = set(connection.scalars(sa.select(store.users.c.name)))
        for name, role in PEOPLE:
            if name not in known:
                row = {"name": name, "role": role, "password": "x", "one_time": 0}
                connection.execute(store.users.insert(), row | {"active": 1, "created_at": 1.0})
                said = {"name": name, "change": "added", "role": role}
                ledger.append_entry(connection, "user", "os:benchmark", **said)
    ledger.seal_and_anchor(lab, engine)
    add_loose_ends(engine)
    problems = ledger.verify_record(lab, engine).problems
    engine.dispose()
    if problems:
        raise UserError(f"The record does not hold before any tampering: {problems[0]}")
    return lab


def tamper(base: sqlite3.Connection, lab: Workspace, number: int) -> dict:
    """Make one tampering on a copy in memory and say what came of it."""
    kind, draw = KINDS[number % len(KINDS)], random.Random(number)
    engine = sa.create_engine("sqlite://", poolclass=sa.pool.StaticPool)
    raw = engine.raw_connection()
    base.backup(raw.driver_connection)
    raw.close()
    with engine.begin() as connection:
        drop_triggers(connection)
        expected = kind.act(connection, draw)
    begin = time.perf_counter()
    problems = ledger.verify_record(lab, engine).problems
    seconds = time.perf_counter() - begin
    engine.dispose()
    return {"number": number, "kind": kind.name, "seconds": round(seconds, 3)} | judge(
        kind, expected, problems
    )


def judge(kind: Kind, expected: str | int, problems: list[str]) -> dict:
    """Judge what was found: found, and named as expected; or named in non-claims; or missed."""
    if not problems:
        return {"result": "non-claim" if kind.non_claim else "MISSED", "named": False}
    named = any(is_named(kind, expected, one) for one in problems)
    return {"result": "found", "named": named, "first": problems[0]}


def is_named(kind: Kind, expected: str | int, problem: str) -> bool:
    """Tell whether a problem names the tampered entry or row."""
    if isinstance(expected, int):  # cut off or rewritten: the heads on both sides say where
        first = re.search(r"entry (\d+)", problem)
        between = re.search(r"entries (\d+) to (\d+)", problem)
        low, high = map(int, between.groups()) if between else (0, 0)
        return low <= expected <= high or (first is not None and int(first[1]) == expected)
    if kind.part == "chain":
        return re.search(rf": {expected}\b", problem) is not None
    return bool(expected) and expected in problem


def run(source: Workspace, target: int) -> list[dict]:
    """Make tamperings up to a number; those of an earlier run are read and not made again."""
    results_file = source.path("bench", "tampering.jsonl")
    lines = results_file.read_text().splitlines() if results_file.is_file() else []
    done = [json.loads(line) for line in lines]
    missing = sorted(set(range(target)) - {one["number"] for one in done})
    with tempfile.TemporaryDirectory() as folder:
        lab = prepare(source, Path(folder))
        base = sqlite3.connect(lab.path("store", "fraudops.db"))
        with results_file.open("a") as out:
            for number in missing:
                one = tamper(base, lab, number)
                done.append(one)
                out.write(json.dumps(one) + "\n")
                out.flush()
                if number % 100 == 0:
                    print(f"{number:,} of {target:,} …", file=sys.stderr, flush=True)
        base.close()
    return [one for one in done if one["number"] < target]


def main() -> None:
    """Print what was found, what is named in non-claims, and what was missed, by kind."""
    target = int(os.environ.get("FRAUDOPS_TAMPERINGS", TAMPERINGS))
    done = run(Workspace.find(), target)
    results = Counter(one["result"] for one in done)
    named = sum(one["named"] for one in done)
    text = (REPOSITORY / "docs" / "non-claims.md").read_text(encoding="utf-8")
    said = all(kind.non_claim in text for kind in KINDS)
    for kind in KINDS:
        of_kind = [one for one in done if one["kind"] == kind.name]
        counts = Counter(one["result"] for one in of_kind)
        print(f"{kind.name:42} {', '.join(f'{n} {what}' for what, n in counts.items())}")
    seconds = sorted(one["seconds"] for one in done)[len(done) // 2]
    met = verdict(not results["MISSED"] and said)
    print(
        f"{len(done):,} tamperings of {len(KINDS)} kinds: {results['found']:,} found "
        f"({named:,} with their entry or row named), {results['non-claim']:,} named in non-claims, "
        f"{results['MISSED']:,} missed (target 0: {met}). A verification takes {seconds:.1f} s."
    )
