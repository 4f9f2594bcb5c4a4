"""The review tab: take a case, look at it, give an opinion or decide."""

import html
import threading
from collections.abc import Callable

import ipywidgets as widgets

from fraudops import ledger, review, store, timeline
from fraudops.audit_app import plots, tables, templates
from fraudops.audit_app.plots import plot_case_history
from fraudops.audit_app.widgets import PageContext, create_row, create_text
from fraudops.errors import UserError
from fraudops.review import Case

VERDICT_LABELS = {"fraud": "Fraud (F)", "genuine": "Genuine (L)", "unsure": "Unsure (U)"}
OUTCOME_MESSAGES = {
    "decision": "recorded as {verdict}",
    "confirmation": "recorded as {verdict}: you and the first person agree",
    "proposal": "proposed as {verdict}; a second person has to agree before it counts",
    "objection": "proposed as {verdict}: the first person saw it differently, so a third person "
    "must agree with you",
}


class ReviewTab:
    """One case at a time. A reload finds the case that the user holds."""

    def __init__(self, context: PageContext, recent: int, changed: Callable[[], None]):
        self.context, self.recent, self.changed = context, recent, changed
        self.review_queue = review.ReviewQueue(context.engine)
        self.shown: Case | None = None
        self.model: tuple[str, object] | None = None  # version and fitted pipeline of the last case
        places = ("fo-remaining", "fo-case", "fo-model", "fo-changes", "fo-past")
        self.queue, self.case, self.account, self.changes, self.past = (
            create_text(name) for name in places
        )
        self.take = context.button("Take next case (N)", "fo-take", self._take_next)
        self.take_row = create_row(self.take)
        self.widget = widgets.VBox(
            [
                self.queue,
                self.take_row,
                self.case,
                self._form(),
                self.account,
                self.changes,
                self.past,
            ]
        )

    def _form(self) -> widgets.Widget:
        options = [(text, verdict) for verdict, text in VERDICT_LABELS.items()]
        self.verdict = widgets.RadioButtons(
            options=options, value=None, description="Verdict", layout={"width": "auto"}
        )
        self.reason = widgets.Dropdown(
            options=[("choose a verdict first", "")], description="Reason"
        )
        self.note = widgets.Textarea(description="Note", placeholder="What made you decide so")
        for widget, name in (
            (self.verdict, "fo-verdict"),
            (self.reason, "fo-reason"),
            (self.note, "fo-notefield"),
        ):
            widget.add_class(name)
        self.verdict.observe(self.context.guarded(self._offer_reasons), "value")
        self.record = self.context.button("Record", "fo-record", self._record)
        self.back = self.context.button("Put back", "fo-back", self._put_back)
        self.rule = create_text("fo-rule")
        self.form = widgets.VBox(
            [self.verdict, self.reason, self.note, self.rule, create_row(self.record, self.back)]
        )
        self.form.add_class("fo-decide")
        return self.form

    def draw(self) -> None:
        """Show the case that the user holds, if any."""
        self._show(self.review_queue.find_held(self.context.actor))

    def _take_next(self) -> None:
        self.context.require("review")
        tx_id = self.review_queue.claim_next(self.context.actor)
        self._show(tx_id)
        if tx_id is None:
            raise UserError(
                "No case is left for you: other reviewers hold the others, or they wait for "
                "another person."
            )

    def _put_back(self) -> None:
        if self.shown:
            self.review_queue.release(self.shown.about["tx_id"], self.context.actor)
        self.draw()

    def _offer_reasons(self) -> None:
        chosen = self.verdict.value
        offered = [
            (one.words, code) for code, one in review.REASON_CODES.items() if one.verdict == chosen
        ]
        first = "choose a reason" if offered else "choose a verdict first"
        self.reason.options = [(first, ""), *offered]
        about = self.shown.about if self.shown and not self.shown.hidden else None
        text = ""
        if (
            about
            and chosen
            and review.is_override(chosen, about["kind"] == "flagged", about["probability"])
        ):
            text = (
                "This goes against the model: say why in at least "
                f"{review.MIN_NOTE_CHARACTERS} letters; a second person has to agree."
            )
        elif about and chosen and review.needs_second_review(chosen, about["amount_cents"], False):
            text = f"From {review.SECOND_REVIEW_CENTS // 100:,} € on a second person has to agree."
        self.rule.value = f'<p class="fo-hint" role="status">{text}</p>' if text else ""

    # --- one case ---

    def _show(self, tx_id: str | None) -> None:
        before = self.shown and self.shown.about["tx_id"]
        if tx_id and tx_id != before:
            ledger.log_case_read(self.context.engine, tx_id, self.context.actor)
        self.shown = (
            review.load_case(self.context.engine, tx_id, self.context.actor) if tx_id else None
        )
        if tx_id != before:
            self.note.value, self.verdict.value = "", None
        self._draw_queue()
        self.take_row.layout.display = "none" if tx_id else ""
        self.form.layout.display = "" if tx_id else "none"
        self.case.value = self.account.value = self.changes.value = self.past.value = ""
        if self.shown:
            self._draw_case(self.shown)

    def _draw_queue(self) -> None:
        waiting = self.review_queue.count_waiting()
        available = self.review_queue.count_waiting(self.context.actor)
        second = self.review_queue.count_waiting_for_second()
        overdue = self.review_queue.count_overdue()
        text = (
            f"{waiting:,} open cases, {available:,} of them for you; {second:,} wait for a second "
            f"person, {overdue:,} are overdue."
        )
        order = f"The first is the one with the largest {review.PRIORITY_FORMULA}."
        self.queue.value = f'<p class="fo-hint">{html.escape(text)}<br>{html.escape(order)}</p>'

    def _draw_case(self, shown: Case) -> None:
        about, hidden = shown.about, shown.hidden
        self.record.description = "Record first opinion" if hidden else "Record"
        for widget in (self.reason, self.note):
            widget.layout.display = "none" if hidden else ""
        heaviest = max((abs(one["contribution"]) for one in shown.reasons), default=1.0) or 1.0
        share = [(one["text"], 100 * one["contribution"] / heaviest) for one in shown.reasons]
        part = templates.load_template("audit_case.html.j2")
        facts = {
            "about": about,
            "hidden": hidden,
            "when": timeline.format_time(about["ts"]),
            "age": _format_duration(about["age"]),
            "overdue": about["age"] > review.DUE_SECONDS,
            "due": _format_duration(review.DUE_SECONDS - about["age"]),
        }
        self.case.value = part.render(facts, part="facts")
        self.account.value = part.render(
            facts,
            part="model",
            since=f"{timeline.format_time(about['since'])} UTC" if about["since"] else "",
            reasons=[
                {"text": text, "for": round(max(weight, 0)), "against": round(max(-weight, 0))}
                for text, weight in share
            ],
        )
        alt = (
            f"{len(shown.customer)} transactions of the customer and {len(shown.terminal)} of "
            "the terminal before this one."
        )
        past = tables.format_history(shown.customer.head(self.recent))
        self.past.value = part.render(
            part="history",
            picture=plots.figure_to_html(plot_case_history(shown), alt),
            linked=tables.format_linked_cases(shown.linked).to_numpy().tolist(),
            earlier_decisions=shown.earlier_decisions,
            columns=list(past),
            history=past.to_numpy().tolist(),
        )
        # the fallback rules have no inputs to change
        if not hidden and about["model_version"].isdigit():
            self.changes.value = (
                '<p class="fo-hint">Working out what would have changed the decision …</p>'
            )
            threading.Thread(
                target=self.context.guarded(lambda: self._explain(shown), quiet=True), daemon=True
            ).start()

    def _explain(self, shown: Case) -> None:
        """Explain in a thread, because a model loads for a second."""
        from fraudops import review  # imports scikit-learn, which is slow

        with self.context.engine.connect() as connection:
            inputs = review.load_prediction_inputs(connection, shown.about["prediction_id"])
            usually = review.load_baseline_inputs(connection)
            policy = review.load_decision_policy(connection, shown.about["prediction_id"])
            champion = store.read_deployment(connection).get("champion", ({}, 0.0))[0]
        found = None
        if inputs and policy:
            model = self._model(shown.about["model_version"], champion)
            found = review.find_counterfactual_changes(model, policy, inputs, usually)
        if self.shown is shown:
            self.changes.value = templates.load_template("audit_case.html.j2").render(
                part="changes", changes=found
            )

    def _model(self, version: str, champion: dict) -> object:
        if self.model is None or self.model[0] != version:
            if champion.get("version") == version:
                from pathlib import Path

                from fraudops.models import load_model_file

                self.model = version, load_model_file(Path(champion["file"]), champion["sha256"])
            else:  # the registry has the file of an earlier champion
                from fraudops import models

                self.model = (
                    version,
                    models.ModelRegistry(self.context.workspace).find(version).load(),
                )
        return self.model[1]

    def _record(self) -> None:
        self.context.require("review")
        if self.shown is None:
            raise UserError("Take a case first.")
        tx_id, verdict, actor = self.shown.about["tx_id"], self.verdict.value, self.context.actor
        if verdict is None:
            raise UserError("Choose a verdict first: fraud, genuine or unsure.")
        try:
            if self.shown.hidden:
                self.review_queue.record_opinion(tx_id, verdict, actor)
                self._show(tx_id)
                self._offer_reasons()
                self.context.show_message(
                    f"Your first opinion on {tx_id} is recorded. Here is the score: now decide."
                )
                return
            outcome = self.review_queue.record_decision(
                tx_id, verdict, actor, self.reason.value, self.note.value
            )
        except UserError:
            if self.review_queue.find_held(actor) != tx_id:  # show the case that is held now
                self.draw()
            raise
        self.changed()
        self.draw()
        text = (
            "put back for another reviewer"
            if verdict == "unsure"
            else OUTCOME_MESSAGES[outcome.stage].format(verdict=verdict)
        )
        self.context.show_message(f"{tx_id} is {text}. By {actor}.")


def _format_duration(seconds: float) -> str:
    """Format a time in the largest unit that fits."""
    hours = max(seconds, 0) / 3600
    return f"{hours:.0f} hours" if hours < 72 else f"{hours / 24:.0f} days"
