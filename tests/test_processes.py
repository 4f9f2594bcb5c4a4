"""Processes that must not outlive the one that started them."""

import subprocess
import sys

import psutil

STARTER = """
import os, subprocess, sys
command = [sys.executable, "-m", "fraudops.processes", str(os.getpid()), "http.server", "0"]
print(subprocess.Popen([*command, "--bind", "127.0.0.1"]).pid, flush=True)
sys.stdin.read()
"""


def test_a_server_ends_when_the_process_that_started_it_is_killed():
    starter = subprocess.Popen(
        [sys.executable, "-c", STARTER], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    server = psutil.Process(int(starter.stdout.readline()))
    assert server.is_running()
    starter.kill()
    starter.wait()
    _, alive = psutil.wait_procs([server], timeout=60)
    for process in alive:
        process.kill()
    assert not alive
