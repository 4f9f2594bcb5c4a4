"""The command `fraudops pager`."""

import argparse
import sys
from pathlib import Path

from fraudops.data import escape_formula
from fraudops.errors import UserError
from fraudops.incidents.event_log import EventLog
from fraudops.incidents.reference_scores import write_reference_scores
from fraudops.incidents.replay import PAGER_FOLDER, PagerSession, rank_games, replay_log

MODES = ("verify", "rank", "references")


def build_pager_parser() -> argparse.ArgumentParser:
    """Build the parser of `fraudops pager`.

    Returns
    -------
    argparse.ArgumentParser
    """
    parser = argparse.ArgumentParser(
        prog="fraudops pager",
        description="Three weeks with the pager: incidents come unannounced, a day at a time. "
        "Write a command a line; `help` lists them. The game goes on where it stopped. "
        "docs/pager.md says more.",
        epilog="also: fraudops pager verify FILE ..., fraudops pager rank FOLDER [--csv FILE]",
        allow_abbrev=False,
    )
    parser.add_argument("--student", metavar="ID", required=True, help="letters, digits, . _ - @")
    parser.add_argument("--folder", type=Path, default=PAGER_FOLDER, help="default my_work/pager")
    return parser


def _build_mode_parser(mode: str) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog=f"fraudops pager {mode}", allow_abbrev=False)
    if mode == "verify":
        parser.description = "Play games again from their logs, and compare every event."
        parser.add_argument("files", nargs="+", type=Path, metavar="FILE")
    elif mode == "rank":
        parser.description = "Verify the games of a class by replay, and make the table."
        parser.add_argument("folder", type=Path, metavar="FOLDER")
        parser.add_argument("--csv", type=Path, metavar="FILE", help="write the table too")
    else:
        parser.description = "Let the reference players play, and write their scores into a page."
        parser.add_argument("--seeds", type=int, default=20)
        parser.add_argument("--page", type=Path, help="default docs/pager.md")
    return parser


def run_pager_command(arguments: list[str]) -> int:
    """Run `fraudops pager`.

    Parameters
    ----------
    arguments : list of str
        The words after `fraudops pager`.

    Returns
    -------
    int
        Exit code: 0, 1 if a log is not verified, 2 if the command could not be carried out.
    """
    mode = arguments[0] if arguments[:1] and arguments[0] in MODES else ""
    parser = _build_mode_parser(mode) if mode else build_pager_parser()
    options = parser.parse_args(arguments[1:] if mode else arguments)
    actions = {"verify": _verify, "rank": _rank, "references": _write_references, "": _play}
    try:
        return actions[mode](options)
    except UserError as error:
        print(error, file=sys.stderr)
        return 2


def _play(options: argparse.Namespace) -> int:
    print("The world of your three weeks is made. This takes about half a minute.", flush=True)
    session = PagerSession(options.student, options.folder)
    print(session.game.describe_morning())
    is_typed = sys.stdin.isatty()
    while not session.game.is_over:
        line = input("pager> ") if is_typed else sys.stdin.readline()
        if (not is_typed and not line) or line.strip() in ("quit", "exit"):
            print(f"The game is kept in {session.path}. The same command goes on.")
            return 0
        if line.strip():
            try:
                print(session.do(line.strip()), flush=True)
            except UserError as error:
                print(error, flush=True)
    print("The reference players play the same weeks. This takes about a minute.", flush=True)
    page = session.write_page()
    print(f"{session.score}\nPage: {page}\nEvent log: {session.path}")
    print(f"Signature (the hash of the log): {session.game.log.head}")
    return 0


def _verify(options: argparse.Namespace) -> int:
    code = 0
    for file in options.files:
        try:
            game, score = replay_log(EventLog.load(file))
            state = f"{score.total:g} of 100 points" if score else f"at day {game.day + 1}"
            print(f"{file}: verified, {game.student}, {state}, head {game.log.head}")
        except UserError as error:
            code = 1
            print(f"{file}: not verified. {error}")
    return code


def _rank(options: argparse.Namespace) -> int:
    table = rank_games(options.folder)
    print(table.drop(columns="file").to_string(index=False, na_rep=""))
    if options.csv:
        texts = ("student", "state", "file")
        safe = {name: table[name].map(escape_formula) for name in texts}
        table.assign(**safe).to_csv(options.csv, index=False)
        print(f"Written: {options.csv}")
    return 0


def _write_references(options: argparse.Namespace) -> int:
    print(write_reference_scores(options.seeds, options.page))
    return 0
