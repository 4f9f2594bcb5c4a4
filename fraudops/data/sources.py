"""Sources of transactions: each gives chunks of canonical columns."""

import difflib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pandas as pd

from fraudops.data.adapters import SOURCE_ADAPTERS
from fraudops.data.columns import DELIVERY_FILE
from fraudops.data.day_order import collect_day_order
from fraudops.data.delivery import Delivery, load_delivery
from fraudops.data.file_kinds import check_encoding
from fraudops.data.readers import (
    check_archived_columns,
    list_source_files,
    read_header,
    read_raw_rows,
)
from fraudops.data.schema import Chunk
from fraudops.data.source_adapter import SourceAdapter
from fraudops.data.values import ValueParser
from fraudops.errors import UserError
from fraudops.simulator import (
    DEFAULT_DRIFTS,
    SimulatorConfig,
    World,
    make_course_config,
    simulate_world,
)


@dataclass(frozen=True)
class _RestartingChunks:
    """Chunks that are read from the beginning by each loop, so that a cell may run twice."""

    start: Callable[[], Iterator[Chunk]]

    def __iter__(self) -> Iterator[Chunk]:
        return self.start()


@dataclass
class Source:
    """An opened source: its chunks, what its columns cannot fill, and how its files are read."""

    name: str
    chunks: Iterable[Chunk]
    not_filled: tuple[str, ...] = ()
    world: World | None = None
    delivery: Delivery = field(default_factory=Delivery)
    most_cents: int = 100_000_000  # above it a unit is more likely wrong than a purchase right
    parameters: dict = field(default_factory=dict)  # what it was opened with
    has_labels: bool = True


def open_source(
    name: str,
    path: str = "",
    profile: str = "course",
    seed: int = 7,
    drift: str = DEFAULT_DRIFTS,
    difficulty: float = SimulatorConfig.difficulty,
    described_by: str | Delivery = "",
    for_scoring: bool = False,
) -> Source:
    """Open a source by name.

    Parameters
    ----------
    name : str
        ``simulate``, or one of `adapters.SOURCE_ADAPTERS`.
    path : str, optional
        A file, or a folder of files that are read in the order of their names. Not for
        ``simulate``.
    profile : str, optional
        Size of the simulated world; see `make_course_config`.
    seed : int, optional
    drift : str, optional
    difficulty : float, optional
    described_by : str or Delivery, optional
        How the files must be read, or the path of a ``delivery.yml`` that says it. Default: the
        ``delivery.yml`` beside them.
    for_scoring : bool, optional
        Labels are not read.

    Returns
    -------
    Source

    Raises
    ------
    UserError
        If the name is unknown, or a file is missing, empty, truncated or lacks columns, or its
        dates have two readings.

    Examples
    --------
    >>> open_source("simulate", profile="smoke").name
    'simulate'
    """
    if name == "simulate":
        world = simulate_world(make_course_config(profile, seed, drift, difficulty))
        given = {"profile": profile, "seed": seed, "drift": drift, "difficulty": difficulty}
        chunks = _RestartingChunks(lambda: iter_world_chunks(world))
        return Source(name, chunks, world=world, parameters=given)
    if name not in SOURCE_ADAPTERS:
        nearest = difflib.get_close_matches(name, ["simulate", *SOURCE_ADAPTERS], 1) or ["simulate"]
        raise UserError(f"There is no source {name!r}: did you mean {nearest[0]!r}?")
    if not path:
        raise UserError(f"The source {name!r} reads a file: name it with --path FILE.")
    mapping, place = SOURCE_ADAPTERS[name], Path(path).expanduser()
    files = list_source_files(place, mapping.suffixes)
    delivery = load_delivery(place, described_by) if isinstance(described_by, str) else described_by
    check_archived_columns(files, delivery)
    _check_delivery(delivery, name, mapping, files)
    if for_scoring:
        mapping = mapping.without_labels()
    headers = {file: delivery.rename(read_header(file, delivery)) for file in files}
    not_filled = dict.fromkeys(
        phrase for file, names in headers.items() for phrase in mapping.check(names, file)
    )
    labelled = {mapping.label_column in names for names in headers.values()}
    if len(labelled) > 1:
        raise UserError(
            f"{place} holds files with the column {mapping.label_column!r} and files without it: "
            "deliver them apart. Nothing was ingested."
        )
    delivery = _settle_day_order(files, mapping, delivery)
    chunks = _RestartingChunks(lambda: _iter_file_chunks(files, mapping, delivery))
    return Source(
        name,
        chunks,
        tuple(not_filled),
        delivery=delivery,
        most_cents=mapping.most_cents,
        parameters={"path": place.name},
        has_labels=labelled == {True},
    )


def find_layout(names: list[str]) -> str:
    """Find the source whose required columns a file has.

    Parameters
    ----------
    names : list of str
        Columns of the file.

    Returns
    -------
    str
        Empty if there is none.

    Examples
    --------
    >>> find_layout(["tx_id", "ts", "customer_id", "terminal_id", "amount"])
    'csv'
    """
    return next(
        (one for one, about in SOURCE_ADAPTERS.items() if not about.find_missing(names)), ""
    )


def find_source_name(path: str) -> str:
    """Find the name of the source that reads a file or folder, from its description or its columns.

    Parameters
    ----------
    path : str

    Returns
    -------
    str
        ``csv`` if no layout fits: opening it then says what is missing.
    """
    place = Path(path).expanduser()
    delivery = load_delivery(place)
    if delivery.source:
        return delivery.source
    files = list_source_files(place, SOURCE_ADAPTERS["handbook"].suffixes)
    return find_layout(delivery.rename(read_header(files[0], delivery))) or "csv"


