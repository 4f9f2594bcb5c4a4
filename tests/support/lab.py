"""JupyterLab for tests: a server of its own, a notebook opened in a browser, Run All."""

import json
import os
import secrets
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
from playwright.sync_api import Browser, Page

from fraudops.serving import find_free_port
from tests.support.page import READY_SECONDS

SETTINGS = {  # no questions, and all cells in the page
    "apputils-extension/notification": {"fetchNews": "false", "checkForUpdates": False},
    "notebook-extension/tracker": {"windowingMode": "none"},
}
KERNEL_IS_READY = """() => {
    const session = window.jupyterapp.shell.currentWidget?.sessionContext;
    const kernel = session?.isReady && session.session?.kernel;
    return kernel && kernel.connectionStatus === "connected" && kernel.status === "idle";
}"""
ROOT_OPTION = ["--allow-root"] if hasattr(os, "geteuid") and os.geteuid() == 0 else []


@contextmanager
def lab_server(root: Path, home: Path, **environment: str) -> Iterator[str]:
    """JupyterLab on the files below `root`, with its settings in `home`; yields its address."""
    for name, values in SETTINGS.items():
        file = home / "@jupyterlab" / f"{name}.jupyterlab-settings"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(json.dumps(values))
    port, token = find_free_port(), secrets.token_hex(16)
    options = [f"--ServerApp.port={port}", "--ServerApp.ip=127.0.0.1", "--no-browser"]
    options += [f"--IdentityProvider.token={token}", f"--ServerApp.root_dir={root}"]
    options += ["--LabApp.expose_app_in_browser=True", *ROOT_OPTION]
    variables = os.environ | {"JUPYTERLAB_SETTINGS_DIR": str(home)} | environment
    variables |= {"JUPYTERLAB_WORKSPACES_DIR": str(home / "workspaces")}
    with (home / "lab.log").open("w") as log:
        server = subprocess.Popen(
            [sys.executable, "-m", "jupyterlab", *options], stdout=log, stderr=log, env=variables
        )
    address = f"http://127.0.0.1:{port}"
    try:
        deadline = time.monotonic() + READY_SECONDS
        while True:
            try:
                if httpx.get(f"{address}/api", trust_env=False).status_code == 200:
                    break
            except httpx.TransportError:
                text = (home / "lab.log").read_text()
                assert server.poll() is None and time.monotonic() < deadline, text
                time.sleep(0.2)
        yield f"{address}/lab/tree/{{}}?token={token}&reset"
    finally:
        server.terminate()
        server.wait(30)


@contextmanager
def open_notebook(browser: Browser, link: str, path: str, height: int = 900) -> Iterator[Page]:
    """Open a notebook, and wait for its kernel."""
    page = browser.new_page(viewport={"width": 1200, "height": height})
    try:
        page.goto(link.format(path))
        page.wait_for_selector(".jp-Notebook", timeout=READY_SECONDS * 1000)
        page.wait_for_function(KERNEL_IS_READY, timeout=READY_SECONDS * 1000)
        yield page
    finally:
        page.close()


def run_all(page: Page) -> list[dict]:
    """Run all cells of the open notebook, to the first error; return the cells."""
    page.evaluate("window.jupyterapp.commands.execute('notebook:run-all-cells')")
    return page.evaluate("window.jupyterapp.shell.currentWidget.content.model.toJSON().cells")
