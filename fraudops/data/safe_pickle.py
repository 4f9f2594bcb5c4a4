"""Frames from pickles of unknown origin: nothing a stream names is called, it is only written down
and then read.

A pickle is a program that calls what it names. Here every name on a short list becomes an inert
stand-in that keeps its arguments, any other name is refused, and the columns are put together
afterwards from what was kept. So a hostile stream has nothing to call, and frames of pandas 1 read
like those of pandas 3, whose classes moved in between.
"""

import pickle
import re
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa

from fraudops.errors import UserError

# What plain frames are made of, by pandas 1 to 3 and numpy 1 to 2, in pickle protocols 2 to 5.
ALLOWED_GLOBALS = {
    "builtins": ("bytearray", "bytes", "slice"),
    "__builtin__": ("bytearray", "bytes", "slice"),
    "_codecs": ("encode",),
    "numpy": ("dtype", "ndarray"),
    "numpy.core.multiarray": ("_reconstruct",),
    "numpy._core.multiarray": ("_reconstruct",),
    "numpy.core.numeric": ("_frombuffer",),
    "numpy._core.numeric": ("_frombuffer",),
    "pandas": ("DataFrame", "Index", "RangeIndex", "StringDtype", "NA"),
    "pandas.arrays": ("ArrowStringArray", "DatetimeArray", "StringArray"),
    "pandas._libs.arrays": ("__pyx_unpickle_NDArrayBacked",),
    "pandas._libs.internals": ("BlockPlacement", "_unpickle_block"),
    "pandas._libs.missing": ("NA",),
    "pandas.core.arrays.datetimes": ("DatetimeArray",),
    "pandas.core.arrays.string_": ("StringArray", "StringDtype"),
    "pandas.core.arrays.string_arrow": ("ArrowStringArray",),
    "pandas.core.frame": ("DataFrame",),
    "pandas.core.indexes.base": ("Index", "_new_Index"),
    "pandas.core.indexes.numeric": ("Float64Index", "Int64Index", "UInt64Index"),
    "pandas.core.indexes.range": ("RangeIndex",),
    "pandas.core.internals.blocks": ("new_block",),
    "pandas.core.internals.managers": ("BlockManager",),
    "pyarrow.lib": ("_restore_array", "chunked_array", "py_buffer", "type_for_alias"),
}


class _StandIn:
    """A stand-in that keeps the arguments and the state that a stream gives to a name."""

    __slots__ = ("args", "state")

    def __new__(cls, *args: Any) -> "_StandIn":
        part = super().__new__(cls)
        part.args, part.state = args, None
        return part

    def __setstate__(self, state: Any) -> None:
        self.state = state


STAND_IN_CLASSES = {
    name: type(name, (_StandIn,), {"__slots__": ()})
    for names in ALLOWED_GLOBALS.values()
    for name in names
}


class _RefusedPickleError(Exception):
    """The stream is not a plain data frame."""


