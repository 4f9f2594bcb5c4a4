"""The login of the review page, and what it lets people reach: tried through the server's own API
paths.
"""

import asyncio
import json
import os
import re
import sys
import time
import uuid
from concurrent.futures import ThreadPoolExecutor

import pytest
from jupyter_server.base.handlers import JupyterHandler
from jupyter_server.services.kernels.connection.base import (
    deserialize_msg_from_ws_v1,
    serialize_msg_to_ws_v1,
)
from tornado.httpclient import HTTPClientError, HTTPRequest
from tornado.httputil import HTTPHeaders, HTTPServerRequest
from tornado.web import Application, create_signed_value
from tornado.websocket import websocket_connect
from voila.app import Voila

from fraudops import cli, ledger, store
from fraudops.audit_app.auth import login, users
from fraudops.workspace import REPOSITORY, Workspace
from tests.support.page import PASSWORD, Client, audit_server, person, visit

SECRET = "0123456789abcdef" * 4


def entries(engine, event: str) -> list[dict]:
    with engine.connect() as connection:
        assert ledger.verify_chain(connection) is None
        return ledger.load_entries(connection, event)


@pytest.fixture
def provider(workspace, engine, monkeypatch):
    """The login as Voilà makes it, without a server."""
    monkeypatch.setenv("FRAUDOPS_WORKSPACE", str(workspace.root))
    provider = login.DatabaseIdentityProvider(parent=Voila(cookie_secret=b"s" * 32))
    yield provider
    provider.engine.dispose()


def visitor(provider, value: str, hours: float = 0, secret: bytes = b"s" * 32) -> str | None:
    """Who is let in with a cookie of that value, signed so many hours ago."""
    signed = create_signed_value(
        secret, "username-here", value, clock=lambda: time.time() - hours * 3600
    ).decode()
    request = HTTPServerRequest(
        "GET", "/", headers=HTTPHeaders({"Host": "here", "Cookie": f"username-here={signed}"})
    )
    request.connection = type("Connection", (), {"set_close_callback": lambda *_: None})()
    found = provider._visitor(JupyterHandler(Application(cookie_secret=b"s" * 32), request))
    return found and found.name


def test_a_session_ends_after_eight_hours_and_belongs_to_one_server(provider, engine):
    person(engine, "ann")
    value = provider.user_to_cookie(login.User("ann"))
    assert visitor(provider, value) == visitor(provider, value, 7.9) == "ann"
    assert (
        visitor(provider, value, 8.1) is None and visitor(provider, value, secret=b"x" * 32) is None
    )
    forged = json.dumps(json.loads(value) | {"name": person(engine, "bob")})
    assert visitor(provider, forged) is None  # the proof is of ann's password


def test_people_stay_when_another_operation_begins(provider, workspace, engine):
    store.begin_operation(workspace, "one").dispose()
    person(engine, "ann")
    value = provider.user_to_cookie(login.User("ann"))
    engine.dispose()
    other = store.begin_operation(workspace, "two")  # another database, while the server runs
    assert visitor(provider, value) == "ann"
    users.deactivate_user(other, "ann", "os:me")
    assert visitor(provider, value) is None
    other.dispose()


# --- the server ---


@pytest.fixture(scope="module")
def run(tmp_path_factory) -> Workspace:
    """A workspace without any data: its page says so, in a kernel like any other page."""
    return Workspace.find(tmp_path_factory.mktemp("login") / "run")


@pytest.fixture(scope="module")
def people(run):
    engine = store.connect(run, run.database_file_url)
    for name, role in (("ann", "analyst"), ("bob", "supervisor"), ("cleo", "auditor")):
        person(engine, name, role)
    yield engine
    engine.dispose()


@pytest.fixture(scope="module")
def served(run, people, tmp_path_factory):
    with audit_server(run.root, tmp_path_factory.mktemp("log")) as found:
        yield found


