"""The review page: its parts in tabs over one database. All state is in the database, none in the page."""

import getpass
import os

import ipywidgets as widgets
import sqlalchemy as sa
from IPython.display import display

from fraudops import store
from fraudops.audit_dashboard import Dashboard
from fraudops.audit_desk import Desk, notice, page, sorry
from fraudops.audit_lists import Lists
from fraudops.audit_review import Review
from fraudops.workspace import UserError, Workspace

TABS = ("Dashboard", "Lists", "Label cases")
NOTHING_YET = (
    "There is nothing to review yet: no model has decided on a transaction in {root}. Run the chain of notebooks first, "
    "`python run_all.py` (or `make run`), then reload this page."
)


def actor_name() -> str:
    """Who is at the page: ``$FRAUDOPS_ACTOR``, else the operating system's user."""
    return os.environ.get("FRAUDOPS_ACTOR") or getpass.getuser()


def served_by_voila() -> bool:
    """Whether a person looks at this notebook through Voilà, and not papermill or JupyterLab."""
    return os.environ.get("SERVER_SOFTWARE", "").startswith("voila")


class AuditPage:
    """The tabs; `widget` is what is shown.

    Parameters
    ----------
    recent : how many earlier transactions of the customer stand beside a case
    most_rows : how many rows of a list are sent to the page
    """

    def __init__(self, workspace: Workspace, engine: sa.Engine, actor: str, recent: int = 20, most_rows: int = 500):
        self.desk = Desk(workspace, engine, actor)
        self.review = Review(self.desk, recent, self._changed)
        self.parts = (Dashboard(self.desk, self.refresh), Lists(self.desk, most_rows), self.review)
        self.tabs = widgets.Tab([part.widget for part in self.parts], titles=TABS)
        self.tabs.observe(self.desk.guarded(self._draw), "selected_index")
        self.widget = page(self.desk.message, self.tabs)
        self.refresh()

    def _draw(self) -> None:
        shown = self.tabs.selected_index
        if shown in self.stale:
            self.parts[shown].draw()
            self.stale.discard(shown)

    def _changed(self) -> None:
        """What a person did shows in the other tabs when they are next looked at."""
        self.stale = set(range(len(self.parts))) - {self.parts.index(self.review)}

    def refresh(self) -> None:
        """Draw again what is looked at now, and every other tab when it is."""
        self.stale = set(range(len(self.parts)))
        self._draw()


def open_page(workspace: Workspace, recent: int = 20, most_rows: int = 500) -> widgets.Widget:
    """The page, or in its place a message that says what to do; under Voilà an unexpected error becomes an incident.

    Elsewhere (papermill, JupyterLab) an unexpected error is raised, so that a broken page fails the run.
    """
    try:
        if not (workspace.root / "data" / "dataset.json").is_file():
            return _told("fo-empty", NOTHING_YET.format(root=workspace.root))
        engine = store.connect(workspace)
        with engine.connect() as connection:
            if connection.scalar(sa.select(store.predictions.c.tx_id).limit(1)) is None:
                return _told("fo-empty", NOTHING_YET.format(root=workspace.root))
        return AuditPage(workspace, engine, actor_name(), recent, most_rows).widget
    except Exception as error:
        if not served_by_voila():
            raise
        return _told("fo-failed", str(error) if isinstance(error, UserError) else sorry(workspace))


def _told(name: str, text: str) -> widgets.Widget:
    made = page(widgets.HTML(notice(text, "fo-bad")))
    made.add_class(name)
    return made


def signal(page: widgets.Widget) -> None:
    """Show, last of all, an element that says whether the page is ready: class ``page-ready`` or ``page-failed``."""
    failed = "fo-failed" in page._dom_classes
    mark = widgets.HTML(f'<span class="fo-hidden">{"The page failed." if failed else "The page is ready."}</span>')
    mark.add_class("page-failed" if failed else "page-ready")
    mark.add_class("fo-page")
    display(mark)