class _RestrictedUnpickler(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> type:
        if name not in ALLOWED_GLOBALS.get(module, ()):
            raise _RefusedPickleError(f"names {module}.{name}, which no plain table needs")
        return STAND_IN_CLASSES[name]


# what a malformed stream makes the unpickler, or the reading of its parts, raise
MALFORMED_PICKLE_ERRORS = (
    pickle.UnpicklingError,
    ArithmeticError,
    AttributeError,
    EOFError,
    LookupError,
    MemoryError,
    RecursionError,
    TypeError,
    ValueError,
    pa.ArrowException,
)


def read_pickled_frame(file: Path) -> pd.DataFrame:
    """A pickled frame's columns; its index is left out.

    Parameters
    ----------
    file : a pickle of a pandas frame whose columns hold numbers, times without a zone, or text

    Raises
    ------
    UserError
        If the stream names anything but the parts of plain frames, is damaged, or holds something
        else.
    """
    try:
        with file.open("rb") as handle:
            return _build_frame(_RestrictedUnpickler(handle).load())
    except _RefusedPickleError as error:
        raise UserError(
            f"{file} was refused, and nothing in it was run: it {error}. "
            "If you trust who wrote it, save it as Parquet in pandas and name that file."
        ) from None
    except MALFORMED_PICKLE_ERRORS as error:
        about = (str(error).splitlines() or [type(error).__name__])[0]
        raise UserError(
            f"{file} cannot be read as a pickled frame ({about}). Nothing was ingested: "
            "copy or download it again."
        ) from None


def _is_stand_in(value: Any, *names: str) -> bool:
    return isinstance(value, _StandIn) and type(value).__name__ in names


def _build_frame(top: Any) -> pd.DataFrame:
    if not _is_stand_in(top, "DataFrame"):
        raise _RefusedPickleError("does not hold a frame")
    manager = top.state.get("_mgr", top.state.get("_data"))
    if not _is_stand_in(manager, "BlockManager"):
        raise _RefusedPickleError("holds a frame without a block manager")
    if manager.args:
        blocks, axes = manager.args
        placed = [block.args[:2] for block in blocks]
    else:  # as pandas before 1.3 wrote it
        kept = manager.state[3]["0.14.1"]
        axes, placed = (
            kept["axes"],
            [(block["values"], block["mgr_locs"]) for block in kept["blocks"]],
        )
    if not _is_stand_in(axes[0], "_new_Index") or "data" not in axes[0].args[1]:
        raise _RefusedPickleError("holds a frame whose columns have no names")
    names = [str(name) for name in _read_array(axes[0].args[1]["data"]).tolist()]
    columns: dict[str, np.ndarray] = {}
    for values, where in placed:
        block = np.atleast_2d(_read_array(values))
        for place, column in zip(_read_block_positions(where, len(names)), block, strict=True):
            if columns.setdefault(names[place], column) is not column:
                raise _RefusedPickleError(f"fills the column {names[place]!r} twice")
    if set(names) != set(columns) or len({len(column) for column in columns.values()}) > 1:
        raise _RefusedPickleError("holds columns that are missing or of different lengths")
    return pd.DataFrame({name: columns[name] for name in names})


def _read_block_positions(where: Any, count: int) -> list[int]:
    if _is_stand_in(where, "BlockPlacement"):
        return _read_block_positions(where.args[0], count)
    if _is_stand_in(where, "slice"):
        return list(range(count)[slice(*where.args)])
    places = _read_array(where).tolist()
    if any(not 0 <= place < count for place in places):
        raise _RefusedPickleError("places a column outside of the frame")
    return places


def _read_array(part: Any) -> np.ndarray:
    """Read the array behind a stand-in."""
    if _is_stand_in(part, "_reconstruct"):
        _, shape, kind, fortran, content = part.state
        return _reshape_values(content, kind, shape, "F" if fortran else "C")
    if _is_stand_in(part, "_frombuffer"):
        content, kind, shape, order = part.args
        return _reshape_values(content, kind, shape, order)
    if _is_stand_in(part, "__pyx_unpickle_NDArrayBacked"):
        return _read_array(
            next(
                (one for one in part.state if _is_stand_in(one, "_reconstruct", "_frombuffer")),
                None,
            )
        )
    if _is_stand_in(part, "DatetimeArray"):  # as pandas before 1.3 wrote it
        return _read_array(part.state["_data"])
    if _is_stand_in(part, "ArrowStringArray"):
        return _read_arrow_array(part.state["_pa_array"]).to_numpy(zero_copy_only=False)
    raise _RefusedPickleError(
        f"holds a column made of {type(part).__name__}, not of numbers, times or text"
    )


def _reshape_values(content: Any, kind: Any, shape: tuple[int, ...], order: str) -> np.ndarray:
    dtype = _read_dtype(kind)
    if dtype.kind != "O":
        return np.frombuffer(_read_bytes(content), dtype).reshape(shape, order=order)
    flat = np.empty(len(content), object)
    for place, value in enumerate(content):
        missing = value is STAND_IN_CLASSES["NA"]
        plain = type(value) in (str, float, type(None)) or (
            type(value) is int and abs(value) < 2**63
        )
        if not (plain or missing):
            name = value.__name__ if isinstance(value, type) else type(value).__name__
            raise _RefusedPickleError(
                f"holds a {name} in a column of objects, where only text, numbers and None are read"
            )
        flat[place] = None if missing else value
    return flat.reshape(shape, order=order)


def _read_dtype(part: Any) -> np.dtype:
    code, order = part.args[0], part.state[1]
    if (
        not _is_stand_in(part, "dtype")
        or not re.fullmatch("b1|[iu][1248]|f[248]|O8|M8", code)
        or order not in ("<", ">", "|", "=")
    ):
        raise _RefusedPickleError(
            f"holds an array of type {part.args[0]!r}, not of numbers, times or text"
        )
    if code != "M8":
        return np.dtype(code).newbyteorder(order)
    unit, every = part.state[8][1][:2]
    if every != 1 or _read_bytes(unit) not in (b"s", b"ms", b"us", b"ns"):
        raise _RefusedPickleError(
            f"holds times in steps of {every} {unit!r}, not of seconds or fractions of one"
        )
    return np.dtype(f"{order}M8[{_read_bytes(unit).decode()}]")


def _read_bytes(part: Any) -> bytes:
    if isinstance(part, bytes | bytearray):
        return bytes(part)
    if _is_stand_in(part, "encode") and part.args[1] == "latin1":
        return part.args[0].encode("latin1")
    if _is_stand_in(part, "bytes", "bytearray", "py_buffer"):
        return _read_bytes(part.args[0]) if part.args else b""
    raise _RefusedPickleError(f"holds a {type(part).__name__} where bytes are due")


def _read_arrow_array(part: Any) -> pa.Array:
    """Read Arrow's text columns; they are fully checked, because offsets point into memory."""
    if _is_stand_in(part, "chunked_array"):
        return pa.concat_arrays([_read_arrow_array(one) for one in part.args[0]])
    if not _is_stand_in(part, "_restore_array"):
        raise _RefusedPickleError(f"holds text in a {type(part).__name__}")
    kind, length, nulls, offset, buffers, children, dictionary = part.args[0]
    kinds = {"string": pa.string(), "large_string": pa.large_string()}
    if (
        not _is_stand_in(kind, "type_for_alias")
        or kind.args[0] not in kinds
        or children
        or dictionary is not None
    ):
        raise _RefusedPickleError("holds Arrow columns that are not text")
    buffers_read = [None if one is None else pa.py_buffer(_read_bytes(one)) for one in buffers]
    array = pa.Array.from_buffers(kinds[kind.args[0]], length, buffers_read, nulls, offset)
    array.validate(full=True)
    return array
