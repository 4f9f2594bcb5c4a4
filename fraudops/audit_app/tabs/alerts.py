"""The alerts on the dashboard: open ones with buttons, closed ones with their outcome."""

from collections.abc import Callable

import ipywidgets as widgets

from fraudops import monitoring, store, timeline
from fraudops.audit_app import templates
from fraudops.audit_app.widgets import PageContext, create_row, create_text, show_if
from fraudops.timeline import DAY, day_of

MAX_CLOSED_ALERTS = 10


class AlertPanel:
    """Lists the alerts of drift and skew; people who review may acknowledge and close them."""

    def __init__(self, context: PageContext, redraw: Callable[[], None]):
        self.context, self.redraw = context, redraw
        self.log = monitoring.AlertLog(context.engine)
        self.n_open = 0
        self.shown = create_text("fo-alerts")
        self.chosen = widgets.Dropdown(description="Alert")
        outcomes = [("choose an outcome", "")]
        outcomes += [
            (f"{name}: {about}", name) for name, about in monitoring.ALERT_OUTCOMES.items()
        ]
        self.outcome = widgets.Dropdown(description="Outcome", options=outcomes)
        self.reason = widgets.Textarea(
            description="Reason", placeholder="What you found, for the next person"
        )
        for widget, name in (
            (self.chosen, "fo-alert-chosen"),
            (self.outcome, "fo-alert-outcome"),
            (self.reason, "fo-alert-reason"),
        ):
            widget.add_class(name)
        buttons = create_row(
            context.button("Acknowledge", "fo-acknowledge", self._acknowledge),
            context.button("Close the alert", "fo-close-alert", self._close),
        )
        self.form = widgets.VBox([self.chosen, self.outcome, self.reason, buttons])
        self.form.add_class("fo-decide")
        self.widget = widgets.VBox([self.shown, self.form])

    def draw(self) -> None:
        """Read the alerts again."""
        alerts = self.log.load()
        with self.context.engine.connect() as connection:
            latest = store.get_latest_ts(connection)
        is_closed = alerts["state"] == "closed"
        waiting = alerts[~is_closed]
        self.shown.value = templates.load_template("audit_alerts.html.j2").render(
            waiting=[
                {
                    "text": one.text,
                    "severity": one.severity,
                    "by": one.acknowledged_by,
                    "days": max(0, (latest - one.as_of) // DAY + 1),
                }
                for one in waiting.iloc[::-1].itertuples()
            ],
            closed=[
                {
                    "day": day_of(one.as_of - 1),
                    "text": one.text,
                    "outcome": one.outcome,
                    "reason": one.reason,
                    "by": one.closed_by,
                    "at": timeline.format_time(one.closed_at),
                }
                for one in alerts[is_closed].iloc[::-1].head(MAX_CLOSED_ALERTS).itertuples()
            ],
            n_closed=int(is_closed.sum()),
        )
        chosen = self.chosen.value
        ids = waiting["alert_id"].iloc[::-1].tolist()
        self.n_open = len(ids)
        self.chosen.options = ids
        self.chosen.value = chosen if chosen in ids else (ids[0] if ids else None)
        show_if(self.form, bool(ids) and self.context.may("review"))

    def _acknowledge(self) -> None:
        self.context.require("review")
        try:
            self.log.acknowledge(self.chosen.value, self.context.actor)
        finally:
            self.redraw()
        self.context.show_message("The alert is acknowledged: others see that you look at it.")

    def _close(self) -> None:
        self.context.require("review")
        closed = self.chosen.value
        self.log.close(closed, self.outcome.value, self.reason.value, self.context.actor)
        self.reason.value = self.outcome.value = ""
        self.redraw()
        self.context.show_message(f"The alert {closed} is closed.")
