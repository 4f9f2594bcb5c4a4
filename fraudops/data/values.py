"""Parse the values of a delivery: times, amounts, ids, flags. What is unclear becomes null."""

import numpy as np
import pandas as pd

from fraudops.data.amounts import CURRENCY_SIGNS, find_currencies, parse_amounts
from fraudops.data.columns import has_cent_fraction
from fraudops.data.delivery import Delivery
from fraudops.data.kinds import KIND_WORDS
from fraudops.errors import UserError
from fraudops.timeline import DAY

YEARS = (1900, 2261)  # of a timestamp in nanoseconds
UNREADABLE_CDEG = 99_999  # the schema refuses it
CUT_ID = r"\d(?:[.,]\d+)?[eE][+]\d{2,3}"  # as spreadsheets and pandas write large numbers
FLOAT_ID = r"-?\d+[.]0+"  # as pandas writes whole numbers of a column with gaps
MISSING_WORDS = ("", "nan", "none", "null", "<na>", "nat", "#n/a", "n/a")
LOCAL_DATE = r"^(\d{1,2})[/.-](\d{1,2})[/.-](\d{4})"  # with the year at the end
OFFSET = r"^.{10}[T ].*(?:[Zz]|[+-]\d{2}(?::?\d{2})?)$"
HALF_DAY_TIME = r"^(0?[1-9]|1[0-2]):([0-5]\d)(?::([0-5]\d))? ?([AaPp])\.?[Mm]\.?$"
YEAR_FIRST = r"^(\d{4})[/.](\d{2})[/.](\d{2})"
SPREADSHEET_EPOCH_DAYS = 25_569  # spreadsheets count days from the end of 1899
BUDDHIST_YEARS = (2443, 2643)  # 1900 to 2100 in the calendar of Thailand, which is 543 years ahead
EXACT_ID = 2.0**53  # from here on a number with decimals cannot hold each whole number
# Values that the schema refuses with a reason of their own. They are whole as binary numbers.
FRACTION_CENTS = 2**61
BUDDHIST_TS, ORDER_TS, MISSING_HOUR_TS, REPEATED_HOUR_TS = (-(2**61) - 1024 * i for i in range(4))


