"""Checkpoints of the ledger that witnesses sign, in the format of transparency logs.

A checkpoint is the size and the Merkle root of the ledger. A leaf is the hash of an entry. The text
is a *signed note* (the checksum database of Go and Certificate Transparency use it: C2SP,
``signed-note`` and ``tlog-checkpoint``), with one Ed25519 signature (RFC 8032) for each witness.
"""

import base64
import binascii
import hashlib
import os
import re
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path

import sqlalchemy as sa
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from fraudops import store
from fraudops.errors import UserError
from fraudops.ledger import merkle

ORIGIN = "fraudops/card-fraud"
ED25519 = b"\x01"  # the algorithm in a key of a signed note
_NAME = re.compile(r"[A-Za-z0-9._-]{1,64}")


@dataclass(frozen=True)
class Witness:
    """The public key of a person who signs checkpoints.

    Attributes
    ----------
    name : str
    key : bytes of length 32
        Ed25519.
    """

    name: str
    key: bytes

    @property
    def text(self) -> str:
        """The key as a text: ``name+id+base64``."""
        return f"{self.name}+{self.key_id.hex()}+{base64.b64encode(ED25519 + self.key).decode()}"

    @property
    def key_id(self) -> bytes:
        """The four bytes that name the key in a signature."""
        return hashlib.sha256(self.name.encode() + b"\n" + ED25519 + self.key).digest()[:4]

    @classmethod
    def from_private_key(cls, name: str, key: bytes) -> "Witness":
        """Make the public key that belongs to a private one."""
        private = Ed25519PrivateKey.from_private_bytes(key)
        return cls(name, private.public_key().public_bytes_raw())

    @classmethod
    def parse(cls, text: str) -> "Witness":
        """Parse the text of a key.

        Raises
        ------
        UserError
            If it is no key, or one whose id does not fit.
        """
        name, _, rest = text.strip().partition("+")
        key = _decode(rest.partition("+")[2])
        if not _NAME.fullmatch(name) or len(key) != 33 or key[:1] != ED25519:
            raise UserError(f"{text[:80]!r} is no key of a witness: it reads NAME+ID+KEY.")
        witness = cls(name, key[1:])
        if witness.text != text.strip():
            raise UserError(f"The key of {name} is damaged: its id does not fit.")
        return witness


@dataclass(frozen=True)
class Checkpoint:
    """The size and the root of the ledger at a moment, with signatures.

    Attributes
    ----------
    size : int
        Number of entries.
    root : bytes of length 32
        See `merkle.compute_root`.
    signatures : tuple of str
        Lines of the signed note.
    """

    size: int
    root: bytes
    signatures: tuple[str, ...] = ()

    @property
    def body(self) -> str:
        """The text that is signed."""
        return f"{ORIGIN}\n{self.size}\n{base64.b64encode(self.root).decode()}\n"

    @property
    def text(self) -> str:
        """The signed note."""
        return self.body + "\n" + "".join(f"{line}\n" for line in self.signatures)

    @classmethod
    def parse(cls, text: str) -> "Checkpoint":
        """Parse a signed note.

        Raises
        ------
        UserError
            If it is no checkpoint of this ledger.
        """
        body, _, rest = text.partition("\n\n")
        lines = body.split("\n")
        size, root = (lines[1], _decode(lines[2])) if len(lines) == 3 else ("", b"")
        if lines[0] != ORIGIN or not re.fullmatch(r"\d{1,15}", size) or len(root) != 32:
            raise UserError(
                f"This is no checkpoint of {ORIGIN}: it has three lines, name, size, root."
            )
        return cls(int(size), root, tuple(line for line in rest.split("\n") if line))

    @classmethod
    def make(cls, connection: sa.Connection) -> "Checkpoint":
        """Make the checkpoint of the whole ledger."""
        leaves = load_leaves(connection)
        return cls(len(leaves), merkle.compute_root(leaves))

    def is_signed_by(self, witness: Witness) -> bool:
        """Whether the witness signed this size and root."""
        for line in self.signatures:
            mark, name, signature = (*line.split(" "), "", "")[:3]
            found = _decode(signature)
            if mark != "—" or name != witness.name or found[:4] != witness.key_id:
                continue
            try:
                key = Ed25519PublicKey.from_public_bytes(witness.key)
                key.verify(found[4:], self.body.encode())
            except InvalidSignature:
                continue
            return True
        return False

    def require_signatures(self, witnesses: Iterable[Witness]) -> None:
        """Refuse a checkpoint without the signature of one of these witnesses.

        Raises
        ------
        UserError
            With the names of all who did not sign.
        """
        missing = [one.name for one in witnesses if not self.is_signed_by(one)]
        if missing:
            raise UserError(
                f"The checkpoint of {self.size} entries has no valid signature of "
                f"{', '.join(missing)}."
            )

    def sign(self, name: str, key: bytes) -> "Checkpoint":
        """Add a signature.

        Parameters
        ----------
        name : str
        key : bytes of length 32
            The private key (see `create_witness`).

        Returns
        -------
        Checkpoint
        """
        private, witness = (
            Ed25519PrivateKey.from_private_bytes(key),
            Witness.from_private_key(name, key),
        )
        signature = base64.b64encode(witness.key_id + private.sign(self.body.encode())).decode()
        return replace(self, signatures=(*self.signatures, f"— {name} {signature}"))


