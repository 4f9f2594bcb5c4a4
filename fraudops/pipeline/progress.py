"""Show the progress of notebooks: bars in a terminal, plain lines in a log file."""

from types import TracebackType

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    SpinnerColumn,
    TextColumn,
    TimeElapsedColumn,
)
from rich.progress import Progress as Bars


class RunProgress:
    """One bar per running notebook, counted in cells, and one for all notebooks."""

    def __init__(self, console: Console, total: int) -> None:
        self.console = console
        self.done = 0
        self.total = total
        columns = (
            SpinnerColumn(),
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
        )
        self.bars = Bars(*columns, console=console) if console.is_terminal else None
        self.tasks: dict[str, int] = {}
        self.all = self.bars.add_task("[bold]all notebooks", total=total) if self.bars else 0

    def __enter__(self) -> "RunProgress":
        if self.bars:
            self.bars.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        frames: TracebackType | None,
    ) -> None:
        if self.bars:
            for task in self.tasks.values():
                self.bars.update(task, visible=False)
            self.bars.stop()

    def print_line(self, name: str, word: str, rest: str = "") -> None:
        """Print one line that is not wrapped, so that a log has one line per event."""
        colour = {"done": "green", "failed": "red", "fresh": "dim"}.get(word, "default")
        text = f"[{colour}]{word:<6}[/] {name:<18} {rest}".rstrip()
        self.console.print(text, soft_wrap=True, highlight=False)

    def show_fresh(self, name: str) -> None:
        """Show that the notebook need not run."""
        self.print_line(name, "fresh", "unchanged since its last good run")
        self._count()

    def start(self, name: str, reason: str) -> None:
        """Show that the notebook starts, and why."""
        if self.bars:
            self.tasks[name] = self.bars.add_task(name, total=None)
        else:
            self.print_line(name, "start", reason)

    def cell(self, name: str, at: int, total: int) -> None:
        """Show how many cells are done."""
        if self.bars and name in self.tasks:
            self.bars.update(self.tasks[name], completed=at, total=total)

    def end(self, name: str, seconds: float, failed: bool) -> None:
        """Show that the notebook has ended."""
        self.print_line(name, "failed" if failed else "done", f"{seconds:.1f} s")
        if self.bars and name in self.tasks:
            self.bars.remove_task(self.tasks.pop(name))
        if not failed:
            self._count()

    def _count(self) -> None:
        self.done += 1
        if self.bars:
            self.bars.update(self.all, completed=self.done)
