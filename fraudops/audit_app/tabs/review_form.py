"""The form of a case: verdict, reason and note, which are kept as a draft, and the skip."""

import threading
import time
from collections.abc import Callable

import ipywidgets as widgets

from fraudops import review
from fraudops.audit_app.widgets import PageContext, create_row, create_text
from fraudops.review import Case, Draft

VERDICT_LABELS = {"fraud": "Fraud (F)", "genuine": "Genuine (L)", "unsure": "Unsure (U)"}
SNOOZE_HOURS = (1, 4, 12, 24)
DRAFT_SECONDS = 1.0  # at most so much typing is lost if the page dies


class VerdictForm:
    """The fields for a verdict. What is typed is saved, and prolongs the lease.

    Parameters
    ----------
    context : PageContext
    record, skip : callable
        Called when the button is pressed.
    saved : callable
        Called after a draft was saved, perhaps in another thread, with whether the case is still
        claimed by this person.
    """

    def __init__(
        self,
        context: PageContext,
        record: Callable[[], None],
        skip: Callable[[], None],
        saved: Callable[[bool], None],
    ):
        self.context, self.saved = context, saved
        self.shown: Case | None = None
        self.filling = False  # the program and not a person changes the fields
        self.last_saved = 0.0
        self.timer: threading.Timer | None = None
        self.saving = threading.Lock()
        options = [(text, verdict) for verdict, text in VERDICT_LABELS.items()]
        self.verdict = widgets.RadioButtons(
            options=options, value=None, description="Verdict", layout={"width": "auto"}
        )
        self.reason = widgets.Dropdown(
            options=[("choose a verdict first", "")], description="Reason"
        )
        self.note = widgets.Textarea(description="Note", placeholder="What made you decide so")
        skips = [(words, code) for code, words in review.SKIP_REASONS.items()]
        self.skip_reason = widgets.Dropdown(
            options=[("choose why", ""), *skips], description="Skip"
        )
        hours = [(f"not before {hour} h from now", hour) for hour in SNOOZE_HOURS]
        self.snooze = widgets.Dropdown(
            options=[("others may take it at once", 0), *hours], description="When"
        )
        for widget, name in (
            (self.verdict, "fo-verdict"),
            (self.reason, "fo-reason"),
            (self.note, "fo-notefield"),
            (self.skip_reason, "fo-skip-reason"),
            (self.snooze, "fo-snooze"),
        ):
            widget.add_class(name)
        self.verdict.observe(context.guarded(self.offer_reasons), "value")
        for widget in (self.verdict, self.reason, self.note):
            widget.observe(context.guarded(self._changed, quiet=True), "value")
        self.record = context.button("Record", "fo-record", record)
        self.skip = context.button("Skip the case", "fo-skip", skip)
        self.rule = create_text("fo-rule")
        self.widget = widgets.VBox(
            [
                self.verdict,
                self.reason,
                self.note,
                self.rule,
                create_row(self.record),
                self.skip_reason,
                self.snooze,
                create_row(self.skip),
            ]
        )
        self.widget.add_class("fo-decide")

    def show(self, shown: Case | None, is_new: bool) -> None:
        """Show the form of a case, with the draft if the case is new on the page."""
        with self.saving:  # else a pending save could write one case's note into another's draft
            self.shown = shown
            if is_new:
                self._fill(shown)
        self.widget.layout.display = "" if shown else "none"
        hidden = shown is not None and shown.hidden
        self.record.description = "Record first opinion" if hidden else "Record"
        for widget in (self.reason, self.note):
            widget.layout.display = "none" if hidden else ""

    def _fill(self, shown: Case | None) -> None:
        """Empty the fields, and write the draft of the case into them."""
        draft = Draft()
        if shown:
            draft = review.load_draft(self.context.engine, shown.about["tx_id"], self.context.actor)
        self.filling = True
        try:
            self.verdict.value = draft.verdict or None
            self.offer_reasons()
            offered = {code for _, code in self.reason.options}
            self.reason.value = draft.reason if draft.reason in offered else ""
            self.note.value = draft.note
            self.skip_reason.value, self.snooze.value = "", 0
        finally:
            self.filling = False

    def offer_reasons(self) -> None:
        """Offer the reasons of the chosen verdict, none of them preselected, and say the rule."""
        chosen = self.verdict.value
        offered = [
            (one.words, code) for code, one in review.REASON_CODES.items() if one.verdict == chosen
        ]
        first = "choose a reason" if offered else "choose a verdict first"
        self.reason.options = [(first, ""), *offered]
        self.reason.value = ""
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

    # --- drafts ---

    def _changed(self) -> None:
        """Save the draft now, or soon if it was saved a moment ago."""
        if self.filling or self.shown is None or self.timer is not None:
            return
        wait = self.last_saved + DRAFT_SECONDS - time.monotonic()
        if wait <= 0:
            self.save()
            return
        self.timer = threading.Timer(wait, self.context.guarded(self.save, quiet=True))
        self.timer.daemon = True
        self.timer.start()

    def save(self) -> None:
        """Save what is typed, and renew the claim."""
        self.context.require("review")
        timer, self.timer = self.timer, None
        if timer is not None:
            timer.cancel()
        with self.saving:
            if self.shown is None:
                return
            tx_id = self.shown.about["tx_id"]
            draft = Draft(self.verdict.value or "", self.reason.value or "", self.note.value)
            self.last_saved = time.monotonic()
            is_own = review.save_draft(self.context.engine, tx_id, self.context.actor, draft)
        self.saved(is_own)
