"""The command `fraudops`: run the notebooks, start the servers, manage users, check the record."""

import argparse
import errno
import io
import os
import shlex
import subprocess
import sys
import textwrap
from pathlib import Path

from fraudops import file_commands, pipeline
from fraudops.errors import UserError
from fraudops.processes import require_free_port
from fraudops.workspace import REPOSITORY, Workspace, parse_sqlite_url

_OTHER_FOLDER = (
    "Name a file or folder that you may read and write; --workspace DIR is the folder of a run."
)
DISK_ADVICE = {
    errno.ENOSPC: "The disk is full: free some space, and run the same command again.",
    errno.EDQUOT: "Your quota is used up: free some space, and run the same command again.",
    errno.EROFS: _OTHER_FOLDER,
    errno.EACCES: _OTHER_FOLDER,
    errno.EPERM: _OTHER_FOLDER,
}

# what a command needs: the path in the workspace, and the notebook that writes it
NEEDED_FILES = {
    "serve": (("models", "champion.json"), "3_1_champion"),
    "metrics": (("drift", "verdict.json"), "2_2_drift_monitor"),
    "verify": (("store", "fraudops.db"), "3_2_serve"),
    "evidence": (("store", "fraudops.db"), "3_2_serve"),
}
RECORD_COMMANDS = ("verify", "evidence")  # their database may be on a server
DEFAULT_PORTS = {"lab": 8888, "serve": 3000, "audit": 8866, "metrics": 9465, "airflow": 8080}
EXAMPLES = {
    "look": "fraudops look export.csv --write",
    "score": "fraudops score may.csv --output may.scores.csv",
}
AUDIT_FOLDER = REPOSITORY / "5_Audit_Web_App"
# name: (one line for `fraudops --help`, more for `fraudops NAME --help`)
COMMANDS = {
    "run": (
        "run the notebooks of all stages, in order",
        "Run the notebooks of all stages, in order. A notebook that has run already runs again "
        "only if its source, its parameters, its inputs or the library code that it imports have "
        "changed. So you can interrupt a run and start it again.",
    ),
    "look": (
        "look at a file of transactions before it is ingested",
        "Say what a file is, what its columns mean, what ingestion would do with it, and what "
        "must be decided first. With --write it writes what was found to delivery.yml, which the "
        "ingestion obeys. Ends with code 1 if there is a question, or ingestion would refuse the "
        "file.",
    ),
    "score": (
        "score a file of transactions with the champion",
        "Score a file of transactions with the champion of the workspace, through the code of the "
        "service. The file needs no labels. Writes decision, probability, expected loss and model "
        "version of each row to a file, and rows that cannot be scored, with the reason, to a "
        "second one. Ends with code 1 if there are such rows.",
    ),
    "lab": (
        "open the notebooks in JupyterLab",
        "Open the notebooks in JupyterLab. It listens on this machine only and prints a link with "
        "a token.",
    ),
    "serve": (
        "start the scoring service",
        "Start the scoring service with the champion model. It listens on this machine only. It "
        "needs a champion: `fraudops run --until 3_2_serve` trains one.",
    ),
    "audit": (
        "start the review page",
        "Start the review page for analysts and auditors. It listens on this machine only and "
        "asks for a login. The first start creates the user admin and prints a one-time password. "
        "Run the notebooks first, so that there are predictions to review.",
    ),
    # its own parser describes it, see `audit_app.run_users_command`
    "users": ("list, add and change users of the review page", ""),
    # its own parser describes it, see `serving.run_skew_command`
    "skew": ("compute features of answered transactions again, and compare", ""),
    # its own parser describes it, see `exercises.run_exercises_command`
    "exercises": ("list, start, check and grade the exercises", ""),
    # its own parser describes it, see `incidents.run_pager_command`
    "pager": ("play three weeks with the pager", ""),
    # its own parser describes it, see `incidents.run_incidents_command`
    "incidents": ("find the cause in five prepared incident labs", ""),
    "verify": (
        "check that the audit record was not changed",
        "Check the hash chain of the ledger, the copies of its head that are kept elsewhere, and "
        "that the tables agree with the ledger. If all holds, new rows are sealed and the head is "
        "kept again. Ends with code 2 if something does not hold.",
    ),
    # its own parser describes it, see `ledger.run_receipts_command`
    "receipts": ("prove that a decision is in the audit record, with witnesses", ""),
    "evidence": (
        "write an evidence pack for an auditor",
        "Write decisions, predictions, model events, the ledger and the model card to a folder "
        "that can be verified anywhere with Python alone.",
    ),
    "metrics": (
        "serve the drift monitor's results to Prometheus",
        "Serve the drift monitor's latest results in the format of Prometheus. Run "
        "2_2_drift_monitor first.",
    ),
    "airflow": (
        "start Airflow with the same notebooks as tasks",
        "Start Airflow on this machine, with the same graph of notebooks as tasks. `make airflow` "
        "installs it first.",
    ),
}


