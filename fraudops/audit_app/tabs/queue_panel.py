"""The queue at the review desk: counts, views with filters, a preview, and settings."""

from dataclasses import asdict

import ipywidgets as widgets

from fraudops import review, store, timeline
from fraudops.audit_app import templates
from fraudops.audit_app.widgets import PageContext, create_row, create_text
from fraudops.errors import UserError
from fraudops.review import QueueView

ALL_CASES = "all cases"
MAX_VIEW_NAME = 40
SETTINGS = {"follow": True, "at_once": True}  # name and value before a person changes it


class QueuePanel:
    """What a person is given next. Views and settings are kept for the person in the database."""

    def __init__(self, context: PageContext, review_queue: review.ReviewQueue):
        self.context, self.review_queue = context, review_queue
        self.filling = False
        self.counts, self.preview = create_text("fo-remaining"), create_text("fo-preview")
        self.views: dict[str, dict] = self._load("views", {})
        self.chosen = widgets.Dropdown(description="View", options=[ALL_CASES, *self.views])
        self.least = widgets.BoundedFloatText(description="Least €", min=0, max=1e9, step=10)
        self.newest = widgets.BoundedFloatText(
            description="Hours old, at most (0: any)", min=0, max=1e6, step=1
        )
        self.category, self.channel = (
            widgets.Dropdown(description=text, options=[("any", "")])
            for text in ("Category", "Channel")
        )
        kinds = [(words, kind) for kind, words in review.CASE_KINDS.items()]
        self.kind = widgets.Dropdown(description="Kind", options=kinds)
        self.filters = {
            "least_euros": self.least,
            "most_hours": self.newest,
            "category": self.category,
            "channel": self.channel,
            "kind": self.kind,
        }
        self.name = widgets.Text(description="Name of the view", placeholder="large and new")
        settings = SETTINGS | self._load("desk", {})
        self.follow = widgets.Checkbox(
            settings["follow"], description="The next case follows by itself", indent=False
        )
        self.at_once = widgets.Checkbox(
            settings["at_once"],
            description="A reason key records at once, if no note is needed",
            indent=False,
        )
        self.open = widgets.ToggleButton(False, description="Queue and settings")
        self.open.add_class("fo-queue-toggle")
        self.panel = self._arrange()
        self._observe()

    def _arrange(self) -> widgets.Widget:
        filters = create_row(*self.filters.values())
        saving = create_row(
            self.name,
            self.context.button("Save the view", "fo-save-view", self._save_view),
            self.context.button("Delete the view", "fo-delete-view", self._delete_view),
        )
        for row in (filters, saving):
            row.add_class("fo-filters")
        panel = widgets.VBox([filters, saving, self.preview, self.follow, self.at_once])
        panel.add_class("fo-queue-panel")
        panel.layout.display = "none"
        return panel

    def _observe(self) -> None:
        guarded = self.context.guarded
        for widget in self.filters.values():
            widget.observe(guarded(self._filtered), "value")
        self.chosen.observe(guarded(self._choose_view), "value")
        self.open.observe(guarded(self.draw), "value")
        for widget in (self.follow, self.at_once):
            widget.observe(guarded(self._save_settings), "value")

    # --- what is kept for the person ---

    def _load(self, name: str, default: dict) -> dict:
        return review.load_preference(self.context.engine, self.context.actor, name, default)

    def _save_settings(self) -> None:
        value = {"follow": self.follow.value, "at_once": self.at_once.value}
        review.save_preference(self.context.engine, self.context.actor, "desk", value)

    def _save_view(self) -> None:
        name = self.name.value.strip()
        if not name or name == ALL_CASES or len(name) > MAX_VIEW_NAME:
            raise UserError(f"Give the view a name of 1 to {MAX_VIEW_NAME} letters.")
        self._keep_views(self.views | {name: asdict(self.get_view())}, name)
        self.context.show_message(f"The view {name} is saved. It is yours alone.")

    def _delete_view(self) -> None:
        name = self.chosen.value
        if name == ALL_CASES:
            raise UserError("Choose a saved view first. The view of all cases stays.")
        self._keep_views({key: one for key, one in self.views.items() if key != name}, ALL_CASES)
        self._choose_view()
        self.context.show_message(f"The view {name} is deleted.")

    def _keep_views(self, views: dict[str, dict], chosen: str) -> None:
        review.save_preference(self.context.engine, self.context.actor, "views", views)
        self.views, self.filling = views, True
        try:
            self.chosen.options = [ALL_CASES, *views]
            self.chosen.value = chosen
        finally:
            self.filling = False

    # --- the view ---

    def get_view(self) -> QueueView:
        """Get the filters as they are set."""
        return QueueView(**{name: widget.value for name, widget in self.filters.items()})

    def _choose_view(self) -> None:
        if self.filling:
            return
        view = asdict(QueueView()) | self.views.get(self.chosen.value, {})
        self.filling = True
        try:
            self._offer(view["category"], view["channel"])
            for name, widget in self.filters.items():
                widget.value = view[name]
        finally:
            self.filling = False
        self.draw()

    def _filtered(self) -> None:
        if not self.filling:
            self.draw()

    def _offer(self, category: str, channel: str) -> None:
        """Offer the categories and channels of the latest transactions, and the chosen one."""
        offered = review.load_filter_choices(self.context.engine)
        for widget, name, kept in (
            (self.category, "category", category),
            (self.channel, "channel", channel),
        ):
            values = sorted({*offered[name], kept} - {""})
            widget.options = [("any", ""), *((one, one) for one in values)]
            widget.value = kept

    def draw(self) -> None:
        """Count the cases, and draw the preview if it is open."""
        queue, actor = self.review_queue, self.context.actor
        queue.settle()
        counts = (
            (queue.count_waiting(), "open"),
            (queue.count_waiting(actor), "for you"),
            (queue.count_waiting_for_second(), "wait for a second person"),
            (queue.count_overdue(), "overdue"),
        )
        words = " · ".join(f"<strong>{number:,}</strong> {text}" for number, text in counts)
        if assigned := queue.count_assigned(actor):
            words += f" · <strong>{assigned:,}</strong> assigned to you"
        if self.get_view() != QueueView():
            words += " · <em>a filter is set</em>"
        self.counts.value = f'<p class="fo-hint">{words}</p>'
        self.panel.layout.display = "" if self.open.value else "none"
        if self.open.value:
            self._draw_preview()

    def _draw_preview(self) -> None:
        if len(self.category.options) == 1:
            self.filling = True
            try:
                self._offer(self.category.value, self.channel.value)
            finally:
                self.filling = False
        view = self.get_view()
        with self.context.engine.connect() as connection:
            now = store.get_latest_ts(connection)
        rows, total, hidden = review.preview_queue(self.context.engine, view, self.context.actor)
        self.preview.value = templates.load_template("audit_queue.html.j2").render(
            order=review.PRIORITY_FORMULA,
            total=total,
            hidden=hidden,
            rows=[
                {
                    "tx_id": one.tx_id,
                    "amount": f"{one.amount_cents / 100:,.2f}",
                    "age": f"{max(now - one.opened_ts, 0) / 3600:,.0f}",
                    "opened": timeline.format_time(one.opened_ts),
                    "category": one.category,
                    "channel": one.channel,
                    "kind": _name_kind(one),
                    "overdue": now - one.opened_ts > review.DUE_SECONDS,
                }
                for one in rows.itertuples()
            ],
        )


def _name_kind(row: object) -> str:
    if row.state == "second":
        return "second person"
    return "blocked" if row.decision == "block" else "first verdict"
