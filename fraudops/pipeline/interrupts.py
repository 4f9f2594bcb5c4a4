"""Ctrl-C, received where the run can stop safely."""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def block_interrupts() -> Iterator[None]:
    """Ignore Ctrl-C in a new worker until `worker.initialize_worker` handles it."""
    if not hasattr(signal, "pthread_sigmask"):  # Windows
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


@contextmanager
def collect_interrupts() -> Iterator[list[int]]:
    """Collect Ctrl-C in a list, which the runner reads where it can stop safely.

    An exception inside `concurrent.futures.wait` can leave a future locked, and the pool never
    ends.
    """
    signals: list[int] = []
    owned_signals = [
        one
        for one in (signal.SIGINT, signal.SIGTERM)
        if signal.getsignal(one) is signal.default_int_handler
    ]
    # handlers can be set only in the main thread
    if threading.current_thread() is not threading.main_thread():
        owned_signals = []
    for one in owned_signals:
        signal.signal(one, lambda number, _: signals.append(number))
    try:
        yield signals
    finally:
        for one in owned_signals:
            signal.signal(one, signal.default_int_handler)