def make_server_command(what: str, port: int, workspace: Workspace) -> tuple[list[str], Path]:
    """Build the command line of a server, and the folder to start it in.

    Raises
    ------
    UserError
        If there is nothing to serve yet.
    """
    python = [sys.executable, "-m"]
    if what == "lab":
        pipeline.install_filter(REPOSITORY)
        options = ["--ServerApp.ip=127.0.0.1", f"--ServerApp.port={port}"]
        hook = f"{pipeline.refresh_index.__module__}.{pipeline.refresh_index.__name__}"
        options.append(f"--FileContentsManager.post_save_hook={hook}")
        # in containers; it listens on this machine only, with a token
        if os.name == "posix" and os.geteuid() == 0:
            options.append("--allow-root")
        return [*python, "jupyterlab", *options], REPOSITORY
    if what == "serve":
        # imports mlflow and bentoml, which is slow
        from fraudops.serving import find_or_build_champion_bento
        from fraudops.store import check_sqlite_file

        database = parse_sqlite_url(workspace.database_url)
        if database:
            check_sqlite_file(database)
        tag = find_or_build_champion_bento(workspace)
        options = ["--host", "127.0.0.1", "--port", str(port)]
        return [*python, "bentoml", "serve", tag, *options], REPOSITORY
    if not (AUDIT_FOLDER / "audit_app.ipynb").is_file():
        raise UserError(
            f"The review page {AUDIT_FOLDER / 'audit_app.ipynb'} is missing: restore it."
        )
    # Voila reads voila.json in the folder where it starts; on a busy port it stops, so that the
    # printed link is right.
    options = ["--no-browser", "--Voila.ip=127.0.0.1", "--Voila.port_retries=0", f"--port={port}"]
    return [*python, "voila", "audit_app.ipynb", *options], AUDIT_FOLDER


def prepare_audit_environment(workspace: Workspace) -> dict[str, str]:
    """Prepare the environment of the review page; create the admin at the first start.

    Raises
    ------
    UserError
        If only a part of the proxy is configured.
    """
    from fraudops import audit_app  # imports pandas, which is slow

    audit_app.load_proxy()  # before Voila starts
    audit_app.print_first_admin(workspace)
    environment = workspace.subprocess_environment()
    # where its page frame is
    paths = [str(AUDIT_FOLDER), *filter(None, [environment.get("JUPYTER_PATH")])]
    if secret := environment.get("FRAUDOPS_PROXY_SECRET_FILE"):
        # Voila starts in another folder
        environment["FRAUDOPS_PROXY_SECRET_FILE"] = str(Path(secret).resolve())
    return environment | {"JUPYTER_PATH": os.pathsep.join(paths)}


