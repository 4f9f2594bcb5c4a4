"""Alerts: to the log, to the database, and to a webhook if there is one.

Alerts that cannot be delivered stay in the database and are sent at the next run. The webhook may
refuse one alert: the others are sent all the same. After `MAX_DELIVERY_TRIES` refusals an alert is
given up and stays in the table `failed_deliveries`.
"""

import logging
import os
import time
from urllib.parse import urlsplit

import httpx
import sqlalchemy as sa
from tenacity import Retrying, retry_if_exception, stop_after_attempt, wait_exponential

from fraudops import store
from fraudops.errors import UserError
from fraudops.workspace import Workspace

_logger = logging.getLogger("fraudops.alerts")
WEBHOOK_VARIABLE = "FRAUDOPS_ALERT_WEBHOOK"
WEBHOOK_TIMEOUT_SECONDS = 5.0  # for each request
MAX_WEBHOOK_ATTEMPTS = 3  # requests for one alert in one run, if the failure may be temporary
WEBHOOK_RETRY_WAIT = wait_exponential(multiplier=0.5, max=4)  # seconds between requests
MAX_DELIVERY_TRIES = 5  # an alert is given up after so many refused runs
TEMPORARY_STATUS = {408, 425, 429}  # of the 4xx: the same request may succeed later


def publish_alerts(workspace: Workspace, alerts: list[dict], url: str | None = None) -> int:
    """Store alerts, log the new ones, and send to the webhook what waits for delivery.

    Parameters
    ----------
    workspace : Workspace
    alerts : list of dict
        See `VerdictFile.make_alerts`.
    url : str, optional
        Address of the webhook; default ``$FRAUDOPS_ALERT_WEBHOOK``.

    Returns
    -------
    int
        How many alerts wait for delivery; 0 without a webhook.
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
    """List the alerts that wait for delivery, oldest first, without those that were given up."""
    failed = store.failed_deliveries.c
    sent = sa.select(store.deliveries.c.alert_id)
    given_up = sa.select(failed.alert_id).where(failed.given_up == 1)
    alert = store.alerts.c
    query = sa.select(store.alerts).where(
        alert.alert_id.not_in(sent), alert.alert_id.not_in(given_up)
    )
    return [dict(row) for row in connection.execute(query.order_by(alert.as_of)).mappings()]


def deliver_alerts(engine: sa.Engine, url: str) -> int:
    """POST each waiting alert as JSON.

    A refused alert does not hold up the others. If the webhook cannot be reached, all that is left
    waits for the next run, and no try is counted.

    Parameters
    ----------
    engine : sqlalchemy.Engine
    url : str
        Its path may hold a secret: only the host is ever logged.

    Returns
    -------
    int
        How many alerts still wait.

    Raises
    ------
    UserError
        If the address is not one of HTTP.
    """
    if urlsplit(url).scheme not in ("http", "https"):
        raise UserError(
            f"{WEBHOOK_VARIABLE} is not an address that begins with http:// or https://."
        )
    host = urlsplit(url).hostname
    client = _open_client(host)
    with engine.connect() as connection:
        alerts = list_undelivered_alerts(connection)
    waiting = 0
    with client:
        for number, alert in enumerate(alerts):
            try:
                _post(client, url, alert)
            except httpx.HTTPStatusError as error:
                given_up = _note_refusal(engine, alert, host, error.response.status_code)
                waiting += not given_up
            except httpx.HTTPError as error:
                waiting += len(alerts) - number
                _logger.error(
                    "the webhook at %s did not take an alert (%s): %d wait for the next run",
                    host,
                    type(error).__name__,
                    waiting,
                )
                return waiting
            else:
                row = {"alert_id": alert["alert_id"], "delivered_at": time.time()}
                with store.write_transaction(engine) as connection:
                    store.insert_new(connection, store.deliveries, [row])
    return waiting


def _open_client(host: str | None) -> httpx.Client:
    """Open a client that uses the proxy of the environment, except for this machine.

    Raises
    ------
    UserError
        If the proxy is of a kind that httpx cannot use.
    """
    is_here = host in ("localhost", "127.0.0.1", "::1")
    try:
        return httpx.Client(timeout=WEBHOOK_TIMEOUT_SECONDS, trust_env=not is_here)
    except (ImportError, ValueError, httpx.InvalidURL) as error:  # a SOCKS proxy needs a package
        raise UserError(
            f"The proxy that the environment names (ALL_PROXY, HTTPS_PROXY or HTTP_PROXY) cannot "
            f"be used for the webhook at {host}: {error}"
        ) from None


def _may_be_temporary(error: BaseException) -> bool:
    if not isinstance(error, httpx.HTTPStatusError):
        return isinstance(error, httpx.HTTPError)
    return error.response.status_code >= 500 or error.response.status_code in TEMPORARY_STATUS


def _post(client: httpx.Client, url: str, alert: dict) -> None:
    for attempt in Retrying(
        retry=retry_if_exception(_may_be_temporary),
        stop=stop_after_attempt(MAX_WEBHOOK_ATTEMPTS),
        wait=WEBHOOK_RETRY_WAIT,
        reraise=True,
    ):
        with attempt:  # the key lets the receiver drop an alert that it has taken before
            headers = {"Idempotency-Key": alert["alert_id"]}
            client.post(url, json=alert, headers=headers).raise_for_status()


def _note_refusal(engine: sa.Engine, alert: dict, host: str | None, status: int) -> bool:
    """Count a refusal; return whether the alert is given up."""
    table = store.failed_deliveries
    is_same_alert = table.c.alert_id == alert["alert_id"]
    with store.write_transaction(engine) as connection:
        tries = 1 + (connection.scalar(sa.select(table.c.tries).where(is_same_alert)) or 0)
        given_up = tries >= MAX_DELIVERY_TRIES
        connection.execute(table.delete().where(is_same_alert))
        connection.execute(
            table.insert(),
            {"alert_id": alert["alert_id"], "tries": tries, "last_error": f"status {status}"}
            | {"failed_at": time.time(), "given_up": int(given_up)},
        )
    _logger.error(
        "the webhook at %s did not take an alert (status %d, try %d of %d): %s",
        host,
        status,
        tries,
        MAX_DELIVERY_TRIES,
        "it is given up and kept in failed_deliveries" if given_up else "it waits for the next run",
    )
    return given_up
