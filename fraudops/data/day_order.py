"""Find out whether 03/04/2026 is in April or in March."""

from collections.abc import Iterable

import pandas as pd

from fraudops.data.delivery import Delivery
from fraudops.data.values import LOCAL_DATE, ValueParser, parse_number
from fraudops.errors import UserError

ORDERS = ("day-month-year", "month-day-year")
SECONDS = (631_152_000, 4_102_444_800)  # 1990 to 2100: a number that may be a time
SAME_TIME_SECONDS = 14 * 3600  # two columns of one time may differ by their time zones


class DayOrderEvidence:
    """Collects what excludes one of the two orders of local dates.

    An order is excluded by a date that it cannot have, such as 25/12/2026 with the month first, or
    by another column with the same time, if it fits the other order in every row.
    """

    def __init__(self) -> None:
        self.n_rows = self.n_local = 0
        self.example = ""  # a date that both orders can have
        self.impossible = dict.fromkeys(ORDERS, "")  # the first date that an order cannot have
        self.n_impossible = dict.fromkeys(ORDERS, 0)
        self.matches: dict[str, dict[str, int]] = {}  # by column and order: rows with the same time
        self.n_compared: dict[str, int] = {}
        self.steps_back = dict.fromkeys(ORDERS, 0)

    def add(self, text: pd.Series, others: pd.DataFrame) -> None:
        """Add rows.

        Parameters
        ----------
        text : Series of str
            The column of times.
        others : DataFrame of str
            The other columns of the same rows.
        """
        text = text.str.strip()
        self.n_rows += len(text)
        parts = text.str.extract(LOCAL_DATE)
        is_local = parts[2].notna()
        if not is_local.any():
            return
        self.n_local += int(is_local.sum())
        first, second = (pd.to_numeric(parts.loc[is_local, one]) for one in (0, 1))
        months = {"day-month-year": second, "month-day-year": first}
        local = text[is_local]
        for order, month in months.items():
            self.n_impossible[order] += int((month > 12).sum())
            if not self.impossible[order] and (month > 12).any():
                self.impossible[order] = str(local[month > 12].iloc[0])
        unclear = local[(first <= 12) & (second <= 12) & (first != second)]
        if not self.example and len(unclear):
            self.example = str(unclear.iloc[0])
        parsed = {order: ValueParser(Delivery(day_order=order)).parse_ts(local) for order in ORDERS}
        for order, ts in parsed.items():
            self.steps_back[order] += int((ts.diff() < 0).sum())
        for name in others:
            self._compare(name, others.loc[is_local, name], parsed)

    def _compare(self, name: str, text: pd.Series, parsed: dict[str, pd.Series]) -> None:
        number = parse_number(text.head(100))
        if not (number.between(*SECONDS) | text.head(100).str.match(r"\d{4}-\d\d-\d\d")).all():
            return
        ts = ValueParser().parse_ts(text)
        found = self.matches.setdefault(name, dict.fromkeys(ORDERS, 0))
        self.n_compared[name] = self.n_compared.get(name, 0) + len(text)
        for order, one in parsed.items():
            found[order] += int(((ts - one).abs() <= SAME_TIME_SECONDS).sum())

    @property
    def is_usual(self) -> bool:
        """Tell whether most dates have the year at the end; a few are damaged rows."""
        return self.n_rows < 2 * self.n_local

    def settle(self) -> tuple[str, str]:
        """Give the order that is left, and why; two empty texts if both are possible.

        Returns
        -------
        order : str
        reason : str
            Without an order: why there is none.
        """
        for order, other in (ORDERS, ORDERS[::-1]):
            if self.impossible[other] and not self.impossible[order]:
                if self.steps_back[order] > 2 * self.steps_back[other] + 1:
                    return "", (
                        f"{self.impossible[other]} has {order}, but with {other} the other rows "
                        "are in the order of time"
                    )
                return order, f"{self.impossible[other]} has no other reading"
        if all(self.impossible.values()):
            both = " and ".join(self.impossible.values())
            return "", f"{both} have different orders of day and month"
        for name, found in self.matches.items():
            fits = [order for order in ORDERS if found[order] == self.n_compared[name]]
            if len(fits) == 1:
                return fits[0], f"the column {name!r} has the same times"
        return "", ""

    def check(self, declared: str) -> None:
        """Refuse a declared order that many dates cannot have, while the other fits all.

        Raises
        ------
        UserError
        """
        wrong, other = self.n_impossible.get(declared, 0), ORDERS[declared == ORDERS[0]]
        if 100 * wrong > self.n_local and not self.n_impossible[other]:
            raise UserError(
                f"`day_order: {declared}` does not fit: {self.impossible[declared]} and "
                f"{wrong - 1:,} others cannot have it, and all dates can have {other}."
            )

    def ask(self) -> str:
        """Ask the question that the files do not answer."""
        text = self.example or "the dates"
        likely = min(ORDERS, key=self.steps_back.__getitem__)
        hint = ""
        if self.steps_back[likely] < 0.01 * self.n_local <= max(self.steps_back.values()):
            hint = f" With {likely} the rows are in the order of time, so it is likely."
        return f"Is the day or the month first in {text}?{hint}"


def collect_day_order(
    chunks: Iterable[pd.DataFrame], time_columns: tuple[str, ...]
) -> DayOrderEvidence:
    """Collect the evidence of some rows.

    Parameters
    ----------
    chunks : iterable of DataFrame
        Text columns.
    time_columns : tuple of str
        The columns of the transaction's time; the first that is there counts.

    Returns
    -------
    DayOrderEvidence
    """
    evidence = DayOrderEvidence()
    for chunk in chunks:
        name = next((one for one in time_columns if one in chunk), None)
        if name is not None:
            evidence.add(chunk[name], chunk.drop(columns=name))
    return evidence