def _check_delivery(
    delivery: Delivery, name: str, mapping: SourceAdapter, files: list[Path]
) -> None:
    """Refuse a description that does not fit the source or its files."""
    if delivery.source and delivery.source != name:
        raise UserError(
            f"{DELIVERY_FILE} says `source: {delivery.source[:40]}`, and the files are opened as "
            f"{name!r}."
        )
    known = {one for need in mapping.required for one in need.split("|")} | {*mapping.optional}
    for wrong in [one for one in delivery.columns if one not in known]:
        raise UserError(
            f"{DELIVERY_FILE} has {wrong[:40]!r} under `columns`. Choose from: "
            f"{', '.join(sorted(known))}."
        )
    for file in files:
        check_encoding(file, delivery.encoding)
        names = read_header(file, delivery)
        missing = {*delivery.ids_as_numbers} - {*names, *delivery.columns}
        if missing:
            raise UserError(
                f"{DELIVERY_FILE} has {min(missing)[:40]!r} under `ids_as_numbers`, and {file} has "
                "no such column."
            )


def read_frames(files: list[Path], delivery: Delivery) -> Iterator[pd.DataFrame]:
    """Read the text columns of files, with the names of the layout."""
    for file in files:
        for raw in read_raw_rows(file, delivery):
            yield raw.frame.set_axis(delivery.rename(list(raw.frame)), axis=1)


def _settle_day_order(files: list[Path], mapping: SourceAdapter, delivery: Delivery) -> Delivery:
    """Find the order of day and month, if dates have the year at the end and nobody has said it."""
    if not mapping.time_columns:
        return delivery
    begins = [next(read_frames([file], delivery), pd.DataFrame()) for file in files]
    if not collect_day_order(begins, mapping.time_columns).is_usual:
        return delivery
    evidence = collect_day_order(read_frames(files, delivery), mapping.time_columns)
    order, reason = evidence.settle()
    if delivery.day_order:
        evidence.check(delivery.day_order)
        return delivery
    if not order:
        name = files[0] if len(files) == 1 else files[0].parent
        why = f"{name}: {reason}. Export them in one order." if reason else evidence.ask()
        hint = (
            f" {name} does not say. Write `day_order: day-month-year` or `day_order: "
            f"month-day-year` in a {DELIVERY_FILE} beside it (see `fraudops look`)."
        )
        raise UserError(f"{why}{'' if reason else hint} Nothing was ingested.")
    return delivery.model_copy(update={"day_order": order})


def _iter_file_chunks(
    files: list[Path], mapping: SourceAdapter, delivery: Delivery
) -> Iterator[Chunk]:
    values = ValueParser(delivery)
    for file in files:
        for raw in read_raw_rows(file, delivery):
            row = pd.Series(raw.line - raw.header, index=raw.frame.index).astype(str)
            # one row number for each file
            row = f"{file.name.partition('.')[0]}-" + row if len(files) > 1 else row
            named = raw.frame.set_axis(delivery.rename(list(raw.frame)), axis=1)
            values.typed = frozenset(delivery.rename_some(raw.typed))
            values.inexact = frozenset(delivery.rename_some(raw.inexact))
            try:
                frame = mapping.apply(named, row, values)
            except UserError as error:
                raise UserError(f"{file}: {error} Nothing was ingested.") from None
            yield Chunk(frame, raw.frame, raw.line, raw.broken, file.name)


def iter_world_chunks(world: World, rows: int = 250_000) -> Iterator[Chunk]:
    """Iterate over a simulated world in canonical columns: first its purchases, then its refunds.

    Parameters
    ----------
    world : World
    rows : int, optional
        Rows of a chunk.

    Yields
    ------
    Chunk
    """
    tx = world.transactions
    label = pd.Series(world.labels["label_ts"].to_numpy(), index=world.labels["tx_id"])
    line = 0
    for table, first_letter in ((tx, "T"), (world.refunds, "R")):
        for start in range(0, len(table), rows):
            part = table.iloc[start : start + rows]
            frame = _build_world_frame(part, first_letter)
            if table is tx:
                label_ts = pd.array(label.reindex(part["tx_id"]).array, dtype="Int64")
                is_fraud = (part["kind"] != "").astype("Int64")
                frame = frame.assign(is_fraud=is_fraud, label_ts=label_ts, kind="purchase")
            yield Chunk(frame, frame, np.arange(line + 1, line + len(part) + 1))
            line += len(part)


def _build_world_frame(part: pd.DataFrame, first_letter: str) -> pd.DataFrame:
    """Build canonical columns from a table of a world; its ids begin with a letter."""

    def text(name: str, letter: str) -> pd.Series:
        return letter + part[name].astype(str)

    return pd.DataFrame(
        {
            "tx_id": text("tx_id", first_letter),
            "ts": part["ts"].astype("Int64"),
            "customer_id": text("customer_id", "C"),
            "terminal_id": text("terminal_id", "M"),
            "amount_cents": part["amount_cents"].astype("Int64"),
            "category": part["category"].astype(object).fillna("unknown").astype(str),
            "channel": part["channel"].astype(object).fillna("unknown").astype(str),
            "lat_cdeg": part["lat_cdeg"],
            "lon_cdeg": part["lon_cdeg"],
            "is_fraud": pd.array([0] * len(part), dtype="Int64"),
            "label_ts": pd.array([pd.NA] * len(part), dtype="Int64"),
            "kind": part["kind"].astype(str),
        }
    )
