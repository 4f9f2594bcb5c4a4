"""Ingestion that loses no row: accepted + quarantined = read, for every kind of delivery."""

import shutil
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path

import pyarrow.parquet as pq
from filelock import FileLock, Timeout

from fraudops.data.merge import StagedIngestion
from fraudops.data.replacement import check_replacement, read_made_with
from fraudops.data.sources import Source
from fraudops.errors import UserError
from fraudops.timeline import (
    DAY,
    MIN_DATA_DAYS,
    TooFewDaysError,
    day_start,
    parse_day,
    plan_timeline,
)
from fraudops.workspace import (
    Workspace,
    atomic_write,
    compute_fingerprint,
    recover_atomic_write,
    write_json,
)

STAGING_PREFIX = ".stage."
FAR_OFF_DAYS = 90  # a gap as long as this divides the days of a data set
FAR_OFF_SHARE = 0.01  # of the rows


@dataclass(frozen=True)
class IngestResult:
    """The counts of one ingestion.

    Always ``read = accepted + quarantined``. Over all ingestions of a data set, the accepted rows
    are those in the day partitions, those in ``superseded.parquet``, and the unchanged ones.

    Attributes
    ----------
    read : int
    accepted : int
        New transactions, corrections, and unchanged rows.
    quarantined : int
    corrected : int
        Rows that became a later version of a transaction.
    unchanged : int
        Rows whose content is on record already.
    late : int
        New transactions of days before the last stored day.
    manifest : dict
        The content of dataset.json.
    """

    read: int
    accepted: int
    quarantined: int
    corrected: int
    unchanged: int
    late: int
    manifest: dict


def ingest(
    source: Source,
    workspace: Workspace,
    *,
    add: bool = False,
    live_start: str = "",
    as_of: str = "",
    now: int | None = None,
    on_rows: Callable[[int], None] = lambda n: None,
) -> IngestResult:
    """Write the valid rows of a source by day, and the others to quarantine.

    A transaction id may come again. The same content changes nothing. Other content of the same
    customer is a correction: it becomes the current version, and the earlier one is kept in
    ``superseded.parquet``. An id of another customer, or one that comes twice in one ingestion,
    goes to quarantine. An old file that is delivered again does not undo a correction.

    Everything is prepared beside the data and becomes visible by one rename. After a kill the old
    or the new state is there, and the same ingestion again gives the same bytes.

    Parameters
    ----------
    source : Source
    workspace : Workspace
    add : bool, optional
        Add to the data set, as a later delivery. False replaces it.
    live_start : str, optional
        First live day (YYYY-MM-DD); empty: from the data.
    as_of : str, optional
        Day whose beginning ends the data (YYYY-MM-DD); empty: from the data.
    now : int, optional
        Seconds since 1970. Later transactions are in the future. None: the clock, or the end of a
        simulated world.
    on_rows : callable, optional
        Is called with the number of rows of each chunk.

    Returns
    -------
    IngestResult

    Raises
    ------
    UserError
        If the source has no valid row (the quarantine file says why), if a date does not fit the
        data, if another ingestion runs, or if an opened notebook would replace data that was made
        with other parameters. The data set stays as it was.
    """
    made_with = {"source": source.name} | source.parameters
    made_with |= {"live_start": live_start, "as_of": as_of, "added": 0}
    made_with["labels"] = source.has_labels
    earlier = read_made_with(workspace)
    if add and earlier.get("labels", source.has_labels) != source.has_labels:
        raise UserError(
            f"The data in {workspace.root} {'has' if earlier['labels'] else 'has no'} labels, and "
            f"this delivery {'has' if source.has_labels else 'has none'}: rows without a label "
            "would count as genuine. Ingest it in a workspace of its own, or score it with "
            "`fraudops score`."
        )
    if add and earlier:
        made_with = earlier | {"added": earlier["added"] + 1}
        made_with |= {"live_start": live_start, "as_of": as_of}
    if not add:
        check_replacement(workspace, made_with)
    if now is None:
        now = int(datetime.now(UTC).timestamp())
        # a simulated world has its own calendar, whatever this machine's clock says
        if source.world is not None:
            now = max(now, int(source.world.transactions["ts"].max()))
    try:
        # freed by the system when its holder is killed
        with FileLock(workspace.path("state", ".ingest.lock"), timeout=0):
            return _ingest_locked(source, workspace, add, made_with, now, on_rows)
    except Timeout:
        raise UserError(
            f"Another ingestion is writing in {workspace.root}: wait until it has ended, "
            "or stop it."
        ) from None


