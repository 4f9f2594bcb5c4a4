"""Answers as plain Python values, to compare and to show them."""

import math
from typing import Any

import numpy as np
import pandas as pd

MAX_SHOWN = 900  # characters of a value in a message


def to_plain(value: Any) -> Any:
    """Turn tables, arrays and NumPy numbers into lists, dictionaries and Python numbers.

    Parameters
    ----------
    value : Any
        The index of a table or series does not count; a missing value becomes None.

    Returns
    -------
    Any
    """
    if isinstance(value, pd.DataFrame):
        return {str(name): to_plain(value[name]) for name in value.columns}
    if isinstance(value, pd.Series | pd.Index | np.ndarray):
        return [to_plain(one) for one in value.tolist()]
    if isinstance(value, dict):
        return {to_plain(key): to_plain(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [to_plain(one) for one in value]
    if isinstance(value, set | frozenset):
        return sorted((to_plain(one) for one in value), key=repr)
    if isinstance(value, np.generic):
        value = value.item()
    if value is pd.NA or value is pd.NaT or (isinstance(value, float) and math.isnan(value)):
        return None
    return value


def are_same(left: Any, right: Any) -> bool:
    """Whether two plain values are the same; numbers may differ by a rounding error.

    Parameters
    ----------
    left, right : Any
        From `to_plain`.

    Returns
    -------
    bool
    """
    if isinstance(left, int | float) and isinstance(right, int | float):
        return math.isclose(left, right, rel_tol=1e-9, abs_tol=1e-9)
    if isinstance(left, list) and isinstance(right, list):
        return len(left) == len(right) and all(map(are_same, left, right))
    if isinstance(left, dict) and isinstance(right, dict):
        return left.keys() == right.keys() and all(are_same(left[k], right[k]) for k in left)
    return type(left) is type(right) and bool(left == right)


def show_value(value: Any) -> str:
    """Show a value to a student.

    Parameters
    ----------
    value : Any
        A table is shown as a table.

    Returns
    -------
    str
        At most 900 characters.
    """
    if isinstance(value, pd.DataFrame | pd.Series):
        text = value.to_string()
    elif callable(value) and hasattr(value, "__name__"):
        text = f"the function {value.__name__}"
    else:
        text = repr(to_plain(value))
    return text if len(text) <= MAX_SHOWN else f"{text[:MAX_SHOWN]} …"
