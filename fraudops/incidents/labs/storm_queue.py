"""A queue of requests at some workers with one write lock, played event by event.

Like the service: each worker answers one request after the other, a full queue refuses, an answer
that takes too long is refused too, and one process writes at a time.
"""

import bisect
import heapq
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import pandas as pd

TOO_BUSY, TOO_SLOW = "Too busy", "Too slow"  # as the service names its refusals
LATE_SECONDS = 10.0
ARRIVAL, READY, DONE = 0, 1, 2


@dataclass(frozen=True)
class Requests:
    """What arrives; all arrays have the shape (n,).

    Attributes
    ----------
    at : ndarray
        Seconds from the start, in order.
    lot : ndarray
        0 to 1; it chooses the worker.
    features, model, write : ndarray
        Seconds of each part of the work.
    """

    at: np.ndarray
    lot: np.ndarray
    features: np.ndarray
    model: np.ndarray
    write: np.ndarray


@dataclass
class _Worker:
    waiting: deque = field(default_factory=deque)
    is_busy: bool = False


def play_queue(
    requests: Requests,
    workers: int,
    places: int,
    slow: dict[int, tuple[float, float]],
    held: Sequence[tuple[float, float]],
) -> pd.DataFrame:
    """Play the requests.

    Parameters
    ----------
    requests : Requests
    workers : int
    places : int
        Requests that may wait at a worker.
    slow : dict of int to tuple
        Worker, from 1: from which second on its features take how many times as long.
    held : sequence of tuple
        When another program holds the write lock: starts and ends in seconds, in order.

    Returns
    -------
    DataFrame
        One row for each request, in order: ``at, worker, status, title``, and the milliseconds of
        ``queue, features, model, lock, write`` (empty if it was refused at once).
    """
    n = len(requests.at)
    worker = 1 + np.minimum((requests.lot * workers).astype(int), workers - 1)
    parts = np.full((n, 5), np.nan)
    is_refused = np.zeros(n, bool)
    desks = {one: _Worker() for one in range(1, workers + 1)}
    starts = [one for one, _ in held]
    lock_free = 0.0
    events = [(at, ARRIVAL, k) for k, at in enumerate(requests.at)]
    heapq.heapify(events)

    def start(k: int, now: float) -> None:
        since, factor = slow.get(worker[k], (np.inf, 1.0))
        features = requests.features[k] * (factor if now >= since else 1.0)
        parts[k, :3] = now - requests.at[k], features, requests.model[k]
        desks[worker[k]].is_busy = True
        heapq.heappush(events, (now + features + requests.model[k], READY, k))

    while events:
        now, kind, k = heapq.heappop(events)
        desk = desks[worker[k]]
        if kind == ARRIVAL:
            if not desk.is_busy:
                start(k, now)
            elif len(desk.waiting) < places:
                desk.waiting.append(k)
            else:
                is_refused[k] = True
        elif kind == READY:
            begin = max(now, lock_free)
            place = bisect.bisect_right(starts, begin) - 1
            if place >= 0 and begin < held[place][1]:
                begin = held[place][1]
            lock_free = begin + requests.write[k]
            parts[k, 3:] = begin - now, requests.write[k]
            heapq.heappush(events, (lock_free, DONE, k))
        else:
            desk.is_busy = False
            if desk.waiting:
                start(desk.waiting.popleft(), now)
    is_late = parts.sum(axis=1) > LATE_SECONDS
    title = np.where(is_refused, TOO_BUSY, np.where(is_late, TOO_SLOW, ""))
    names = ("queue_ms", "features_ms", "model_ms", "lock_ms", "write_ms")
    milliseconds = dict(zip(names, (1000 * parts).round(1).T, strict=True))
    status = np.where(title == "", 200, 503)
    known = {"at": requests.at.round(3), "worker": worker, "status": status, "title": title}
    return pd.DataFrame(known | milliseconds)
