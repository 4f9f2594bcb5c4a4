"""How the files of a delivery must be read: what `delivery.yml` says."""

from collections.abc import Iterable
from fnmatch import fnmatch
from pathlib import Path
from typing import Annotated, Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import yaml
from pydantic import AfterValidator, BaseModel, ConfigDict, ValidationError

from fraudops.data.columns import DELIVERY_FILE
from fraudops.data.kinds import KINDS
from fraudops.errors import UserError

MAX_BYTES = 100_000
OPEN_QUESTION = "?"  # stands where a person has to decide
DayOrder = Literal["", "year-month-day", "day-month-year", "month-day-year"]


def _check_encoding(name: str) -> str:
    try:
        "".encode(name or "utf-8")  # not every codec is of text
    except LookupError:
        raise ValueError(f"there is no encoding {name!r}") from None
    return name


def _check_time_zone(name: str) -> str:
    try:
        ZoneInfo(name or "UTC")
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise ValueError(f"there is no time zone {name!r}; one is 'Asia/Bangkok'") from None
    return name


class Delivery(BaseModel):
    """How the files of a delivery must be read. What is left empty is found from the files.

    Attributes
    ----------
    files : tuple of str
        Names of the files that this describes; ``*`` stands for any letters.
    source : str
        The layout of the columns, as `open_source` names it.
    encoding : str
        Of the text, such as ``cp1252``. Default: UTF-8, or UTF-16 if the file begins like it.
    delimiter : str
        Between columns.
    decimal_mark : str
        ``.`` or ``,``. It decides what 1.025 means.
    currency : str
        The one sign that amounts may have, such as ``$`` or ``EUR``.
    day_order : str
        It decides what 03/04/2026 means.
    time_unit : str
        Of times that are written as numbers.
    time_zone : str
        Of times without an offset. Default: UTC.
    ids_as_numbers : tuple of str
        Columns of ids that a program may have written with decimals: there 120.0 is 120.
    columns : dict of str to str
        The file's name of a column, by the name that the layout has for it.
    kinds : dict of str to str
        What words of the column ``kind`` mean: ``purchase``, ``refund`` or ``reversal``.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    files: tuple[str, ...] = ("*",)
    source: str = ""
    encoding: Annotated[str, AfterValidator(_check_encoding)] = ""
    delimiter: Literal["", ",", ";", "\t", "|"] = ""
    decimal_mark: Literal["", ".", ","] = ""
    currency: str = ""
    day_order: DayOrder = ""
    time_unit: Literal["", "seconds", "milliseconds", "spreadsheet days"] = ""
    time_zone: Annotated[str, AfterValidator(_check_time_zone)] = ""
    ids_as_numbers: tuple[str, ...] = ()
    columns: dict[str, str] = {}
    kinds: dict[str, Literal[KINDS]] = {}

    def to_record(self) -> dict:
        """Convert to JSON values, without what is left empty."""
        return self.model_dump(mode="json", exclude_defaults=True)

    def rename_some(self, names: Iterable[str]) -> list[str]:
        """Give some columns of the file the names of the layout."""
        new = {old: name for name, old in self.columns.items()}
        return [new.get(name, name) for name in names]

    def rename(self, names: list[str]) -> list[str]:
        """Give columns of the file the names of the layout.

        Raises
        ------
        UserError
            If the file does not have one of `columns`, or two columns would have one name.

        Examples
        --------
        >>> Delivery(columns={"amount": "betrag"}).rename(["tx_id", "betrag"])
        ['tx_id', 'amount']
        """
        renamed = self.rename_some(names)
        missing = [old for old in self.columns.values() if old not in names]
        twice = sorted({name for name in renamed if renamed.count(name) > 1})
        if missing:
            raise UserError(
                f"{DELIVERY_FILE} names the column {missing[0][:40]!r} under `columns`, and the "
                "file does not have it."
            )
        if len(set(self.columns.values())) < len(self.columns) or twice:
            name = twice[0] if twice else next(iter(self.columns))
            raise UserError(
                f"{DELIVERY_FILE} gives two columns one name, or one column two names (look at "
                f"{name[:40]!r} under `columns`)."
            )
        return renamed


def load_delivery(path: Path, described_by: str = "") -> Delivery:
    """Load the description of a file or folder.

    Parameters
    ----------
    path : Path
        The file or folder that will be read.
    described_by : str, optional
        A description. Default: ``delivery.yml`` in the folder, if it names the file.

    Returns
    -------
    Delivery
        An empty one if there is none.

    Raises
    ------
    UserError
        If the description is missing, is no YAML, has an unknown key or value, or leaves a question
        open.
    """
    folder = path if path.is_dir() else path.parent
    file = Path(described_by).expanduser() if described_by else folder / DELIVERY_FILE
    if not file.is_file():
        if described_by or file.exists() or file.is_symlink():
            raise UserError(
                f"The description {file} is missing or no file: `fraudops look` writes one."
            )
        return Delivery()
    if file.stat().st_size > MAX_BYTES:
        raise UserError(f"{file} has more than {MAX_BYTES:,} bytes: it is no description.")
    try:
        content = yaml.safe_load(file.read_text(encoding="utf-8")) or {}
        if not isinstance(content, dict):
            raise UserError(f"{file} has no keys: `fraudops look` writes one as an example.")
        _check_questions(content, file)
        delivery = Delivery.model_validate(content)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        raise UserError(f"{file}: {where}: {first['msg']}") from None
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise UserError(f"{file} is no YAML: {' '.join(str(error).split())[:300]}") from None
    if not described_by:
        names = [one.name for one in path.iterdir()] if path.is_dir() else [path.name]
        _check_names(delivery, [one for one in names if one != DELIVERY_FILE], file)
    return delivery


def _check_names(delivery: Delivery, names: list[str], file: Path) -> None:
    """Refuse files that lie beside a description which does not name them: one is wrong."""
    for name in names:
        if name.startswith((".", "_")) or any(fnmatch(name, one) for one in delivery.files):
            continue
        raise UserError(
            f"{file} does not name {name[:60]!r}: add it under `files`, or move it to another "
            "folder."
        )


def _check_questions(content: dict, file: Path) -> None:
    columns = content.get("columns")
    every = content | (columns if isinstance(columns, dict) else {})
    empty = [str(name) for name, value in content.items() if value in ("", None)]
    if empty:
        raise UserError(f"{file}: {empty[0][:40]} is empty: put its value in quotation marks.")
    left = [str(name) for name, value in every.items() if value == OPEN_QUESTION]
    if left:
        raise UserError(
            f"{file} leaves a question open: {', '.join(left)}. The comment above it says what "
            "the choices are."
        )
