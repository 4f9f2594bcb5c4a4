"""The same load as 3_Model_Serving/locustfile.py, on servers that take ready-made features."""

import itertools
from pathlib import Path

from locust import FastHttpUser, events, task


@events.init_command_line_parser.add_listener
def options(parser) -> None:
    """Where to send what."""
    parser.add_argument("--path", required=True)
    parser.add_argument("--bodies", required=True, help="a file with one JSON body a line")


@events.test_start.add_listener
def read(environment, **_) -> None:
    """All users share the bodies."""
    Caller.bodies = itertools.cycle(
        Path(environment.parsed_options.bodies).read_bytes().splitlines()
    )


class Caller(FastHttpUser):
    """A caller who waits for each answer."""

    bodies = None

    @task
    def ask(self) -> None:
        """One request."""
        headers = {"Content-Type": "application/json"}
        self.client.post(
            self.environment.parsed_options.path, data=next(Caller.bodies), headers=headers
        )
