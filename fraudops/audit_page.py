"""The review page: widgets over `audit_views` and `cases`. All state is in the database, none in the page."""

import html
import logging
import uuid
from collections.abc import Callable
from logging.handlers import RotatingFileHandler
from typing import Any

import ipywidgets as widgets
import sqlalchemy as sa
from IPython.display import display
from itables import to_html_datatable

from fraudops import audit_pictures as pictures
from fraudops import audit_views as views
from fraudops import cases, ledger, store, visitor
from fraudops.visitor import actor_name, served_by_voila
from fraudops.workspace import UserError, Workspace

TABS = ("Dashboard", "Lists", "Label cases")
NOTHING_YET = (
    "There is nothing to review yet: no model has decided on a transaction in {root}. Run the chain of notebooks first, "
    "`python run_all.py` (or `make run`), then reload this page."
)


def incident(workspace: Workspace) -> str:
    """Write the exception at hand to ``logs/audit_app.log`` under a fresh number, and return the number."""
    number = uuid.uuid4().hex[:8]
    log = logging.getLogger("fraudops.audit_page")
    if not log.handlers:
        file = workspace.path("logs", "audit_app.log")
        log.addHandler(RotatingFileHandler(file, maxBytes=1_000_000, backupCount=3, encoding="utf-8", delay=True))
        log.handlers[0].setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(message)s"))
        log.propagate = False
    log.exception("incident %s", number)
    return number


def sorry(workspace: Workspace) -> str:
    """What a person reads about the unexpected exception at hand."""
    return (
        f"Something went wrong that should not have: incident {incident(workspace)}. Reload the page to see what was recorded, "
        "and give the number to whoever looks after it; the details are in the run's logs/audit_app.log."
    )


def notice(text: str, kind: str = "", role: str = "status") -> str:
    """A framed message."""
    return f'<div class="fo-note {kind}" role="{role}">{html.escape(text)}</div>' if text else ""


def percent(value: float) -> str:
    """A rate for people; a dash where there is none."""
    return "–" if value != value else f"{value:.1%}"