def test_the_first_start_in_a_browser(browser, tmp_path):
    with (
        audit_server(tmp_path / "run", tmp_path) as (link, log),
        visit(browser, link, width=375, height=700) as visitor,
    ):
        once = re.search(r"One-time password, shown only now: (\S+)", log.read_text()).group(1)
        page = visitor.page
        visitor.log_in("admin", "not the password")
        page.get_by_role("alert").get_by_text("do not fit").wait_for()
        visitor.log_in("admin", once)
        page.get_by_role("heading", name="Choose a new password").wait_for()
        page.goto(link)  # nothing else is reachable meanwhile
        page.get_by_role("heading", name="log in").wait_for()
        visitor.log_in("admin", once)
        for new, again, words in (
            ("a" * 12, "b" * 12, "differ"),
            (once, once, "must differ"),
            (PASSWORD, PASSWORD, ""),
        ):
            page.get_by_label("Current password").fill(once)
            page.get_by_label("New password", exact=True).fill(new)
            page.get_by_label("New password, again").fill(again)
            width = page.evaluate("document.documentElement.scrollWidth")
            assert width <= 375
            page.get_by_role("button", name="Change it").click()
            if words:
                page.get_by_role("alert").get_by_text(words).wait_for()
        visitor.ready()
        assert "You are admin (admin)" in page.locator(".fo-who").inner_text() and page.url == link
        page.get_by_role("link", name="Log out").click()
        page.get_by_role("heading", name="You are logged out").wait_for()
        page.goto(link)
        page.get_by_label("Name").wait_for()
        assert all(
            url.startswith((link, link.replace("http", "ws"), "data:", "blob:"))
            for url in visitor.requests
        )
        assert once not in "".join(visitor.requests) and log.read_text().count(once) == 1
        assert log.read_text().count("Kernel started") == 1
    second = tmp_path / "second"
    second.mkdir()
    with audit_server(tmp_path / "run", second) as (_, log):
        assert "One-time password" not in log.read_text()


def test_two_at_once_have_their_own_names_whatever_they_send(browser, served):
    link = served[0]
    lies = {
        "FRAUDOPS-LOGIN": "cleo",
        "FRAUDOPS_LOGIN": "cleo",
        "X-Forwarded-User": "cleo",
        "X-Fraudops-Proxy": SECRET,
    }
    with visit(browser, link) as first, visit(browser, link, extra_http_headers=lies) as second:
        first.log_in("ann")
        second.log_in("bob")
        second.page.goto(f"{link}?actor=cleo&FRAUDOPS_LOGIN=cleo&token=x")
        assert "You are ann (analyst)" in first.ready().locator(".fo-who").inner_text()
        assert "You are bob (supervisor)" in second.ready().locator(".fo-who").inner_text()
        assert first.errors == []


def test_the_page_notices_that_its_session_is_over(browser, served):
    with visit(browser, served[0], "ann") as visitor:
        page = visitor.ready()
        other = page.context.new_page()
        other.goto(served[0] + "logout")
        page.evaluate("document.dispatchEvent(new Event('visibilitychange'))")
        page.get_by_label("Password").wait_for()


NAMED = "ID"
UP = "/.." * 12
ESCAPED = "..%2f" * 12
PATHS = [
    "/api/kernels",
    "/api/kernels/ID",
    "/api/kernels/ID/channels",
    "/api/kernels/ID/restart",
    "/api/kernels/ID/interrupt",
    "/api/contents",
    "/api/contents/audit_app.ipynb",
    "/api/sessions",
    "/api/terminals",
    "/api/config/x",
    "/api/status",
    "/voila/query/ID",
    "/voila/execution/ID",
    "/voila/api/contents/",
    "/voila/api/shutdown/ID",
    "/metrics",
    "/lab",
    "/tree",
    "/voila/tree",
    "/voila/tree/",
    "/voila/render/audit_app.ipynb",
    "/audit_app.ipynb",
    "/voila.json",
    "/files/README.md",
    "/notebooks/audit_app.ipynb",
    "/voila/files/audit_app.ipynb",
    "/voila/files/voila.json",
    "/voila/files/README.md",
    "/voila/files/../pyproject.toml",
    "/voila/files/..%2fpyproject.toml",
    "/voila/files//etc/passwd",
    f"/voila/static{UP}/etc/passwd",
    f"/voila/static/{ESCAPED}etc%2fpasswd",
    "/voila/static//etc/passwd",
    "/voila/static/../app.py",
    "/voila/templates/../static/x",
    "/voila/templates/audit/static/../index.html.j2",
    "/voila/templates/audit/static//etc/passwd",
    f"/voila/templates/audit/static{UP}/etc/passwd",
    f"/voila/templates/{ESCAPED}etc/static/passwd",
    f"/voila/labextensions{UP}/etc/passwd",
    f"/voila/labextensions/{ESCAPED}etc%2fpasswd",
    "/voila/labextensions//etc/passwd",
    f"/voila/api/themes{UP}/etc/passwd",
    f"/voila/api/themes/{ESCAPED}etc%2fpasswd",
    "/voila/api/themes//etc/passwd",
]


