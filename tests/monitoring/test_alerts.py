"""Alerts: once each, in the database whatever the webhook does, delivered when it comes back, its
secrets never logged.
"""

import json
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest
import sqlalchemy as sa
from tenacity import wait_none

from fraudops import monitoring, store
from fraudops.errors import UserError
from fraudops.monitoring import alerts
from fraudops.workspace import Workspace

ALERTS = [
    {
        "alert_id": f"drift-2026-04-{day}-retrain",
        "as_of": day,
        "severity": "act",
        "text": f"day {day}",
    }
    for day in (18, 25)
]


@pytest.fixture
def hook():
    """A webhook on this machine: what it was sent, and the status with which it answers."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self):
            body = self.rfile.read(int(self.headers["Content-Length"]))
            self.server.heard.append((self.headers["Idempotency-Key"], json.loads(body)))
            key = self.headers["Idempotency-Key"]
            once = self.server.once.pop(0) if self.server.once else self.server.status
            self.send_response(self.server.refused.get(key, once))
            self.end_headers()

        def log_message(self, *_):
            pass

    server = HTTPServer(("127.0.0.1", 0), Handler)
    server.heard, server.status, server.refused, server.once = [], 200, {}, []
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server
    server.shutdown()
    server.server_close()


def address(server):
    return f"http://127.0.0.1:{server.server_port}/hook?token=secret-token"


def kept(workspace):
    with store.connect(workspace).connect() as connection:
        return set(connection.scalars(sa.select(store.alerts.c.alert_id)))


def test_an_alert_is_kept_logged_and_sent_once(tmp_path, hook, caplog):
    workspace = Workspace(tmp_path)
    assert monitoring.AlertLog.publish(workspace, ALERTS, address(hook)) == 0
    assert monitoring.AlertLog.publish(workspace, ALERTS, address(hook)) == 0
    assert kept(workspace) == {one["alert_id"] for one in ALERTS}
    assert [key for key, _ in hook.heard] == [one["alert_id"] for one in ALERTS]
    assert hook.heard[0][1]["text"] == "day 18"
    assert [
        record.getMessage() for record in caplog.records if record.name == "fraudops.alerts"
    ] == ["day 18", "day 25"]


def test_a_dead_webhook_loses_no_alert(tmp_path, hook, caplog, monkeypatch):
    monkeypatch.setattr(alerts, "WEBHOOK_RETRY_WAIT", wait_none())
    workspace = Workspace(tmp_path)
    hook.status = 503
    assert monitoring.AlertLog.publish(workspace, ALERTS, address(hook)) == 2
    assert len(hook.heard) == 2 * alerts.MAX_WEBHOOK_ATTEMPTS
    assert kept(workspace) == {one["alert_id"] for one in ALERTS}
    assert "secret-token" not in caplog.text and "503" in caplog.text
    hook.status = 200
    hook.heard.clear()
    assert monitoring.AlertLog.publish(workspace, [], address(hook)) == 0
    assert [key for key, _ in hook.heard] == [one["alert_id"] for one in ALERTS]


def test_a_refused_alert_does_not_hold_up_the_others_and_is_given_up(tmp_path, hook, caplog):
    workspace = Workspace(tmp_path)
    bad, good = (one["alert_id"] for one in ALERTS)
    hook.refused = {bad: 400}
    for number in range(1, alerts.MAX_DELIVERY_TRIES + 1):
        waiting = monitoring.AlertLog.publish(workspace, ALERTS, address(hook))
        assert waiting == (number < alerts.MAX_DELIVERY_TRIES)
    # no try is repeated within a run, the other alert was sent once
    assert [key for key, _ in hook.heard].count(bad) == alerts.MAX_DELIVERY_TRIES
    assert [key for key, _ in hook.heard].count(good) == 1
    later = {"alert_id": "later", "as_of": 30, "severity": "act", "text": "day 30"}
    hook.heard.clear()
    assert monitoring.AlertLog.publish(workspace, [later], address(hook)) == 0
    assert [key for key, _ in hook.heard] == ["later"]
    with store.connect(workspace).connect() as connection:
        failed = connection.execute(sa.select(store.failed_deliveries)).one()
    assert (failed.alert_id, failed.tries, failed.given_up) == (bad, alerts.MAX_DELIVERY_TRIES, 1)
    assert failed.last_error == "status 400" and "given up" in caplog.text
    assert "secret-token" not in caplog.text


def test_a_temporary_failure_is_tried_again_in_the_same_run(tmp_path, hook, monkeypatch):
    monkeypatch.setattr(alerts, "WEBHOOK_RETRY_WAIT", wait_none())
    hook.once = [500, 429]
    assert monitoring.AlertLog.publish(Workspace(tmp_path), ALERTS[:1], address(hook)) == 0
    assert len(hook.heard) == 3


def test_nobody_listens(tmp_path, monkeypatch):
    monkeypatch.setattr(alerts, "WEBHOOK_RETRY_WAIT", wait_none())
    workspace = Workspace(tmp_path)
    monkeypatch.setenv(alerts.WEBHOOK_VARIABLE, "http://127.0.0.1:9/")
    assert monitoring.AlertLog.publish(workspace, ALERTS) == 2
    monkeypatch.delenv(alerts.WEBHOOK_VARIABLE)
    assert monitoring.AlertLog.publish(workspace, ALERTS) == 0  # no webhook, nothing to wait for


def test_an_address_that_is_none_is_refused_and_the_alert_kept(tmp_path):
    workspace = Workspace(tmp_path)
    with pytest.raises(UserError, match="http"):
        monitoring.AlertLog.publish(workspace, ALERTS, "file:///etc/passwd")
    assert len(kept(workspace)) == 2


def test_a_proxy_does_not_stand_between_this_machine_and_itself(monkeypatch):
    for name in ("NO_PROXY", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    monkeypatch.setenv("ALL_PROXY", "socks5://127.0.0.1:9")
    with pytest.raises(UserError, match=r"ALL_PROXY.*webhook at example\.org"):
        alerts._open_client("example.org")
    alerts._open_client("127.0.0.1").close()
