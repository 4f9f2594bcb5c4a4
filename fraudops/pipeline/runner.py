"""Run notebooks side by side in processes, and skip those that need not run again.

Processes are used because papermill changes the working directory, which threads share.
"""

import datetime as dt
import multiprocessing
import queue
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass, field
from graphlib import TopologicalSorter
from typing import Any

from rich.console import Console
from rich.markup import escape

from fraudops import processes
from fraudops.errors import UserError
from fraudops.pipeline import cache, interrupts, locks, worker
from fraudops.pipeline import graph as graph_module
from fraudops.pipeline.graph import GRAPH, Graph, NodeParameters
from fraudops.pipeline.notebooks import get_notebook_path
from fraudops.pipeline.progress import RunProgress
from fraudops.pipeline.report import NodeOutcome, write_run_report
from fraudops.pipeline.worker import NotebookJob, NotebookResult
from fraudops.workspace import Workspace, write_json


@dataclass
class RunResult:
    """The result of a run: the outcome of every selected notebook."""

    outcomes: dict[str, NodeOutcome] = field(default_factory=dict)
    seconds: float = 0.0
    interrupted: bool = False

    @property
    def failed(self) -> list[str]:
        """Names of the notebooks that failed."""
        return [name for name, outcome in self.outcomes.items() if outcome.status == "failed"]

    @property
    def exit_code(self) -> int:
        """0 only if every selected notebook is good; 130 after Ctrl-C, as in shells."""
        good = all(outcome.status in ("done", "fresh") for outcome in self.outcomes.values())
        return 130 if self.interrupted else 0 if good else 1


def run_notebooks(
    chosen: Sequence[str],
    parameters: NodeParameters,
    workspace: Workspace,
    *,
    graph: Graph = GRAPH,
    jobs: int = 2,
    force: bool = False,
    command: str = "fraudops run",
    console: Console | None = None,
) -> RunResult:
    """Run notebooks, and write their states and the report page.

    If a notebook fails, only those that depend on it do not run. The record of a notebook is
    removed before it starts and written when it has ended well.

    Parameters
    ----------
    chosen : sequence of str
        See `select_nodes`.
    parameters : NodeParameters
        See `resolve_parameters`.
    workspace : Workspace
    graph : Graph, optional
    jobs : int, optional
        Notebooks at the same time, at least 1.
    force : bool, optional
        Run a notebook even if nothing that it depends on has changed.
    command : str, optional
        The command that continues the run, for messages.
    console : Console, optional

    Returns
    -------
    RunResult

    Raises
    ------
    UserError
        If another run works in the workspace, or an input is missing.
    """
    if jobs < 1:
        raise UserError(f"--jobs {jobs}: give at least 1.")
    console = console or Console()
    with (
        locks.lock_workspace(workspace, command),
        locks.set_workspace_environment(workspace),
        interrupts.collect_interrupts() as signals,
    ):
        cache.check_inputs(chosen, workspace, graph)
        next_job = _ActiveRun(chosen, parameters, workspace, graph, jobs, force, console)
        started_at = time.perf_counter()
        started = dt.datetime.now().astimezone().isoformat(timespec="seconds")
        try:
            next_job.run_until_done(signals)
        except KeyboardInterrupt:
            next_job.result.interrupted = True
        next_job.result.seconds = time.perf_counter() - started_at
        for name in chosen:
            next_job.result.outcomes.setdefault(name, NodeOutcome("waiting"))
        about = {
            "command": command,
            "started": started,
            "seconds": next_job.result.seconds,
            "exit_code": next_job.result.exit_code,
            "parameters": {name: dict(parameters.get(name, {})) for name in graph},
        }
        write_json(workspace.path("state", ".run.json"), about)
        write_run_report(workspace, next_job.result.outcomes | next_job.list_others(), about, graph)
    return next_job.result


