"""How the columns of one kind of file become canonical ones."""

import difflib
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import pandas as pd

from fraudops.data.readers import TABLE_SUFFIXES
from fraudops.data.schema import CANONICAL_COLUMNS
from fraudops.data.values import ValueParser
from fraudops.errors import UserError
from fraudops.timeline import DAY

LABEL_DELAY_DAYS = 7  # where a file says which rows are fraud but not when that was known
# names that other systems give to the column of labels
LABEL_NAMES = ("fraud", "isfraud", "label", "class", "fraud_flag", "is_fraudulent")
NO_LABELS = "not in the file, so it can be scored, and no model can be trained on it"
MAX_NAMES, MAX_NAME = 40, 30  # names in a message, and characters of each


def list_names(names: list[str]) -> str:
    """List names of columns for a message: escaped, and not without end."""
    shown = [name if name.isprintable() else repr(name)[1:-1] for name in names[:MAX_NAMES]]
    more = f", and {len(names) - MAX_NAMES} more" if len(names) > MAX_NAMES else ""
    return ", ".join(name[:MAX_NAME] for name in shown) + more


def delay_label_ts(frame: pd.DataFrame) -> pd.Series:
    """Assume that a fraud was known some days after the transaction."""
    has_time = frame["ts"] >= 0  # the others have values that say what is wrong with the time
    return (frame["ts"] + LABEL_DELAY_DAYS * DAY).where((frame["is_fraud"] == 1) & has_time)


@dataclass(frozen=True)
class SourceAdapter:
    """How the columns of a file become canonical ones.

    Attributes
    ----------
    required : tuple[str, ...]
        Columns of the file; ``a|b`` means one of them.
    optional : tuple[str, ...]
        Columns of the file.
    build : callable
        Converts raw text columns and row ids to canonical columns and ``given_*`` ones.
    defaults : str
        What replaces an absent optional column, in words.
    suffixes : tuple[str, ...]
        Endings of the files that it reads.
    most_cents : int
        Largest accepted amount.
    never : tuple[str, ...]
        Columns that no file of this kind can fill.
    time_columns : tuple[str, ...]
        Columns of the file with the transaction's time, where it is a date; one of them is there.
    id_columns : tuple[str, ...]
        Columns of the file with ids.
    amount_column : str
    label_column : str
        It may be absent: then the rows can be scored, and no model can be trained on them.
    reads_labels : bool
        False if labels count for nothing.
    """

    required: tuple[str, ...]
    optional: tuple[str, ...]
    build: Callable[[pd.DataFrame, pd.Series, ValueParser], pd.DataFrame]
    defaults: str
    suffixes: tuple[str, ...] = TABLE_SUFFIXES
    most_cents: int = 100_000_000
    never: tuple[str, ...] = ()
    time_columns: tuple[str, ...] = ()
    id_columns: tuple[str, ...] = ()
    amount_column: str = "amount"
    label_column: str = "is_fraud"
    reads_labels: bool = True

    def without_labels(self) -> "SourceAdapter":
        """Make an adapter that does not look for labels."""
        required = tuple(name for name in self.required if name != self.label_column)
        return replace(self, required=required, reads_labels=False)

    def find_missing(self, names: list[str]) -> list[str]:
        """Find required columns that are missing.

        The label is among them only if another column looks like it: then its name is wrong, and
        without it all rows would count as genuine.
        """
        missing = [name for name in self.required if not any(n in names for n in name.split("|"))]
        if self.label_column in missing and not self._find_similar_label(names):
            missing.remove(self.label_column)
        return missing

    def _find_similar_label(self, names: list[str]) -> str:
        plain = {name.lower().replace(" ", "_"): name for name in names}
        label = self.label_column.lower()
        near = [one for one in (label, *LABEL_NAMES) if one in plain]
        near += difflib.get_close_matches(label, plain, 1, 0.6)
        return plain[near[0]] if near else ""

    def check(self, names: list[str], file: Path) -> tuple[str, ...]:
        """List what the file cannot fill; raise UserError if a required column is missing."""
        missing = self.find_missing(names)
        if missing:
            hints = []
            for name in missing:
                near = difflib.get_close_matches(name.split("|")[0], names, 1, 0.5)
                if name == self.label_column:
                    near = [self._find_similar_label(names)]
                hints.append(
                    f"{name.replace('|', ' or ')!r}"
                    + (f" (is it {near[0][:MAX_NAME]!r}?)" if near else "")
                )
            raise UserError(
                f"{file} has no column {', '.join(hints)}. It has: {list_names(names)}. "
                "Rename its columns, or choose another source."
            )
        absent = [name for name in self.optional if name not in names]
        unlabelled = () if self.label_column in names else (f"{self.label_column}: {NO_LABELS}",)
        return (*unlabelled, *self.never, *(f"{name}: {self.defaults}" for name in absent))

    def apply(self, raw: pd.DataFrame, row: pd.Series, values: ValueParser) -> pd.DataFrame:
        """Convert raw rows and their row ids to canonical columns and ``given_*`` ones.

        Without a label column no row is a fraud.
        """
        if self.label_column not in raw or not self.reads_labels:
            raw = raw.assign(**{self.label_column: "0"})
        frame = self.build(raw, row, values)
        if "label_ts" not in frame:
            frame["label_ts"] = delay_label_ts(frame)
        frame["label_ts"] = frame["label_ts"].where(frame["is_fraud"] == 1)
        return frame.reindex(
            columns=[*CANONICAL_COLUMNS, *(name for name in frame if name.startswith("given_"))]
        )
