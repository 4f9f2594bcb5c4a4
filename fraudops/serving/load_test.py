"""Load tests with locust in a process of its own."""

import json
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import pandas as pd

from fraudops.errors import UserError
from fraudops.serving.replay import to_score_request
from fraudops.workspace import REPOSITORY

LOCUSTFILE = REPOSITORY / "3_Model_Serving" / "locustfile.py"
LONGEST_ANSWER_SECONDS = 60


def run_load_test(
    url: str, tx: pd.DataFrame, users: int, seconds: int, rows: int = 1, rate: float = 0.0
) -> dict[str, float]:
    """Send raw transactions again and again under new ids.

    Parameters
    ----------
    url : str
        Of the service.
    tx : DataFrame of shape (n, 9)
        Columns `data.TRANSACTION_COLUMNS`.
    users : int
        Callers at the same time. Each waits for its answer.
    seconds : int
    rows : int, optional
        Transactions per request.
    rate : float, optional
        Requests per second of all users; 0: as many as possible.

    Returns
    -------
    dict of str to float
        ``requests, failures, requests_per_second, rows_per_second, median_ms, p99_ms``.

    Raises
    ------
    UserError
        If locust fails; with its output.
    """
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "transactions.json"
        file.write_text(json.dumps(to_score_request(tx)["transactions"]), encoding="utf-8")
        options = ["--transactions", str(file), "--rows", str(rows), "--rate", str(rate / users)]
        return run_locust(LOCUSTFILE, url, users, seconds, rows, options)


def run_locust(
    locustfile: Path, url: str, users: int, seconds: int, rows: int, options: list[str]
) -> dict[str, float]:
    """Run a locustfile (see `run_load_test`).

    Parameters
    ----------
    locustfile : Path
    url : str
    users : int
    seconds : int
    rows : int
        Transactions per request.
    options : list of str
        Options of the locustfile.

    Returns
    -------
    dict of str to float
        See `run_load_test`.
    """
    command = [
        sys.executable,
        "-m",
        "locust",
        "-f",
        str(locustfile),
        "--headless",
        "--host",
        url,
        "-u",
        str(users),
        "-r",
        str(users),
        "-t",
        f"{seconds}s",
        "--stop-timeout",  # a request under way at the end is waited for, and counts
        str(LONGEST_ANSWER_SECONDS),
        "--json",
        "--skip-log",
        "--exit-code-on-error",
        "0",
        *options,
    ]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode or not done.stdout.strip():
        raise UserError(f"The load test did not run: {done.stderr.strip()[-500:]}")
    summaries = json.loads(done.stdout)
    if not summaries:
        raise UserError(
            f"The service answered no request within {seconds} + {LONGEST_ANSWER_SECONDS} seconds. "
            "Look at its log, and try again when the machine is less busy."
        )
    return _summarize_requests(summaries[0], rows)


def _summarize_requests(summary: dict, rows: int) -> dict[str, float]:
    """Summarize locust's statistics of one kind of request; its times have two digits."""
    times = {int(float(time)): n for time, n in summary["response_times"].items()}
    milliseconds = np.repeat(list(times), list(times.values()))
    seconds = summary["last_request_timestamp"] - summary["start_time"]
    rate = summary["num_requests"] / seconds
    return {
        "requests": summary["num_requests"],
        "failures": summary["num_failures"],
        "requests_per_second": round(rate, 1),
        "rows_per_second": round(rate * rows, 1),
        "median_ms": float(np.percentile(milliseconds, 50)),
        "p99_ms": float(np.percentile(milliseconds, 99)),
    }
