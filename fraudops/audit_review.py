"""The reviewer's desk: take a case, look at it, decide."""

import html
from collections.abc import Callable

import ipywidgets as widgets

from fraudops import audit_pictures as pictures
from fraudops import audit_views as views
from fraudops import cases
from fraudops.audit_desk import Desk, row, text
from fraudops.workspace import UserError


class Review:
    """One case at a time; a reload finds the case that was being worked on."""

    def __init__(self, desk: Desk, recent: int, changed: Callable[[], None]):
        self.desk, self.recent, self.changed = desk, recent, changed
        self.tx_id: str | None = None
        self.queue, self.case, self.past = text("fo-remaining"), text("fo-case"), text("fo-past")
        self.take = desk.button("Take next case", "fo-take", self._take_next)
        self.note = widgets.Textarea(placeholder="Note: what made you decide so (optional)")
        self.note.add_class("fo-notefield")
        self.verdicts = [desk.button(v.title(), f"fo-{v}", lambda v=v: self._decide(v)) for v in cases.VERDICTS]
        buttons = row(*self.verdicts)
        buttons.add_class("fo-decide")
        self.form = widgets.VBox([self.note, buttons])
        self.take_row = row(self.take)
        self.widget = widgets.VBox([self.queue, self.take_row, self.case, self.form, self.past])

    def draw(self) -> None:
        """Show the case that is held, if any."""
        self._show_case(cases.held(self.desk.engine, self.desk.actor))

    def _take_next(self) -> None:
        tx_id = cases.claim_next(self.desk.engine, self.desk.actor)
        self._show_case(tx_id)
        if tx_id is None:
            raise UserError("No case is left for you: the others are with somebody else, or you were unsure about them.")

    def _show_case(self, tx_id: str | None) -> None:
        if tx_id != self.tx_id:
            self.note.value = ""
        self.tx_id = tx_id
        total, mine = cases.waiting(self.desk.engine, self.desk.actor)
        words = f"{total:,} open cases, {mine:,} of them for you. You are {self.desk.actor}."
        self.queue.value = f'<p class="fo-hint">{html.escape(words)}</p>'
        self.take_row.layout.display = "none" if tx_id else ""
        self.form.layout.display = "" if tx_id else "none"
        self.case.value = self.past.value = ""
        if tx_id:
            found = views.case(self.desk.engine, tx_id, self.recent)
            shown = {"about": found.about, "when": views.clock(found.about["ts"])}
            shown |= {"columns": list(found.history), "history": found.history.to_numpy().tolist()}
            page_part = pictures.template("audit_case.html.j2")
            self.case.value, self.past.value = (page_part.render(shown, part=part) for part in ("facts", "history"))

    def _decide(self, verdict: str) -> None:
        tx_id = self.tx_id
        if tx_id is None:
            raise UserError("Take a case first.")
        try:
            cases.decide(self.desk.engine, tx_id, verdict, self.desk.actor, self.note.value.strip())
        finally:
            self._show_case(cases.held(self.desk.engine, self.desk.actor))
            self.changed()
        words = "put back for somebody else" if verdict == "unsure" else f"recorded as {verdict}"
        self.desk.tell(f"{tx_id} is {words}, by {self.desk.actor}.")
