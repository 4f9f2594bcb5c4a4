"""The chain of notebooks, from raw transactions to a reviewed, audited model: `python run_all.py --help`."""

import argparse
import shlex
import shutil
import signal
import subprocess
import sys
from pathlib import Path

from fraudops.errors import UserError
from fraudops.pipeline import GRAPH, check_as_of, get_rerun_reason, resolve_parameters, select_nodes
from fraudops.pipeline import inspect_parameters as offered_parameters
from fraudops.workspace import Workspace


def arguments() -> argparse.ArgumentParser:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, allow_abbrev=False)
    parser.add_argument(
        "--profile",
        default="course",
        help="smoke, course or full: about 20 thousand, 210 thousand, 1.6 million",
    )
    parser.add_argument(
        "--source", help="simulate (default), handbook, sparkov, paysim, ulb or csv"
    )
    parser.add_argument(
        "--path", metavar="FILE", help="the file of the source, or a folder of files"
    )
    parser.add_argument(
        "--as-of", metavar="DATE", help="work with what was known on that day, as in 2018-07-31"
    )
    parser.add_argument(
        "--from", dest="from_", metavar="NODE", help="this notebook and all that build on it"
    )
    parser.add_argument("--only", metavar="NODE", help="this notebook alone")
    parser.add_argument("--until", metavar="NODE", help="this notebook and all that it needs")
    parser.add_argument(
        "-p",
        dest="assign",
        action="append",
        default=[],
        metavar="NODE.name=value",
        help="one parameter",
    )
    parser.add_argument(
        "--days",
        type=int,
        metavar="N",
        help="play N days of operation and tell their story (its notebooks run as needed)",
    )
    parser.add_argument("--jobs", type=int, default=2, help="notebooks side by side (default 2)")
    parser.add_argument("--force", action="store_true", help="run also what has not changed")
    parser.add_argument(
        "--list",
        action="store_true",
        help="show the notebooks, their state and their parameters, and end",
    )
    parser.add_argument(
        "--workspace", metavar="DIR", help="where everything is written (default artifacts/)"
    )
    return parser


def resume_command(given: list[str]) -> str:
    """The same command as it can be typed again; without --force, which would begin from the start."""
    python = Path(sys.executable)  # not resolved: in an environment it is a link that must be kept
    on_path = shutil.which("python")
    if on_path and Path(on_path) == python:
        name = "python"
    else:
        name = (
            str(python.relative_to(Path.cwd()))
            if python.is_relative_to(Path.cwd())
            else str(python)
        )
    words = [name, sys.argv[0], *(word for word in given if word != "--force")]
    return subprocess.list2cmdline(words) if sys.platform == "win32" else shlex.join(words)


def show_list(workspace: Workspace, given: dict[str, dict]) -> None:
    """The table of nodes."""
    from rich.console import Console
    from rich.markup import escape
    from rich.table import Table

    table = Table("notebook", "needs", "state", "parameters (default)", box=None, pad_edge=False)
    late: set[str] = set()
    for name in select_nodes():
        one = GRAPH[name]
        waits = [need for need in one.needs if need in late]
        state = get_rerun_reason(one, workspace, given[name]) or (
            f"after {', '.join(waits)}" if waits else ""
        )
        if state:
            late.add(name)
        lines = [
            f"{key} = {about['text']}  {about['help']}".rstrip()
            for key, about in offered_parameters(one).items()
        ]
        table.add_row(
            name,
            "\n".join(one.needs),
            state or "fresh",
            escape("\n".join(lines)) or "–",
            end_section=True,
        )
    Console(highlight=False).print(table)


def good_end(workspace: Workspace, count: int, seconds: float) -> str:
    """What was made, and where to go from here."""
    root = workspace.root
    lines = [
        f"{'The notebook is' if count == 1 else f'All {count} notebooks are'} good ({seconds:.0f} s).",
        f"  executed notebooks  {root / 'notebooks'}",
        f"  report page         {root / 'report' / 'index.html'}",
        f"  headline figures    {root / 'figures'}",
        "Go on with",
        "  make lab     or  python -m fraudops lab     the notebooks in JupyterLab",
        "  make serve   or  python -m fraudops serve   the scoring service",
        "  make audit   or  python -m fraudops audit   the review page",
    ]
    return "\n".join(lines)


def play_days(workspace: Workspace, days: int, command: str) -> int:
    """Play a month with a bar for each policy, and write its page. Returns the exit code."""
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    from fraudops import backtest, pipeline
    from fraudops.backtest import BacktestSettings

    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
    )
    try:
        with (
            pipeline.lock_workspace(workspace, command),
            pipeline.set_workspace_environment(workspace),
            Progress(*columns) as progress,
        ):
            bars = {
                name: progress.add_task(name, total=days)
                for name in ("monitor", *backtest.MODEL_POLICIES)
            }
            told = backtest.run_backtest(
                workspace,
                BacktestSettings(days=days),
                lambda name, done: progress.update(bars[name], completed=done),
            )
            backtest.write_backtest_report(workspace, told)
    except KeyboardInterrupt:
        print(
            f"Stopped by you. The days that are done are kept; go on with: {command}",
            file=sys.stderr,
        )
        return 130
    saved = backtest.summarize_policies(told)["saved_cents"] / 100
    print(
        "\n".join(
            f"  {text:<22}€ {saved[name]:>10,.0f} saved"
            for name, (text, _) in backtest.POLICY_STYLES.items()
        )
    )
    print(f"The story of {days} days: {workspace.root / 'report' / 'timeline.html'}")
    return 0


def main(given: list[str]) -> int:
    """Returns 0 if all succeeded, 1 if a notebook failed, 2 if nothing was started, 130 after Ctrl-C."""
    wish = arguments().parse_args(given)
    workspace = Workspace.find(wish.workspace)
    command = resume_command(given)
    try:
        if wish.days is not None:
            if wish.from_ or wish.only or wish.until:
                raise UserError(
                    "--days chooses its notebooks itself: leave out --from, --only and --until."
                )
            if wish.days < 1:
                raise UserError(f"--days {wish.days}: give at least 1.")
            wish.until = "1_2_features"
        chosen = select_nodes(wish.from_, wish.only, wish.until)
        parameters = resolve_parameters(
            profile=wish.profile,
            source=wish.source,
            path=wish.path,
            as_of=wish.as_of,
            assignments=wish.assign,
        )
        if wish.as_of:
            check_as_of(workspace, wish.as_of, chosen)
        if wish.list:
            show_list(workspace, parameters)
            return 0
        from fraudops.pipeline import (
            describe_failures,  # after the checks: a refusal should come at once
            run_notebooks,
        )

        signal.signal(
            signal.SIGTERM, signal.getsignal(signal.SIGINT)
        )  # a polite kill ends like Ctrl-C
        result = run_notebooks(
            chosen, parameters, workspace, jobs=wish.jobs, force=wish.force, command=command
        )
        if wish.days is not None and not result.exit_code:
            return play_days(workspace, wish.days, command)
    except UserError as error:
        print(error, file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print(f"Stopped by you before anything was run. To run it: {command}", file=sys.stderr)
        return 130
    if result.exit_code:
        print(describe_failures(result, workspace, GRAPH, command), file=sys.stderr)
        print(f"Report page: {workspace.root / 'report' / 'index.html'}", file=sys.stderr)
    else:
        print(good_end(workspace, len(chosen), result.seconds))
    return result.exit_code


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