def create_witness(name: str, file: Path) -> Witness:
    """Create the key of a new witness.

    Parameters
    ----------
    name : str
        Letters, digits, ``.``, ``_`` and ``-``.
    file : Path
        New file for the private key; only its owner can read it.

    Returns
    -------
    Witness

    Raises
    ------
    UserError
        If the name is no name or the file exists.
    """
    if not _NAME.fullmatch(name):
        raise UserError(f"{name!r} is no name of a witness: use letters, digits, `.`, `_` and `-`.")
    key = Ed25519PrivateKey.generate().private_bytes_raw()
    try:
        handle = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        raise UserError(f"{file} exists: a key is not replaced. Choose another file.") from None
    with os.fdopen(handle, "w", encoding="ascii") as stream:
        stream.write(f"{name} {key.hex()}\n")
    return Witness.from_private_key(name, key)


def read_witness_key(file: Path) -> tuple[str, bytes]:
    """Read the file of `create_witness`: the name and the private key.

    Raises
    ------
    UserError
        If it cannot be read.
    """
    try:
        name, key = file.read_text(encoding="ascii").split()
        Witness.from_private_key(name, bytes.fromhex(key))  # it must be a key
        return name, bytes.fromhex(key)
    except (OSError, ValueError):
        raise UserError(
            f"{file} is no key file of a witness: make one with `receipts key`."
        ) from None


def load_leaves(connection: sa.Connection, size: int | None = None) -> list[bytes]:
    """Load the leaves of the tree: hashes of the entries' hashes.

    Parameters
    ----------
    connection : Connection
    size : int, optional
        Only the first entries.

    Returns
    -------
    list of bytes
    """
    entry = store.ledger.c
    query = sa.select(entry.hash).order_by(entry.seq).limit(size)
    rows = store.stream_rows(connection, query)
    return [merkle.hash_leaf(bytes.fromhex(row.hash)) for row in rows]


def find_checkpoint_problem(connection: sa.Connection, checkpoint: Checkpoint) -> str | None:
    """Compare the ledger with a checkpoint that a person kept.

    Parameters
    ----------
    connection : Connection
    checkpoint : Checkpoint

    Returns
    -------
    str or None
        What is wrong, in words; None if the ledger only grew since then.
    """
    leaves = load_leaves(connection, checkpoint.size)
    if len(leaves) < checkpoint.size:
        return (
            f"the ledger has {len(leaves)} entries, and the checkpoint {checkpoint.size}: its tail "
            "was cut off"
        )
    if merkle.compute_root(leaves) != checkpoint.root:
        return (
            f"one of the entries 1 to {checkpoint.size} is not the one of the checkpoint: the "
            "ledger was rewritten"
        )
    return None


def _decode(text: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        return b""
