"""The folder that a run writes to, and atomic writes: a temporary name first, then one rename."""

import hashlib
import json
import os
import shlex
import shutil
import uuid
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import fraudops
from fraudops.data_version import check_noted_data_version, note_data_version
from fraudops.errors import MissingInputError

HELD_DAYS_FILE = "held.json"  # in data/: days that are held back until their data is repaired
SQLITE_PREFIX = "sqlite:///"
REPOSITORY = Path(fraudops.__file__).resolve().parent.parent
# what a notebook writes for later ones: it must be made from the same data
RESULTS = {
    "drift/verdict.json": "2_2_drift_monitor",
    "drift/alerts.json": "2_2_drift_monitor",
    "models/champion.json": "3_1_champion",
    "serving/replay.json": "3_2_serve",
    "models/experiments.json": "4_1_experiments",
}


@dataclass(frozen=True)
class Workspace:
    """The folder that holds everything a run writes.

    Attributes
    ----------
    root : Path
    isolated : bool
        Database and registry are in the folder too, whatever the environment names.
    """

    root: Path
    isolated: bool = False

    @classmethod
    def find(cls, root: str | Path | None = None) -> "Workspace":
        """Find the given folder, else ``$FRAUDOPS_WORKSPACE``, else ``artifacts/``.

        Parameters
        ----------
        root : str or Path, optional

        Returns
        -------
        Workspace
        """
        chosen = root or os.environ.get("FRAUDOPS_WORKSPACE") or REPOSITORY / "artifacts"
        return cls(Path(chosen).expanduser().resolve())

    def path(self, *parts: str) -> Path:
        """Get a path below the root, and make its parent folder.

        Parameters
        ----------
        *parts : str

        Returns
        -------
        Path
        """
        path = self.root.joinpath(*parts)
        path.parent.mkdir(parents=True, exist_ok=True)
        return path

    def require_path(self, *parts: str, made_by: str) -> Path:
        """Get a path that must exist already.

        Parameters
        ----------
        *parts : str
        made_by : str
            The notebook that writes it.

        Returns
        -------
        Path

        Raises
        ------
        MissingInputError
            Names the notebook and the command that runs it.
        """
        path = self.root.joinpath(*parts)
        if not path.exists():
            command = self.format_command("run", "--until", made_by)
            raise MissingInputError(
                f"{path} is missing. The notebook {made_by} writes it: run `{command}`, or open "
                "and run that notebook in JupyterLab."
            )
        return path

    def format_command(self, *words: str) -> str:
        """Format a command so that it can be typed as it is, for this workspace.

        Parameters
        ----------
        *words : str

        Returns
        -------
        str

        Examples
        --------
        >>> Workspace(Path("/data/my run")).format_command("run", "--until", "1_1_ingest")
        "fraudops run --until 1_1_ingest --workspace '/data/my run'"
        """
        is_default = self.root == (REPOSITORY / "artifacts").resolve()
        option = [] if is_default else ["--workspace", str(self.root)]
        return shlex.join(["fraudops", *words, *option])

    def _load_result(self, relative_path: str) -> Any:
        path = self.require_path(*relative_path.split("/"), made_by=RESULTS[relative_path])
        made_by = RESULTS[relative_path]
        command = self.format_command("run", "--until", made_by)
        check_noted_data_version(self.root, relative_path, made_by, command)
        return read_json(path)

    def dataset(self) -> dict:
        """Load what 1_1_ingest recorded: counts, days, timeline and fingerprint of the data.

        Returns
        -------
        dict

        Raises
        ------
        MissingInputError
            If the notebook has not run. The other loaders raise it too, also if the data has
            changed since their notebook ran.
        """
        return read_json(self.require_path("data", "dataset.json", made_by="1_1_ingest"))

    def verdict(self) -> dict:
        """Load the verdicts of the drift monitor; ``verdict()["latest"]`` is the newest one."""
        return self._load_result("drift/verdict.json")

    def alerts(self) -> list[dict]:
        """Load the alerts of the drift monitor."""
        return self._load_result("drift/alerts.json")

    def held_days(self) -> list[str]:
        """Load the days (YYYY-MM-DD) that are held back; see `monitoring.hold_broken_days`."""
        path = self.root / "data" / HELD_DAYS_FILE
        return read_json(path)["days"] if path.is_file() else []

    def first_champion(self) -> dict:
        """Load what 3_1_champion recorded of the first model."""
        return self._load_result("models/champion.json")

    def replay(self) -> dict:
        """Load what 3_2_serve recorded of the replayed days."""
        return self._load_result("serving/replay.json")

    def experiments(self) -> dict:
        """Load the ranking of strategies of 4_1_experiments."""
        return self._load_result("models/experiments.json")

    def write_json(self, relative_path: str, value: Any) -> Path:
        """Write JSON atomically into this workspace.

        Parameters
        ----------
        relative_path : str
            Such as ``"drift/verdict.json"``.
        value : Any

        Returns
        -------
        Path
        """
        path = write_json(self.path(relative_path), value)
        if relative_path in RESULTS:
            note_data_version(self.root, relative_path)
        return path

    def atomic_write(self, relative_path: str) -> AbstractContextManager[Path]:
        """Open a temporary path that replaces a file or folder of this workspace.

        Parameters
        ----------
        relative_path : str

        Returns
        -------
        context manager of Path
            See the function `atomic_write`.
        """
        return atomic_write(self.path(relative_path))

    def record_metrics(self, notebook: str, **metrics: Any) -> None:
        """Write a notebook's headline numbers to ``figures/``, for the report and the tests.

        Parameters
        ----------
        notebook : str
        **metrics : Any
            Numbers or texts by name.
        """
        plain = {
            name: value.item() if hasattr(value, "item") else value
            for name, value in metrics.items()
        }
        self.write_json(f"figures/{notebook}.json", plain)

    def check_lessons(self, notebook: str, lessons: dict[str, Any]) -> None:
        """Check what a notebook teaches.

        A lesson must hold in the simulated world of the course. Other data may differ: then the
        difference is printed and written for the report, and nothing stops.

        Parameters
        ----------
        notebook : str
        lessons : dict of str to bool
            Whether it holds, by a sentence that says what holds.

        Raises
        ------
        AssertionError
            If a lesson does not hold in a simulated world.
        """
        different = [sentence for sentence, holds in lessons.items() if not holds]
        self.write_json(f"figures/lessons/{notebook}.json", different)
        if different and self.dataset()["source"] == "simulate":
            raise AssertionError(f"This lesson does not hold: {'; '.join(different)}.")
        for sentence in different:
            print(f"On this data it is different: it is not so that {sentence}.")

    def relative_path(self, path: Path) -> str:
        """Get a path relative to the root, for messages.

        Parameters
        ----------
        path : Path

        Returns
        -------
        str

        Examples
        --------
        >>> Workspace(Path("/data/run")).relative_path(Path("/data/run/drift/verdict.json"))
        'drift/verdict.json'
        """
        return (
            path.relative_to(self.root).as_posix() if path.is_relative_to(self.root) else str(path)
        )

    def sqlite_url(self, *parts: str) -> str:
        """Make the URL of an SQLite file of this workspace, and make its parent folder.

        Parameters
        ----------
        *parts : str
            See `path`.

        Returns
        -------
        str
        """
        return make_sqlite_url(self.path(*parts))

    @property
    def database_url(self) -> str:
        """``$FRAUDOPS_DATABASE_URL``, else one SQLite file."""
        return (
            not self.isolated and os.environ.get("FRAUDOPS_DATABASE_URL")
        ) or self.database_file_url

    @property
    def database_file_url(self) -> str:
        """The SQLite file of this workspace, whatever the environment says."""
        return self.sqlite_url("store", "fraudops.db")

    @property
    def tracking_uri(self) -> str:
        """``$FRAUDOPS_TRACKING_URI``, else one SQLite file.

        ``$MLFLOW_TRACKING_URI`` is not read: mlflow writes it itself, so its value may come from
        an earlier call.
        """
        own = make_sqlite_url(self.root / "mlflow" / "mlflow.db")
        return (not self.isolated and os.environ.get("FRAUDOPS_TRACKING_URI")) or own

    def subprocess_environment(self) -> dict[str, str]:
        """Make the environment of a process that works in this workspace.

        Returns
        -------
        dict of str to str
            To be set before Python starts.
        """
        own = {
            "FRAUDOPS_WORKSPACE": str(self.root),
            "BENTOML_HOME": str(self.root / "bentoml"),
            "MLFLOW_TRACKING_URI": self.tracking_uri,
        }
        if not os.access(Path.home(), os.W_OK):  # Jupyter, matplotlib and others write there
            own["HOME"] = str(self.path("home", "any").parent)
        inherited = dict(os.environ)
        paths = [str(REPOSITORY), *filter(None, [inherited.get("PYTHONPATH")])]
        return (
            fraudops.ENVIRONMENT
            | inherited
            | own
            | {"PYTHONPATH": os.pathsep.join(dict.fromkeys(paths))}
        )


