"""The key that signs entries of the ledger, outside the database.

A person who can write to the database alone cannot append an entry that bears its signature.
"""

import hmac
import os
import secrets
import shutil
from pathlib import Path

from filelock import FileLock

from fraudops.errors import UserError
from fraudops.workspace import Workspace

KEY_FILE_VARIABLE = "FRAUDOPS_LEDGER_KEY_FILE"
KEY_BYTES = 32


def find_key_file(workspace: Workspace) -> Path:
    """Find where the key is or will be: ``$FRAUDOPS_LEDGER_KEY_FILE``, or in the workspace."""
    named = "" if workspace.isolated else os.environ.get(KEY_FILE_VARIABLE, "")
    return Path(named) if named else workspace.root / "keys" / "ledger.key"


def load_key(file: Path) -> bytes:
    """Load a key.

    Parameters
    ----------
    file : Path

    Returns
    -------
    bytes

    Raises
    ------
    UserError
        If the file holds no key. The message does not show what it holds.
    """
    try:
        key = bytes.fromhex(file.read_text(encoding="ascii").strip())
    except ValueError:
        key = b""
    if len(key) < KEY_BYTES:
        raise UserError(
            f"{file} holds no key for the ledger: it needs {KEY_BYTES} bytes in hexadecimal "
            "digits. Bring back the file that the entries were signed with."
        )
    return key


def load_or_create_key(file: Path) -> bytes:
    """Load the key, or create it if there is none; only the user of this process may read it.

    Parameters
    ----------
    file : Path

    Returns
    -------
    bytes
    """
    if not file.exists():
        file.parent.mkdir(parents=True, exist_ok=True)
        with FileLock(file.with_name(f".{file.name}.lock")):
            if not file.exists():  # another process may have created it meanwhile
                new = file.with_name(f".{file.name}.new")
                new.unlink(missing_ok=True)
                with open(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as out:
                    out.write(secrets.token_hex(KEY_BYTES) + "\n")
                    out.flush()
                    os.fsync(out.fileno())
                os.replace(new, file)
    return load_key(file)


def sign(key: bytes, entry_hash: str) -> str:
    """Sign the hash of an entry: HMAC with SHA-256, in hexadecimal digits."""
    return hmac.digest(key, entry_hash.encode(), "sha256").hex()


def copy_key(file: str | None, to: Workspace) -> None:
    """Copy the key beside a copied database, so that the copy can be verified and used."""
    target = find_key_file(to)
    if file and Path(file).is_file() and Path(file) != target:
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(file, target)
