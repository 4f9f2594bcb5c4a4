"""The command `fraudops incidents`."""

import argparse
import shlex
import sys
from pathlib import Path

from fraudops.errors import UserError
from fraudops.exercises import CORRECT
from fraudops.incidents.labs.catalog import LABS, find_lab
from fraudops.incidents.labs.lab_check import LabResult, check_lab, find_lab_folders, write_results
from fraudops.incidents.labs.lab_folder import (
    FORM_FILE,
    INCIDENT_FOLDER,
    SYMPTOM_FILE,
    WORLD_FOLDER,
    LabFolder,
)


def build_incidents_parser() -> argparse.ArgumentParser:
    """Build the parser of `fraudops incidents`.

    Returns
    -------
    argparse.ArgumentParser
    """
    parser = argparse.ArgumentParser(
        prog="fraudops incidents",
        description="Five incident labs: find the cause in a prepared world, act, and write a "
        "post-mortem. docs/incidents.md says more.",
        allow_abbrev=False,
    )
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", required=True)
    commands.add_parser("list", help="list the five labs")
    start = commands.add_parser("start", help="make your world of a lab, in about half a minute")
    start.add_argument("lab", metavar="LAB", help="such as cents-monday")
    start.add_argument("--student", metavar="ID", required=True, help="letters, digits, . _ - @")
    start.add_argument("--folder", type=Path, help="default my_work/incidents/LAB")
    check = commands.add_parser(
        "check", help="check a lab, or the labs of a class; code 0 if all are correct"
    )
    check.add_argument(
        "what",
        metavar="LAB|FOLDER",
        nargs="+",
        help="your lab, or folders: their worlds are made again from the ids, and compared",
    )
    check.add_argument("--csv", type=Path, metavar="FILE", help="write the points of all labs")
    return parser


def run_incidents_command(arguments: list[str]) -> int:
    """Run `fraudops incidents`.

    Parameters
    ----------
    arguments : list of str
        The words after `fraudops incidents`.

    Returns
    -------
    int
        Exit code: 0, 1 if a lab is not correct, 2 if the command could not be carried out.
    """
    options = build_incidents_parser().parse_args(arguments)
    try:
        return {"list": _list, "start": _start, "check": _check}[options.command](options)
    except UserError as error:
        print(error, file=sys.stderr)
        return 2


def _list(options: argparse.Namespace) -> int:
    for lab in LABS.values():
        print(f"{lab.id:<20} {lab.minutes:>3} min  {lab.title}")
    return 0


def _start(options: argparse.Namespace) -> int:
    lab = find_lab(options.lab)
    folder = (options.folder or INCIDENT_FOLDER / lab.id).expanduser()
    print("The world is made. This takes up to half a minute.", flush=True)
    made = LabFolder.start(lab, options.student, folder)
    print((folder / SYMPTOM_FILE).read_text(encoding="utf-8"))
    print(f"World: {folder / WORLD_FOLDER}\nPost-mortem: {folder / FORM_FILE}")
    print(f"Seal of the world: {made.seal_name}")
    what = lab.id if options.folder is None else str(folder)
    print(f"Check: {shlex.join(['fraudops', 'incidents', 'check', what])}")
    return 0


def _check(options: argparse.Namespace) -> int:
    results: list[tuple[LabFolder, LabResult | str]] = []
    own_labs = [INCIDENT_FOLDER / what for what in options.what if what in LABS]
    others = [Path(what).expanduser() for what in options.what if what not in LABS]
    for own, paths in ((True, own_labs), (False, others)):
        for folder in find_lab_folders(paths):
            try:
                result: LabResult | str = check_lab(folder, fresh=not own)
            except UserError as error:  # one broken form must not stop the others
                result = f"{error}"
            except Exception as error:  # nor any other fault of one folder
                result = f"{folder.path} cannot be checked: {type(error).__name__}: {error}"
            results.append((folder, result))
            print(result if isinstance(result, str) else result.describe(), flush=True)
            print()
    if options.csv:
        write_results(options.csv, results)
        print(f"Written: {options.csv}")
    is_right = [isinstance(one, LabResult) and one.state == CORRECT for _, one in results]
    return 0 if all(is_right) else 1
