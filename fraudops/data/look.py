"""Look at a delivery before it is ingested: what it is, what would happen, what must be decided."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pandas as pd

from fraudops.data.adapters import SOURCE_ADAPTERS
from fraudops.data.amounts import UNCLEAR
from fraudops.data.csv_records import find_delimiter, read_line_blocks
from fraudops.data.day_order import ORDERS, collect_day_order
from fraudops.data.delivery import Delivery, load_delivery
from fraudops.data.file_kinds import describe_storage, find_file_format, open_text
from fraudops.data.ingestion import split_far_off_days
from fraudops.data.merge import check_signs
from fraudops.data.readers import (
    RawRows,
    check_archived_columns,
    explain_read_errors,
    list_source_files,
    read_header,
    read_raw_rows,
)
from fraudops.data.schema import FINER_THAN_SECONDS, SPREADSHEET_DAYS, validate_chunk
from fraudops.data.source_adapter import LABEL_NAMES, SourceAdapter, list_names
from fraudops.data.sources import find_layout, open_source, read_frames
from fraudops.data.values import FLOAT_ID, OFFSET, parse_number
from fraudops.errors import UserError
from fraudops.timeline import DAY, day_of

# names that other systems give to the columns of the layout `csv`
SYNONYMS = {
    "tx_id": ("transaction_id", "transactionid", "trans_num", "txid", "id", "reference"),
    "ts": ("timestamp", "datetime", "date_time", "date", "time", "transaction_date", "created_at"),
    "customer_id": ("customer", "card_id", "card", "cc_num", "user", "user_id", "account"),
    "terminal_id": ("terminal", "merchant", "merchant_id", "merchant_name", "shop", "store"),
    "amount": ("amt", "value", "betrag", "transaction_amount", "price", "sum"),
    "is_fraud": LABEL_NAMES,
}
MAX_EXAMPLES = 3
MAX_REASONS = 20
MIN_MARKS = 10  # amounts that must agree before they tell the decimal mark


@dataclass
class Question:
    """Something that the files do not say.

    Attributes
    ----------
    key : str
        Of `Delivery`.
    text : str
    choices : tuple of str
        Values; for ``columns`` the names that are missing.
    """

    key: str
    text: str
    choices: tuple[str, ...]


@dataclass
class Look:
    """What a look at a delivery has found.

    Attributes
    ----------
    place : Path
        The file or folder.
    files : list of Path
    storage : dict of str to str
        What the first file is.
    columns : DataFrame
        Of the first rows: ``used as``, ``why``, ``different``, ``missing``, ``examples``.
    delivery : Delivery
        What is certain, or what the ``delivery.yml`` beside the files says.
    is_described : bool
        Whether there is one.
    reasons : dict of str to str
        Why, by key of the delivery.
    questions : list of Question
    counts : dict
        What ingestion would do: ``read, accepted, quarantined, frauds, refunds, repeated_ids``,
        ``first_day``, ``last_day``, ``far_off``.
    quarantine : dict of str to int
        Rows by reason.
    refusal : str
        Why ingestion would refuse the whole delivery; empty if it would not.
    """

    place: Path
    files: list[Path]
    storage: dict[str, str] = field(default_factory=dict)
    columns: pd.DataFrame = field(default_factory=pd.DataFrame)
    delivery: Delivery = field(default_factory=Delivery)
    is_described: bool = False
    reasons: dict[str, str] = field(default_factory=dict)
    questions: list[Question] = field(default_factory=list)
    counts: dict = field(default_factory=dict)
    quarantine: dict[str, int] = field(default_factory=dict)
    refusal: str = ""

    def decide(self, key: str, value: object, reason: str) -> None:
        """Note a value of the delivery that is certain, unless its description says another."""
        if self.is_described and getattr(self.delivery, key):
            return
        self.delivery = self.delivery.model_copy(update={key: value})
        self.reasons[key] = reason

    def ask(self, key: str, text: str, choices: tuple[str, ...]) -> None:
        """Note a question, unless the description answers it."""
        if self.is_described and getattr(self.delivery, key):
            return
        self.questions.append(Question(key, text, choices))


def look_at(path: str) -> Look:
    """Look at a file, or at a folder of files of one delivery. Nothing is written.

    Parameters
    ----------
    path : str

    Returns
    -------
    Look

    Raises
    ------
    UserError
        If there is no file, or its source does not read it.
    """
    place = Path(path).expanduser()
    files = list_source_files(place, SOURCE_ADAPTERS["csv"].suffixes)
    look = Look(place, files)
    look.delivery = Delivery(files=("*",) if place.is_dir() else (place.name,))
    try:
        described = load_delivery(place)
        if described != Delivery():
            look.delivery, look.is_described = described, True
        check_archived_columns(files, look.delivery)
        with explain_read_errors(files[0], "CSV"):
            _look_at_bytes(look)
        names = read_header(files[0], look.delivery)
        _match_columns(look, names)
        raw = next(read_raw_rows(files[0], look.delivery), RawRows(pd.DataFrame(), np.array([])))
        first = next(read_frames(files, look.delivery), pd.DataFrame(columns=names, dtype=str))
        typed = look.delivery.rename_some(raw.typed)
        look.columns = _describe_columns(look, first)
        _look_at_times(look, first)
        if _get_adapter(look).amount_column not in typed:
            _look_at_amounts(look, first)
        _look_at_ids(look, first)
    except UserError as error:
        look.refusal = str(error)
        return look
    if not look.questions:
        _try_ingestion(look, place)
    return look


def _get_adapter(look: Look) -> SourceAdapter:
    return SOURCE_ADAPTERS[look.delivery.source or "csv"]


def _look_at_bytes(look: Look) -> None:
    """Encoding, compression and delimiter of the first file."""
    file = look.files[0]
    whole = look.place if look.place.is_file() else file
    look.storage = {"file": f"{whole.name}, {whole.stat().st_size:,} bytes"}
    if len(look.files) > 1:
        look.storage["files"] = f"{len(look.files)}, read in the order of their names"
    if find_file_format(file) != "csv":
        look.storage["format"] = find_file_format(file)
        return
    look.storage |= describe_storage(file)
    try:
        for block in read_line_blocks_of(file, look.delivery.encoding):
            b"\n".join(block).decode()
    except UnicodeDecodeError:
        look.storage["encoding"] = f"not {look.delivery.encoding or 'UTF-8'}"
        text = "The text is not UTF-8. Which encoding reads its letters rightly?"
        look.ask("encoding", text, ("cp1252", "cp874", "latin-1"))
        raise UserError(_explain_encoding(file)) from None
    lines = next(read_line_blocks_of(file, look.delivery.encoding))
    if lines:
        look.storage["delimiter"] = repr(look.delivery.delimiter or find_delimiter(lines[0]))
    if look.delivery.encoding:
        look.storage["encoding"] = look.delivery.encoding


def read_line_blocks_of(file: Path, encoding: str) -> Iterator[list[bytes]]:
    """Read the lines of a text file in blocks."""
    with open_text(file, encoding) as handle:
        for block in read_line_blocks(handle):
            yield block.lines


def _explain_encoding(file: Path) -> str:
    try:
        for _ in read_raw_rows(file):
            pass
    except UserError as error:
        return str(error)
    return f"{file} is not UTF-8."


def _match_columns(look: Look, names: list[str]) -> None:
    """Find the layout, and the columns of another layout by their usual names."""
    if look.delivery.source and look.delivery.source not in SOURCE_ADAPTERS:
        raise UserError(
            f"There is no source {look.delivery.source[:40]!r}. Choose from: "
            f"{', '.join(SOURCE_ADAPTERS)}."
        )
    source = find_layout(look.delivery.rename(names))
    if source:
        look.decide("source", source, "it has all columns of this layout")
        return
    lower = {name.lower().replace(" ", "_"): name for name in names}
    found = {}
    for name, others in SYNONYMS.items():
        known = next((lower[one] for one in (name, *others) if one in lower), None)
        if known and known != name and known not in found.values():
            found[name] = known
    look.decide("source", "csv", "it has the columns of no known layout")
    if found:
        look.decide("columns", found, "by their usual names: check them")
    missing = SOURCE_ADAPTERS["csv"].find_missing([*names, *found])
    if missing:
        listed = ", ".join(one.replace("|", " or ") for one in missing)
        text = f"Which column is {listed}? The file has: {list_names(names)}."
        look.ask("columns", text, tuple(one.split("|")[0] for one in missing))


def _describe_columns(look: Look, first: pd.DataFrame) -> pd.DataFrame:
    adapter, rows = _get_adapter(look), {}
    used = {one for need in adapter.required for one in need.split("|")} | {*adapter.optional}
    for name in first:
        text = first[name].astype(str)
        examples = text[text != ""].drop_duplicates().head(MAX_EXAMPLES)
        rows[look.delivery.columns.get(name, name)] = {
            "used as": name if name in used else "",
            "different": text.nunique(),
            "missing": int((text == "").sum()),
            "examples": ", ".join(repr(one[:30]) for one in examples),
        }
    return pd.DataFrame.from_dict(rows, orient="index")


def _look_at_times(look: Look, first: pd.DataFrame) -> None:
    columns = _get_adapter(look).time_columns
    name = next((one for one in columns if one in first), None)
    if name is None:
        return
    number = parse_number(first[name]).dropna()
    for unit, (low, high) in {
        "milliseconds": (FINER_THAN_SECONDS, 10**14),
        "spreadsheet days": SPREADSHEET_DAYS,
    }.items():
        if len(number) and number.between(low, high).mean() > 0.99:
            reason = f"{number.iloc[0]:.10g} is a time of our days only in this unit"
            look.decide("time_unit", unit, reason)
    iso = first[name].str.contains(OFFSET, regex=True).astype(bool)
    if not iso.all() and not len(number) and not look.delivery.time_zone:
        look.decide(
            "time_zone", "UTC", "times without an offset; if they are local, name their zone"
        )
    evidence = collect_day_order(read_frames(look.files, look.delivery), columns)
    if not evidence.is_usual:
        return
    order, reason = evidence.settle()
    if order:
        look.decide("day_order", order, reason)
    else:
        look.ask("day_order", reason or evidence.ask(), ORDERS)


def _look_at_amounts(look: Look, first: pd.DataFrame) -> None:
    name = _get_adapter(look).amount_column
    if name not in first:
        return
    n_unclear, example = 0, ""
    marks: Counter[str] = Counter()
    for frame in read_frames(look.files, look.delivery):
        text = frame[name].str.strip()
        unclear = text[text.str.fullmatch(UNCLEAR).astype(bool)]
        n_unclear += len(unclear)
        example = example or (str(unclear.iloc[0]) if len(unclear) else "")
        last = text.str.extract(r"([.,])\d{1,2}\D*$", expand=False)
        marks.update(last.dropna().value_counts().to_dict())
    if not n_unclear:
        return
    mark, times = marks.most_common(1)[0] if marks else ("", 0)
    if len(marks) == 1 and times >= max(MIN_MARKS, n_unclear):
        reason = f"all {times:,} amounts with one or two decimals have it"
        look.decide("decimal_mark", mark, reason)
    else:
        text = f"{n_unclear:,} amounts such as {example} have two readings: the mark is before "
        look.ask("decimal_mark", text + "decimals or before thousands.", (".", ","))


def _look_at_ids(look: Look, first: pd.DataFrame) -> None:
    adapter = _get_adapter(look)
    damaged = [
        one
        for one in adapter.id_columns
        if one in first and first[one].str.strip().str.fullmatch(FLOAT_ID).astype(bool).any()
    ]
    if damaged:
        reason = "a program has added decimals to whole numbers"
        look.decide("ids_as_numbers", tuple(damaged), reason)


def _try_ingestion(look: Look, place: Path) -> None:
    """Do what ingestion would do, and write nothing."""
    counts: Counter[str] = Counter(dict.fromkeys(("read", "accepted", "quarantined"), 0))
    reasons: Counter[str] = Counter()
    days: Counter[int] = Counter()
    ids = []
    now = int(datetime.now(UTC).timestamp())
    try:
        source = open_source(look.delivery.source, str(place), described_by=look.delivery)
        for chunk in source.chunks:
            good, bad = validate_chunk(chunk, now, source.most_cents)
            counts.update({"accepted": len(good), "quarantined": len(bad)})
            counts.update({"read": len(good) + len(bad), "frauds": int(good["is_fraud"].sum())})
            counts["refunds"] += int((good["amount_cents"] < 0).sum())
            reasons.update(bad["reason"])
            days.update((good["ts"] // DAY).value_counts().to_dict())
            ids.append(pd.util.hash_pandas_object(good["tx_id"], index=False).to_numpy())
        check_signs(counts["refunds"], counts["accepted"] - counts["refunds"])
    except UserError as error:
        look.refusal = str(error)
        return
    look.counts, look.quarantine = dict(counts), dict(reasons.most_common(MAX_REASONS))
    every = np.concatenate(ids) if ids else np.array([])
    look.counts["repeated_ids"] = len(every) - len(np.unique(every))
    if days:
        dates = {day_of(int(day) * DAY): n for day, n in days.items()}
        main, far_off = split_far_off_days(dates)
        look.counts |= {"first_day": str(main[0]), "last_day": str(main[-1])}
        look.counts["far_off"] = [str(day) for day in far_off]
