"""The review tab: take a case, look at it, give an opinion or decide."""

import html
import threading
import time
from collections.abc import Callable

import ipywidgets as widgets

from fraudops import ledger, review, store, timeline
from fraudops.audit_app import plots, tables, templates
from fraudops.audit_app.plots import plot_case_history
from fraudops.audit_app.tabs.review_form import VerdictForm
from fraudops.audit_app.widgets import PageContext, create_row, create_text, render_notice
from fraudops.errors import UserError
from fraudops.review import Case

OUTCOME_MESSAGES = {
    "decision": "recorded as {verdict}",
    "confirmation": "recorded as {verdict}: two people agree",
    "proposal": "proposed as {verdict}; a second person has to agree before it counts",
    "objection": "proposed as {verdict}: the person before you saw it differently, so a third "
    "person must agree with you",
}
LOST_CASE_MESSAGE = (
    "The case of {tx_id} is no longer yours: another person has it, or its label has arrived. What "
    "you typed is kept as your draft, and you see it when you get the case again."
)


class ReviewTab:
    """One case at a time. A reload finds the case that the user holds, with the draft."""

    def __init__(self, context: PageContext, recent: int, changed: Callable[[], None]):
        self.context, self.recent, self.changed = context, recent, changed
        self.review_queue = review.ReviewQueue(context.engine)
        self.shown: Case | None = None
        self.model: tuple[str, object] | None = None  # version and fitted pipeline of the last case
        places = ("fo-remaining", "fo-lease", "fo-case", "fo-model", "fo-changes", "fo-past")
        self.queue, self.lease, self.case, self.account, self.changes, self.past = (
            create_text(name) for name in places
        )
        self.take = context.button("Take next case (N)", "fo-take", self._take_next)
        self.take_row = create_row(self.take)
        self.form = VerdictForm(context, self._record, self._skip, self._draft_saved)
        self.widget = widgets.VBox(
            [
                self.queue,
                self.take_row,
                self.lease,
                self.case,
                self.form.widget,
                self.account,
                self.changes,
                self.past,
            ]
        )

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

    def _skip(self) -> None:
        self.context.require("review")
        if self.shown is None:
            raise UserError("Take a case first.")
        tx_id, hours = self.shown.about["tx_id"], self.form.snooze.value
        until = time.time() + 3600 * hours if hours else 0.0
        self.form.save()
        self.review_queue.skip(tx_id, self.context.actor, self.form.skip_reason.value, until)
        self.draw()
        when = f"not before {timeline.format_time(until)} UTC" if hours else "to others first"
        self.context.show_message(f"{tx_id} is skipped: the queue gives it {when}.")

    def _draft_saved(self, is_own: bool) -> None:
        """Show the renewed lease, or that another person has the case."""
        shown = self.shown
        if shown is None:
            return
        if is_own:
            self._draw_lease(time.time() + review.LEASE_SECONDS)
        else:
            text = LOST_CASE_MESSAGE.format(tx_id=shown.about["tx_id"])
            self.lease.value = render_notice(text, "fo-bad fo-lost", "alert")

    def _draw_lease(self, until: float) -> None:
        """Show until when the case is this person's; the page's script counts down from it."""
        left = max(until - time.time(), 0)
        self.lease.value = (
            f'<p class="fo-hint fo-countdown" role="timer" data-until="{until:.0f}" '
            f'data-left="{left:.0f}">This case is yours until {timeline.format_time(until)} UTC. '
            "What you type is saved, and prolongs the time.</p>"
        )

    # --- one case ---

    def _show(self, tx_id: str | None) -> None:
        before = self.shown and self.shown.about["tx_id"]
        if tx_id and tx_id != before:
            ledger.log_case_read(self.context.engine, tx_id, self.context.actor)
        self.shown = (
            review.load_case(self.context.engine, tx_id, self.context.actor) if tx_id else None
        )
        self.form.show(self.shown, is_new=tx_id != before)
        self._draw_queue()
        self.take_row.layout.display = "none" if tx_id else ""
        self.lease.value = self.case.value = self.account.value = self.changes.value = (
            self.past.value
        ) = ""
        if self.shown:
            self._draw_case(self.shown)

    def _draw_queue(self) -> None:
        self.review_queue.settle()
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
        self._draw_lease(about["claimed_until"])
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
            "reported": timeline.format_time(about["reported_ts"]) if about["reported_ts"] else "",
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
            "the terminal before this one. Money came back to the customer "
            f"{len(shown.refunds)} times."
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
        form, actor = self.form, self.context.actor
        tx_id, verdict = self.shown.about["tx_id"], form.verdict.value
        if verdict is None:
            raise UserError("Choose a verdict first: fraud, genuine or unsure.")
        form.save()  # renews a lease that has run out, unless another person has the case now
        try:
            if self.shown.hidden:
                self.review_queue.record_opinion(tx_id, verdict, actor)
                self._show(tx_id)
                form.offer_reasons()
                self.context.show_message(
                    f"Your first opinion on {tx_id} is recorded. Here is the score: now decide."
                )
                return
            outcome = self.review_queue.record_decision(
                tx_id, verdict, actor, form.reason.value, form.note.value
            )
        except UserError as error:
            if self.review_queue.find_held(actor) == tx_id:
                raise
            self.draw()  # show the case that is held now
            raise UserError(f"{error} What you typed is kept as your draft.") from None
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
