"""The review page: its tabs over one database. All state is in the database, none in the page."""

import asyncio
from collections.abc import Callable

import ipywidgets as widgets
import sqlalchemy as sa
from IPython.display import display

from fraudops import store
from fraudops.audit_app.auth import session
from fraudops.audit_app.auth.session import get_actor, is_served_by_voila
from fraudops.audit_app.tabs.audit import AuditTab
from fraudops.audit_app.tabs.dashboard import DashboardTab
from fraudops.audit_app.tabs.lists import ListsTab
from fraudops.audit_app.tabs.model import ModelTab
from fraudops.audit_app.tabs.review import ReviewTab
from fraudops.audit_app.tabs.users import UsersTab
from fraudops.audit_app.widgets import (
    PageContext,
    create_page,
    format_incident_message,
    render_notice,
)
from fraudops.errors import UserError
from fraudops.workspace import Workspace

TAB_TITLES = ("Review", "Dashboard", "Lists", "Model")
# of people who may do it
ROLE_TABS = (("audit", "Audit", AuditTab), ("users", "Users", UsersTab))
EMPTY_DATABASE_MESSAGE = (
    "There is nothing to review yet: no model has decided on a transaction in {root}. Run "
    "the chain of notebooks first, "
    "`fraudops run` (or `make run`), then reload this page."
)


class AuditPage:
    """The tabs; `widget` is what is shown.

    Parameters
    ----------
    recent : how many earlier transactions of the customer stand beside a case
    page_rows : how many rows of a list are on a page
    role : what the person may do, see `store.ROLE_PERMISSIONS`
    require : see `widgets.PageContext`
    """

    def __init__(
        self,
        workspace: Workspace,
        engine: sa.Engine,
        actor: str,
        recent: int = 20,
        page_rows: int = 25,
        role: str = "supervisor",
        require: Callable[[str], None] = lambda _: None,
    ):
        self.context = PageContext(workspace, engine, actor, require, role)
        may_review = self.context.may("review")
        self.review = ReviewTab(self.context, recent, self._changed, may_review)
        self.dashboard = DashboardTab(self.context, self.refresh)
        self.lists = ListsTab(self.context, page_rows)
        self.model = ModelTab(self.context)
        self.parts = (self.review, self.dashboard, self.lists, self.model)
        titles = TAB_TITLES
        for action, title, tab in ROLE_TABS:
            if self.context.may(action):
                self.parts, titles = (*self.parts, tab(self.context)), (*titles, title)
        self.tabs = widgets.Tab([part.widget for part in self.parts], titles=titles)
        if not may_review:  # the desk is for those who decide
            self.tabs.selected_index = self.parts.index(self.dashboard)
        self.tabs.observe(self.context.guarded(self._draw), "selected_index")
        self.widget = create_page(
            widgets.HTML(session.render_banner(actor, role)), self.context.message, self.tabs
        )
        self.refresh()

    def _draw(self) -> None:
        shown = self.tabs.selected_index
        if shown in self.stale:
            self.parts[shown].draw()
            self.stale.discard(shown)

    def _changed(self) -> None:
        """Mark the other tabs, so that they are drawn again when a person opens them."""
        self.stale = set(range(len(self.parts))) - {self.parts.index(self.review)}

    def watch_changes(self) -> None:
        """Keep the page up to date while it is open."""
        self.following = asyncio.get_running_loop().create_task(
            self.dashboard.watch_changes(self._moved_on)
        )

    def _moved_on(self) -> None:
        """Draw what other users changed, except the case that a person is looking at."""
        self.review.panel.draw()
        self._changed()
        self._draw()

    def refresh(self) -> None:
        """Draw the visible tab again, and every other tab when a person opens it."""
        self.stale = set(range(len(self.parts)))
        self._draw()


def open_page(workspace: Workspace, recent: int = 20, page_rows: int = 25) -> widgets.Widget:
    """Open the review page, or show a message that says what to do.

    Under Voilà an unexpected error becomes an incident with a number. In papermill and JupyterLab
    it is raised, so that a broken page fails the run.

    Parameters
    ----------
    workspace : Workspace
    recent : int, optional
        Earlier transactions shown with a case.
    page_rows : int, optional
        Rows of a list's page.

    Returns
    -------
    Widget
    """
    try:
        actor, engine = get_actor(), store.connect(workspace)
        role = session.get_role(engine, actor)
        with engine.connect() as connection:
            empty = connection.scalar(sa.select(store.predictions.c.tx_id).limit(1)) is None
        if empty or not (workspace.root / "data" / "dataset.json").is_file():
            return _create_message_page(
                "fo-empty",
                EMPTY_DATABASE_MESSAGE.format(root=workspace.root),
                session.render_banner(actor, role),
            )
        widget = AuditPage(
            workspace,
            engine,
            actor,
            recent,
            page_rows,
            role,
            session.make_permission_check(engine, actor),
        )
        if is_served_by_voila():
            widget.watch_changes()
        return widget.widget
    except Exception as error:
        if not is_served_by_voila():
            raise
        return _create_message_page(
            "fo-failed",
            str(error) if isinstance(error, UserError) else format_incident_message(workspace),
        )


def _create_message_page(name: str, text: str, above: str = "") -> widgets.Widget:
    widget = create_page(widgets.HTML(above), widgets.HTML(render_notice(text, "fo-bad")))
    widget.add_class(name)
    return widget


def show_ready_marker(page: widgets.Widget) -> None:
    """Show an element of class ``page-ready`` or ``page-failed`` after everything else.

    Parameters
    ----------
    page : Widget
        What `open_page` returns.
    """
    failed = "fo-failed" in page._dom_classes
    mark = widgets.HTML(
        f'<span class="fo-hidden">{"The page failed." if failed else "The page is ready."}</span>'
    )
    mark.add_class("page-failed" if failed else "page-ready")
    mark.add_class("fo-page")
    display(mark)
