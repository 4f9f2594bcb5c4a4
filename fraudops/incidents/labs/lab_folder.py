"""The folder of a student: the symptom, the empty form, and the sealed world."""

import json
import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fraudops.errors import UserError
from fraudops.exercises import check_student, compute_student_seed
from fraudops.incidents.labs.catalog import find_lab
from fraudops.incidents.labs.lab import Lab
from fraudops.incidents.labs.postmortem import make_form
from fraudops.incidents.labs.seal import Seal, compute_seal, write_seal_name
from fraudops.workspace import REPOSITORY, Workspace, write_json

INCIDENT_FOLDER = REPOSITORY / "my_work" / "incidents"
UNFINISHED_FILE = ".unfinished"  # there while `start` makes the world
LAB_FILE, FORM_FILE, SYMPTOM_FILE, WORLD_FOLDER = (
    "lab.json",
    "postmortem.yml",
    "symptom.md",
    "world",
)


@dataclass(frozen=True)
class LabFolder:
    """A lab that a student has started.

    Attributes
    ----------
    path : Path
    lab : Lab
    student : str
    seal : dict
        Of the world at its start, see `seal.compute_seal`.
    """

    path: Path
    lab: Lab
    student: str
    seal: Seal

    @property
    def seed(self) -> int:
        """The seed of the student."""
        return compute_student_seed(self.student)

    @property
    def workspace(self) -> Workspace:
        """The world, with its own database and registry."""
        return Workspace((self.path / WORLD_FOLDER).resolve(), isolated=True)

    @classmethod
    def start(cls, lab: Lab, student: str, folder: Path) -> "LabFolder":
        """Make the world of a student.

        Parameters
        ----------
        lab : Lab
        student : str
        folder : Path
            New, empty, or left by a start that did not end.

        Returns
        -------
        LabFolder

        Raises
        ------
        UserError
            If there is no id, or the folder holds something.
        """
        if not check_student(student):
            raise UserError(f"Say who you are: `fraudops incidents start {lab.id} --student ID`.")
        present = {path.name for path in folder.iterdir()} if folder.is_dir() else set()
        if (present and UNFINISHED_FILE not in present) or (
            folder.exists() and not folder.is_dir()
        ):
            raise UserError(
                f"{folder} holds something already, and stays as it is. Go on there, or give "
                "another folder: --folder DIR."
            )
        world = folder / WORLD_FOLDER
        folder.mkdir(parents=True, exist_ok=True)
        (folder / UNFINISHED_FILE).touch()
        shutil.rmtree(world, ignore_errors=True)  # of a start that did not end
        made = cls(folder, lab, student, {})
        symptom = lab.build(made.workspace, made.seed)
        made = cls(folder, lab, student, compute_seal(made.workspace))
        (folder / SYMPTOM_FILE).write_text(f"# {lab.title}\n\n{symptom}\n", encoding="utf-8")
        (folder / FORM_FILE).write_text(make_form(lab, student), encoding="utf-8")
        about = {"lab": lab.id, "student": student, "seal": made.seal}
        write_json(folder / LAB_FILE, about)
        (folder / UNFINISHED_FILE).unlink()
        return made

    @classmethod
    def open(cls, folder: Path) -> "LabFolder":
        """Open the folder of a lab.

        Parameters
        ----------
        folder : Path

        Returns
        -------
        LabFolder

        Raises
        ------
        UserError
            If it is none.
        """
        path = folder / LAB_FILE
        try:
            about: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
            lab, student, seal = find_lab(about["lab"]), about["student"], about["seal"]
            checked = {str(name): [int(rows), str(hash)] for name, (rows, hash) in seal.items()}
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
            raise UserError(
                f"{folder} is no folder of a lab ({type(error).__name__} in {path.name}). "
                "`fraudops incidents start LAB --student ID` makes one."
            ) from error
        if not isinstance(student, str) or not check_student(student):
            raise UserError(f"{path} names no student.")
        return cls(folder, lab, student, checked)

    def compute_fresh_seal(self) -> Seal:
        """Make the same world again in a temporary folder, and compute its seal."""
        # MLflow keeps its database open
        with tempfile.TemporaryDirectory(prefix="lab.", ignore_cleanup_errors=True) as name:
            workspace = Workspace(Path(name).resolve() / WORLD_FOLDER, isolated=True)
            self.lab.build(workspace, self.seed)
            return compute_seal(workspace)

    @property
    def seal_name(self) -> str:
        """The seal as one hash."""
        return write_seal_name(self.seal)