def describe_server(what: str, port: int) -> str:
    """Describe how to use a server that starts."""
    address = f"http://127.0.0.1:{port}"
    return {
        "lab": "JupyterLab opens in the browser. If it does not, open the address with the token "
        "that it prints below.",
        "serve": f"The scoring service is at {address}. You can try its operations there. "
        "Stop it with Ctrl-C.",
        "audit": f"The review page is at {address}. It asks for a name and a password. "
        "Stop it with Ctrl-C.",
    }[what]


def build_parser() -> argparse.ArgumentParser:
    """Build the parser of the whole command line.

    Returns
    -------
    argparse.ArgumentParser
    """
    from fraudops.pipeline import RUN_EXAMPLES, add_run_arguments

    parser = argparse.ArgumentParser(prog="fraudops", usage="fraudops [-h] COMMAND ...")
    # argparse takes the width of the list of commands from the metavar
    commands = parser.add_subparsers(
        dest="command",
        metavar="COMMAND ...",
        prog="fraudops",
        required=True,
        title="commands of the card-fraud system; `fraudops COMMAND --help` says more",
    )
    for name, (line, text) in COMMANDS.items():
        example = EXAMPLES.get(name, f"fraudops {name}")
        examples = RUN_EXAMPLES if name == "run" else f"example:\n  {example}"
        if name == "verify":
            examples += " --read-only --head 1234 8c1f0a7b52d3"
        subparser = commands.add_parser(
            name,
            help=line,
            description=textwrap.fill(text, 78),
            epilog=examples,
            formatter_class=argparse.RawDescriptionHelpFormatter,
            allow_abbrev=False,
        )
        if name == "look":
            file_commands.add_look_arguments(subparser)
            continue
        subparser.add_argument(
            "--workspace", metavar="DIR", help="the folder of the run (default artifacts/)"
        )
        if name in DEFAULT_PORTS:
            port = DEFAULT_PORTS[name]
            subparser.add_argument("--port", type=int, default=port, help=f"default {port}")
        if name == "run":
            add_run_arguments(subparser)
        if name == "verify":
            _add_verify_arguments(subparser)
        if name == "score":
            file_commands.add_score_arguments(subparser)
    return parser


def main(arguments: list[str] | None = None) -> int:
    """Run one command.

    Parameters
    ----------
    arguments : list of str, optional
        The words after `fraudops`; those of this process if None.

    Returns
    -------
    int
        Exit code: 0, or 2 if the command could not be carried out; `fraudops run` has more.
    """
    arguments = sys.argv[1:] if arguments is None else arguments
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):  # a terminal that cannot show a letter
            stream.reconfigure(errors="backslashreplace")
    try:
        return _run_command(arguments)
    except OSError as error:
        advice = DISK_ADVICE.get(error.errno or 0)
        if advice is None:
            raise
        where = f": {error.filename}" if error.filename else ""
        print(
            f"{error.strerror}{where}. {advice} What was finished before is kept.", file=sys.stderr
        )
        return 2


