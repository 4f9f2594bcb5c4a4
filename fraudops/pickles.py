"""Pickled frames from outside, read without trusting them: only the constructors of plain frames are ever called."""

import io
from pathlib import Path

import pandas as pd
from pandas.compat import pickle_compat

from fraudops.workspace import UserError

# What a frame of numbers, text and times is made of, in pandas 1 to 3; reviewed one by one: none runs code of the file's.
ALLOWED = {
    ("_codecs", "encode"),
    ("builtins", "bytearray"),
    ("builtins", "slice"),
    ("numpy", "dtype"),
    ("numpy", "ndarray"),
    *((f"numpy.{core}.multiarray", name) for core in ("core", "_core") for name in ("_reconstruct", "scalar")),
    *((f"numpy.{core}.numeric", "_frombuffer") for core in ("core", "_core")),
    *((module, "DataFrame") for module in ("pandas", "pandas.core.frame")),
    *((module, "Index") for module in ("pandas", "pandas.core.indexes.base")),
    *((module, "RangeIndex") for module in ("pandas", "pandas.core.indexes.range")),
    *(("pandas.core.indexes.numeric", name) for name in ("Int64Index", "UInt64Index", "Float64Index")),
    *((module, "DatetimeArray") for module in ("pandas.arrays", "pandas.core.arrays.datetimes")),
    *((module, "StringDtype") for module in ("pandas", "pandas.core.arrays.string_")),
    ("pandas.arrays", "ArrowStringArray"),
    ("pandas._libs.arrays", "__pyx_unpickle_NDArrayBacked"),
    ("pandas._libs.internals", "_unpickle_block"),
    ("pandas.core.indexes.base", "_new_Index"),
    ("pandas.core.internals.blocks", "new_block"),
    ("pandas.core.internals.managers", "BlockManager"),
    ("pyarrow.lib", "_restore_array"),
    ("pyarrow.lib", "py_buffer"),
    ("pyarrow.lib", "type_for_alias"),
}
PLAIN = (str, int, float, bool, type(None))


class _Forbidden(Exception):
    pass


class _Unpickler(pickle_compat.Unpickler):
    """pandas' own reader of old pickles, which looks nothing up that is not on the list."""

    def find_class(self, module: str, name: str) -> object:
        if (module, name) not in ALLOWED:
            raise _Forbidden(f"{module}.{name}")
        return super().find_class(module, name)

    def persistent_load(self, pid: object) -> object:
        raise _Forbidden("a persistent id")

    def get_extension(self, code: int) -> object:
        raise _Forbidden("an extension code")


def read_frame(file: Path) -> pd.DataFrame:
    """The frame in a pickle file.

    Raises
    ------
    UserError
        If the file asks for anything but a plain frame, before what it asks for has run; or if it is damaged.
    """
    try:
        frame = _Unpickler(io.BytesIO(file.read_bytes())).load()
    except _Forbidden as error:
        raise UserError(
            f"{file} asks Python to load {error}, which a plain frame never needs. It was not loaded: a pickle can run any "
            "program. Ask for the data as Parquet or CSV."
        ) from None
    except Exception as error:  # a damaged stream can fail in any of the constructors
        raise UserError(f"{file} is damaged or not a pickle ({type(error).__name__}: {error}). Nothing was ingested.") from None
    if type(frame) is not pd.DataFrame:
        raise UserError(f"{file} holds a {type(frame).__name__} and not a frame. Nothing was ingested.")
    for name in frame.columns:
        if type(name) is not str or (
            frame[name].dtype == object and not frame[name].map(lambda value: isinstance(value, PLAIN)).all()
        ):
            raise UserError(f"{file} has a column {name!r} that does not hold plain text or numbers. Nothing was ingested.")
    return frame
