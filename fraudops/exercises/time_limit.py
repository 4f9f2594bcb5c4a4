"""A time limit for a function that may never end."""

import ctypes
import threading
import time
from collections.abc import Callable
from typing import Any


class _TimeIsOver(BaseException):
    """Is raised inside the function; ``except Exception`` does not catch it."""


def call_within(seconds: float, function: Callable[[], Any]) -> Any:
    """Call a function, and interrupt it when the time is over.

    The interrupt is an exception that Python raises in the calling thread. A signal would not do: a
    program that a shell has started in the background ignores Ctrl-C. A call into C, such as
    ``time.sleep``, ends first.

    Parameters
    ----------
    seconds : float
    function : callable
        Without arguments.

    Returns
    -------
    Any
        What the function returns.

    Raises
    ------
    TimeoutError
        If the time is over.
    """
    thread = ctypes.c_ulong(threading.get_ident())
    lock, state = threading.Lock(), {"ended": False, "interrupted": False}

    def interrupt() -> None:
        with lock:
            if not state["ended"]:
                state["interrupted"] = True
                raised = ctypes.py_object(_TimeIsOver)
                ctypes.pythonapi.PyThreadState_SetAsyncExc(thread, raised)

    timer = threading.Timer(seconds, interrupt)
    timer.daemon = True
    timer.start()
    try:
        result = function()
        with lock:
            state["ended"] = True
        if state["interrupted"]:  # the exception is on its way
            time.sleep(1)
        return result
    except _TimeIsOver:
        raise TimeoutError(f"it did not end within {seconds:g} seconds") from None
    finally:
        with lock:
            state["ended"] = True
        timer.cancel()
