"""Look up entries of the ledger by transaction, person, day and kind."""

import ipywidgets as widgets

from fraudops import review, timeline
from fraudops.audit_app import templates
from fraudops.audit_app.widgets import PageContext, create_row, create_text
from fraudops.timeline import day_start

PAGE_ENTRIES = 50
CLOCK_CHOICES = [
    ("the computer's clock", "computer"),
    ("the time of the transactions", "transactions"),
]


class LookupPanel:
    """Entries that match, in order and in words, and the facts about one transaction."""

    def __init__(self, context: PageContext):
        self.context, self.offset, self.total = context, 0, 0
        self.is_filling = False
        self.text = widgets.Text(
            description="Id or text",
            placeholder="transaction, “entry 12”, “version 3”",
            continuous_update=False,
        )
        self.person = widgets.Text(description="Person", continuous_update=False)
        self.day = widgets.DatePicker(description="Day")
        self.clock = widgets.Dropdown(description="Day by", options=CLOCK_CHOICES)
        kinds = [("everything", ""), *((name, name) for name in review.ENTRY_KINDS)]
        self.kind = widgets.Dropdown(description="Kind", options=kinds)
        fields = (self.text, self.person, self.day, self.clock, self.kind)
        for widget, name in zip(fields, ("text", "person", "day", "clock", "kind"), strict=True):
            widget.add_class(f"fo-audit-{name}")
            widget.observe(context.guarded(self._look_up), "value")
        box = create_row(*fields)
        box.add_class("fo-filters")
        self.facts, self.note, self.place = (
            create_text(name) for name in ("fo-audit-facts", "fo-audit-note", "fo-audit-trail")
        )
        self.back = context.button("Earlier entries", "fo-audit-back", lambda: self._turn(-1))
        self.on = context.button("Later entries", "fo-audit-on", lambda: self._turn(1))
        self.widget = widgets.VBox(
            [box, self.facts, self.note, self.place, create_row(self.back, self.on)]
        )

    def draw(self) -> None:
        """Look again, if something was asked for."""
        self._read()

    def ask(self, text: str) -> None:
        """Ask for a transaction, without other filters; `draw` shows it."""
        self.is_filling, self.offset = True, 0  # one look, and not one for each field
        self.text.value, self.person.value, self.day.value, self.kind.value = text, "", None, ""
        self.is_filling = False

    def _look_up(self) -> None:
        if not self.is_filling:
            self.offset = 0
            self._read()

    def _turn(self, pages: int) -> None:
        last = max(self.total - 1, 0) // PAGE_ENTRIES * PAGE_ENTRIES
        self.offset = min(max(self.offset + pages * PAGE_ENTRIES, 0), last)
        self._read()

    def _read_filters(self) -> review.EntryFilter:
        day = self.day.value
        return review.EntryFilter(
            self.text.value.strip(),
            self.person.value.strip(),
            day_start(day) if day else None,
            self.clock.value,
            self.kind.value,
        )

    def _read(self) -> None:
        self.context.require("audit")
        filters, engine = self._read_filters(), self.context.engine
        template = templates.load_template("audit_trail.html.j2")
        self.facts.value = self.note.value = self.place.value = ""
        asked = filters.text or filters.person or filters.day is not None or filters.kind
        self.back.layout.display = self.on.layout.display = "none"
        if not asked:
            self.note.value = template.render(part="help")
            return
        facts = review.load_transaction_facts(engine, filters.text) if filters.text else None
        if facts:
            self.facts.value = template.render(part="facts", time=timeline.format_time, **facts)
        rows, self.total = review.find_entries(
            engine, self.context.actor, filters, self.offset, PAGE_ENTRIES
        )
        others = (
            []
            if facts or not filters.text
            else review.suggest_transaction_ids(engine, filters.text)
        )
        self.note.value = template.render(
            part="note",
            total=self.total,
            first=self.offset + 1,
            last=self.offset + len(rows),
            others=others,
        )
        if rows:
            self.place.value = template.render(part="trail", rows=rows, time=timeline.format_time)
        turns = self.total > PAGE_ENTRIES
        self.back.layout.display = self.on.layout.display = "" if turns else "none"
        self.back.disabled = self.offset == 0
        self.on.disabled = self.offset + len(rows) >= self.total