def test_no_path_gives_a_stranger_or_a_colleague_anything(served):
    link, log = served
    ann, bob, nobody = Client(link, "ann"), Client(link, "bob"), Client(link)
    kernel = ann.kernel()
    started = log.read_text().count("Kernel started")
    for path in PATHS:
        for visitor in (nobody, bob):
            status, to, text = visitor.raw(path.replace(NAMED, kernel))
            assert status >= 400 or (
                visitor is nobody and status == 302 and to.startswith("/login")
            ), (path, status)
            assert (
                "root:" not in text
                and "[project]" not in text
                and "open_page" not in text
                and "execution_state" not in text
            ), path
    for method, path in (
        ("DELETE", "/api/kernels/ID"),
        ("POST", "/voila/api/shutdown/ID"),
        ("POST", "/voila/api/shutdown/ID%2f"),
        ("POST", "/api/kernels/ID/restart"),
        ("POST", "/api/kernels/ID/interrupt"),
        ("POST", "/api/kernels"),
        ("POST", "/api/sessions"),
        ("POST", "/api/terminals"),
        ("PUT", "/api/contents/x"),
        ("POST", "/api/contents"),
    ):
        for visitor in (nobody, bob):
            assert visitor.raw(path.replace(NAMED, kernel), method)[0] in (403, 404), (method, path)
    assert log.read_text().count("Kernel started") == started
    status, _, text = ann.raw(f"/api/kernels/{kernel}")
    assert status == 200 and kernel in text  # it lives, and its owner reaches it
    assert ann.raw(f"/voila/api/shutdown/{kernel}", "POST")[0] == 204
    assert ann.raw(f"/api/kernels/{kernel}")[0] == 404


def test_the_forms_need_the_token_against_other_sites(served):
    nobody = Client(served[0])
    nobody.http.cookies.clear()
    answer = nobody.http.post("/login", data={"name": "ann", "password": PASSWORD})
    assert answer.status_code == 403 and "came from another site" in answer.text
    assert "username-" not in answer.headers.get("set-cookie", "")
    nobody.http.cookies.clear()
    [token] = nobody.get("/login").headers.get_list("set-cookie")
    assert token.startswith("_xsrf=") and "SameSite=Strict" in token
    answer = nobody.post("/login", name="ann", password=PASSWORD)
    [cookie] = answer.headers.get_list("set-cookie")
    assert (
        cookie.startswith("username-")
        and "HttpOnly" in cookie
        and "SameSite=Strict" in cookie
        and "expires=" in cookie
    )
    assert answer.headers["location"] == "/"
    evil = nobody.http.post(
        "/login",
        data={"_xsrf": nobody.http.cookies["_xsrf"], "name": "ann", "password": PASSWORD},
        headers={"Origin": "http://evil.example"},
    )
    assert evil.status_code == 404


