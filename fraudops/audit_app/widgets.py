"""What the parts of the review page share: who is at it, buttons whose errors are said in words,
and small widgets.
"""

import html
import logging
import uuid
from collections.abc import Callable
from logging.handlers import RotatingFileHandler
from typing import Any

import ipywidgets as widgets
import sqlalchemy as sa

from fraudops.audit_app import plots, templates
from fraudops.errors import UserError
from fraudops.review import ModelEventReader
from fraudops.workspace import Workspace


def log_incident(workspace: Workspace) -> str:
    """Write the exception at hand to ``logs/audit_app.log`` under a fresh number, and return the
    number.
    """
    number = uuid.uuid4().hex[:8]
    log = logging.getLogger("fraudops.audit")
    if not log.handlers:
        file = workspace.path("logs", "audit_app.log")
        log.addHandler(
            RotatingFileHandler(
                file, maxBytes=1_000_000, backupCount=3, encoding="utf-8", delay=True
            )
        )
        log.handlers[0].setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(message)s"))
        log.propagate = False
    log.exception("incident %s", number)
    return number


def format_incident_message(workspace: Workspace) -> str:
    """What a person reads about the unexpected exception at hand."""
    return (
        f"Something went wrong that should not have: incident {log_incident(workspace)}. "
        "Reload the page to see what was recorded, "
        "and give the number to whoever looks after it; the details are in the run's "
        "logs/audit_app.log."
    )


def render_notice(text: str, kind: str = "", role: str = "status") -> str:
    """A framed message."""
    return f'<div class="fo-note {kind}" role="{role}">{html.escape(text)}</div>' if text else ""


class PageContext:
    """One person at the page: the run, its database, who they are, what they may do, and the place
    for what they are told.

    Attributes
    ----------
    require : raises UserError unless this person may do what is named (see
        `users.ROLE_PERMISSIONS`)
    model_events : what happened to models, as the ledger has it
    """

    def __init__(
        self,
        workspace: Workspace,
        engine: sa.Engine,
        actor: str,
        require: Callable[[str], None] = lambda _: None,
    ):
        self.workspace, self.engine, self.actor, self.require = workspace, engine, actor, require
        self.message = create_text("fo-message")
        self.model_events = ModelEventReader(engine)

    def guarded(self, action: Callable[[], None], quiet: bool = False) -> Callable[..., None]:
        """The action as a handler: what goes wrong is said in words, and never swallowed; a quiet
        one leaves other words.
        """

        def handler(*_: Any) -> None:
            if not quiet:
                self.message.value = ""
            try:
                action()
            except UserError as error:
                self.message.value = render_notice(str(error), "fo-bad fo-refused", "alert")
            except Exception:
                self.message.value = render_notice(
                    format_incident_message(self.workspace), "fo-bad fo-incident", "alert"
                )

        return handler

    def button(self, text: str, name: str, action: Callable[[], None]) -> widgets.Button:
        """A button with a class name."""
        widget = widgets.Button(description=text)
        widget.add_class(name)
        widget.on_click(self.guarded(action))
        return widget

    def tell(self, text: str) -> None:
        """Say that something was done."""
        self.message.value = render_notice(text, "fo-good fo-done")


def create_text(name: str) -> widgets.HTML:
    """An empty place for text, with a class name."""
    widget = widgets.HTML()
    widget.add_class(name)
    return widget


def create_row(*children: widgets.Widget) -> widgets.Box:
    """Widgets side by side, that wrap on a narrow page."""
    widget = widgets.Box(children)
    widget.add_class("fo-buttons")
    return widget


def create_page(*children: widgets.Widget) -> widgets.VBox:
    """Widgets below each other, with the page's style."""
    style = widgets.HTML(
        f"<style>{templates.load_template('audit_page.css.j2').render(plots.CSS_COLORS)}</style>"
    )
    widget = widgets.VBox([style, *children])
    widget.add_class("fo-page")
    return widget


def format_percent(value: float) -> str:
    """A rate for people; a dash where there is none."""
    return "–" if value != value else f"{value:.1%}"


def format_interval(low: float, high: float) -> str:
    """An interval of a rate for people."""
    return f"{low:.0%} to {high:.0%}"
