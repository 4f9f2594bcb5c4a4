"""Replay recorded days through a running service, as payment systems and card issuers send them."""

import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import httpx
import pandas as pd
import sqlalchemy as sa

from fraudops import ledger, store
from fraudops.features import GIVEN_PREFIX, WINDOW_GAP_SECONDS, list_given_features
from fraudops.serving.schemas import MAX_ROWS_PER_REQUEST
from fraudops.timeline import DAY

REPORT_COLUMNS = ["tx_id", "customer_id", "terminal_id", "label_ts"]
REFUND_COLUMNS = ["tx_id", "ts", "customer_id", "terminal_id", "kind"]


def insert_history(
    engine: sa.Engine,
    transactions: pd.DataFrame,
    labels: pd.DataFrame,
    refunds: pd.DataFrame | None = None,
) -> int:
    """Insert the past that a service starts with into its database, and seal it.

    Parameters
    ----------
    engine : Engine
    transactions : DataFrame
        Columns `data.TRANSACTION_COLUMNS`.
    labels : DataFrame
        Fraud reports.
    refunds : DataFrame, optional
        See `data.load_refunds`. Default: there were none.

    Returns
    -------
    int
        Number of new transactions.
    """
    back = [] if refunds is None else store.to_refund_rows(refunds)
    with store.write_transaction(engine) as connection:
        rows, reports = store.to_transaction_rows(transactions), store.to_label_rows(labels)
        return ledger.import_history(connection, rows, reports, by="pipeline", refunds=back)


def to_score_request(transactions: pd.DataFrame) -> dict:
    """Make the body of a request to ``/score``.

    Parameters
    ----------
    transactions : DataFrame
        Columns `data.TRANSACTION_COLUMNS`, and ``given_*`` if the model needs some.

    Returns
    -------
    dict
        With amounts in money, and places in degrees.

    Examples
    --------
    >>> row = {"tx_id": "t1", "ts": 0, "customer_id": "c1", "terminal_id": "m1", "category": "food"}
    >>> row |= {"channel": "chip", "amount_cents": 1250, "lat_cdeg": None, "lon_cdeg": None}
    >>> to_score_request(pd.DataFrame([row]))["transactions"][0]["amount"]
    12.5
    """
    columns = ["tx_id", "ts", "customer_id", "terminal_id", "category", "channel"]
    rows = transactions[columns].assign(amount=transactions["amount_cents"] / 100)
    for name in ("lat", "lon"):
        degrees = transactions[f"{name}_cdeg"].astype("Float64") / 100
        rows[name] = degrees.astype(object).where(degrees.notna(), None)
    given = transactions[list_given_features(transactions)].astype(object)
    if len(given.columns):
        given = given.where(given.notna(), None)
        names = {name: name.removeprefix(GIVEN_PREFIX) for name in given}
        rows["given"] = pd.Series(given.rename(columns=names).to_dict("records"), rows.index)
    return {"transactions": rows.to_dict("records")}


@dataclass(frozen=True)
class DisorderedTraffic:
    """How a busy payment system sends: each transaction alone, in any order within a minute.

    Attributes
    ----------
    callers : int
        Callers at the same time.
    repeated_share : float
        Share of the transactions that are sent twice.
    seed : int
    """

    callers: int = 4
    repeated_share: float = 0.05
    seed: int = 0


