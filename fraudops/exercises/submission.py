"""Run a submitted notebook in a process of its own, with limits, and check its function.

This is no sandbox: the process has the rights of its user. See `docs/exercises.md`.
"""

import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import fraudops
from fraudops.errors import UserError
from fraudops.exercises.diagnosis import INCORRECT, NOT_ATTEMPTED, Outcome, compute_outcome
from fraudops.exercises.lessons import Lesson, find_lesson
from fraudops.exercises.student_notebooks import CHECK_TAG
from fraudops.processes import kill_process_tree
from fraudops.workspace import REPOSITORY, read_json, write_json

SUBMISSION_SECONDS = 60.0
SUBMISSION_MEGABYTES = 2000
_POLL_SECONDS = 0.1


def read_code_cells(path: Path) -> list[str]:
    """Read the code of a submission, without the cells that call the check.

    Parameters
    ----------
    path : Path
        A notebook, or a Python file.

    Returns
    -------
    list of str

    Raises
    ------
    UserError
        If it cannot be read.
    """
    try:
        text = path.read_text(encoding="utf-8")
        if path.suffix != ".ipynb":
            return [text]
        cells = json.loads(text)["cells"]
        return [
            "".join(cell["source"])
            for cell in cells
            if cell["cell_type"] == "code" and CHECK_TAG not in cell["metadata"].get("tags", [])
        ]
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise UserError(f"{path} cannot be read as a notebook: {error}") from error


def check_submission(
    path: Path,
    lesson: Lesson,
    seed: int,
    seconds: float = SUBMISSION_SECONDS,
    megabytes: int = SUBMISSION_MEGABYTES,
) -> Outcome:
    """Check a submission in a process of its own.

    Parameters
    ----------
    path : Path
        A notebook, or a Python file.
    lesson : Lesson
    seed : int
        Seed of the probes.
    seconds : float
        Wall-clock limit.
    megabytes : int
        Limit of resident memory, which is looked at ten times a second.

    Returns
    -------
    Outcome

    Raises
    ------
    UserError
        If the file cannot be read.
    """
    read_code_cells(path)  # an unreadable file is refused here, with a clear message
    with tempfile.TemporaryDirectory(prefix="fraudops-submission-") as folder:
        result, log = Path(folder, "outcome.json"), Path(folder, "log.txt")
        command = [sys.executable, "-m", "fraudops.exercises.submission"]
        words = [str(path.resolve()), lesson.id, str(seed), str(result)]
        environment = fraudops.ENVIRONMENT | dict(os.environ)
        environment |= {"FRAUDOPS_WORKSPACE": folder, "IPYTHONDIR": folder, "MPLBACKEND": "Agg"}
        environment["PYTHONPATH"] = os.pathsep.join(
            [str(REPOSITORY), *filter(None, [os.environ.get("PYTHONPATH")])]
        )
        with log.open("wb") as output:
            process = subprocess.Popen(
                [*command, *words],
                cwd=folder,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
            )
            exceeded = _wait(process, seconds, megabytes)
        if exceeded:
            idea = {
                "too_slow": f"Your notebook ran longer than {seconds:g} seconds.",
                "too_much_memory": f"Your notebook used more than {megabytes} MB of memory.",
            }[exceeded]
            return Outcome(lesson.id, INCORRECT, exceeded, idea=idea)
        if not result.is_file():
            last = log.read_text(encoding="utf-8", errors="replace").strip()[-500:]
            idea = f"The process of your notebook ended without a result. Its last words: {last}"
            return Outcome(lesson.id, INCORRECT, "no_result", idea=idea)
        return Outcome(**read_json(result))


def _wait(process: subprocess.Popen, seconds: float, megabytes: int) -> str:
    """Wait for the end of a process; end it at a limit and name that limit."""
    deadline = time.monotonic() + seconds
    try:
        while process.poll() is None:
            if time.monotonic() > deadline:
                return "too_slow"
            if _measure_megabytes(process.pid) > megabytes:
                return "too_much_memory"
            time.sleep(_POLL_SECONDS)
        return ""
    finally:
        kill_process_tree(process.pid)
        process.wait()


def _measure_megabytes(pid: int) -> float:
    import psutil

    total = 0
    try:
        parent = psutil.Process(pid)
        for one in [parent, *parent.children(recursive=True)]:
            total += one.memory_info().rss
    except psutil.NoSuchProcess:  # it has just ended
        return 0.0
    return total / 2**20


def run_cells(cells: list[str]) -> tuple[dict[str, Any], str]:
    """Run code cells one after the other, as a notebook does.

    Parameters
    ----------
    cells : list of str

    Returns
    -------
    tuple of dict and str
        The variables, and the first error; a later cell runs even so.
    """
    from IPython.core.interactiveshell import InteractiveShell
    from traitlets.config import Config

    config = Config()
    config.HistoryManager.enabled = False
    shell = InteractiveShell.instance(config=config)
    first = ""
    for number, source in enumerate(cells, 1):
        result = shell.run_cell(source)
        error = result.error_before_exec or result.error_in_exec
        if error and not first:
            first = f"code cell {number} stops with {type(error).__name__}: {error}"
    return shell.user_ns, first


def judge_submission(path: Path, lesson: Lesson, seed: int) -> Outcome:
    """Run a submission in this process, and check its function.

    Parameters
    ----------
    path : Path
    lesson : Lesson
    seed : int

    Returns
    -------
    Outcome
    """
    variables, error = run_cells(read_code_cells(path))
    function = variables.get(lesson.function)
    if callable(function):
        return compute_outcome(lesson, function, seed)
    if error:
        idea = f"{error}. So there is no function {lesson.function}."
        return Outcome(lesson.id, INCORRECT, "does_not_run", idea=idea)
    return Outcome(lesson.id, NOT_ATTEMPTED, idea=f"There is no function {lesson.function}.")


def _main(notebook: str, exercise: str, seed: str, result: str) -> None:
    outcome = judge_submission(Path(notebook), find_lesson(exercise), int(seed))
    write_json(Path(result), outcome.to_dict())


if __name__ == "__main__":
    _main(*sys.argv[1:])
