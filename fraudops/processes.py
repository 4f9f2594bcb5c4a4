"""Child processes that end with their parent, and process trees that end together."""

import os
import threading
from multiprocessing import parent_process


def exit_with_parent() -> None:
    """End this process, and all below it, when the process that started it ends.

    A killed runner must not leave kernels behind that go on writing to the workspace.
    """

    def wait_for_parent() -> None:
        parent = parent_process()
        if parent:
            parent.join()
            kill_process_tree(os.getpid())

    threading.Thread(target=wait_for_parent, daemon=True).start()


def kill_process_tree(pid: int) -> None:
    """End a process and everything below it, children before parents.

    Parameters
    ----------
    pid : int
        Identifier of the process; one that does not exist is ignored.
    """
    import psutil

    try:
        process = psutil.Process(pid)
        family = [*reversed(process.children(recursive=True)), process]
    except psutil.NoSuchProcess:
        return
    for member in family:
        try:
            member.kill()
        except psutil.NoSuchProcess:
            continue
    psutil.wait_procs(family, timeout=5)
