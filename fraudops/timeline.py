"""How the days of a data set are used: warm-up, training, live; and what `as_of` means."""

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

from fraudops.errors import UserError
from fraudops.workspace import Workspace, read_json

DAY = 86_400
LABEL_MATURITY_DAYS = 7  # a transaction without a fraud report after this long counts as genuine
MIN_DATA_DAYS = 28  # days below which there is nothing to split


def day_start(day: date) -> int:
    """Midnight UTC at which a day begins, in seconds since 1970."""
    return int(datetime(day.year, day.month, day.day, tzinfo=UTC).timestamp())


def day_of(ts: int) -> date:
    """The UTC day of a time in seconds since 1970."""
    return datetime.fromtimestamp(int(ts), UTC).date()


def parse_day(text: str, what: str) -> date:
    """A date written YYYY-MM-DD."""
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise UserError(
            f"{what} is {text!r}, which is not a date: write it as YYYY-MM-DD."
        ) from None


class TooFewDaysError(UserError):
    """The data has too few days to train on, wait for labels, and go live."""


@dataclass(frozen=True)
class Timeline:
    """Borders in seconds since 1970, each the start of a day; the end `as_of` is exclusive.

    Attributes
    ----------
    first : start of the data
    train : end of the warm-up, in which features have no full history yet
    live : the champion goes into service
    as_of : only what happened before is known
    """

    first: int
    train: int
    live: int
    as_of: int

    @property
    def weeks(self) -> list[tuple[int, int]]:
        """Start and end of each full live week, oldest first."""
        return [(t, t + 7 * DAY) for t in range(self.live, self.as_of - 7 * DAY + 1, 7 * DAY)]

    @property
    def live_days(self) -> list[int]:
        """Start of each live day."""
        return list(range(self.live, self.as_of, DAY))


def plan_timeline(
    first_day: date, last_day: date, live_start: str = "", as_of: str = ""
) -> Timeline:
    """Split the days from the first to the last (or to `as_of`), both inclusive.

    The last third, in whole weeks and at most eight, is live unless `live_start` says otherwise. The first 30 days warm the
    features up; where the data is shorter than 81 days, half of what three weeks of training and waiting leave.

    Raises
    ------
    TooShort
        Below `SHORTEST` days.
    UserError
        For dates that are none or do not fit the data.
    """
    last = parse_day(as_of, "as_of") if as_of else last_day
    start = parse_day(live_start, "live_start") if live_start else None
    if not first_day <= last <= last_day:
        raise UserError(
            f"as_of is {last}, but the data begins on {first_day} and ends on {last_day}: choose a day in between."
        )
    span = (last - first_day).days + 1
    if span < MIN_DATA_DAYS:
        raise TooFewDaysError(
            f"There are {span} days of data ({first_day} to {last}): training, label delay and live weeks need at "
            f"least {MIN_DATA_DAYS}. Bring a longer file or a later as_of."
        )
    live = start or last + timedelta(1) - timedelta(min(8, span // 21) * 7)
    train = first_day + timedelta(min(30, (span - 21) // 2))
    earliest, latest = train + timedelta(2 * LABEL_MATURITY_DAYS), last - timedelta(6)
    if not earliest <= live <= latest:
        raise UserError(
            f"live_start is {live}: it must leave two weeks of training after the warm-up and a week of live days, so it has "
            f"to lie between {earliest} and {latest}."
        )
    return Timeline(day_start(first_day), day_start(train), day_start(live), day_start(last) + DAY)


def load_timeline(workspace: Workspace) -> Timeline:
    """The timeline that ingestion wrote.

    Raises
    ------
    TooShort
        If the data has too few days for one.
    """
    found = read_json(workspace.need("data", "dataset.json", made_by="1_1_ingest"))
    if found["timeline"] is None:
        raise TooFewDaysError(found["short"])
    return Timeline(**found["timeline"])


def format_time(ts: float) -> str:
    """A time in seconds since 1970 as people read it, UTC."""
    return datetime.fromtimestamp(ts, UTC).strftime("%Y-%m-%d %H:%M")
