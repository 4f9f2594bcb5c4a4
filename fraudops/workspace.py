"""Where a run reads and writes, and how it writes: to a temporary name first, then one rename."""

import hashlib
import json
import os
import shutil
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import fraudops
from fraudops.errors import MissingInputError

REPOSITORY = Path(fraudops.__file__).resolve().parent.parent


@dataclass(frozen=True)
class Workspace:
    """The folder that holds everything a run writes.

    Attributes
    ----------
    apart : database and registry are in the folder too, whatever the environment names: for plays and practice
    """

    root: Path
    apart: bool = False

    @classmethod
    def find(cls, root: str | Path | None = None) -> "Workspace":
        """The given folder, else ``$FRAUDOPS_WORKSPACE``, else ``artifacts/`` beside the library."""
        chosen = root or os.environ.get("FRAUDOPS_WORKSPACE") or REPOSITORY / "artifacts"
        return cls(Path(chosen).expanduser().resolve())

    def path(self, *parts: str) -> Path:
        """A path below the root; its parent folder is made."""
        path = self.root.joinpath(*parts)
        path.parent.mkdir(parents=True, exist_ok=True)
        return path

    def need(self, *parts: str, made_by: str) -> Path:
        """A path that must exist already.

        Raises
        ------
        MissingInput
            Names the notebook that writes it and the command that runs that notebook.
        """
        path = self.root.joinpath(*parts)
        if not path.exists():
            raise MissingInputError(
                f"{path} is missing. The notebook {made_by} writes it: run `fraudops run --until {made_by}`, "
                f"or open and run that notebook in JupyterLab."
            )
        return path

    def short(self, path: Path) -> str:
        """The path as seen from the root, for messages."""
        return (
            path.relative_to(self.root).as_posix() if path.is_relative_to(self.root) else str(path)
        )

    @property
    def database_url(self) -> str:
        """``$FRAUDOPS_DATABASE_URL``, else one SQLite file."""
        return (
            not self.apart and os.environ.get("FRAUDOPS_DATABASE_URL")
        ) or self.database_file_url

    @property
    def database_file_url(self) -> str:
        """The SQLite file of this workspace, whatever the environment says."""
        return f"sqlite:///{self.path('store', 'fraudops.db').as_posix()}"

    @property
    def tracking_uri(self) -> str:
        """``$FRAUDOPS_TRACKING_URI``, else one SQLite file.

        Not ``$MLFLOW_TRACKING_URI``: mlflow writes that one itself, so it cannot tell a wish from an earlier call.
        """
        own = f"sqlite:///{self.path('mlflow', 'mlflow.db').as_posix()}"
        return (not self.apart and os.environ.get("FRAUDOPS_TRACKING_URI")) or own

    def environment(self) -> dict[str, str]:
        """The environment for a process that works in this workspace, to be set before Python starts."""
        mine = {
            "FRAUDOPS_WORKSPACE": str(self.root),
            "BENTOML_HOME": str(self.root / "bentoml"),
            "MLFLOW_TRACKING_URI": self.tracking_uri,
        }
        inherited = dict(os.environ)
        paths = [str(REPOSITORY), *filter(None, [inherited.get("PYTHONPATH")])]
        return (
            fraudops.ENVIRONMENT
            | inherited
            | mine
            | {"PYTHONPATH": os.pathsep.join(dict.fromkeys(paths))}
        )


@contextmanager
def atomic_write(path: Path) -> Iterator[Path]:
    """Yield a temporary path beside `path`; when the block ends well it takes the place of `path`, file or folder."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{uuid.uuid4().hex[:8]}.tmp")
    try:
        yield temporary
        if path.is_dir() and temporary.is_dir():
            old = temporary.with_suffix(".old")
            os.replace(path, old)
            os.replace(temporary, path)
            shutil.rmtree(old)
        else:
            os.replace(temporary, path)
    finally:
        if temporary.is_dir():
            shutil.rmtree(temporary)
        else:
            temporary.unlink(missing_ok=True)


def recover_atomic_write(path: Path) -> None:
    """Undo what a killed `atomic` left: what was moved aside and not yet replaced comes back, half-written things go."""
    aside = sorted(path.parent.glob(f".{path.name}.*.old"))
    if aside and not path.exists():
        os.replace(aside.pop(), path)
    for left in [*aside, *path.parent.glob(f".{path.name}.*.tmp")]:
        if left.is_dir():
            shutil.rmtree(left)
        else:
            left.unlink()


def write_json(path: Path, value: Any) -> Path:
    """Write JSON atomically, keys in order, so that equal values give equal bytes."""
    with atomic_write(path) as temporary:
        temporary.write_text(
            json.dumps(value, indent=2, sort_keys=True, default=str) + "\n", encoding="utf-8"
        )
    return path


def read_json(path: Path) -> Any:
    """Read JSON written by `write_json`."""
    return json.loads(path.read_text(encoding="utf-8"))


def compute_fingerprint(path: Path) -> str:
    """SHA-256 over the bytes of a file, or over names and bytes of all files of a folder (hidden ones left out)."""
    total = hashlib.sha256()
    files = [path] if path.is_file() else sorted(p for p in path.rglob("*") if p.is_file())
    for file in files:
        if any(part.startswith(".") for part in file.relative_to(path).parts):
            continue
        with file.open("rb") as handle:
            content = hashlib.file_digest(handle, "sha256").hexdigest()
        total.update(f"{file.relative_to(path).as_posix()}:{content}\n".encode())
    return total.hexdigest()


def record_headline_metrics(workspace: Workspace, notebook: str, **figures: Any) -> None:
    """Keep a notebook's headline figures by name, where the report page and the tests read them."""
    plain = {
        name: value.item() if hasattr(value, "item") else value for name, value in figures.items()
    }
    write_json(workspace.path("figures", f"{notebook}.json"), plain)
