"""A time limit for a function that may never end."""

import _thread
import threading
import time
from collections.abc import Callable
from typing import Any


def call_within(seconds: float, function: Callable[[], Any]) -> Any:
    """Call a function, and interrupt it when the time is over.

    It interrupts the main thread, as Ctrl-C does, so it works on all systems and in a kernel. In
    another thread there is no limit.

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
    if threading.current_thread() is not threading.main_thread():
        return function()
    lock, state = threading.Lock(), {"ended": False, "interrupted": False}

    def interrupt() -> None:
        with lock:
            if not state["ended"]:
                state["interrupted"] = True
                _thread.interrupt_main()

    timer = threading.Timer(seconds, interrupt)
    timer.daemon = True
    timer.start()
    try:
        result = function()
        with lock:
            state["ended"] = True
        if state["interrupted"]:  # the interrupt is on its way
            time.sleep(1)
        return result
    except KeyboardInterrupt:
        if not state["interrupted"]:  # the user's own Ctrl-C
            raise
        raise TimeoutError(f"it did not end within {seconds:g} seconds") from None
    finally:
        with lock:
            state["ended"] = True
        timer.cancel()