class AuditPage:
    """The three tabs; `widget` is what is shown.

    Parameters
    ----------
    recent : how many earlier transactions of the customer stand beside a case
    most_rows : how many rows of a list are sent to the page
    role : what the person may do, see `users.MAY`
    """

    def __init__(
        self,
        workspace: Workspace,
        engine: sa.Engine,
        actor: str,
        recent: int = 20,
        most_rows: int = 500,
        role: str = "supervisor",
    ):
        self.workspace, self.engine, self.actor, self.role = workspace, engine, actor, role
        self.recent, self.most_rows = recent, most_rows
        self.tx_id: str | None = None
        self.stale = {0, 1}  # tabs to be drawn when they are next looked at
        self.message = _html("fo-message")
        self.tabs = widgets.Tab([self._dashboard_tab(), self._lists_tab(), self._label_tab()], titles=TABS)
        self.tabs.observe(self._guarded(self._draw), "selected_index")
        self.widget = _page(widgets.HTML(visitor.banner(actor, role)), self.message, self.tabs)
        self._draw()
        self._show_case(cases.held(engine, actor))  # a reload finds the case that was being worked on

    # --- what every click goes through ---

    def _guarded(self, action: Callable[[], None]) -> Callable[..., None]:
        """The action as a handler: what goes wrong is said in words, and never swallowed."""

        def handler(*_: Any) -> None:
            self.message.value = ""
            try:
                action()
            except UserError as error:
                self.message.value = notice(str(error), "fo-bad fo-refused", "alert")
            except Exception:
                self.message.value = notice(sorry(self.workspace), "fo-bad fo-incident", "alert")

        return handler

    def _button(self, words: str, name: str, action: Callable[[], None]) -> widgets.Button:
        button = widgets.Button(description=words)
        button.add_class(name)
        button.on_click(self._guarded(action))
        return button

    def _draw(self) -> None:
        shown = self.tabs.selected_index
        if shown in self.stale:
            {0: self._draw_dashboard, 1: self._draw_list}[shown]()
            self.stale.discard(shown)

    def _refresh(self) -> None:
        self.stale = {0, 1}
        self._draw()

    # --- dashboard ---

    def _dashboard_tab(self) -> widgets.Widget:
        self.dashboard = _html("fo-dashboard")
        refresh = self._button("Refresh", "fo-refresh", self._refresh)
        return widgets.VBox([self.dashboard, _row(refresh)])

    def _draw_dashboard(self) -> None:
        frame = cases.predictions_with_labels(self.engine)
        costs = views.review_costs(self.workspace)
        rows = views.judged(frame)
        figures, days = views.summary(rows, costs), views.by_day(rows, costs)
        moves, versions = ledger.champion_moves(self.engine), frame["model_version"].unique()
        last = moves[-1] if moves else None
        champion = last and {"version": last["version"], "since": views.clock(last["at"])} | last
        span = f"{days.index[0]} to {days.index[-1]}" if len(days) else "no day yet"
        confusion_alt = f"Confusion matrix: {figures['true_positive']} frauds stopped, {figures['false_negative']} missed, "
        confusion_alt += f"{figures['false_positive']} reviewed in vain, {figures['true_negative']} rightly approved."
        self.dashboard.value = pictures.template("audit_dashboard.html.j2").render(
            tiles=self._tiles(figures),
            scope=f"Judged: {figures['rows']:,} of {len(frame):,} predictions ({span}), the days old enough for every label to "
            f"have arrived. A review costs {costs.review / 100:,.2f} euros; a missed fraud costs its amount.",
            confusion=pictures.picture(pictures.confusion_figure(figures), confusion_alt),
            daily=pictures.picture(pictures.daily_figure(days), f"Euros saved per day, {span}."),
            champion=champion,
            deciders=f"version{'s' * (len(versions) > 1)} {', '.join(sorted(versions))}",
            chain=views.chain(self.engine),
        )

    def _tiles(self, f: dict[str, float]) -> list[dict[str, str]]:
        flagged, frauds = f["true_positive"] + f["false_positive"], f["true_positive"] + f["false_negative"]
        total, _ = cases.waiting(self.engine, self.actor)
        caught = f"{f['true_positive']:,} of"
        tiles = [
            ("precision", "Precision", percent(f["precision"]), f"{caught} {flagged:,} sent to review were fraud", ""),
            ("recall", "Recall", percent(f["recall"]), f"{caught} {frauds:,} known frauds were stopped", ""),
            ("f1", "F1", percent(f["f1"]), "both in one figure", ""),
            ("saved", "Money saved", f"{f['saved_cents'] / 100:,.0f} €", "against approving everything", ""),
            ("open", "Open cases", f"{total:,}", "wait for a reviewer", "fo-queue"),
        ]
        return [dict(zip(("name", "words", "value", "hint", "kind"), tile, strict=True)) for tile in tiles]

    # --- lists ---

    def _lists_tab(self) -> widgets.Widget:
        self.which = widgets.ToggleButtons(options=list(views.LISTS))
        self.which.add_class("fo-which")
        self.which.observe(self._guarded(self._draw_list), "value")
        self.list_note, self.list_place = _html("fo-list-note"), widgets.Output()
        self.list_place.add_class("fo-list")
        return widgets.VBox([self.which, self.list_note, self.list_place])

    def _draw_list(self) -> None:
        frame = cases.predictions_with_labels(self.engine)
        rows, total = views.list_of(frame, self.which.value, self.most_rows)
        cut = f" Only the first {len(rows):,} are here." if len(rows) < total else ""
        words = f"{total:,} {self.which.value.lower()}: {views.LISTS[self.which.value][0]}.{cut}"
        self.list_note.value = f'<p class="fo-hint" role="status">{html.escape(words)}</p>'
        table = to_html_datatable(
            rows, connected=False, scrollX=True, pageLength=10, lengthMenu=[10, 25, 100], maxBytes=0, classes="display nowrap",
            style="table-layout:auto;width:100%", columnDefs=[{"className": "dt-left", "targets": [0, 1, *range(4, 11)]}],
        )  # fmt: skip
        self.list_place.outputs = ({"output_type": "display_data", "data": {"text/html": table}, "metadata": {}},)

    # --- labelling ---

    def _label_tab(self) -> widgets.Widget:
        self.queue, self.case, self.past = _html("fo-remaining"), _html("fo-case"), _html("fo-past")
        self.take = self._button("Take next case", "fo-take", self._take_next)
        self.note = widgets.Textarea(placeholder="Note: what made you decide so (optional)")
        self.note.add_class("fo-notefield")
        self.verdicts = [self._button(v.title(), f"fo-{v}", lambda v=v: self._decide(v)) for v in cases.VERDICTS]
        buttons = _row(*self.verdicts)
        buttons.add_class("fo-decide")
        self.form = widgets.VBox([self.note, buttons])
        self.take_row = _row(self.take)
        return widgets.VBox([self.queue, self.take_row, self.case, self.form, self.past])

    def _take_next(self) -> None:
        tx_id = cases.claim_next(self.engine, self.actor)
        self._show_case(tx_id)
        if tx_id is None:
            raise UserError("No case is left for you: the others are with somebody else, or you were unsure about them.")

    def _show_case(self, tx_id: str | None) -> None:
        if tx_id != self.tx_id:
            self.note.value = ""
        self.tx_id = tx_id
        total, mine = cases.waiting(self.engine, self.actor)
        words = f"{total:,} open cases, {mine:,} of them for you. You are {self.actor}."
        self.queue.value = f'<p class="fo-hint">{html.escape(words)}</p>'
        self.take_row.layout.display = "none" if tx_id else ""
        self.form.layout.display = "" if tx_id else "none"
        self.case.value = self.past.value = ""
        if tx_id:
            found = views.case(self.engine, tx_id, self.recent)
            shown = {"about": found.about, "when": views.clock(found.about["ts"])}
            shown |= {"columns": list(found.history), "history": found.history.to_numpy().tolist()}
            page_part = pictures.template("audit_case.html.j2")
            self.case.value, self.past.value = (page_part.render(shown, part=part) for part in ("facts", "history"))

    def _decide(self, verdict: str) -> None:
        tx_id = self.tx_id
        if tx_id is None:
            raise UserError("Take a case first.")
        try:
            cases.decide(self.engine, tx_id, verdict, self.actor, self.note.value.strip())
        finally:
            self._show_case(cases.held(self.engine, self.actor))
            self.stale |= {0, 1}
        words = "put back for somebody else" if verdict == "unsure" else f"recorded as {verdict}"
        self.message.value = notice(f"{tx_id} is {words}, by {self.actor}.", "fo-good fo-done")