def _run_command(arguments: list[str]) -> int:
    if arguments[:1] == ["users"]:
        from fraudops import audit_app

        return audit_app.run_users_command(arguments[1:])
    if arguments[:1] == ["exercises"]:
        from fraudops import exercises

        return exercises.run_exercises_command(arguments[1:])
    if arguments[:1] == ["skew"]:
        from fraudops import serving

        return serving.run_skew_command(arguments[1:])
    if arguments[:1] == ["receipts"]:
        from fraudops import ledger

        return ledger.run_receipts_command(arguments[1:])
    if arguments[:1] == ["pager"]:
        from fraudops import incidents

        return incidents.run_pager_command(arguments[1:])
    if arguments[:1] == ["incidents"]:
        from fraudops import incidents

        return incidents.run_incidents_command(arguments[1:])
    if arguments and arguments[0] not in COMMANDS and not arguments[0].startswith("-"):
        print(pipeline.make_unknown_name_error("command", arguments[0], COMMANDS), file=sys.stderr)
        return 2
    options = build_parser().parse_args(arguments)
    if options.command == "run":
        return pipeline.run_command(options, arguments[1:])
    try:
        if options.command == "look":
            return file_commands.look_at_file(options.path, options.write)
        workspace = Workspace.find(options.workspace)
        if options.command == "score":
            return file_commands.score_and_report(
                workspace, options.path, options.source, options.output
            )
        _require_run(options.command, workspace)
        if options.command in RECORD_COMMANDS:
            return _check_record(options, workspace)
        if options.command == "airflow":
            return pipeline.run_airflow(workspace, options.port)
        if options.command == "metrics":
            from fraudops.monitoring import serve_monitor_metrics  # imports pandas and more

            return serve_monitor_metrics(workspace, options.port)
        if options.command in ("serve", "audit"):  # JupyterLab takes the next port that is free
            require_free_port(options.port)
        command, folder = make_server_command(options.command, options.port, workspace)
        audit = options.command == "audit"
        environment = (
            prepare_audit_environment(workspace) if audit else workspace.subprocess_environment()
        )
    except UserError as error:
        print(error, file=sys.stderr)
        return 2
    print(describe_server(options.command, options.port), flush=True)
    if os.name == "posix":  # become the server, so that signals reach it directly
        os.chdir(folder)
        os.execve(command[0], command, environment)  # noqa: S606 (no shell is wanted)
    try:
        return subprocess.run(command, cwd=folder, env=environment, check=False).returncode
    except KeyboardInterrupt:
        return 130


def _add_verify_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--head",
        nargs="+",
        metavar="HEAD",
        default=[],
        help="a head that you kept: number and hash, or at least 12 characters of the hash",
    )
    parser.add_argument(
        "--checkpoint",
        type=Path,
        metavar="FILE",
        help="a checkpoint that you kept, see `fraudops receipts`; the ledger only grew since then",
    )
    parser.add_argument(
        "--witness",
        action="append",
        metavar="KEY",
        default=[],
        help="the public key of a witness who must have signed the checkpoint",
    )
    parser.add_argument(
        "--read-only", action="store_true", help="change nothing: no seal, no kept head, no file"
    )


def _require_run(command: str, workspace: Workspace) -> None:
    """Refuse a command that needs a run, before anything is written."""
    is_on_server = os.environ.get("FRAUDOPS_DATABASE_URL") and command in RECORD_COMMANDS
    if command in NEEDED_FILES and not is_on_server:
        parts, made_by = NEEDED_FILES[command]
        workspace.require_path(*parts, made_by=made_by)


def _check_record(options: argparse.Namespace, workspace: Workspace) -> int:
    from fraudops import ledger

    if options.command == "verify":
        _compare_checkpoint(options, workspace)
        print(ledger.verify_and_report(workspace, " ".join(options.head), options.read_only))
        return 0
    folder = ledger.write_evidence_pack(workspace)
    print(
        f"{folder}\nVerify it anywhere: {shlex.join(['python', str(folder / 'verify.py')])}\n"
        f"Keep the name of the folder elsewhere: {folder.name}"
    )
    return 0


def _compare_checkpoint(options: argparse.Namespace, workspace: Workspace) -> None:
    """Compare the ledger with a checkpoint that a person kept, before anything is sealed."""
    from fraudops import ledger, store

    if options.checkpoint is None:
        if options.witness:
            raise UserError("--witness needs the --checkpoint that the witness signed.")
        return
    checkpoint = ledger.read_checkpoint(options.checkpoint)
    checkpoint.require_signatures(map(ledger.Witness.parse, options.witness))
    with store.read_transaction(store.connect(workspace)) as connection:
        problem = ledger.find_checkpoint_problem(connection, checkpoint)
    if problem:
        raise ledger.BrokenLedgerError(f"The checkpoint does not hold: {problem}.")
    print(f"The ledger only grew since the checkpoint of {checkpoint.size} entries.")