class ValueParser:
    """Parses text columns as the description of a delivery says.

    It remembers the currency of the amounts, so that one delivery has one currency.
    """

    def __init__(self, delivery: Delivery | None = None):
        self.delivery = delivery or Delivery()
        self.currency = self.delivery.currency
        declared = set(self.delivery.ids_as_numbers)
        renamed = {name for name, old in self.delivery.columns.items() if old in declared}
        self.number_ids = declared | renamed
        self.typed: frozenset[str] = frozenset()  # columns that are numbers in the file itself
        self.inexact: frozenset[str] = frozenset()  # those that cannot hold each whole number

    def parse_ts(self, text: pd.Series) -> pd.Series:
        """Parse seconds since 1970, or timestamps with the year first (UTC without an offset).

        With a `day_order`, dates with the year at the end are parsed too. Words such as ``now`` are
        no dates, and no year beyond `YEARS` is one.
        """
        seconds, text = self._scale(parse_number(text)), text.str.strip()
        if self.delivery.day_order in ("day-month-year", "month-day-year"):
            text = put_year_first(text, self.delivery.day_order)
        text = text.str.replace(YEAR_FIRST, r"\1-\2-\3", regex=True)
        year = pd.to_numeric(text.str.extract(r"^(\d{4})-", expand=False), errors="coerce")
        rest = seconds.isna() & year.between(*YEARS)
        if rest.any():
            iso = text[rest].str.replace(r" UTC$", "Z", regex=True)  # as BigQuery writes it
            seconds[rest] = self._parse_iso(iso)
        seconds = seconds.mask(year.between(*BUDDHIST_YEARS), BUDDHIST_TS)
        rest = seconds.isna()
        if rest.any():
            local_year = pd.to_numeric(text[rest].str.extract(LOCAL_DATE)[2], errors="coerce")
            named = seconds[rest].mask(local_year.between(*YEARS), ORDER_TS)
            seconds[rest] = named.mask(local_year.between(*BUDDHIST_YEARS), BUDDHIST_TS)
        return to_int64(np.floor(seconds))

    def _scale(self, number: pd.Series) -> pd.Series:
        if self.delivery.time_unit == "milliseconds":
            return number / 1000
        if self.delivery.time_unit == "spreadsheet days":
            # a second is a rounded part of a day
            local = pd.to_datetime(((number - SPREADSHEET_EPOCH_DAYS) * DAY).round(), unit="s")
            return self._place(local)
        return number

    def _place(self, local: pd.Series) -> pd.Series:
        """Seconds since 1970 of times without an offset, in the time zone.

        An hour that a change of clocks leaves out, or repeats, gets a value of its own.
        """
        zone, epoch = self.delivery.time_zone or "UTC", pd.Timestamp(0, tz="UTC")
        placed = local.dt.tz_localize(zone, ambiguous="NaT", nonexistent="NaT")
        seconds = (placed.dt.tz_convert("UTC") - epoch).dt.total_seconds()
        lost = placed.isna() & local.notna()
        if lost.any():
            shifted = local[lost].dt.tz_localize(zone, ambiguous="NaT", nonexistent="shift_forward")
            reason = shifted.isna().map({True: REPEATED_HOUR_TS, False: MISSING_HOUR_TS})
            seconds[lost] = reason.astype("float64")
        return seconds

    def _parse_iso(self, iso: pd.Series) -> pd.Series:
        parsed = pd.to_datetime(iso, errors="coerce", utc=True, format="ISO8601")
        seconds = (parsed - pd.Timestamp(0, tz="UTC")).dt.total_seconds()
        if self.delivery.time_zone:
            has_offset = iso.str.contains(OFFSET, regex=True).astype(bool)
            seconds = seconds.where(has_offset, self._place(parsed.dt.tz_localize(None)))
        return seconds

    def parse_cents(self, text: pd.Series) -> pd.Series:
        """Parse an amount; null if it is no number or has two readings.

        An amount with a fraction of a cent becomes `FRACTION_CENTS`: to round it is to change it.

        Raises
        ------
        UserError
            If amounts have another currency than those before.
        """
        if text.name in self.typed:
            return _to_cents(parse_number(text))
        found = [CURRENCY_SIGNS.get(self.currency, self.currency)] if self.currency else []
        found += [one for one in find_currencies(text) if one not in found]
        if len(found) > 1:
            raise UserError(
                f"The column {text.name!r} has amounts of several currencies "
                f"({', '.join(sorted(found))}). Convert them to one before you deliver."
            )
        self.currency = found[0] if found else ""
        return _to_cents(parse_amounts(text, self.delivery.decimal_mark))

    def parse_id(self, text: pd.Series) -> pd.Series:
        """Parse ids; null where a program has written that there is none.

        Raises
        ------
        UserError
            If a spreadsheet has cut off the digits of an id, or a program has written ids as
            numbers with decimals: the same id may have another spelling in the next file, and
            large ones are rounded.
        """
        text = text.str.strip()
        if text.name in self.inexact:
            raise UserError(_describe_rounded_id(text.name, ""))
        if text.name in self.number_ids:
            is_float = text.str.fullmatch(FLOAT_ID).astype(bool)
            rounded = text[is_float & (parse_number(text).abs() >= EXACT_ID)]
            if len(rounded):
                raise UserError(_describe_rounded_id(text.name, f", such as {rounded.iloc[0]!r}"))
            text = text.str.replace(r"^(-?\d+)[.]0+$", r"\1", regex=True)
        is_float = text.str.fullmatch(FLOAT_ID).astype(bool)
        if is_float.any():
            raise UserError(
                f"The column {text.name!r} has the id {text[is_float].iloc[0]!r}: a program has "
                "read ids as numbers and added decimals, so the same id may look different in "
                "another file. Read the column as text before you export it, for example with "
                f"`pandas.read_csv(..., dtype={{{text.name!r}: str}})`. Or write "
                f"`ids_as_numbers: [{text.name}]` in delivery.yml: then the decimals are left out."
            )
        is_damaged = text.str.fullmatch(CUT_ID).astype(bool)
        if is_damaged.any():
            raise UserError(
                f"The column {text.name!r} has the id {text[is_damaged].iloc[0]!r}: a spreadsheet "
                "has cut off its digits, so different ids look the same. Export the column as text."
            )
        return text.mask(text.str.lower().isin(MISSING_WORDS))

    def parse_kind(self, text: pd.Series) -> pd.Series:
        """Parse words such as ``sale``, ``credit`` or ``void``; null where there is none.

        A word without a known meaning stays, and the schema refuses it.
        """
        told = {word.strip().lower(): kind for word, kind in self.delivery.kinds.items()}
        word = text.str.strip().str.lower().str.replace("_", " ")
        return word.map(KIND_WORDS | told).fillna(word).mask(is_missing(text))


