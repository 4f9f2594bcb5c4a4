"""The review page for tests: its server, users who can log in, visitors with a browser."""

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.client import HTTPConnection
from pathlib import Path

import httpx
import sqlalchemy as sa
from playwright.sync_api import Browser, Page

from fraudops.audit_app.auth import users
from fraudops.serving import find_free_port
from fraudops.workspace import REPOSITORY

READY_SECONDS = 90
PASSWORD = "a password for tests"


def person(engine: sa.Engine, name: str, role: str = "analyst") -> str:
    """A user with the password of the tests, as after the first login; returns the name."""
    users.add_user(engine, name, role, "os:test")
    users.set_password(engine, name, PASSWORD, name)
    return name


@contextmanager
def audit_server(
    root: Path, folder: Path, command: tuple = (), **extra: str
) -> Iterator[tuple[str, Path]]:
    """`fraudops audit` (or another command) on a free port: its address, and its log."""
    port, log = find_free_port(), folder / "audit.log"
    own = (sys.executable, "-m", "fraudops", "audit", "--port", str(port), "--workspace", str(root))
    environment = {
        k: v for k, v in os.environ.items() if not k.startswith(("FRAUDOPS_", "JUPYTER_"))
    }
    # the machine's user has a name too, which must never be the reviewer's
    environment |= {"FRAUDOPS_ACTOR": "machine", "FRAUDOPS_LOGIN": "machine"} | extra
    words, place = (
        [part.format(port=port) for part in command] or own,
        REPOSITORY / "5_Audit_Web_App" if command else REPOSITORY,
    )
    with log.open("w") as out:
        server = subprocess.Popen(
            words, stdout=out, stderr=out, cwd=place, env=environment, start_new_session=True
        )
    try:
        deadline = time.monotonic() + READY_SECONDS
        while True:
            try:
                if httpx.get(f"http://127.0.0.1:{port}/login").status_code < 500:
                    break
            except httpx.TransportError:
                assert server.poll() is None and time.monotonic() < deadline, log.read_text()
                time.sleep(0.2)
        yield f"http://127.0.0.1:{port}/", log
    finally:
        server.terminate()
        try:
            server.wait(30)
        except subprocess.TimeoutExpired:
            os.killpg(server.pid, signal.SIGKILL)


class Watched:
    """A page with the requests that it made and the errors that its console showed."""

    def __init__(self, page: Page):
        self.page, self.requests, self.errors = page, [], []
        page.on("request", lambda request: self.requests.append(request.url))
        page.on("websocket", lambda socket: self.requests.append(socket.url))
        page.on(
            "console",
            lambda message: self.errors.append(message.text) if message.type == "error" else None,
        )
        page.on("pageerror", lambda error: self.errors.append(str(error)))

    def ready(self) -> Page:
        self.page.wait_for_selector(
            ".page-ready, .page-failed", state="attached", timeout=READY_SECONDS * 1000
        )
        assert self.page.locator(".page-ready").count() == 1
        return self.page

    def log_in(self, user: str, password: str = PASSWORD) -> None:
        self.page.get_by_label("Name").fill(user)
        self.page.get_by_label("Password", exact=True).fill(password)
        self.page.get_by_role("button", name="Log in").click()


@contextmanager
def visit(
    browser: Browser, link: str, user: str = "", width: int = 1280, height: int = 900, **options
) -> Iterator[Watched]:
    """A new visitor who opens the link and, as a user, logs in through the form."""
    context = browser.new_context(viewport={"width": width, "height": height}, **options)
    try:
        watched = Watched(context.new_page())
        watched.page.goto(link)
        if user:
            watched.log_in(user)
        yield watched
    finally:
        context.close()


def open_tab(page: Page, name: str) -> None:
    page.get_by_role("tab", name=name).click()


class Client:
    """A visitor without a browser, who asks for whatever they like."""

    def __init__(self, link: str, user: str = "", **headers: str):
        self.http = httpx.Client(base_url=link, headers=headers, timeout=READY_SECONDS)
        self.http.get("/login")  # brings the token against cross-site requests
        if user:
            assert self.post("/login", name=user, password=PASSWORD).status_code == 302

    def get(self, path: str) -> httpx.Response:
        return self.http.get(path)

    def post(self, path: str, **fields: str) -> httpx.Response:
        return self.http.post(path, data={"_xsrf": self.http.cookies.get("_xsrf", "")} | fields)

    def kernel(self) -> str:
        """Open the page; returns the id of its kernel."""
        answer = self.get("/")
        assert answer.status_code == 200, answer.text
        return re.search(r'"kernelId": "([\w-]+)"', answer.text).group(1)

    @property
    def cookies(self) -> str:
        return "; ".join(f"{cookie.name}={cookie.value}" for cookie in self.http.cookies.jar)

    def raw(self, path: str, method: str = "GET") -> tuple[int, str, str]:
        """Status, redirect and text for a path as it is, which httpx would normalize."""
        connection = HTTPConnection(self.http.base_url.netloc.decode(), timeout=READY_SECONDS)
        headers = {"Cookie": self.cookies, "X-XSRFToken": self.http.cookies.get("_xsrf", "")}
        connection.request(method, path, headers=headers)
        answer = connection.getresponse()
        found = (
            answer.status,
            answer.getheader("Location", ""),
            answer.read().decode(errors="replace"),
        )
        connection.close()
        return found
