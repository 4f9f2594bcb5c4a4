"""Processes: children that end with their parent, trees that end together, opened notebooks."""

import os
import runpy
import socket
import sys
import threading
import time
from multiprocessing import parent_process

from fraudops.errors import UserError

RUNNER_VARIABLE = "FRAUDOPS_RUNNER"  # set in the processes of `fraudops run`


def is_opened_notebook() -> bool:
    """Tell whether this is the kernel of a notebook that a person runs, as in JupyterLab.

    The kernels of `fraudops run` are not.
    """
    interactive = sys.modules.get("IPython")
    shell = interactive.get_ipython() if interactive else None
    return hasattr(shell, "kernel") and not os.environ.get(RUNNER_VARIABLE)


def require_free_port(port: int) -> None:
    """Require that a server can listen on a port of this machine.

    Parameters
    ----------
    port : int

    Raises
    ------
    UserError
        Names the process that listens there, if it can be found.
    """
    if not 0 < port < 65_536:
        raise UserError(f"There is no port {port}: choose one from 1 to 65535 with --port.")
    with socket.socket() as listener:
        # a port of a server that has just ended can be used again
        if os.name == "posix":  # Windows would let two programs listen
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind(("127.0.0.1", port))
            return
        except OSError as error:
            reason = error.strerror
    owner = _describe_listener(port)
    by, stop = (f" by {owner}", "Stop that program, or choose") if owner else ("", "Choose")
    raise UserError(f"Port {port} cannot be used: {reason}{by}. {stop} another port with --port.")


def _describe_listener(port: int) -> str:
    import psutil

    for process in psutil.process_iter():
        try:
            for one in process.net_connections("tcp"):
                if one.status == psutil.CONN_LISTEN and one.laddr.port == port:
                    return f"process {process.pid} ({process.name()})"
        except psutil.Error:  # it has ended, or belongs to another user
            continue
    return ""


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


def run_module_with_parent() -> None:
    """Run a module until it ends, or until the process that started this one ends.

    ``python -m fraudops.processes 4711 bentoml serve …`` is ``python -m bentoml serve …``, and it
    stops when process 4711, which must be the parent, ends. So a killed kernel of a notebook leaves
    no server behind.
    """
    parent = int(sys.argv[1])

    def wait_for_parent() -> None:
        while os.getppid() == parent:  # an orphan gets another parent
            time.sleep(1)
        kill_process_tree(os.getpid())

    threading.Thread(target=wait_for_parent, daemon=True).start()
    sys.argv = sys.argv[2:]
    runpy.run_module(sys.argv[0], run_name="__main__", alter_sys=True)


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


if __name__ == "__main__":
    run_module_with_parent()