class _ActiveRun:
    """The state of a run while it works."""

    def __init__(
        self,
        chosen: Sequence[str],
        parameters: NodeParameters,
        workspace: Workspace,
        graph: Graph,
        jobs: int,
        force: bool,
        console: Console,
    ) -> None:
        self.graph, self.workspace, self.parameters = graph, workspace, parameters
        self.jobs, self.force, self.console = jobs, force, console
        self.chosen = set(chosen)
        self.result = RunResult()
        self.sorter = TopologicalSorter(
            {n: [need for need in graph[n].needs if need in self.chosen] for n in chosen}
        )
        self.rank = graph_module.compute_critical_path(graph)
        self.waiting: list[tuple[str, str]] = []  # notebooks that may start, and why they run
        self.pages: list[str] = []  # executed notebooks of which no page is made yet
        self.running: dict[Future, tuple[str, str]] = {}  # future: ("notebook" or "page", name)
        self.records: dict[str, dict[str, Any]] = {}
        self.progress = RunProgress(console, len(chosen))

    def run_until_done(self, signals: list[int]) -> None:
        """Run until no notebook can run any more, or a signal has arrived."""
        context = multiprocessing.get_context("spawn")  # this way is the same on all systems
        events = context.Queue()
        self.workspace.path("logs", "run.log").write_text("", encoding="utf-8")
        # of a run that was killed
        for incomplete in (self.workspace.root / "notebooks").glob(".*.tmp"):
            incomplete.unlink()
        unknown = set(multiprocessing.active_children())
        pool = ProcessPoolExecutor(
            self.jobs, context, worker.initialize_worker, (events, self.workspace)
        )
        self.sorter.prepare()
        try:
            with self.progress:
                self.find_ready()
                while self.running or self.waiting or self.pages:
                    if signals:
                        raise KeyboardInterrupt
                    self.start_ready(pool)
                    done, _ = wait(self.running, timeout=0.1, return_when=FIRST_COMPLETED)
                    self.show_events(events)
                    for future in done:
                        self.record_end(future)
                    if done:
                        self.find_ready()
        except BaseException:
            for process in set(multiprocessing.active_children()) - unknown:
                processes.kill_process_tree(process.pid)
            for kind, name in self.running.values():
                if kind == "notebook":
                    self.result.outcomes[name] = NodeOutcome("stopped")
            raise
        finally:
            pool.shutdown(wait=True, cancel_futures=True)
            events.close()

    def find_ready(self) -> None:
        """Find ready notebooks; whether one must run is decided when its needs have ended."""
        while ready := self.sorter.get_ready():
            for name in ready:
                one = self.graph[name]
                reason = "--force" if self.force else ""
                reason = reason or cache.get_rerun_reason(
                    one, self.workspace, self.given(name), self.graph
                )
                if reason:
                    self.waiting.append((name, reason))
                    continue
                seconds = cache.load_record(one, self.workspace).get("seconds")
                self.result.outcomes[name] = NodeOutcome("fresh", seconds)
                self.progress.show_fresh(name)
                self.sorter.done(name)
                if self.page_is_old(name):
                    self.pages.append(name)
        # Notebooks with the longest path first; pages only if no notebook is ready.
        self.waiting.sort(key=lambda entry: -self.rank[entry[0]])

    def start_ready(self, pool: ProcessPoolExecutor) -> None:
        """Start ready notebooks while workers are free."""
        while len(self.running) < self.jobs and (self.waiting or self.pages):
            if self.waiting:
                name, reason = self.waiting.pop(0)
                one = self.graph[name]
                self.records[name] = {
                    "ingredients": cache.hash_dependencies(
                        one, self.workspace, self.given(name), self.graph
                    ),
                    "parameters": self.given(name),
                    "started": dt.datetime.now().astimezone().isoformat(timespec="seconds"),
                }
                cache.get_record_path(one, self.workspace).unlink(missing_ok=True)
                self.progress.start(name, reason)
                task, kind = worker.execute_notebook, "notebook"
            else:
                name, task, kind = self.pages.pop(0), worker.export_html, "page"
            try:
                with interrupts.block_interrupts():
                    future = pool.submit(task, self.job(name))
            except BrokenProcessPool as error:
                future = Future()
                future.set_exception(error)
            self.running[future] = (kind, name)

    def show_events(self, events: Any) -> None:
        """Show the events that workers have sent."""
        while True:
            try:
                self.progress.cell(*events.get_nowait())
            except (queue.Empty, OSError):
                return

    def record_end(self, future: Future) -> None:
        """Record a task that has ended."""
        kind, name = self.running.pop(future)
        if kind == "page":
            problem = str(future.exception() or future.result())
            if problem:
                self.console.print(f"[yellow]No page of {name}: {escape(problem)}[/]")
            return
        if future.exception():
            log = self.workspace.root / "logs" / "run.log"
            ended = NotebookResult(
                0.0,
                f"its worker process died ({future.exception()}); {log} may say why. "
                "Memory is the usual cause.",
            )
        else:
            ended = future.result()
        record = self.records[name] | {
            "key": cache.compute_cache_key(self.records[name]["ingredients"]),
            "status": "failed" if ended.error else "ok",
            "seconds": round(ended.seconds, 3),
            "finished": dt.datetime.now().astimezone().isoformat(timespec="seconds"),
            "outputs": ended.outputs or {},
            "error": ended.error,
        }
        write_json(cache.get_record_path(self.graph[name], self.workspace), record)
        self.result.outcomes[name] = NodeOutcome(
            "failed" if ended.error else "done", ended.seconds, ended.error
        )
        self.progress.end(name, ended.seconds, bool(ended.error))
        if cache.get_executed_path(self.graph[name], self.workspace).is_file():
            self.pages.append(name)
        if not ended.error:
            self.sorter.done(name)

    def given(self, name: str) -> dict[str, Any]:
        return dict(self.parameters.get(name, {}))

    def job(self, name: str) -> NotebookJob:
        one, place = self.graph[name], self.workspace
        executed, html = cache.get_executed_path(one, place), cache.get_html_path(one, place)
        return NotebookJob(one, get_notebook_path(one), executed, html, place, self.given(name))

    def page_is_old(self, name: str) -> bool:
        executed, html = (
            find(self.graph[name], self.workspace)
            for find in (cache.get_executed_path, cache.get_html_path)
        )
        return not html.is_file() or html.stat().st_mtime < executed.stat().st_mtime

    def list_others(self) -> Mapping[str, NodeOutcome]:
        """Get the outcomes of the notebooks that were not selected, for the page."""
        result = {}
        for one in self.graph.values():
            if one.name in self.chosen:
                continue
            last = cache.load_record(one, self.workspace)
            stale = cache.get_rerun_reason(one, self.workspace, self.given(one.name), self.graph)
            status = "waiting" if not last else "old" if stale else "fresh"
            result[one.name] = NodeOutcome(status, last.get("seconds"))
        return result


def describe_failures(result: RunResult, workspace: Workspace, graph: Graph, command: str) -> str:
    """Describe what failed: notebook, cell, error, where to look, and how to continue.

    Parameters
    ----------
    result : RunResult
    workspace : Workspace
    graph : Graph
    command : str
        The command that continues the run.

    Returns
    -------
    str
    """
    blocks = []
    for name in result.failed:
        executed_path = cache.get_executed_path(graph[name], workspace)
        error = result.outcomes[name].error
        link = "in" if error.startswith("cell") else "because"
        blocks.append(f"{name} failed {link} {error}\n    notebook as executed: {executed_path}")
    if result.interrupted:
        stopped = [name for name, outcome in result.outcomes.items() if outcome.status == "stopped"]
        blocks.append(
            f"Stopped by you{' in ' + ', '.join(stopped) if stopped else ''}. What was "
            "finished is kept."
        )
    left = [name for name, outcome in result.outcomes.items() if outcome.status == "waiting"]
    if left:
        blocks.append(f"Not run: {', '.join(left)}.")
    blocks.append(f"To resume where it stopped: {command}")
    return "\n".join(blocks)
