"""Receipts: a proof that one decision is in the ledger, which shows nothing of the others.

The proof leads from the entry to the root of a checkpoint. Whoever holds the checkpoint with the
signature of a witness needs neither the database nor trust in its owner.
"""

import argparse
import json
import sys
from pathlib import Path

import sqlalchemy as sa

from fraudops import store
from fraudops.errors import UserError
from fraudops.ledger import merkle
from fraudops.ledger.chain import stream_entries
from fraudops.ledger.checkpoints import (
    Checkpoint,
    Witness,
    create_witness,
    find_checkpoint_problem,
    load_leaves,
    read_witness_key,
)
from fraudops.ledger.verifier import hash_entry
from fraudops.workspace import Workspace


def make_receipts(connection: sa.Connection, tx_id: str) -> list[dict]:
    """Make a receipt for each decision about a transaction.

    Parameters
    ----------
    connection : Connection
    tx_id : str

    Returns
    -------
    list of dict
        ``checkpoint`` (text), ``entry`` (seq, previous, body) and ``proof`` (list of hex).

    Raises
    ------
    UserError
        If the ledger has no decision about it.
    """
    decisions = stream_entries(connection, "decision")
    numbers = [one["seq"] for one in decisions if one["payload"].get("tx_id") == tx_id]
    if not numbers:
        raise UserError(f"The ledger has no decision about {tx_id}.")
    leaves = load_leaves(connection)
    checkpoint = Checkpoint(len(leaves), merkle.compute_root(leaves)).text
    entry = store.ledger.c
    query = sa.select(entry.seq, entry.previous, entry.body).where(entry.seq.in_(numbers))
    return [
        {
            "checkpoint": checkpoint,
            "entry": dict(row),
            "proof": [one.hex() for one in merkle.prove_inclusion(row["seq"] - 1, leaves)],
        }
        for row in connection.execute(query.order_by(entry.seq)).mappings()
    ]


def check_receipt(receipt: dict, checkpoint: Checkpoint) -> dict:
    """Check a receipt against a checkpoint that a person kept. It needs no database.

    Parameters
    ----------
    receipt : dict
        See `make_receipts`.
    checkpoint : Checkpoint
        Of the same size as that of the receipt.

    Returns
    -------
    dict
        The entry: ``seq, at, actor, event, payload``.

    Raises
    ------
    UserError
        If it proves nothing.
    """
    try:
        entry, own = receipt["entry"], Checkpoint.parse(receipt["checkpoint"])
        leaf = bytes.fromhex(hash_entry(entry["seq"], entry["previous"], entry["body"]))
        proof = [bytes.fromhex(one) for one in receipt["proof"]]
        content = {"seq": entry["seq"]} | json.loads(entry["body"])
    except (KeyError, TypeError, ValueError):
        raise UserError(
            "This is no receipt: it has checkpoint, entry and proof. `fraudops receipts prove` "
            "writes one."
        ) from None
    if (own.size, own.root) != (checkpoint.size, checkpoint.root):
        raise UserError(
            f"The receipt belongs to a checkpoint of {own.size} entries with another root than the "
            f"kept one of {checkpoint.size} entries. Ask for a receipt with this checkpoint."
        )
    index = entry["seq"] - 1
    if not merkle.includes(own.root, own.size, index, merkle.hash_leaf(leaf), proof):
        raise UserError(f"The proof does not lead from entry {entry['seq']} to the checkpoint.")
    return content


def prove_growth(connection: sa.Connection, old: Checkpoint) -> tuple[Checkpoint, list[str]]:
    """Make the checkpoint of today, and the proof that the ledger only grew since an earlier one.

    Parameters
    ----------
    connection : Connection
    old : Checkpoint

    Returns
    -------
    checkpoint : Checkpoint
    proof : list of str
        Hex, see `merkle.prove_consistency`.

    Raises
    ------
    UserError
        If the ledger did not only grow.
    """
    if problem := find_checkpoint_problem(connection, old):
        raise UserError(f"There is no proof: {problem}.")
    leaves = load_leaves(connection)
    proof = merkle.prove_consistency(old.size, leaves)
    return Checkpoint(len(leaves), merkle.compute_root(leaves)), [one.hex() for one in proof]


def require_growth(old: Checkpoint, new: Checkpoint, proof: list[str]) -> None:
    """Refuse a checkpoint that the proof does not show to have grown from the old one.

    Raises
    ------
    UserError
    """
    try:
        hashes = [bytes.fromhex(one) for one in proof]
    except (TypeError, ValueError):
        raise UserError("The proof of growth is damaged: it is a list of hashes in hex.") from None
    if not merkle.is_consistent(old.root, old.size, new.root, new.size, hashes):
        raise UserError(
            f"The proof does not show that the ledger of {new.size} entries begins with the "
            f"{old.size} entries of the old checkpoint. Do not sign: ask for the ledger."
        )


