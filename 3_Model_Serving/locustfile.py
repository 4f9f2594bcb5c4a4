"""Load on the scoring service: raw transactions, one or many a request, each with an id of its own.

locust -f 3_Model_Serving/locustfile.py --headless --host http://127.0.0.1:3000 --transactions FILE
-u 8 -r 8 -t 20s --json
"""

import itertools
import json
import uuid
from pathlib import Path

from locust import FastHttpUser, constant_throughput, events, task


@events.init_command_line_parser.add_listener
def options(parser) -> None:
    """What this file takes besides locust's own options."""
    parser.add_argument(
        "--transactions",
        required=True,
        help="JSON file: a list of transactions as /score takes them",
    )
    parser.add_argument("--rows", type=int, default=1, help="transactions a request")
    parser.add_argument(
        "--rate",
        type=float,
        default=0.0,
        help="requests a second of each user; 0: as fast as answers come",
    )


@events.test_start.add_listener
def read(environment, **_) -> None:
    """All users share one endless stream of transactions, under ids that were never sent before."""
    rows = json.loads(Path(environment.parsed_options.transactions).read_text(encoding="utf-8"))
    run, numbers = uuid.uuid4().hex[:8], itertools.count()
    Caller.stream = (
        {**row, "tx_id": f"load-{run}-{next(numbers)}"} for row in itertools.cycle(rows)
    )


class Caller(FastHttpUser):
    """A payment system that waits for each answer."""

    stream = None

    def wait_time(self) -> float:
        """Seconds until the next request."""
        rate = self.environment.parsed_options.rate
        return constant_throughput(rate)(self) if rate else 0.0

    @task
    def score(self) -> None:
        """One request; an answer that does not hold a decision for every row counts as a
        failure.
        """
        rows = list(itertools.islice(Caller.stream, self.environment.parsed_options.rows))
        with self.client.post("/score", json={"transactions": rows}, catch_response=True) as answer:
            if answer.status_code != 200 or len(answer.json()) != len(rows):
                answer.failure(f"{answer.status_code}: {(answer.text or '')[:200]}")