def _html(name: str) -> widgets.HTML:
    made = widgets.HTML()
    made.add_class(name)
    return made


def _row(*children: widgets.Widget) -> widgets.Box:
    made = widgets.Box(children)
    made.add_class("fo-buttons")
    return made


def _page(*children: widgets.Widget) -> widgets.VBox:
    style = widgets.HTML(f"<style>{pictures.template('audit_page.css.j2').render(pictures.PALETTE)}</style>")
    made = widgets.VBox([style, *children])
    made.add_class("fo-page")
    return made


def open_page(workspace: Workspace, recent: int = 20, most_rows: int = 500) -> widgets.Widget:
    """The page, or in its place a message that says what to do; under Voilà an unexpected error becomes an incident.

    Elsewhere (papermill, JupyterLab) an unexpected error is raised, so that a broken page fails the run.
    """
    try:
        actor, engine = actor_name(), store.connect(workspace)
        role = visitor.role(engine, actor)
        with engine.connect() as connection:
            empty = connection.scalar(sa.select(store.predictions.c.tx_id).limit(1)) is None
        if empty or not (workspace.root / "data" / "dataset.json").is_file():
            return _told("fo-empty", NOTHING_YET.format(root=workspace.root), visitor.banner(actor, role))
        return AuditPage(workspace, engine, actor, recent, most_rows, role).widget
    except Exception as error:
        if not served_by_voila():
            raise
        return _told("fo-failed", str(error) if isinstance(error, UserError) else sorry(workspace))


def _told(name: str, text: str, above: str = "") -> widgets.Widget:
    made = _page(widgets.HTML(above), widgets.HTML(notice(text, "fo-bad")))
    made.add_class(name)
    return made


def signal(page: widgets.Widget) -> None:
    """Show, last of all, an element that says whether the page is ready: class ``page-ready`` or ``page-failed``."""
    failed = "fo-failed" in page._dom_classes
    mark = widgets.HTML(f'<span class="fo-hidden">{"The page failed." if failed else "The page is ready."}</span>')
    mark.add_class("page-failed" if failed else "page-ready")
    mark.add_class("fo-page")
    display(mark)
