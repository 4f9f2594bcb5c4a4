"""Playing recorded days through a running service, as the payment system and the card issuers would
have.
"""

import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import httpx
import pandas as pd
import sqlalchemy as sa

from fraudops import store
from fraudops.features import WINDOW_GAP_SECONDS
from fraudops.timeline import DAY

REPORT_COLUMNS = ["tx_id", "customer_id", "terminal_id", "label_ts"]


def insert_history(engine: sa.Engine, tx: pd.DataFrame, labels: pd.DataFrame) -> int:
    """Put the past that a service starts with into its database; returns the number of new
    transactions.
    """
    with store.write_transaction(engine) as connection:
        store.insert_new(connection, store.labels, store.to_label_rows(labels))
        return store.insert_new(connection, store.transactions, store.to_transaction_rows(tx))


def to_score_request(tx: pd.DataFrame) -> dict:
    """The body of a request to /score: amounts in money, places in degrees, everything else as it
    is.
    """
    rows = tx[["tx_id", "ts", "customer_id", "terminal_id", "category", "channel"]].assign(
        amount=tx["amount_cents"] / 100
    )
    for name in ("lat", "lon"):
        degrees = tx[f"{name}_cdeg"].astype("Float64") / 100
        rows[name] = degrees.astype(object).where(degrees.notna(), None)
    return {"transactions": rows.to_dict("records")}


def post_json(client: httpx.Client, route: str, body: dict) -> list | dict:
    """POST and the decoded answer; an answer that is not 200 raises with what the service said."""
    response = client.post(route, json=body)
    if response.status_code != 200:
        raise httpx.HTTPStatusError(
            f"{route} answered {response.status_code}: {response.text[:300]}",
            request=response.request,
            response=response,
        )
    return response.json()


def score_over_http(client: httpx.Client, tx: pd.DataFrame, batch_rows: int) -> pd.DataFrame:
    """Score transactions in order, `batch_rows` a request.

    Returns
    -------
    The service's answers, one row a transaction, with `seconds`, the time of the request it was
    part of.
    """
    answers = [pd.DataFrame(columns=["tx_id", "seconds"])]
    for start in range(0, len(tx), batch_rows):
        began = time.perf_counter()
        got = post_json(client, "/score", to_score_request(tx.iloc[start : start + batch_rows]))
        answers.append(pd.DataFrame(got).assign(seconds=time.perf_counter() - began))
    return pd.concat(answers[1:] or answers, ignore_index=True)


@dataclass(frozen=True)
class DisorderedTraffic:
    """How a payment system in a hurry sends: each transaction alone, by several callers at once, in
    any order within a minute, and some of them twice.
    """

    callers: int = 4
    again: float = 0.05  # share of the transactions that are sent twice
    seed: int = 0


def score_disordered(
    client: httpx.Client, tx: pd.DataFrame, mixed: DisorderedTraffic
) -> pd.DataFrame:
    """As `score`, minute by minute; the first answer to each transaction."""
    answers = [pd.DataFrame(columns=["tx_id", "seconds"])]
    with ThreadPoolExecutor(mixed.callers) as pool:
        for minute, rows in tx.groupby(tx["ts"] // WINDOW_GAP_SECONDS):
            twice = rows.sample(frac=mixed.again, random_state=mixed.seed + minute % 2**31)
            some = pd.concat([rows, twice]).sample(frac=1, random_state=mixed.seed)
            answers += pool.map(
                lambda one: score_over_http(client, one, 1),
                [some.iloc[at : at + 1] for at in range(len(some))],
            )
    return pd.concat(answers, ignore_index=True).drop_duplicates("tx_id", ignore_index=True)


def replay_day(
    client: httpx.Client,
    day: int,
    tx: pd.DataFrame,
    labels: pd.DataFrame,
    batch_rows: int,
    mixed: DisorderedTraffic | None = None,
) -> pd.DataFrame:
    """Send one day: the labels that arrived in it, then its transactions in order (see `score`), or
    `mixed` up.

    Parameters
    ----------
    day : its first second
    tx, labels : at least this day's transactions and fraud reports
    batch_rows : transactions per request
    """
    arrived = labels[(labels["label_ts"] >= day) & (labels["label_ts"] < day + DAY)]
    post_json(client, "/label", {"labels": arrived[REPORT_COLUMNS].to_dict("records")})
    today = tx[(tx["ts"] >= day) & (tx["ts"] < day + DAY)]
    return (
        score_over_http(client, today, batch_rows)
        if mixed is None
        else score_disordered(client, today, mixed)
    )