def test_a_session_ends_with_the_user_the_password_and_the_logout(served, people):
    link = served[0]

    def inside(client: Client) -> bool:
        answer = client.get("/session").json()["user"]
        assert (client.raw("/voila/x")[0] == 404) == bool(answer)  # 302 to the login for strangers
        return answer is not None

    cleo = Client(link, "cleo")
    copy = Client(link)
    copy.http.cookies.update(cleo.http.cookies)
    assert inside(cleo) and inside(copy)
    assert cleo.get("/logout").status_code == 200 and not inside(copy)
    assert not inside(cleo)
    cleo = Client(link, "cleo")
    users.deactivate_user(people, "cleo", "os:test")
    assert not inside(cleo)
    assert cleo.post("/login", name="cleo", password=PASSWORD).status_code == 401
    users.activate_user(people, "cleo", "os:test")
    assert inside(cleo)
    once = users.reset_password(people, "cleo", "os:test")
    assert not inside(cleo)
    answer = cleo.post("/login", name="cleo", password=once)
    assert "Choose a new password" in answer.text and not inside(cleo)
    answer = cleo.post("/password", name="cleo", password=once, new=PASSWORD, again=PASSWORD)
    assert answer.status_code == 302 and inside(cleo)


def message(kind: str, channel: str, **content: object) -> dict:
    header = {
        "msg_id": uuid.uuid4().hex,
        "msg_type": kind,
        "username": "x",
        "session": "x",
        "version": "5.3",
        "date": "2026-01-01T00:00:00Z",
    }
    return {
        "header": header,
        "parent_header": {},
        "metadata": {},
        "content": content,
        "channel": channel,
        "buffers": [],
    }


async def connected(link: str, kernel: str, client: Client, **headers: str):
    address = (
        link.replace("http", "ws") + f"api/kernels/{kernel}/channels?session_id={uuid.uuid4().hex}"
    )
    return await websocket_connect(
        HTTPRequest(address, headers={"Cookie": client.cookies, **headers})
    )


async def answered(socket, kind: str) -> bool:
    """Whether a reply of that kind arrives before the connection is closed."""
    async with asyncio.timeout(60):
        while (got := await socket.read_message()) is not None:
            header = json.loads(
                deserialize_msg_from_ws_v1(got)[1][0] if isinstance(got, bytes) else got
            )
            if header["msg_type"] == kind:
                return True
    return False


def test_a_kernel_answers_its_owner_and_executes_for_nobody(served, people, tmp_path):
    link, log = served
    ann, bob, nobody = Client(link, "ann"), Client(link, "bob"), Client(link)
    kernel, mark = ann.kernel(), tmp_path / "executed"
    code = f"open({str(mark)!r}, 'w')"

    async def play() -> None:
        for visitor, status in ((bob, 404), (nobody, 403)):
            with pytest.raises(HTTPClientError) as refused:
                await connected(link, kernel, visitor)
            assert refused.value.code == status
        with pytest.raises(HTTPClientError) as refused:  # ann's browser, led there by another site
            await connected(link, kernel, ann, Origin="http://evil.example")
        assert refused.value.code == 403
        socket = await connected(link, kernel, ann)
        for channel in ("shell", "control"):
            for kind in (
                "execute_request",
                "debug_request",
                "complete_request",
                "inspect_request",
                "history_request",
            ):
                asked = message(
                    kind,
                    channel,
                    code=code,
                    silent=False,
                    user_expressions={"x": code},
                    command="evaluate",
                )
                await socket.write_message(json.dumps(asked))
        await socket.write_message(json.dumps(message("kernel_info_request", "control")))
        assert await answered(socket, "kernel_info_reply")
        await socket.write_message(json.dumps(message("comm_info_request", "shell")))
        # the same queue, so what came before was not executed
        assert await answered(socket, "comm_info_reply")
        address = link.replace("http", "ws") + f"api/kernels/{kernel}/channels?session_id=v1"
        wire = ["v1.kernel.websocket.jupyter.org"]
        binary = await websocket_connect(
            HTTPRequest(address, headers={"Cookie": ann.cookies}), subprotocols=wire
        )
        assert binary.selected_subprotocol == wire[0]
        for asked in (
            message("execute_request", "shell", code=code, silent=False),
            message("comm_info_request", "shell"),
        ):
            parts = [
                json.dumps(asked[part]).encode()
                for part in ("header", "parent_header", "metadata", "content")
            ]
            await binary.write_message(serialize_msg_to_ws_v1(parts, "shell"), binary=True)
        assert await answered(binary, "comm_info_reply")
        assert log.read_text().count('type "execute_request", which is not allowed') == 3
        users.deactivate_user(people, "ann", "os:test")
        try:
            await socket.write_message(json.dumps(message("comm_info_request", "shell")))
            assert not await answered(socket, "comm_info_reply") and socket.close_code == 4401
        finally:
            users.activate_user(people, "ann", "os:test")

    with ThreadPoolExecutor(1) as apart:  # this thread has the browser's loop
        apart.submit(asyncio.run, play()).result()
    assert not mark.exists()


