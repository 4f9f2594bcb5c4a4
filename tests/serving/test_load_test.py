"""The load test on a service that gives no answer."""

import socket

import pytest

from fraudops.errors import UserError
from fraudops.serving import load_test


def test_a_service_without_an_answer_is_said_in_words(monkeypatch, tmp_path):
    monkeypatch.setattr(load_test, "LONGEST_ANSWER_SECONDS", 1)
    file = tmp_path / "transactions.json"
    file.write_text('[{"tx_id": "a"}]')
    options = ["--transactions", str(file), "--rows", "1", "--rate", "0.0"]
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}"
        with pytest.raises(UserError, match="answered no request within 1 \\+ 1 seconds"):
            load_test.run_locust(load_test.LOCUSTFILE, url, 1, 1, 1, options)
