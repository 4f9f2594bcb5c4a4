"""What the tabs share: the context of the page, buttons that report errors, and small widgets."""

import base64
import html
import logging
import uuid
from collections.abc import Callable
from logging.handlers import RotatingFileHandler
from typing import Any

import ipywidgets as widgets
import sqlalchemy as sa

from fraudops import store
from fraudops.audit_app import plots, templates
from fraudops.errors import UserError
from fraudops.review import ModelEventReader
from fraudops.workspace import Workspace


def log_incident(workspace: Workspace) -> str:
    """Write the current exception to ``logs/audit_app.log``, and return its incident number."""
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
    """Write the message for the current unexpected exception."""
    return (
        f"Something went wrong that should not have: incident {log_incident(workspace)}. "
        "Reload the page to see what was recorded, "
        "and give the number to the person who runs this page; the details are in the run's "
        "logs/audit_app.log."
    )


def render_notice(text: str, kind: str = "", role: str = "status") -> str:
    """Render a message in a frame."""
    return f'<div class="fo-note {kind}" role="{role}">{html.escape(text)}</div>' if text else ""


class PageContext:
    """The context of the page: run, database, user, permissions, and the place for messages.

    `require` raises UserError unless the user has a permission (see `store.ROLE_PERMISSIONS`). The
    role only decides which buttons are shown. `model_events` reads what happened to models from the
    ledger.
    """

    def __init__(
        self,
        workspace: Workspace,
        engine: sa.Engine,
        actor: str,
        require: Callable[[str], None] = lambda _: None,
        role: str = "supervisor",
    ):
        self.role = role
        self.workspace, self.engine, self.actor, self.require = workspace, engine, actor, require
        self.message = create_text("fo-message")
        self.model_events = ModelEventReader(engine)

    def may(self, action: store.Permission) -> bool:
        """Tell whether the role includes an action, so that its buttons are shown."""
        return store.has_permission(self.role, action)

    def guarded(self, action: Callable[[], None], quiet: bool = False) -> Callable[..., None]:
        """Make a handler that shows errors as messages; a quiet one leaves earlier messages."""

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
        """Create a button with a class name."""
        widget = widgets.Button(description=text)
        widget.add_class(name)
        widget.on_click(self.guarded(action))
        return widget

    def show_message(self, text: str) -> None:
        """Show that something was done."""
        self.message.value = render_notice(text, "fo-good fo-done")


def create_text(name: str) -> widgets.HTML:
    """Create an empty text with a class name."""
    widget = widgets.HTML()
    widget.add_class(name)
    return widget


def create_row(*children: widgets.Widget) -> widgets.Box:
    """Create a row of widgets that wraps on a narrow page."""
    widget = widgets.Box(children)
    widget.add_class("fo-buttons")
    return widget


def show_if(widget: widgets.Widget, is_shown: bool) -> None:
    """Show or hide a widget."""
    widget.layout.display = "" if is_shown else "none"


def render_download(name: str, text: str) -> str:
    """Render a link that saves a text as a file; the text travels in the link."""
    code = base64.b64encode(text.encode()).decode()
    rows = max(text.count("\n") - 1, 0)
    return (
        f'<p role="status"><a class="fo-download" download="{html.escape(name, quote=True)}" '
        f'href="data:text/csv;charset=utf-8;base64,{code}">Save {html.escape(name)}</a> '
        f"({rows:,} row{'' if rows == 1 else 's'}, {len(text.encode()) / 1000:,.0f} kB)</p>"
    )


def create_page(*children: widgets.Widget) -> widgets.VBox:
    """Create a column of widgets with the page's style."""
    sheets = [
        templates.load_template(name).render(plots.CSS_COLORS)
        for name in ("audit_page.css.j2", "audit_desk.css.j2")
    ]
    style = widgets.HTML(f"<style>{''.join(sheets)}</style>")
    widget = widgets.VBox([style, *children])
    widget.add_class("fo-page")
    return widget


def format_percent(value: float) -> str:
    """Format a rate; a dash if there is none.

    Examples
    --------
    >>> format_percent(0.1234)
    '12.3%'
    """
    return "–" if value != value else f"{value:.1%}"


def format_interval(low: float, high: float) -> str:
    """Format the interval of a rate."""
    return f"{low:.0%} to {high:.0%}"
