"""The world of *503 storm*: a full queue, because features are slow or because of a lock."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

import numpy as np
import pandas as pd
import yaml

from fraudops.errors import UserError
from fraudops.incidents.labs.storm_queue import Requests, play_queue
from fraudops.incidents.labs.story import draw_story, get_moment
from fraudops.ledger import canonical_json
from fraudops.serving import MAX_WAITING_REQUESTS
from fraudops.timeline import format_time
from fraudops.workspace import Workspace

STORM_LAB = "503-storm"
DAY_OF_STORY, START_HOUR, HOUR = 50, 12, 3600
WORKERS, JOB_MINUTES = 3, 14
JOBS = ("pack-evidence", "seal-rows", "settle-cases")
SLOW_FACTOR = 70.0
LOCK_PERIOD, LOCK_GAP = 4.0, 0.08  # seconds: the job lets others write only in the gaps
SHORT_LOCK = 0.03  # seconds of each period that a sound job holds the lock
MAX_P95_SECONDS = 1.0
MAX_WORKERS, MAX_PLACES = 32, 100_000
SETTINGS_FILE = "service.yml"
RIGHT_ACTIONS = {"slow-features": "restart-the-worker", "write-lock": "move-the-job"}


@dataclass(frozen=True)
class Settings:
    """What an operator can set, as `service.yml` says.

    Attributes
    ----------
    workers, places : int
    restart : tuple of int
        Workers that are started again before the peak.
    jobs : dict of str to float
        Start of each job, in hours.
    """

    workers: int
    places: int
    restart: tuple[int, ...]
    jobs: dict[str, float]


@dataclass(frozen=True)
class StormPlan:
    """What the seed decides.

    Attributes
    ----------
    cause : str
        ``slow-features`` or ``write-lock``.
    worker : int
        That is started again at the onset; its features are slow if this is the cause.
    job : str
        That starts at the onset; it holds the lock if this is the cause.
    onset : int
        Minute of the hour.
    others : tuple of str
        The other jobs: the first starts earlier, the second later.
    seed : int
    """

    cause: str
    worker: int
    job: str
    onset: int
    others: tuple[str, str]
    seed: int

    @classmethod
    def draw(cls, seed: int) -> StormPlan:
        """Draw the plan of a seed."""
        random = draw_story(STORM_LAB, seed)
        first, second, third = (str(one) for one in random.permutation(JOBS))
        return cls(
            cause=str(random.choice(list(RIGHT_ACTIONS))),
            worker=int(random.integers(1, WORKERS + 1)),
            job=first,
            onset=int(random.integers(21, 29)),
            others=(second, third),
            seed=seed,
        )

    @property
    def is_lock(self) -> bool:
        """Whether the lock is the cause."""
        return self.cause == "write-lock"

    @property
    def usual_settings(self) -> Settings:
        """The settings of the day."""
        minutes = {self.job: self.onset, self.others[0]: self.onset - 6}
        minutes[self.others[1]] = self.onset + 5
        jobs = {name: START_HOUR + minutes[name] / 60 for name in sorted(minutes)}
        return Settings(WORKERS, MAX_WAITING_REQUESTS, (), jobs)


def _draw_requests(plan: StormPlan, day: str) -> Requests:
    """Draw the requests of an hour; in the middle of each hour more people buy."""
    random = draw_story(f"{STORM_LAB} {day}", plan.seed)
    rate = 8.5 if day == "today" else 8.0
    seconds = np.arange(HOUR)
    by_second = rate * np.where((seconds > 1200) & (seconds < 2700), 1.3, 1.0)
    counts = random.poisson(by_second)
    at = np.sort(np.repeat(seconds, counts) + random.random(counts.sum()))
    n = len(at)
    return Requests(
        at,
        random.random(n),
        0.005 * np.exp(0.25 * random.normal(size=n)),
        0.009 * np.exp(0.1 * random.normal(size=n)),
        0.004 * np.exp(0.2 * random.normal(size=n)),
    )


def _list_locks(plan: StormPlan, settings: Settings, is_faulty: bool) -> list[tuple[float, float]]:
    """List when jobs hold the write lock, in seconds of the hour."""
    locks = []
    for job, hour in settings.jobs.items():
        is_bad = is_faulty and plan.is_lock and job == plan.job
        length = LOCK_PERIOD - LOCK_GAP if is_bad else SHORT_LOCK
        start = (hour - START_HOUR) * HOUR
        for period in np.arange(start, start + 60 * JOB_MINUTES, LOCK_PERIOD):
            locks.append((float(period), float(period + length)))
    merged: list[tuple[float, float]] = []
    for begin, end in sorted(locks):  # two jobs at once are one lock
        if merged and begin <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(end, merged[-1][1]))
        else:
            merged.append((begin, end))
    return merged


def play_hour(plan: StormPlan, settings: Settings, day: str = "today") -> pd.DataFrame:
    """Play the hour of the storm, or the same hour of the day before.

    Parameters
    ----------
    plan : StormPlan
    settings : Settings
    day : str, optional
        ``today`` or ``yesterday``, on which nothing is wrong.

    Returns
    -------
    DataFrame
        See `storm_queue.play_queue`.
    """
    is_faulty = day == "today"
    slow = {}
    if is_faulty and not plan.is_lock and plan.worker not in settings.restart:
        slow = {plan.worker: (plan.onset * 60.0, SLOW_FACTOR)}
    locks = _list_locks(plan, settings, is_faulty)
    return play_queue(_draw_requests(plan, day), settings.workers, settings.places, slow, locks)


def build_storm_world(workspace: Workspace, seed: int) -> str:
    """Write the logs of two days, and the settings.

    Parameters
    ----------
    workspace : Workspace
    seed : int

    Returns
    -------
    str
        The symptom.
    """
    plan = StormPlan.draw(seed)
    start = get_moment(DAY_OF_STORY, START_HOUR)
    for day, begin in (("yesterday", start - 24 * HOUR), ("today", start)):
        log = play_hour(plan, plan.usual_settings, day)
        log["at"] += begin
        with workspace.atomic_write(f"logs/requests_{day}.parquet") as temporary:
            log.to_parquet(temporary, index=False)
    events = [(plan.onset * 60.0, f"worker {plan.worker}", "started again")]
    for job, hour in plan.usual_settings.jobs.items():
        begin = (hour - START_HOUR) * HOUR
        events += [(begin, job, "started"), (begin + 60 * JOB_MINUTES, job, "ended")]
    lines = [
        canonical_json({"at": format_time(start + at), "who": who, "what": what})
        for at, who, what in sorted(events)
    ]
    with workspace.atomic_write("logs/events.jsonl") as temporary:
        temporary.write_text("\n".join(lines) + "\n", encoding="utf-8")
    _write_settings(workspace, plan.usual_settings)
    refused = int((log["status"] == 503).sum())
    return (
        f"The alarm of the scoring service, {format_time(start + HOUR)} (UTC):\n\n> {refused:,} of "
        f"{len(log):,} requests between {START_HOUR}:00 and {START_HOUR + 1}:00 were refused with "
        f"status 503.\n\nA shop writes: “It is the lunch peak, you need more machines.” The log of "
        "the requests is in `logs/requests_today.parquet`, that of the same hour of the day before "
        "in `logs/requests_yesterday.parquet`. Each request has the milliseconds of its parts: "
        "waiting in the queue, features, model, waiting for the write lock, writing. What else "
        "happened is in `logs/events.jsonl`.\n\nYou can change `service.yml`: the number of "
        "workers, the places in the queue of each worker, the workers that are started again "
        "before the peak, and the start of each job. Such a job needs a quarter of an hour, at any "
        "time of the day. The check plays the hour again with your settings. Tomorrow is a day "
        "like today."
    )


def _write_settings(workspace: Workspace, settings: Settings) -> None:
    jobs = {name: f"{int(hour)}:{round(hour % 1 * 60):02d}" for name, hour in settings.jobs.items()}
    form = {"workers": settings.workers, "places": settings.places, "restart": [], "jobs": jobs}
    with workspace.atomic_write(SETTINGS_FILE) as temporary:
        temporary.write_text(yaml.safe_dump(form, sort_keys=False), encoding="utf-8")


def read_settings(workspace: Workspace) -> Settings:
    """Read `service.yml`.

    Parameters
    ----------
    workspace : Workspace

    Returns
    -------
    Settings

    Raises
    ------
    UserError
        If it cannot be read, or has other names or values than it may have.
    """
    path = workspace.root / SETTINGS_FILE
    try:
        content = path.read_text(encoding="utf-8")
        form: Any = yaml.load(content, Loader=yaml.BaseLoader)  # noqa: S506 (it makes texts only)
        hours = {}
        for name, text in form["jobs"].items():
            clock = datetime.strptime(text, "%H:%M")
            hours[name] = clock.hour + clock.minute / 60
        found = Settings(
            int(form["workers"]),
            int(form["places"]),
            tuple(sorted({int(one) for one in form["restart"] or []})),
            {name: hours[name] for name in sorted(hours)},
        )
        is_valid = set(form) == {"workers", "places", "restart", "jobs"} and set(hours) == set(JOBS)
    except (OSError, ValueError, KeyError, TypeError, AttributeError, yaml.YAMLError) as error:
        raise UserError(f"{path} cannot be read: {error}. Write it as it was.") from error
    if not (is_valid and 1 <= found.workers <= MAX_WORKERS and 1 <= found.places <= MAX_PLACES):
        raise UserError(
            f"{path} must hold workers (1 to {MAX_WORKERS}), places (1 to {MAX_PLACES:,}), restart "
            f"(a list of workers) and jobs ({', '.join(JOBS)}, each with its start as 12:30)."
        )
    return found
