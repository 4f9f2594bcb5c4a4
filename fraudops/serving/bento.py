"""Build a Bento from a registered model, and serve it on localhost."""

import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import bentoml
import httpx
import psutil

from fraudops.errors import UserError
from fraudops.models import ModelRegistry, RegisteredVersion
from fraudops.serving.loaded_model import BENTO_MODEL_NAME, BENTO_SERVICE_NAME
from fraudops.serving.middleware import API_TOKEN_VARIABLE
from fraudops.serving.scorer import PREDICTION_KEY_VARIABLE
from fraudops.workspace import REPOSITORY, Workspace

BENTOFILE = REPOSITORY / "3_Model_Serving" / "bentofile.yaml"
READY_TIMEOUT_SECONDS = 120
PORT_ATTEMPTS = 3


def set_bentoml_home(workspace: Workspace) -> None:
    """Keep BentoML's stores in the workspace. Call it before BentoML loads a model."""
    os.environ["BENTOML_HOME"] = str(workspace.path("bentoml"))


def import_to_bentoml(workspace: Workspace, registered: RegisteredVersion) -> str:
    """Copy a registered version into BentoML's model store; file and hash stay the same.

    Parameters
    ----------
    workspace : Workspace
    registered : RegisteredVersion

    Returns
    -------
    str
        Its tag.
    """
    set_bentoml_home(workspace)
    model = bentoml.mlflow.import_model(
        BENTO_MODEL_NAME,
        registered.folder.as_uri(),
        metadata={
            "sha256": registered.sha256,
            "version": registered.version,
            "policy": json.dumps(registered.policy.to_record()),
        },
    )
    return str(model.tag)


def build_bento(workspace: Workspace, registered: RegisteredVersion) -> str:
    """Build the Bento of a registered version: service, library, locked requirements, model.

    Parameters
    ----------
    workspace : Workspace
    registered : RegisteredVersion

    Returns
    -------
    str
        Its tag.
    """
    import_to_bentoml(workspace, registered)
    bento = bentoml.bentos.build_bentofile(
        str(BENTOFILE), build_ctx=str(REPOSITORY), labels={"model_version": registered.version}
    )
    return str(bento.tag)


def find_or_build_champion_bento(workspace: Workspace) -> str:
    """Find the newest Bento of the champion, or build it.

    Parameters
    ----------
    workspace : Workspace

    Returns
    -------
    str
        Its tag.
    """
    set_bentoml_home(workspace)
    champion = ModelRegistry(workspace).find()
    bentos = [
        b
        for b in bentoml.list(BENTO_SERVICE_NAME)
        if b.info.labels.get("model_version") == champion.version
    ]
    bentos.sort(key=lambda bento: bento.info.creation_time)
    return str(bentos[-1].tag) if bentos else build_bento(workspace, champion)


def find_free_port() -> int:
    """Find a port of localhost that no program listens on now.

    Another program may take it before it is used, so try again if the server cannot have it.

    Returns
    -------
    int
    """
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


@contextmanager
def serve_bento(
    workspace: Workspace,
    tag: str,
    workers: int = 1,
    host: str = "127.0.0.1",
    token: str = "",
    database: Workspace | None = None,
    prediction_key: str = "",
) -> Iterator[str]:
    """Run ``bentoml serve`` on a free port of localhost, and stop it at the end.

    Parameters
    ----------
    workspace : Workspace
    tag : str
    workers : int, optional
    host : str, optional
    token : str, optional
        Every caller must send it, if given.
    database : Workspace, optional
        The workspace whose database the service uses, if another one. Its log is there too.
    prediction_key : str, optional
        Decides which approved transactions are in the random sample for reviewers. With the same
        key a replay draws the same sample; without one the service draws its own secret key.

    Yields
    ------
    str
        The URL, once the service is ready.

    Raises
    ------
    UserError
        If the service ends, or is not ready in time. The message names its log.
    """
    log = (database or workspace).path("serving", "service.log")
    environment = workspace.subprocess_environment() | {"FRAUDOPS_WORKERS": str(workers)}
    if token:
        environment[API_TOKEN_VARIABLE] = token
    if prediction_key:
        environment[PREDICTION_KEY_VARIABLE] = prediction_key
    if database:
        environment["FRAUDOPS_DATABASE_URL"] = database.database_file_url
    process, url = _start_service(tag, host, environment, log)
    try:
        yield url
    finally:
        stop_process_tree(process)


def _start_service(
    tag: str, host: str, environment: dict[str, str], log: Path
) -> tuple[subprocess.Popen, str]:
    """Start the service and wait until it is ready; use another port if the first one was taken."""
    for attempt in range(1, PORT_ATTEMPTS + 1):
        port = find_free_port()
        command = ["fraudops.processes", str(os.getpid()), "bentoml", "serve", tag]
        command += ["--host", host, "--port", str(port)]
        with log.open("w", encoding="utf-8") as output:
            process = subprocess.Popen(
                [sys.executable, "-m", *command],
                env=environment,
                stdout=output,
                stderr=subprocess.STDOUT,
            )
        url = f"http://127.0.0.1:{port}"
        try:
            wait_until_ready(url, process, log)
        except BaseException as error:
            stop_process_tree(process)
            is_taken = "address already in use" in log.read_text(encoding="utf-8").lower()
            if not (is_taken and isinstance(error, UserError)) or attempt == PORT_ATTEMPTS:
                raise
        else:
            break
    return process, url


def stop_process_tree(process: subprocess.Popen) -> None:
    """Stop the server and its child processes.

    Parameters
    ----------
    process : Popen
    """
    family = psutil.Process(process.pid).children(recursive=True) if process.poll() is None else []
    process.terminate()
    try:
        process.wait(20)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
    _, alive = psutil.wait_procs(family, timeout=5)
    for member in alive:
        member.kill()


def wait_until_ready(
    url: str, process: subprocess.Popen, log: Path, route: str = "/readyz"
) -> None:
    """Wait until a server answers.

    Parameters
    ----------
    url : str
    process : Popen
    log : Path
        Is named in the error.
    route : str, optional

    Raises
    ------
    UserError
        If the server ends, or does not answer in time.
    """
    limit = time.monotonic() + READY_TIMEOUT_SECONDS
    while time.monotonic() < limit:
        if process.poll() is not None:
            raise UserError(
                f"The service ended with code {process.returncode} before it was ready. "
                f"Its log: {log}"
            )
        try:
            # no proxy of the environment stands between this machine and itself
            if httpx.get(f"{url}{route}", timeout=2, trust_env=False).status_code == 200:
                return
        except httpx.TransportError:
            pass  # not listening yet
        time.sleep(0.2)
    raise UserError(f"The service was not ready after {READY_TIMEOUT_SECONDS} s. Its log: {log}")
