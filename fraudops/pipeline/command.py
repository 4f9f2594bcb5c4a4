"""The command `fraudops run`: all notebooks, or some of them, in order."""

import argparse
import shlex
import shutil
import signal
import subprocess
import sys
from pathlib import Path

from fraudops.errors import UserError
from fraudops.pipeline.cache import get_rerun_reason
from fraudops.pipeline.days import FIRST_NODE, check_days, play_days, resolve_policy
from fraudops.pipeline.graph import GRAPH, select_nodes
from fraudops.pipeline.notebooks import inspect_parameters
from fraudops.pipeline.options import check_as_of, resolve_parameters
from fraudops.workspace import Workspace

RUN_EXAMPLES = """examples:
  fraudops run --profile smoke          a quick run on 20 thousand transactions
  fraudops run --until 3_2_serve        up to the scoring service
  fraudops run --only 2_2_drift_monitor -p 2_2_drift_monitor.pages=0
  fraudops run --days 30                thirty days of operation
"""
# what a finished run offers: the command, the file that it needs, and what it is
NEXT_COMMANDS = (
    ("serve", "models/champion.json", "the scoring service"),
    ("audit", "serving/replay.json", "the review page"),
    ("evidence", "audit/model_card.md", "a folder for an auditor"),
)


def add_run_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of `fraudops run` to its parser.

    Parameters
    ----------
    parser : ArgumentParser
    """
    add = parser.add_argument
    add(
        "--profile",
        default="course",
        help="size of the simulated data: smoke, course or full, which is 20 thousand, 210 "
        "thousand or 1.6 million transactions (default course)",
    )
    add(
        "--source",
        help="where the data comes from: simulate (default), handbook, sparkov, paysim, ulb, ibm "
        "or csv",
    )
    add("--path", metavar="FILE", help="the file of the source, or a folder of files")
    add(
        "--as-of",
        metavar="DATE",
        help="use only what was known on that day, for example 2018-07-31",
    )
    add(
        "--from",
        dest="from_",
        metavar="NODE",
        help="run this notebook and all that build on it; NODE is a notebook's name without "
        "folder and ending, such as 3_2_serve (`fraudops run --list` shows all)",
    )
    add("--only", metavar="NODE", help="run this notebook alone")
    add("--until", metavar="NODE", help="run this notebook and all that it needs")
    add(
        "-p",
        dest="assign",
        action="append",
        default=[],
        metavar="NODE.name=value",
        help="set a parameter of a notebook; may be repeated",
    )
    add(
        "--days",
        type=int,
        metavar="N",
        help="simulate N days of operation under several policies and write "
        "report/timeline.html; runs the notebooks up to 1_2_features first",
    )
    add("--jobs", type=int, default=2, help="notebooks that run at the same time (default 2)")
    add("--force", action="store_true", help="run all chosen notebooks, also unchanged ones")
    add(
        "--list",
        action="store_true",
        help="run nothing; list the state of each notebook, or with --only the parameters of one",
    )


def format_resume_command(given: list[str]) -> str:
    """Format the same command so that it can be typed again; without --force.

    Parameters
    ----------
    given : list of str
        The options of `fraudops run`.

    Returns
    -------
    str
    """
    python = Path(sys.executable)  # not resolved: in an environment it is a link that must be kept
    script = shutil.which("fraudops")
    if script and Path(script).parent == python.parent:
        command = ["fraudops", "run"]
    elif python.is_relative_to(Path.cwd()):
        command = [str(python.relative_to(Path.cwd())), "run_all.py"]
    else:
        command = [str(python), "run_all.py"]
    command += [word for word in given if word != "--force"]
    return subprocess.list2cmdline(command) if sys.platform == "win32" else shlex.join(command)


def show_list(workspace: Workspace, given: dict[str, dict], only: str | None = None) -> None:
    """Print the state of each notebook, or with `only` the parameters of one."""
    from rich.console import Console
    from rich.markup import escape
    from rich.table import Table

    console = Console(highlight=False)
    if only:
        table = Table("parameter", "default", "meaning", box=None, pad_edge=False)
        for key, about in inspect_parameters(GRAPH[only]).items():
            table.add_row(key, escape(about["text"]), escape(about["help"]))
        console.print(table)
        console.print(f"\nTo set one: fraudops run -p {only}.name=value")
        return
    table = Table("state", "notebook", "why", box=None, pad_edge=False)
    remaining: set[str] = set()
    for name in select_nodes():
        one = GRAPH[name]
        waits = [need for need in one.needs if need in remaining]
        why = get_rerun_reason(one, workspace, given[name])
        why = why or (f"after {', '.join(waits)}" if waits else "")
        if why:
            remaining.add(name)
        table.add_row("to run" if why else "fresh", name, escape(why))
    console.print(table)
    console.print("\nFor the parameters of one: fraudops run --list --only NOTEBOOK")


def _format_success(workspace: Workspace, count: int, seconds: float) -> str:
    root = workspace.root
    lines = [
        f"{'The notebook' if count == 1 else f'All {count} notebooks'} ran without errors "
        f"({seconds:.0f} s).",
        f"  executed notebooks  {root / 'notebooks'}",
        f"  report page         {root / 'report' / 'index.html'}",
        f"  headline figures    {root / 'figures'}",
        "What you can do next:",
        f"  {workspace.format_command('lab')}    the notebooks in JupyterLab",
    ]
    for command, needed, text in NEXT_COMMANDS:
        if (root / needed).exists():
            lines.append(f"  {workspace.format_command(command)}    {text}")
    return "\n".join(lines)


def run_command(options: argparse.Namespace, given: list[str]) -> int:
    """Run what the options ask for.

    Parameters
    ----------
    options : argparse.Namespace
        Options of `add_run_arguments`, and workspace.
    given : list of str
        The same options as they were typed.

    Returns
    -------
    int
        0 if all notebooks succeeded, 1 if one failed, 2 if nothing was started, 130 after Ctrl-C.
    """
    workspace = Workspace.find(options.workspace)
    command = format_resume_command(given)
    try:
        if options.days is not None:
            if options.from_ or options.only or options.until:
                raise UserError(
                    "--days chooses its notebooks itself: leave out --from, --only and --until."
                )
            if options.days < 1:
                raise UserError(f"--days {options.days}: give at least 1.")
            options.until = "1_2_features"
        chosen = select_nodes(options.from_, options.only, options.until)
        parameters = resolve_parameters(
            profile=options.profile,
            source=options.source,
            path=options.path,
            as_of=options.as_of,
            assignments=options.assign,
        )
        if options.as_of:
            check_as_of(workspace, options.as_of, chosen)
        if options.list:
            show_list(workspace, parameters, options.only)
            return 0
        is_long_enough = options.days is None or check_days(workspace, options.days, parameters)
        # imported after the checks, so that an error appears at once
        from fraudops.pipeline.runner import describe_failures, run_notebooks

        # SIGTERM ends like Ctrl-C. A shell starts a background process so that it ignores Ctrl-C,
        # and then only `kill` is left.
        signal.signal(signal.SIGTERM, signal.default_int_handler)
        how = {"jobs": options.jobs, "force": options.force, "command": command}
        result = None
        if not is_long_enough:  # a file tells how many days it has when it has been read
            result = run_notebooks([FIRST_NODE], parameters, workspace, **how)
            if not result.exit_code:
                check_days(workspace, options.days, parameters, has_run=True)
        if result is None or not result.exit_code:
            result = run_notebooks(chosen, parameters, workspace, **how)
        if options.days is not None and not result.exit_code:
            policy = resolve_policy(workspace, parameters)
            return play_days(workspace, options.days, policy, command)
    except UserError as error:
        print(error, file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print(f"Stopped by you before a notebook ran. To run it: {command}", file=sys.stderr)
        return 130
    if result.exit_code:
        print(describe_failures(result, workspace, GRAPH, command), file=sys.stderr)
        print(f"Report page: {workspace.root / 'report' / 'index.html'}", file=sys.stderr)
    else:
        print(_format_success(workspace, len(chosen), result.seconds))
    return result.exit_code
