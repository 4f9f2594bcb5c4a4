"""From a registered model to a Bento, and a Bento served on localhost for as long as a block runs."""

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

from fraudops.registry import CHAMPION, Registered, find
from fraudops.workspace import REPOSITORY, UserError, Workspace

SERVICE = "fraud_scoring"
MODEL = "card_fraud"
BENTOFILE = REPOSITORY / "3_Model_Serving" / "bentofile.yaml"
READY_SECONDS = 120


def use(workspace: Workspace) -> None:
    """Keep BentoML's stores in the workspace. Has to come before BentoML is first asked for a model."""
    os.environ["BENTOML_HOME"] = str(workspace.path("bentoml"))


def import_model(workspace: Workspace, registered: Registered) -> str:
    """Copy a registered version into BentoML's model store, file and hash unchanged. Returns its tag."""
    use(workspace)
    model = bentoml.mlflow.import_model(
        MODEL,
        registered.folder.as_uri(),
        metadata={"sha256": registered.sha256, "version": registered.version, "threshold": registered.threshold},
    )
    return str(model.tag)


def build(workspace: Workspace, registered: Registered) -> str:
    """Build the Bento of a registered version: service, library, locked requirements, model. Returns its tag."""
    import_model(workspace, registered)
    bento = bentoml.bentos.build_bentofile(
        str(BENTOFILE), build_ctx=str(REPOSITORY), labels={"model_version": registered.version}
    )
    return str(bento.tag)


def champion_bento(workspace: Workspace) -> str:
    """The tag of the newest Bento that holds the registry's champion; built now if there is none."""
    use(workspace)
    champion = find(workspace, CHAMPION)
    held = [b for b in bentoml.list(SERVICE) if b.info.labels.get("model_version") == champion.version]
    held.sort(key=lambda bento: bento.info.creation_time)
    return str(held[-1].tag) if held else build(workspace, champion)


def model_file(model: bentoml.Model) -> Path:
    """The skops file inside a BentoML model."""
    return next(Path(model.path).rglob("model.skops"))


def identity(model: bentoml.Model) -> tuple[str, str, float]:
    """Registered SHA-256, version and threshold of a BentoML model."""
    known = model.info.metadata
    return str(known["sha256"]), str(known["version"]), float(known["threshold"])


def _free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


@contextmanager
def serving(workspace: Workspace, tag: str) -> Iterator[str]:
    """Run ``bentoml serve`` on a free port of localhost; yields its URL once it is ready, stops it at the end.

    Raises
    ------
    UserError
        If the service ends, or is not ready in time; names its log.
    """
    url = f"http://127.0.0.1:{(port := _free_port())}"
    log = workspace.path("serving", "service.log")
    command = [sys.executable, "-m", "bentoml", "serve", tag, "--host", "127.0.0.1", "--port", str(port)]
    with log.open("w", encoding="utf-8") as output:
        process = subprocess.Popen(command, env=workspace.environment(), stdout=output, stderr=subprocess.STDOUT)
        try:
            _wait_until_ready(url, process, log)
            yield url
        finally:
            _stop(process)


def _stop(process: subprocess.Popen) -> None:
    """End the server and what it started; on Windows its workers would outlive it."""
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


def _wait_until_ready(url: str, process: subprocess.Popen, log: Path) -> None:
    limit = time.monotonic() + READY_SECONDS
    while time.monotonic() < limit:
        if process.poll() is not None:
            raise UserError(f"The service ended with code {process.returncode} before it was ready. Its log: {log}")
        try:
            if httpx.get(f"{url}/readyz", timeout=2).status_code == 200:
                return
        except httpx.TransportError:
            pass  # not listening yet
        time.sleep(0.2)
    raise UserError(f"The service was not ready after {READY_SECONDS} s. Its log: {log}")
