"""A worker process: it executes notebooks and converts them to pages."""

import os
import re
import signal
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fraudops.pipeline.cache import find_missing_outputs, hash_outputs
from fraudops.pipeline.graph import Node
from fraudops.pipeline.notebooks import escape_path
from fraudops.processes import exit_with_parent
from fraudops.workspace import Workspace, atomic_write

_event_queue: Any = None  # queue of events to the runner

# nbconvert's own page fetches MathJax, require.js, mermaid and the widget manager from public
# servers, and does not write the alternative text of a picture.
_OFFLINE_TEMPLATE = """{%- extends 'lab/index.html.j2' -%}
{%- block html_head_js -%}{%- endblock -%}
{%- block html_head_js_mathjax -%}{%- endblock -%}
{%- block html_head_js_mermaidjs -%}{%- endblock -%}
{%- block jupyter_widgets -%}{%- endblock -%}
{%- block data_png scoped -%}
{%- set alt = output | get_metadata('alt', 'image/png') -%}
{%- set image = super() -%}
{{ image | replace('<img ', '<img alt="' ~ (alt | escape_html) ~ '" ', 1) if alt else image }}
{%- endblock -%}"""


@dataclass(frozen=True)
class NotebookJob:
    """What a worker must know about one notebook."""

    node: Node
    notebook: Path
    executed: Path
    html: Path
    workspace: Workspace
    parameters: dict[str, Any]


@dataclass(frozen=True)
class NotebookResult:
    """How a notebook ended; `error` is empty on success."""

    seconds: float
    error: str = ""
    outputs: dict[str, str] | None = None


def initialize_worker(events: Any, workspace: Workspace) -> None:
    """Prepare a new worker: log file, slow imports, and an end when the runner ends."""
    global _event_queue
    _event_queue = events
    # Ctrl-C reaches every process of the terminal; here the runner decides. A handler rather than
    # SIG_IGN, because the
    # kernels would inherit that and could not be interrupted.
    signal.signal(signal.SIGINT, lambda *_: None)
    if hasattr(signal, "pthread_sigmask"):
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})
    handle = os.open(workspace.path("logs", "run.log"), os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    os.dup2(handle, 1)
    os.dup2(handle, 2)
    exit_with_parent()
    import logging

    import nbconvert  # noqa: F401
    from papermill.iorw import LocalHandler, papermill_io

    class Whole(LocalHandler):
        """papermill saves in place, so a kill while it does so would leave half a notebook."""

        def write(self, buf: str, path: str) -> None:
            with atomic_write(Path(path)) as temporary:
                temporary.write_text(buf, encoding="utf-8")

    papermill_io.register(str(workspace.root), Whole())
    # failures come back as `NotebookResult`
    logging.getLogger("papermill").setLevel(logging.CRITICAL)


def execute_notebook(job: NotebookJob) -> NotebookResult:
    """Run a notebook with papermill; the executed file grows cell by cell."""
    import papermill
    from nbclient.exceptions import DeadKernelError
    from papermill.iorw import load_notebook_node

    started = time.perf_counter()
    at = 0
    cells = 0

    def on_cell_start(cell: Any, cell_index: int) -> None:
        nonlocal at
        at = cell_index
        _event_queue.put((job.node.name, cell_index, cells))

    error = ""
    try:
        source = load_notebook_node(escape_path(job.notebook))
        cells = len(source.cells) + bool(job.parameters)
        _event_queue.put((job.node.name, 0, cells))
        job.executed.parent.mkdir(parents=True, exist_ok=True)
        papermill.execute_notebook(
            escape_path(job.notebook),
            escape_path(job.executed),
            parameters=job.parameters,
            cwd=job.notebook.parent,
            progress_bar=False,
            log_output=False,
            start_timeout=120,
            shutdown_kernel="immediate",  # a normal shutdown sometimes takes seconds
            on_cell_start=on_cell_start,
        )
    except papermill.PapermillExecutionError as failure:
        error = _format_cell_error(failure, _describe_cell(job.executed, at))
    except DeadKernelError:
        error = (
            f"{_describe_cell(job.executed, at)}: the kernel died. Most often memory ran out: "
            "try a smaller --profile or --jobs 1."
        )
    except Exception as failure:
        error = f"the notebook could not be run: {type(failure).__name__}: {failure}"
    if not error and (missing := find_missing_outputs(job.node, job.workspace)):
        error = f"it ran to its end but did not write {', '.join(missing)}."
    seconds = time.perf_counter() - started
    return (
        NotebookResult(seconds, error)
        if error
        else NotebookResult(seconds, outputs=hash_outputs(job.node, job.workspace))
    )


def _describe_cell(executed: Path, index: int) -> str:
    """Describe a cell by the number in its prompt."""
    from papermill.iorw import load_notebook_node

    try:
        nb = load_notebook_node(escape_path(executed))
    except Exception:
        return f"cell {index + 1}"
    plain = [
        cell for cell in nb.cells if "papermill-error-cell-tag" not in cell.metadata.get("tags", [])
    ]
    code = sum(
        cell.cell_type == "code" and bool(cell.source.strip()) for cell in plain[: index + 1]
    )
    return (
        f"cell [{code}] of "
        f"{sum(cell.cell_type == 'code' and bool(cell.source.strip()) for cell in plain)}"
    )


def _format_cell_error(failure: Any, cell: str) -> str:
    """Format an error: where, what, and the line, without the call stack."""
    frames = [re.sub(r"\x1b\[[0-9;]*m", "", line) for line in failure.traceback or []]
    message = str(failure.evalue).strip()
    if len(message) > 1500:
        message = message[:1500] + " …"
    if failure.ename in ("UserError", "MissingInputError") or (
        len(frames) == 1 and frames[0].startswith(f"{failure.ename}: ")
    ):
        return f"{cell}: {message}"  # the text of such an error is enough
    arrows = [line for line in "\n".join(frames).splitlines() if re.match(r"-+> ?\d+ ", line)]
    line = f"\n    at: {re.sub(r'^-+> ?[0-9]+ ', '', arrows[0]).strip()}" if arrows else ""
    return f"{cell}: {failure.ename}{': ' if message else ''}{message}{line}"


def export_html(job: NotebookJob) -> str:
    """Write the executed notebook as a page; return the error, or an empty text."""
    import nbformat
    from nbconvert import HTMLExporter
    from nbconvert.preprocessors import CoalesceStreamsPreprocessor, TagRemovePreprocessor

    try:
        nb = nbformat.read(job.executed, as_version=4)
        page = HTMLExporter(
            raw_template=_OFFLINE_TEMPLATE,
            embed_images=True,
            preprocessors=[
                CoalesceStreamsPreprocessor,  # a progress bar is one line
                # a form shows nothing in a page
                TagRemovePreprocessor(remove_cell_tags={"predict"}, enabled=True),
            ],
        )
        resources = {"metadata": {"name": job.node.name, "path": str(job.notebook.parent)}}
        body, _ = page.from_notebook_node(nb, resources=resources)
        with atomic_write(job.html) as temporary:
            temporary.write_text(body, encoding="utf-8")
    except Exception as failure:  # a page that cannot be drawn must not fail a good run
        return f"{type(failure).__name__}: {failure}"
    return ""
