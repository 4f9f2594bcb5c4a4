"""Draw a sample of decisions by a seed, and record a finding on each."""

from collections.abc import Callable

import ipywidgets as widgets
import pandas as pd

from fraudops import review, timeline
from fraudops.audit_app import tables, templates
from fraudops.audit_app.widgets import (
    PageContext,
    create_row,
    create_text,
    render_download,
    show_if,
)
from fraudops.errors import UserError

MAX_SEED = 2_147_483_647


class SamplePanel:
    """The chosen sample; one of its decisions at a time gets a finding.

    Parameters
    ----------
    context : PageContext
    look_up : callable
        Shows the record of a transaction.
    """

    def __init__(self, context: PageContext, look_up: Callable[[str], None]):
        self.context = context
        self.rows, self.samples, self.is_drawing = pd.DataFrame(), {}, False
        self.seed = widgets.BoundedIntText(description="Seed", min=0, max=MAX_SEED, value=1)
        self.size = widgets.BoundedIntText(
            description="Decisions",
            min=1,
            max=review.MAX_SAMPLE_SIZE,
            value=review.DEFAULT_SAMPLE_SIZE,
        )
        self.which = widgets.Dropdown(description="Sample")
        self.draw_button = context.button("Draw", "fo-draw-sample", self._draw_new)
        chooser = create_row(self.seed, self.size, self.draw_button, self.which)
        chooser.add_class("fo-filters")
        self.shown, self.file = create_text("fo-sample-shown"), create_text("fo-sample-file")
        self.chosen = widgets.Dropdown(description="Decision")
        grades = [("choose a grade", "")]
        grades += [(f"{name}: {about}", name) for name, about in review.FINDING_GRADES.items()]
        self.grade = widgets.Dropdown(description="Grade", options=grades)
        self.text = widgets.Textarea(description="Finding", placeholder="What you found, and why")
        for widget, name in (
            (self.seed, "fo-sample-seed"),
            (self.which, "fo-sample-which"),
            (self.chosen, "fo-sample-chosen"),
            (self.grade, "fo-sample-grade"),
            (self.text, "fo-sample-text"),
        ):
            widget.add_class(name)
        self.which.observe(context.guarded(self._show), "value")
        self.chosen.observe(context.guarded(self._draw_table, quiet=True), "value")
        self.record = context.button("Record the finding", "fo-record-finding", self._record)
        trail = context.button("Show its record", "fo-sample-trail", lambda: look_up(self._tx_id()))
        buttons = create_row(self.record, trail)
        self.form = widgets.VBox([self.chosen, self.grade, self.text, buttons])
        self.form.add_class("fo-decide")
        self.export = context.button("Export as CSV", "fo-export-sample", self._export)
        show_if(self.export, context.may("export"))
        self.widget = widgets.VBox(
            [chooser, self.form, self.shown, create_row(self.export), self.file]
        )

    def draw(self) -> None:
        """Read the samples again."""
        self.samples = {one["sample"]: one for one in review.list_samples(self.context.engine)}
        chosen = self.which.value
        options = [
            (f"{number}: seed {one['seed']}, {timeline.format_time(one['at'])[:10]}", number)
            for number, one in self.samples.items()
        ]
        self._offer(self.which, options, chosen)
        self._show()

    def _offer(self, widget: widgets.Dropdown, options: list, chosen: object) -> None:
        """Offer other options and keep the choice if it is among them; else take the first."""
        self.is_drawing = True  # the handlers of the choice wait
        widget.options = options
        values = [value for _, value in options]
        if values:  # a list that was empty before would choose nothing
            widget.value = chosen if chosen in values else values[0]
        self.is_drawing = False

    def _show(self) -> None:
        if self.is_drawing:
            return
        number = self.which.value
        for widget in (self.which, self.form, self.export):
            show_if(widget, number is not None)
        show_if(self.export, number is not None and self.context.may("export"))
        self.file.value = ""
        if number is None:
            self.shown.value = templates.load_template("audit_sample.html.j2").render(part="none")
            return
        self.rows = review.load_sample(self.context.engine, number)
        before = self.chosen.value
        options = [
            (f"{one.decision}: {one.tx_id}{', ' + one.grade if one.grade else ''}", one.decision)
            for one in self.rows.itertuples()
        ]
        is_known = before in set(self.rows["decision"])
        self._offer(self.chosen, options, before if is_known else self._find_unjudged())
        self._draw_table()

    def _tx_id(self) -> str:
        return self.rows.set_index("decision").loc[self.chosen.value, "tx_id"]

    def _find_unjudged(self) -> int | None:
        """Find the first decision without a finding; the first one if all are judged."""
        if self.rows.empty:
            return None
        waiting = self.rows.loc[self.rows["grade"] == "", "decision"]
        return int((waiting if len(waiting) else self.rows["decision"]).iloc[0])

    def _draw_table(self) -> None:
        sample = self.samples.get(self.which.value)
        if sample is None or self.is_drawing:
            return
        self.shown.value = templates.load_template("audit_sample.html.j2").render(
            part="sample",
            sample=sample,
            rows=[_format_row(one) for one in self.rows.itertuples()],
            judged=int((self.rows["grade"] != "").sum()),
            chosen=self.chosen.value,
            time=timeline.format_time,
        )

    def _draw_new(self) -> None:
        self.context.require("audit")
        number = review.draw_decision_sample(
            self.context.engine, self.seed.value, self.context.actor, self.size.value
        )
        self.draw()
        self.which.value = number
        self.context.show_message(f"Sample {number} is drawn, and the ledger records it.")

    def _record(self) -> None:
        self.context.require("audit")
        decision = self.chosen.value
        if decision is None:
            raise UserError("Draw a sample first.")
        review.record_finding(
            self.context.engine,
            self.which.value,
            decision,
            self.grade.value,
            self.text.value,
            self.context.actor,
        )
        grade, self.text.value, self.grade.value = self.grade.value, "", ""
        self.draw()
        self.chosen.value = self._find_unjudged()
        self.context.show_message(f"The finding on decision {decision} is recorded: {grade}.")

    def _export(self) -> None:
        self.context.require("export")
        number = self.which.value
        text = review.export_sample(self.context.engine, number, self.context.actor)
        self.file.value = render_download(f"sample-{number}.csv", text)


def _format_row(one: object) -> dict[str, object]:
    """Format a decision of the sample; a missing transaction has no time and no amount."""
    payload = {
        name: getattr(one, name)
        for name in ("tx_id", "stage", "verdict", "reason", "note", "seconds", "override")
    }
    has_transaction = one.ts == one.ts and one.ts is not None
    return {
        "decision": one.decision,
        "tx_id": one.tx_id,
        "of": timeline.format_time(one.ts) if has_transaction else "–",
        "amount": tables.format_euros(one.amount_cents) if has_transaction else "–",
        "words": review.describe_entry("decision", payload),
        "actor": one.actor,
        "at": timeline.format_time(one.decided_at),
        "grade": one.grade,
        "text": one.text,
        "found_by": one.found_by,
    }
