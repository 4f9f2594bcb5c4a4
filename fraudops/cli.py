"""`python -m fraudops lab|serve|audit|metrics|airflow`: the servers, each on this machine only, in the run's workspace.

`python -m fraudops evidence` writes the evidence pack and ends, `verify` checks ledger, anchors and facts, and `users` manages
who may log in to the review page.
"""

import argparse
import os
import subprocess
import sys
from pathlib import Path

from fraudops import pipeline
from fraudops.errors import UserError
from fraudops.workspace import REPOSITORY, Workspace

DEFAULT_PORTS = {"lab": 8888, "serve": 3000, "audit": 8866, "metrics": 9465, "airflow": 8080}
AUDIT_FOLDER = REPOSITORY / "5_Audit_Web_App"


def make_server_command(what: str, port: int, workspace: Workspace) -> tuple[list[str], Path]:
    """The server's command line and the folder to start it in.

    Raises
    ------
    UserError
        If there is nothing to serve yet.
    """
    python = [sys.executable, "-m"]
    if what == "lab":
        options = ["--ServerApp.ip=127.0.0.1", f"--ServerApp.port={port}"]
        if (
            os.name == "posix" and os.geteuid() == 0
        ):  # in containers; it listens on this machine only, with a token
            options.append("--allow-root")
        return [*python, "jupyterlab", *options], REPOSITORY
    if what == "serve":
        from fraudops.serving import (
            find_or_build_champion_bento,  # imports mlflow and bentoml, which the others need not wait for
        )

        tag = find_or_build_champion_bento(workspace)
        return [
            *python,
            "bentoml",
            "serve",
            tag,
            "--host",
            "127.0.0.1",
            "--port",
            str(port),
        ], REPOSITORY
    if not (AUDIT_FOLDER / "audit_app.ipynb").is_file():
        raise UserError(
            f"The review page {AUDIT_FOLDER / 'audit_app.ipynb'} is missing: restore it."
        )
    # Voila reads voila.json in the folder where it starts; on a busy port it stops, so that the printed link is right.
    options = ["--no-browser", "--Voila.ip=127.0.0.1", "--Voila.port_retries=0", f"--port={port}"]
    return [*python, "voila", "audit_app.ipynb", *options], AUDIT_FOLDER


def prepare_audit_environment(workspace: Workspace) -> dict[str, str]:
    """The review page's environment; its first start makes an admin and prints the one-time password, once.

    Raises
    ------
    UserError
        If a proxy is only half configured.
    """
    from fraudops import audit_app  # imports pandas, which the others need not wait for

    audit_app.load_proxy()  # now, and not when Voila has started
    audit_app.print_first_admin(workspace)
    environment = workspace.subprocess_environment()
    paths = [
        str(AUDIT_FOLDER),
        *filter(None, [environment.get("JUPYTER_PATH")]),
    ]  # where its page frame is
    if secret := environment.get("FRAUDOPS_PROXY_SECRET_FILE"):
        environment["FRAUDOPS_PROXY_SECRET_FILE"] = str(
            Path(secret).resolve()
        )  # Voila starts in another folder
    return environment | {"JUPYTER_PATH": os.pathsep.join(paths)}


def describe_server(what: str, port: int) -> str:
    """What a person does next."""
    address = f"http://127.0.0.1:{port}"
    return {
        "lab": "JupyterLab opens in the browser; if it does not, open the address with the token that it prints below.",
        "serve": f"The scoring service is at {address} (its operations can be tried there). Stop it with Ctrl-C.",
        "audit": f"The review page is at {address}. It asks for name and password. Stop it with Ctrl-C.",
    }[what]


def main(given: list[str]) -> int:
    """Start the server asked for; returns its exit code, or 2 if it cannot be started."""
    if given[:1] == ["users"]:
        from fraudops import audit_app

        return audit_app.run_users_command(given[1:])
    parser = argparse.ArgumentParser(prog="python -m fraudops", description=__doc__)
    said = "JupyterLab, the scoring service, the review page, the monitor's metrics, Airflow, the evidence pack, the check of the "
    said += "record, or the users of the review page (`users --help` says more)"
    parser.add_argument("what", choices=[*DEFAULT_PORTS, "evidence", "verify", "users"], help=said)
    parser.add_argument(
        "--port",
        type=int,
        help=f"default {', '.join(f'{name} {port}' for name, port in DEFAULT_PORTS.items())}",
    )
    parser.add_argument(
        "--workspace", metavar="DIR", help="the folder of the run (default artifacts/)"
    )
    wish = parser.parse_args(given)
    workspace = Workspace.find(wish.workspace)
    port = wish.port or DEFAULT_PORTS.get(wish.what, 0)
    try:
        if wish.what == "evidence":
            from fraudops import ledger

            folder = ledger.write_evidence_pack(workspace)
            print(
                f"{folder}\nVerify it anywhere: python {folder.name}/verify.py. Keep its head elsewhere: {folder.name}"
            )
            return 0
        if wish.what == "verify":
            from fraudops import ledger

            print(ledger.verify_and_report(workspace))
            return 0
        if wish.what == "airflow":
            return pipeline.run_airflow_standalone(workspace, port)
        if wish.what == "metrics":
            from fraudops.monitoring import (
                serve_monitor_metrics,
            )  # imports pandas and more, which the others need not wait for

            return serve_monitor_metrics(workspace, port)
        words, folder = make_server_command(wish.what, port, workspace)
        environment = (
            prepare_audit_environment(workspace)
            if wish.what == "audit"
            else workspace.subprocess_environment()
        )
    except UserError as error:
        print(error, file=sys.stderr)
        return 2
    print(describe_server(wish.what, port), flush=True)
    if os.name == "posix":  # become the server, so that signals reach it directly
        os.chdir(folder)
        os.execve(words[0], words, environment)
    try:
        return subprocess.run(words, cwd=folder, env=environment, check=False).returncode
    except KeyboardInterrupt:
        return 130
