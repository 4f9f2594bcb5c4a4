"""Alerts: to the log, to the database, and to a webhook if there is one; a dead webhook loses none."""

import logging
import os
import time
from collections.abc import Iterable
from urllib.parse import urlsplit

import httpx
import sqlalchemy as sa
from tenacity import Retrying, retry_if_exception_type, stop_after_attempt, wait_exponential

from fraudops import store
from fraudops.errors import UserError
from fraudops.monitoring.verdict import Verdict, find_alarm_starts
from fraudops.workspace import Workspace

_logger = logging.getLogger("fraudops.alerts")
WEBHOOK_VARIABLE = "FRAUDOPS_ALERT_WEBHOOK"
WEBHOOK_TIMEOUT_SECONDS = 5.0  # seconds for each try
MAX_WEBHOOK_ATTEMPTS = 3
WEBHOOK_RETRY_WAIT = wait_exponential(multiplier=0.5, max=4)  # seconds between tries


def make_alerts(days: Iterable[Verdict]) -> list[dict]:
    """Rows for `store.alerts`, one for each alarm that began; equal day and action, equal id: the same alarm is one alert."""
    return [
        {
            "alert_id": f"drift-{day.day}-{day.action.replace(' ', '-')}", "as_of": day.as_of, "severity": day.severity,
            "text": f"{day.day}: {day.action}. {day.evidence}.",
        }
        for day in find_alarm_starts(days)
    ]  # fmt: skip


def publish_alerts(workspace: Workspace, alerts: list[dict], url: str | None = None) -> int:
    """Keep the alerts in the database, log those that are new, and send what has not been delivered yet.

    Parameters
    ----------
    url : of the webhook; default ``$FRAUDOPS_ALERT_WEBHOOK``, none if that is not set

    Returns
    -------
    How many alerts wait for delivery (0 without a webhook).
    """
    url = url or os.environ.get(WEBHOOK_VARIABLE)
    with store.lock_database(workspace):
        engine = store.connect(workspace)
        try:
            with store.write_transaction(engine) as connection:
                known = set(connection.scalars(sa.select(store.alerts.c.alert_id)))
                store.insert_new(connection, store.alerts, alerts)
            for alert in alerts:
                if alert["alert_id"] not in known:
                    _logger.warning("%s", alert["text"])
            return deliver_alerts(engine, url) if url else 0
        finally:
            engine.dispose()


def list_undelivered_alerts(connection: sa.Connection) -> list[dict]:
    """Alerts that no webhook has taken yet, oldest first."""
    sent = sa.select(store.deliveries.c.alert_id)
    query = (
        sa.select(store.alerts)
        .where(store.alerts.c.alert_id.not_in(sent))
        .order_by(store.alerts.c.as_of)
    )
    return [dict(row) for row in connection.execute(query).mappings()]


def deliver_alerts(engine: sa.Engine, url: str) -> int:
    """POST each waiting alert as JSON until the webhook takes it; what it does not take is tried again at the next run.

    Returns
    -------
    How many still wait.

    Raises
    ------
    UserError
        If the address is not one of HTTP.
    """
    if urlsplit(url).scheme not in ("http", "https"):
        raise UserError(
            f"{WEBHOOK_VARIABLE} is not an address that begins with http:// or https://."
        )
    where = urlsplit(url).hostname  # the rest of the address may hold a secret
    with engine.connect() as connection:
        alerts = list_undelivered_alerts(connection)
    with httpx.Client(timeout=WEBHOOK_TIMEOUT_SECONDS) as client:
        for number, alert in enumerate(alerts):
            try:
                for attempt in Retrying(
                    retry=retry_if_exception_type(httpx.HTTPError),
                    stop=stop_after_attempt(MAX_WEBHOOK_ATTEMPTS),
                    wait=WEBHOOK_RETRY_WAIT,
                    reraise=True,
                ):
                    with attempt:  # the id lets the receiver drop what it has seen, should we die before noting it down
                        client.post(
                            url, json=alert, headers={"Idempotency-Key": alert["alert_id"]}
                        ).raise_for_status()
            except httpx.HTTPError as error:
                left = len(alerts) - number
                why = (
                    f"status {error.response.status_code}"
                    if isinstance(error, httpx.HTTPStatusError)
                    else type(error).__name__
                )
                _logger.error(
                    "the webhook at %s did not take an alert (%s): %d wait for the next run",
                    where,
                    why,
                    left,
                )
                return left
            with store.write_transaction(engine) as connection:
                store.insert_new(
                    connection,
                    store.deliveries,
                    [{"alert_id": alert["alert_id"], "delivered_at": time.time()}],
                )
    return 0
