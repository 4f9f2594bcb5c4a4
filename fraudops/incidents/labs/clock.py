"""A clock for prepared worlds: the library's own calls write the times of the story."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from unittest import mock


@contextmanager
def run_at(moment: float) -> Iterator[None]:
    """Let `time.time` give a moment of the story inside the block.

    The review queue, the ledger and its heads write the present time. A prepared world tells of
    earlier days, and must be the same at each start.

    Parameters
    ----------
    moment : float
        Seconds since 1970.

    Examples
    --------
    >>> with run_at(100.0):
    ...     time.time()
    100.0
    """
    with mock.patch.object(time, "time", lambda: float(moment)):
        yield
