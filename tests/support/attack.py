"""Requests that nobody would think of, made by schemathesis from the service's own description."""

from collections import Counter
from itertools import count

import schemathesis
from hypothesis import HealthCheck, Phase, given, seed, settings

LEFT_OUT = ("/reload", "/switch")  # they change which model answers


def attack(url: str, examples: int, seconds: float = 20, token: str = "") -> Counter:
    """Send valid and invalid requests to every operation.

    Parameters
    ----------
    url : str
        Address of a running service.
    examples : int
        Least number of requests over all operations. They take turns, because an operation with
        few parameters has few different requests.
    seconds : float
        A request that takes longer fails.
    token : str
        Sent with every request, if given.

    Returns
    -------
    Counter
        How many answers had each status.

    Raises
    ------
    AssertionError
        On a status of 500 or more; with the request as a curl command.
    """
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    schema = schemathesis.openapi.from_url(f"{url}/openapi.json", headers=headers)
    operations = [one.ok() for one in schema.get_all_operations() if one.ok().path not in LEFT_OUT]
    seen: Counter = Counter()

    def call(case: schemathesis.Case) -> None:
        answer = case.call(timeout=seconds, headers=headers)
        seen[answer.status_code] += 1
        assert answer.status_code < 500, (
            f"{case.as_curl_command()} gave {answer.status_code}: {answer.text}"
        )

    for turn in count():
        left = examples - seen.total()
        if left <= 0:
            return seen
        quiet = settings(
            max_examples=-(-left // len(operations)),
            deadline=None,
            database=None,
            phases=[Phase.generate],
            suppress_health_check=list(HealthCheck),
        )
        for operation in operations:
            wrong = operation.as_strategy(generation_mode=schemathesis.GenerationMode.NEGATIVE)
            seed(turn)(quiet(given(operation.as_strategy() | wrong)(call)))()
