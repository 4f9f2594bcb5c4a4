"""Time to simulate the Handbook's default size on one core. Target: at most 2 s."""

import os
import statistics
import time
from datetime import date

from fraudops.plan import Config
from fraudops.world import simulate

RUNS = 7
TARGET_SECONDS = 2.0
HANDBOOK = Config(preset="handbook", customers=5_000, terminals=10_000, days=183, start=date(2018, 4, 1))


def main() -> None:
    """Print the seconds of each run (after one that is not counted) and their median."""
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    rows = len(simulate(HANDBOOK).transactions)
    seconds = []
    for _ in range(RUNS):
        began = time.perf_counter()
        simulate(HANDBOOK)
        seconds.append(time.perf_counter() - began)
    print(f"{rows:,} transactions; seconds: {', '.join(f'{value:.2f}' for value in sorted(seconds))}")
    print(f"median {statistics.median(seconds):.2f} s, target at most {TARGET_SECONDS:.0f} s")