def _ingest_locked(
    source: Source,
    workspace: Workspace,
    add: bool,
    made_with: dict,
    now: int,
    on_rows: Callable[[int], None],
) -> IngestResult:
    folder, quarantine = (
        workspace.path("data", "transactions"),
        workspace.path("data", "quarantine.csv"),
    )
    labels, dataset = (
        workspace.path("data", "labels.parquet"),
        workspace.path("data", "dataset.json"),
    )
    for path in (folder, quarantine, labels, dataset):
        recover_atomic_write(path)
    for left in folder.parent.glob(f"{STAGING_PREFIX}*"):
        shutil.rmtree(left)
    before = folder if add and folder.exists() else None
    with (
        tempfile.TemporaryDirectory(prefix=STAGING_PREFIX, dir=folder.parent) as work,
        atomic_write(folder) as new,
        atomic_write(labels) as new_labels,
        atomic_write(quarantine) as new_quarantine,
        StagedIngestion(Path(work), before) as landing,
    ):
        landing.stage(source, now, on_rows)
        counts = landing.resolve()
        if not counts["accepted"]:
            with atomic_write(
                quarantine
            ) as rejected:  # what is there stays, and so does what was rejected on its way
                landing.write_quarantine(rejected, quarantine if folder.exists() else None)
            reason = landing.describe_main_reason()
            raise UserError(
                f"None of the {counts['read']} rows is a valid transaction.{reason} "
                f"See {quarantine}."
            )
        reused_ids = landing.describe_reused_ids(counts["accepted"])
        landing.write_days(new)
        refunds = landing.count_refunds(new)
        landing.write_labels(new, new_labels)
        counts_by_day = _count_rows_by_day(new)
        days, far_off = split_far_off_days(counts_by_day)
        plan = _describe_timeline(days[0], days[-1], made_with["live_start"], made_with["as_of"])
        landing.write_quarantine(new_quarantine, quarantine if before else None)
    manifest = (
        counts
        | plan
        | {
            "source": source.name,
            "first_day": days[0].isoformat(),
            "last_day": days[-1].isoformat(),
            "far_off": {day.isoformat(): counts_by_day[day] for day in far_off},
            "reused_ids": reused_ids,
            "refunds": refunds,
            "not_filled": list(source.not_filled),
            "made_with": made_with,
            "delivery": source.delivery.to_record(),
            "given": landing.given,
            "fingerprint": compute_fingerprint(folder),
        }
    )
    write_json(dataset, manifest)
    return IngestResult(**counts, manifest=manifest)


def _count_rows_by_day(folder: Path) -> dict[date, int]:
    """Count the rows of each day folder, from the metadata of its files."""
    return {
        date.fromisoformat(path.name.removeprefix("day=")): sum(
            pq.read_metadata(file).num_rows for file in path.glob("*.parquet")
        )
        for path in sorted(folder.glob("day=*"))
    }


def split_far_off_days(counts: dict[date, int]) -> tuple[list[date], list[date]]:
    """Split off a few days that lie far from all the others: their year is probably wrong.

    They stay in the data set, but the timeline does not begin or end with them.

    Parameters
    ----------
    counts : dict of date to int
        Rows by day.

    Returns
    -------
    days : list of date
        In order.
    far_off : list of date
        Days at least `FAR_OFF_DAYS` before or after the block of days with most rows, if they hold
        at most `FAR_OFF_SHARE` of the rows.

    Examples
    --------
    >>> days = {date(2016, 1, 3): 1} | {date(2026, 1, day): 500 for day in (1, 2, 3)}
    >>> split_far_off_days(days)[1]
    [datetime.date(2016, 1, 3)]
    """
    blocks: list[list[date]] = []
    for day in sorted(counts):
        if blocks and (day - blocks[-1][-1]).days < FAR_OFF_DAYS:
            blocks[-1].append(day)
        else:
            blocks.append([day])
    main = max(blocks, key=lambda block: sum(counts[day] for day in block))
    far_off = [day for block in blocks if block is not main for day in block]
    if sum(counts[day] for day in far_off) > FAR_OFF_SHARE * sum(counts.values()):
        return sorted(counts), []
    return main, far_off


def _describe_timeline(first: date, last: date, live_start: str, as_of: str) -> dict:
    """Describe the timeline for the manifest, or why there is none, and the end of the data."""
    try:
        timeline = plan_timeline(first, last, live_start, as_of)
    except TooFewDaysError as error:
        if (
            last - first
        ).days + 1 >= MIN_DATA_DAYS:  # not the data is too short, but what as_of leaves of it
            raise
        end = parse_day(as_of, "as_of") if as_of else last
        return {"timeline": None, "short": str(error), "as_of": day_start(end) + DAY}
    return {"timeline": vars(timeline), "short": "", "as_of": timeline.as_of}
