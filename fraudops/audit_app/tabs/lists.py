"""The lists tab: predicted frauds and non-frauds, and both kinds of error."""

import html
from dataclasses import asdict
from datetime import UTC, date, datetime

import ipywidgets as widgets

from fraudops import ledger, review
from fraudops.audit_app import tables, templates
from fraudops.audit_app.widgets import (
    PageContext,
    create_row,
    create_text,
    render_download,
    show_if,
)
from fraudops.timeline import DAY

DEFAULT_LIST_DAYS = 90  # days that a list shows by default
BY_ME = "me"


class ListsTab:
    """One of `review.PREDICTION_LISTS` at a time."""

    def __init__(self, context: PageContext, page_rows: int):
        self.context, self.size, self.offset, self.total = context, page_rows, 0, 0
        self.logged: tuple | None = None
        self.which = widgets.ToggleButtons(options=list(review.PREDICTION_LISTS))
        self.which.add_class("fo-which")
        day = review.get_latest_scored_day(context.engine)
        begin = (
            datetime.fromtimestamp(day - (DEFAULT_LIST_DAYS - 1) * DAY, UTC).date() if day else None
        )
        self.first = widgets.DatePicker(description="From", value=begin)
        self.last = widgets.DatePicker(description="To")
        self.least = widgets.BoundedFloatText(description="Least €", min=0, max=1e9, step=10)
        self.category, self.channel, self.version = (
            widgets.Dropdown(description=text, options=[("any", "")])
            for text in ("Category", "Channel", "Version")
        )
        self.text = widgets.Text(
            description="Id",
            placeholder="part of transaction, customer or terminal",
            continuous_update=False,
        )
        self.reviewed = widgets.Dropdown(
            description="Reviewed",
            options=[("any", ""), ("yes", "yes"), ("by me", BY_ME), ("no", "no")],
        )
        orders = [("as listed", ""), *((name, name) for name in review.LIST_ORDERS)]
        self.order = widgets.Dropdown(description="Sort", options=orders)
        filters = (
            self.first,
            self.last,
            self.least,
            self.category,
            self.channel,
            self.version,
            self.text,
            self.reviewed,
            self.order,
        )
        for widget in (self.which, *filters):
            widget.observe(context.guarded(self._from_the_start), "value")
        self.note, self.place = create_text("fo-list-note"), create_text("fo-list")
        self.back = context.button("Previous", "fo-previous", lambda: self._turn(-1))
        self.on = context.button("Next", "fo-next", lambda: self._turn(1))
        self.export = context.button("Export as CSV", "fo-export-list", self._export)
        show_if(self.export, context.may("export"))
        self.file = create_text("fo-list-file")
        box = create_row(*filters)
        box.add_class("fo-filters")
        turns = create_row(self.back, self.on, self.export)
        self.widget = widgets.VBox([self.which, box, self.note, self.place, turns, self.file])

    def _read_filters(self) -> review.PredictionFilter:
        return review.PredictionFilter(
            _to_seconds(self.first.value),
            _to_seconds(self.last.value, DAY),
            round(self.least.value * 100),
            self.category.value,
            self.channel.value,
            self.version.value,
            self.text.value.strip(),
            "" if self.reviewed.value == BY_ME else self.reviewed.value,
            self.order.value,
            self.context.actor if self.reviewed.value == BY_ME else "",
        )

    def _export(self) -> None:
        self.context.require("export")
        name = self.which.value
        text = review.export_predictions(
            self.context.engine, name, self._read_filters(), self.context.actor
        )
        self.file.value = render_download(f"{name.lower().replace(' ', '-')}.csv", text)

    def _from_the_start(self) -> None:
        self.offset = 0
        self._read()

    def _turn(self, pages: int) -> None:
        self.offset = min(
            max(self.offset + pages * self.size, 0), max(self.total - 1, 0) // self.size * self.size
        )
        self._read()

    def draw(self) -> None:
        """Read the chosen page and the choices of the filters again."""
        offered = review.load_filter_choices(self.context.engine)
        for widget, name in (
            (self.category, "category"),
            (self.channel, "channel"),
            (self.version, "version"),
        ):
            chosen = widget.value
            with widget.hold_trait_notifications():
                widget.options = [
                    ("any", ""),
                    *((one, one) for one in sorted({*offered[name], chosen} - {""})),
                ]
                widget.value = chosen
        self._read()

    def _read(self) -> None:
        name, filters = self.which.value, self._read_filters()
        self.file.value = ""
        rows, self.total = review.load_prediction_page(
            self.context.engine, name, filters, self.offset, self.size, self.context.actor
        )
        hidden = review.count_hidden_cases(self.context.engine, self.context.actor)
        looked = {key: value for key, value in asdict(filters).items() if value} | {
            "offset": self.offset
        }
        if (name, looked) != self.logged:  # a refresh is not recorded as another look
            ledger.log_list_read(self.context.engine, name, looked, len(rows), self.context.actor)
            self.logged = (name, looked)
        total = (
            f"{self.total:,}"
            if self.total <= review.MAX_COUNTED_ROWS
            else f"more than {review.MAX_COUNTED_ROWS:,}"
        )
        shown = (
            f"rows {self.offset + 1:,} to {self.offset + len(rows):,} of {total}"
            if len(rows)
            else "none"
        )
        text = f"{total} {name.lower()} ({review.PREDICTION_LISTS[name]}): {shown}."
        if hidden:
            text += (
                f" No list shows the {hidden:,} cases that you may still have to judge without "
                "their scores."
            )
        with_case = rows.loc[rows["review"] != "no case", "tx_id"]
        self.place.value = templates.load_template("audit_list.html.j2").render(
            name=name,
            caption=f"{name}, {self.order.value or review.PREDICTION_LISTS[name]}",
            rows=tables.format_predictions(rows),
            numbers=("amount", "score"),
            cases=set(with_case),
        )
        self.note.value = f'<p class="fo-hint" role="status">{html.escape(text)}</p>'
        self.back.disabled, self.on.disabled = (
            self.offset == 0,
            self.offset + len(rows) >= self.total,
        )


def _to_seconds(day: date | None, after: int = 0) -> int | None:
    """Convert a day to its first second (UTC), plus some days."""
    return (
        None
        if day is None
        else int(datetime(day.year, day.month, day.day, tzinfo=UTC).timestamp()) + after
    )