def make_sqlite_url(file: Path) -> str:
    """Make the SQLAlchemy URL of an SQLite file, whatever letters its path has.

    Parameters
    ----------
    file : Path

    Returns
    -------
    str

    Examples
    --------
    >>> make_sqlite_url(Path("/data/C# what?/a.db"))
    'sqlite:////data/C# what%3F/a.db'
    """
    # the letters that SQLAlchemy reads otherwise; MLflow makes a folder of the quoted name
    return SQLITE_PREFIX + file.as_posix().replace("%", "%25").replace("?", "%3F")


def parse_sqlite_url(url: str) -> Path | None:
    """Find the file of an SQLite URL; None for other databases.

    Parameters
    ----------
    url : str

    Returns
    -------
    Path or None

    Examples
    --------
    >>> parse_sqlite_url("sqlite:////data/my%20run/a.db").as_posix()
    '/data/my run/a.db'
    """
    if not url.startswith(SQLITE_PREFIX):
        return None
    return Path(unquote(url.removeprefix(SQLITE_PREFIX)))


@contextmanager
def atomic_write(path: Path) -> Iterator[Path]:
    """Yield a temporary path that replaces `path` when the block ends without an error.

    Parameters
    ----------
    path : Path
        A file or a folder.

    Yields
    ------
    Path
        Beside `path`.
    """
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
    """Undo what a killed `atomic_write` left behind.

    What was moved aside and not yet replaced comes back; half-written files are deleted.

    Parameters
    ----------
    path : Path
        The path that was given to `atomic_write`.
    """
    aside = sorted(path.parent.glob(f".{path.name}.*.old"))
    if aside and not path.exists():
        os.replace(aside.pop(), path)
    for left in [*aside, *path.parent.glob(f".{path.name}.*.tmp")]:
        if left.is_dir():
            shutil.rmtree(left)
        else:
            left.unlink()