def build_receipts_parser() -> argparse.ArgumentParser:
    """Build the parser of `fraudops receipts`."""
    parser = argparse.ArgumentParser(
        prog="fraudops receipts",
        description="Prove to others that a decision is in the ledger and that the ledger only "
        "grew. A checkpoint is its size and root. Witnesses sign it.",
        allow_abbrev=False,
    )
    parser.add_argument("--workspace", metavar="DIR", help="the folder of the run")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", required=True)
    now = commands.add_parser("checkpoint", help="write a checkpoint of the ledger")
    now.add_argument("file", type=Path)
    now.add_argument(
        "--since", type=Path, metavar="OLD", help="also write FILE.proof: it only grew"
    )
    prove = commands.add_parser("prove", help="write a receipt for the decisions about TX_ID")
    prove.add_argument("tx_id", metavar="TX_ID")
    prove.add_argument("file", type=Path)
    key = commands.add_parser("key", help="make the key of a witness, and print its public part")
    key.add_argument("name", metavar="NAME")
    key.add_argument("file", type=Path)
    sign = commands.add_parser("sign", help="sign a checkpoint as a witness")
    sign.add_argument("file", type=Path, metavar="CHECKPOINT")
    sign.add_argument("--key", type=Path, required=True, metavar="FILE")
    sign.add_argument("--since", type=Path, metavar="OLD", help="the last one that you signed")
    check = commands.add_parser("check", help="check a receipt; needs no database")
    check.add_argument("file", type=Path, metavar="RECEIPT")
    check.add_argument("--checkpoint", type=Path, required=True, metavar="FILE")
    check.add_argument("--witness", action="append", default=[], metavar="KEY", help="must sign")
    return parser


def run_receipts_command(arguments: list[str]) -> int:
    """Run `fraudops receipts`.

    Parameters
    ----------
    arguments : list of str
        The words after `fraudops receipts`.

    Returns
    -------
    int
        0, or 2 with a message.
    """
    options = build_receipts_parser().parse_args(arguments)
    try:
        print(_run(options))
    except UserError as error:
        print(error, file=sys.stderr)
        return 2
    return 0


def _run(options: argparse.Namespace) -> str:
    if options.command == "key":
        witness = create_witness(options.name, options.file)
        return f"{witness.text}\nGive this line to others. Keep {options.file} to yourself."
    if options.command == "sign":
        return _sign(options)
    if options.command == "check":
        checkpoint = read_checkpoint(options.checkpoint)
        checkpoint.require_signatures(map(Witness.parse, options.witness))
        receipts = _read_json(options.file)
        found = [check_receipt(one, checkpoint) for one in receipts]
        lines = [
            f"Entry {one['seq']}: {one['actor']!r} said {one['payload'].get('verdict')!r} about "
            f"{one['payload'].get('tx_id')!r}"
            for one in found
        ]
        return "\n".join([*lines, f"This is in the ledger of {checkpoint.size} entries."])
    workspace = Workspace.find(options.workspace)
    workspace.require_path("store", "fraudops.db", made_by="3_2_serve")
    with store.read_transaction(store.connect(workspace)) as connection:
        if options.command == "prove":
            receipts = make_receipts(connection, options.tx_id)
            options.file.write_text(json.dumps(receipts, indent=1) + "\n", encoding="utf-8")
            return f"{options.file}: {len(receipts)} receipts"
        if options.since is None:
            checkpoint, proof = Checkpoint.make(connection), None
        else:
            checkpoint, proof = prove_growth(connection, read_checkpoint(options.since))
    options.file.write_text(checkpoint.text, encoding="utf-8")
    if proof is not None:
        get_proof_path(options.file).write_text(json.dumps(proof) + "\n", encoding="utf-8")
    return f"{options.file}: {checkpoint.size} entries"


def _sign(options: argparse.Namespace) -> str:
    name, key = read_witness_key(options.key)
    checkpoint = read_checkpoint(options.file)
    signed = checkpoint.sign(name, key)
    if options.since is not None:
        old = read_checkpoint(options.since)
        old.require_signatures([Witness.from_private_key(name, key)])
        require_growth(old, checkpoint, _read_json(get_proof_path(options.file)))
    options.file.write_text(signed.text, encoding="utf-8")
    since = "it grew from your last one" if options.since else "nothing was compared before it"
    return f"{name} signed {checkpoint.size} entries; {since}."


def get_proof_path(file: Path) -> Path:
    """Get the path of the proof beside a checkpoint."""
    return file.with_name(f"{file.name}.proof")


def read_checkpoint(file: Path) -> Checkpoint:
    """Read a checkpoint's file.

    Raises
    ------
    UserError
        If it cannot be read or is no checkpoint.
    """
    try:
        return Checkpoint.parse(file.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"{file} cannot be read: {type(error).__name__}.") from None


def _read_json(file: Path) -> list:
    try:
        found = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise UserError(f"{file} cannot be read: {type(error).__name__}.") from None
    if not isinstance(found, list):
        raise UserError(f"{file} is no list as `fraudops receipts` writes it.")
    return found