@dataclass(frozen=True)
class ScoringClient:
    """A client of the scoring service.

    Attributes
    ----------
    http : httpx.Client
        With the base URL of the service.
    """

    http: httpx.Client

    def post(self, route: str, body: dict) -> list | dict:
        """Send a POST request.

        Parameters
        ----------
        route : str
        body : dict

        Returns
        -------
        list or dict
            The decoded answer.

        Raises
        ------
        httpx.HTTPStatusError
            If the status is not 200; with the answer's text.
        """
        response = self.http.post(route, json=body)
        if response.status_code != 200:
            raise httpx.HTTPStatusError(
                f"{route} answered {response.status_code}: {response.text[:300]}",
                request=response.request,
                response=response,
            )
        return response.json()

    def score(self, transactions: pd.DataFrame, batch_rows: int = 1) -> pd.DataFrame:
        """Score transactions in order.

        Parameters
        ----------
        transactions : DataFrame of shape (n, 9)
            Columns `data.TRANSACTION_COLUMNS`.
        batch_rows : int, optional
            Transactions per request.

        Returns
        -------
        DataFrame
            The answers, one row per transaction, with ``seconds``: the time of its request.
        """
        answers = [pd.DataFrame(columns=["tx_id", "seconds"])]
        for start in range(0, len(transactions), batch_rows):
            began = time.perf_counter()
            batch = transactions.iloc[start : start + batch_rows]
            answer = self.post("/score", to_score_request(batch))
            answers.append(pd.DataFrame(answer).assign(seconds=time.perf_counter() - began))
        return pd.concat(answers[1:] or answers, ignore_index=True)

    def send_refunds(self, refunds: pd.DataFrame) -> int:
        """Send refunds to be recorded.

        Parameters
        ----------
        refunds : DataFrame
            See `data.load_refunds`.

        Returns
        -------
        int
            Number of new ones.
        """
        new = 0
        rows = refunds[REFUND_COLUMNS].assign(amount=-refunds["amount_cents"] / 100)
        for start in range(0, len(rows), MAX_ROWS_PER_REQUEST):
            part = rows.iloc[start : start + MAX_ROWS_PER_REQUEST]
            new += self.post("/refund", {"refunds": part.to_dict("records")})["new"]
        return new

    def score_disordered(
        self, transactions: pd.DataFrame, traffic: DisorderedTraffic
    ) -> pd.DataFrame:
        """Score transactions minute by minute in disorder.

        Parameters
        ----------
        transactions : DataFrame
        traffic : DisorderedTraffic

        Returns
        -------
        DataFrame
            The first answer to each transaction.
        """
        answers = [pd.DataFrame(columns=["tx_id", "seconds"])]
        with ThreadPoolExecutor(traffic.callers) as pool:
            for minute, rows in transactions.groupby(transactions["ts"] // WINDOW_GAP_SECONDS):
                seed = traffic.seed + minute % 2**31
                repeated = rows.sample(frac=traffic.repeated_share, random_state=seed)
                sent = pd.concat([rows, repeated]).sample(frac=1, random_state=traffic.seed)
                answers += pool.map(self.score, [sent.iloc[at : at + 1] for at in range(len(sent))])
        return pd.concat(answers, ignore_index=True).drop_duplicates("tx_id", ignore_index=True)

    def replay_day(
        self,
        day: int,
        transactions: pd.DataFrame,
        labels: pd.DataFrame,
        batch_rows: int,
        traffic: DisorderedTraffic | None = None,
        refunds: pd.DataFrame | None = None,
    ) -> pd.DataFrame:
        """Send one day: first the labels and refunds that arrive in it, then its transactions.

        A feature counts a label or refund from its own time on, so it may be sent too early.

        Parameters
        ----------
        day : int
            Its first second, since 1970.
        transactions, labels : DataFrame
            At least the transactions and fraud reports of this day.
        batch_rows : int
            Transactions per request.
        traffic : DisorderedTraffic, optional
            Send in disorder.
        refunds : DataFrame, optional
            At least the refunds of this day. Default: there were none.

        Returns
        -------
        DataFrame
            See `score`.
        """
        arrived = labels[(labels["label_ts"] >= day) & (labels["label_ts"] < day + DAY)]
        self.post("/label", {"labels": arrived[REPORT_COLUMNS].to_dict("records")})
        if refunds is not None:
            self.send_refunds(refunds[(refunds["ts"] >= day) & (refunds["ts"] < day + DAY)])
        today = transactions[(transactions["ts"] >= day) & (transactions["ts"] < day + DAY)]
        if traffic is None:
            return self.score(today, batch_rows)
        return self.score_disordered(today, traffic)