def _describe_rounded_id(name: object, example: str) -> str:
    return (
        f"The column {name!r} holds ids as numbers with decimals (floating point){example}. Such "
        "numbers have 15 digits, so longer ids are rounded, and different ones look the same. Read "
        "the column as text or as whole numbers before you export it."
    )


def _to_cents(amounts: pd.Series) -> pd.Series:
    """Convert amounts to whole cents; `FRACTION_CENTS` where that would round."""
    cents = amounts * 100
    return to_int64(cents.round()).mask(has_cent_fraction(cents), FRACTION_CENTS)


def put_year_first(text: pd.Series, day_order: str) -> pd.Series:
    """Write dates with the year at the end as ISO timestamps; other texts stay as they are.

    Examples
    --------
    >>> put_year_first(pd.Series(["3/4/2026 1:05 PM", "2026-01-02"]), "day-month-year").tolist()
    ['2026-04-03 13:05:00', '2026-01-02']
    """
    parts = text.str.extract(LOCAL_DATE)
    is_local = parts[2].notna()
    if not is_local.any():
        return text
    first, second, year = (parts.loc[is_local, one] for one in parts)
    day, month = (first, second) if day_order == "day-month-year" else (second, first)
    rest = text[is_local].str.replace(LOCAL_DATE, "", regex=True).str.strip()
    half = rest.str.extract(HALF_DAY_TIME)
    is_half = half[3].notna()
    hour = pd.to_numeric(half[0], errors="coerce") % 12 + 12 * half[3].str.lower().eq("p")
    written = hour.astype("Int64").astype(str).str.zfill(2) + ":" + half[1].fillna("")
    rest = rest.mask(is_half, written + ":" + half[2].fillna("00"))
    rest = rest.str.replace(r"^(\d):", r"0\1:", regex=True)
    iso = year + "-" + month.str.zfill(2) + "-" + day.str.zfill(2)
    return text.mask(is_local, (iso + " " + rest).str.strip().reindex(text.index))


def parse_number(text: pd.Series) -> pd.Series:
    """Parse numbers; NaN where there is none."""
    return pd.to_numeric(text.str.strip(), errors="coerce").astype("float64")


def to_int64(values: pd.Series) -> pd.Series:
    """Convert to whole numbers; null if a value does not fit 63 bits."""
    good = np.isfinite(values) & (values.abs() < 2**62)
    return values.where(good).astype("Int64")


def parse_centidegrees(text: pd.Series) -> pd.Series:
    """Parse degrees; `UNREADABLE_CDEG`, which the schema refuses, if a text is no number."""
    text = text.str.strip()
    point = text.str.replace(r"^(-?\d+),(\d+)$", r"\1.\2", regex=True)
    parsed = to_int64((parse_number(point) * 100).round())
    return parsed.mask(parsed.isna() & ~is_missing(text), UNREADABLE_CDEG)


def parse_given(text: pd.Series) -> pd.Series:
    """Parse a number that the source has computed; infinite, which the schema refuses, if a text
    is no number.
    """
    parsed = parse_number(text)
    return parsed.mask(parsed.isna() & ~is_missing(text), np.inf)


def is_missing(text: pd.Series) -> pd.Series:
    """Tell where a text says that there is no value."""
    return text.str.strip().str.lower().isin(MISSING_WORDS)


def parse_flag(text: pd.Series) -> pd.Series:
    """Parse yes and no; null for everything else."""
    words = {"0": 0, "1": 1, "0.0": 0, "1.0": 1, "false": 0, "true": 1, "no": 0, "yes": 1}
    words |= {"n": 0, "y": 1}
    return text.str.strip().str.lower().map(words).astype("Int64")


def parse_text(text: pd.Series) -> pd.Series:
    """Strip texts; null if nothing is left."""
    return text.str.strip().mask(text.str.strip() == "")