def write_json(path: Path, value: Any) -> Path:
    """Write JSON atomically, with sorted keys, so that equal values give equal bytes.

    Parameters
    ----------
    path : Path
    value : Any

    Returns
    -------
    Path
        The same path.
    """
    with atomic_write(path) as temporary:
        temporary.write_text(
            json.dumps(value, indent=2, sort_keys=True, default=str) + "\n", encoding="utf-8"
        )
    return path


def read_json(path: Path) -> Any:
    """Read JSON written by `write_json`.

    Parameters
    ----------
    path : Path

    Returns
    -------
    Any
    """
    return json.loads(path.read_text(encoding="utf-8"))


def compute_fingerprint(path: Path) -> str:
    """Compute a digest of a file, or of names and contents of all files of a folder.

    Parameters
    ----------
    path : Path
        Hidden files of a folder do not count.

    Returns
    -------
    str
        SHA-256 in hexadecimal.
    """
    total = hashlib.sha256()
    files = [path] if path.is_file() else sorted(p for p in path.rglob("*") if p.is_file())
    for file in files:
        if any(part.startswith(".") for part in file.relative_to(path).parts):
            continue
        with file.open("rb") as handle:
            content = hashlib.file_digest(handle, "sha256").hexdigest()
        total.update(f"{file.relative_to(path).as_posix()}:{content}\n".encode())
    return total.hexdigest()