def test_a_proxy_counts_with_its_secret_only(run, people, tmp_path):
    secret = tmp_path / "secret"
    secret.write_text(SECRET + "\n")
    extra = {
        "FRAUDOPS_PROXY_HEADER": "X-Forwarded-User",
        "FRAUDOPS_PROXY_SECRET_FILE": os.path.relpath(secret, REPOSITORY),
    }
    users.add_user(people, "dora", "analyst", "os:test")
    users.deactivate_user(people, "dora", "os:test")
    with audit_server(run.root, tmp_path, **extra) as (link, log):
        told = {"X-Forwarded-User": "Bob", "X-Fraudops-Proxy": SECRET}
        bob = Client(link, **told)
        assert bob.get("/session").json() == {"user": "bob", "kernel": False}
        assert "log out there" in bob.get("/logout").text
        kernel = bob.kernel()
        about_kernel = f"/session?kernel={kernel}"
        assert bob.get(about_kernel).json()["kernel"] is True
        assert Client(link, "ann").get(about_kernel).json()["kernel"] is False  # not hers
        assert Client(link).get(about_kernel).json() == {"user": None, "kernel": False}
        assert Client(link, "ann").raw(f"/api/kernels/{kernel}")[0] == 404
        wrong = [
            told | {"X-Fraudops-Proxy": "x" * 64},
            {"X-Forwarded-User": "bob"},
            told | {"X-Fraudops-Proxy": ""},
        ]
        for headers in wrong:
            stranger = Client(link, **headers)
            assert stranger.get("/session").json()["user"] is None
            assert stranger.get("/").headers["location"].startswith("/login")
            assert Client(link, "ann", **headers).get("/session").json()["user"] == "ann"
        for name in ("stranger", "dora", "", "bob,ann", "<b>bob</b>"):
            answer = Client(link, **told | {"X-Forwarded-User": name}).get("/")
            assert (
                answer.status_code == 403
                and "no active user of the review page" in answer.text
                and "<b>bob" not in answer.text
            )
        assert SECRET not in log.read_text() and "Traceback" not in log.read_text()
    last = [
        (entry["actor"], entry["payload"]["result"])
        for entry in entries(people, "login")
        if entry["payload"]["via"] == "proxy"
    ]
    assert last == [("bob", "ok"), ("nobody", "refused"), ("dora", "refused")]


@pytest.mark.parametrize(
    "option",
    ["--token=known", "--Voila.token=", "--Voila.auto_token=False", "--IdentityProvider.token="],
)
def test_no_option_of_voila_opens_the_page(run, people, tmp_path, option):
    command = (
        sys.executable,
        "-m",
        "voila",
        "audit_app.ipynb",
        "--no-browser",
        "--port={port}",
        option,
    )
    place = str(cli.AUDIT_FOLDER)
    with audit_server(
        run.root,
        tmp_path,
        command,
        JUPYTER_PATH=place,
        JUPYTER_TOKEN="known",
        FRAUDOPS_WORKSPACE=str(run.root),
    ) as (link, _):
        for headers in ({}, {"Authorization": "token known"}):
            nobody = Client(link, **headers)
            for path in ("/", "/?token=known", "/?token="):
                assert nobody.get(path).headers.get("location", "").startswith("/login")
            assert nobody.post("/login", password="known").status_code == 401
