"""The days of a data set: warm-up, training, live; and the meaning of `as_of`."""

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

from fraudops.errors import UserError
from fraudops.workspace import Workspace, read_json

DAY = 86_400  # seconds
MAX_TS = 4_102_444_800  # the year 2100; times in milliseconds are above it
LABEL_MATURITY_DAYS = 7  # later, a transaction without a report counts as genuine
MIN_DATA_DAYS = 28  # fewer cannot be split
SHORT_DATA_DAYS = 30  # from here on there is room for two live weeks


def day_start(day: date) -> int:
    """Get the midnight (UTC) at which a day begins.

    Parameters
    ----------
    day : date

    Returns
    -------
    int
        Seconds since 1970.

    Examples
    --------
    >>> day_start(date(1970, 1, 2))
    86400
    """
    return int(datetime(day.year, day.month, day.day, tzinfo=UTC).timestamp())


def day_of(ts: int) -> date:
    """Get the UTC day of a time.

    Parameters
    ----------
    ts : int
        Seconds since 1970.

    Returns
    -------
    date

    Examples
    --------
    >>> day_of(86_399)
    datetime.date(1970, 1, 1)
    """
    return datetime.fromtimestamp(int(ts), UTC).date()


def parse_day(text: str, parameter_name: str) -> date:
    """Read a date written as YYYY-MM-DD.

    Parameters
    ----------
    text : str
    parameter_name : str
        For the message of the error.

    Returns
    -------
    date

    Raises
    ------
    UserError
        If the text is not a date.

    Examples
    --------
    >>> parse_day("2026-01-31", "as_of")
    datetime.date(2026, 1, 31)
    """
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise UserError(
            f"{parameter_name} is {text!r}, which is not a date: write it as YYYY-MM-DD."
        ) from None


class TooFewDaysError(UserError):
    """The data has too few days to train on, wait for labels, and go live."""


@dataclass(frozen=True)
class Timeline:
    """Borders in seconds since 1970, each the start of a day.

    Attributes
    ----------
    first : int
        Start of the data.
    train : int
        End of the warm-up, in which features have no full history yet.
    live : int
        Start of the champion's service.
    as_of : int
        End of what is known, exclusive.
    """

    first: int
    train: int
    live: int
    as_of: int

    @property
    def live_weeks(self) -> list[tuple[int, int]]:
        """Start and end of each full live week, oldest first."""
        return [(t, t + 7 * DAY) for t in range(self.live, self.as_of - 7 * DAY + 1, 7 * DAY)]

    @property
    def live_days(self) -> list[int]:
        """Start of each live day."""
        return list(range(self.live, self.as_of, DAY))

    @staticmethod
    def get_mature_end(known_at: int) -> int:
        """Get the time before which transactions have had their days to be reported.

        Parameters
        ----------
        known_at : int
            What arrived before this moment is known, in seconds since 1970.

        Returns
        -------
        int
            Seconds since 1970, exclusive.

        Examples
        --------
        >>> Timeline.get_mature_end(known_at=10 * DAY) // DAY
        3
        """
        return known_at - LABEL_MATURITY_DAYS * DAY


def plan_timeline(
    first_day: date, last_day: date, live_start: str = "", as_of: str = ""
) -> Timeline:
    """Split the days of a data set into warm-up, training and live.

    The last third, in whole weeks and at most eight, is live unless `live_start` says otherwise.
    From thirty days of data on it has two weeks, so that the labels of the first have arrived. The
    warm-up takes 30 days, or in data of fewer than 81 days half of the days that remain beside
    two weeks of training and waiting, and the live days or one week of them.

    Parameters
    ----------
    first_day, last_day : date
        Both inclusive.
    live_start, as_of : str, optional
        YYYY-MM-DD; `as_of` is the last day that counts.

    Returns
    -------
    Timeline

    Raises
    ------
    TooFewDaysError
        Below `MIN_DATA_DAYS` days.
    UserError
        For dates that cannot be read or do not fit the data.
    """
    last = parse_day(as_of, "as_of") if as_of else last_day
    start = parse_day(live_start, "live_start") if live_start else None
    if not first_day <= last <= last_day:
        raise UserError(
            f"as_of is {last}, but the data begins on {first_day} and ends on {last_day}: "
            "choose a day in between."
        )
    span = (last - first_day).days + 1
    if span < MIN_DATA_DAYS:
        raise TooFewDaysError(
            f"There are {span} days of data ({first_day} to {last}): training, label delay "
            f"and live weeks need at least {MIN_DATA_DAYS}. Bring a longer file or a later as_of."
        )
    is_short = SHORT_DATA_DAYS <= span < 42
    weeks = 2 if is_short else min(8, span // 21)
    live = start or last + timedelta(1) - timedelta(weeks * 7)
    train = first_day + timedelta(min(30, (span - (28 if is_short else 21)) // 2))
    earliest, latest = train + timedelta(2 * LABEL_MATURITY_DAYS), last - timedelta(6)
    if not earliest <= live <= latest:
        raise UserError(
            f"live_start is {live}: it must leave two weeks of training after the warm-up and a "
            f"week of live days, so it has to lie between {earliest} and {latest}."
        )
    return Timeline(day_start(first_day), day_start(train), day_start(live), day_start(last) + DAY)


def load_timeline(workspace: Workspace) -> Timeline:
    """Load the timeline that ingestion wrote.

    Parameters
    ----------
    workspace : Workspace

    Returns
    -------
    Timeline

    Raises
    ------
    TooFewDaysError
        If the data has too few days for one.
    """
    dataset = read_json(workspace.require_path("data", "dataset.json", made_by="1_1_ingest"))
    if dataset["timeline"] is None:
        raise TooFewDaysError(dataset["short"])
    return Timeline(**dataset["timeline"])


def format_time(ts: float) -> str:
    """Write a time as text, UTC.

    Parameters
    ----------
    ts : float
        Seconds since 1970.

    Returns
    -------
    str

    Examples
    --------
    >>> format_time(86_460)
    '1970-01-02 00:01'
    """
    return datetime.fromtimestamp(ts, UTC).strftime("%Y-%m-%d %H:%M")
