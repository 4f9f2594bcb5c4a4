"""The form of a case: verdict, reason and note, which are kept as a draft; skip and assign."""

import threading
import time
from collections.abc import Callable

import ipywidgets as widgets

from fraudops import review
from fraudops.audit_app.widgets import PageContext, create_row, create_text
from fraudops.review import Case, Draft

VERDICT_LABELS = {"fraud": "Fraud (F)", "genuine": "Genuine (G)", "unsure": "Unsure (U)"}
SCOPE_NAMES = {"terminal_id": "terminal", "customer_id": "customer"}
SNOOZE_HOURS = (1, 4, 12, 24)
DRAFT_SECONDS = 1.0  # at most so much typing is lost if the page dies


class VerdictForm:
    """The fields for a verdict. What is typed is saved, and prolongs the lease.

    Parameters
    ----------
    context : PageContext
    record, skip, assign : callable
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
        assign: Callable[[], None],
        saved: Callable[[bool], None],
    ):
        self.context, self.saved = context, saved
        self.shown: Case | None = None
        self.filling = False  # the program and not a person changes the fields
        self.last_saved = 0.0
        self.timer: threading.Timer | None = None
        self.was_hidden = False
        self.scopes: dict[str, list[str]] = {}  # key of `SCOPE_NAMES`: cases
        self.saving = threading.Lock()
        options = [(text, verdict) for verdict, text in VERDICT_LABELS.items()]
        self.verdict = widgets.RadioButtons(
            options=options, value=None, description="Verdict", layout={"width": "auto"}
        )
        self.reason = widgets.Select(
            options=[("choose a verdict first", "")], description="Reason", rows=6
        )
        self.note = widgets.Textarea(description="Note", placeholder="What made you decide so")
        skips = [(words, code) for code, words in review.SKIP_REASONS.items()]
        self.skip_reason = widgets.Dropdown(
            options=[("choose why", ""), *skips], description="Skip"
        )
        hours = [(f"not before {hour} h from now", hour) for hour in SNOOZE_HOURS]
        self.snooze = widgets.Dropdown(options=[("others now", 0), *hours], description="When")
        self.scope = widgets.Dropdown(options=[("this case only", "")], description="Apply to")
        self.colleague = widgets.Dropdown(options=[("choose a person", "")], description="Assign")
        for widget, name in (
            (self.verdict, "fo-verdict"),
            (self.reason, "fo-reason"),
            (self.note, "fo-notefield"),
            (self.scope, "fo-scope"),
            (self.skip_reason, "fo-skip-reason"),
            (self.snooze, "fo-snooze"),
            (self.colleague, "fo-colleague"),
        ):
            widget.add_class(name)
        self.verdict.observe(context.guarded(self.offer_reasons), "value")
        self.scope.observe(context.guarded(self._name_button), "value")
        for widget in (self.verdict, self.reason, self.note):
            widget.observe(context.guarded(self._changed, quiet=True), "value")
        self.record = context.button("Record", "fo-record", record)
        self.skip = context.button("Skip", "fo-skip", skip)
        self.assign = context.button("Assign", "fo-assign", assign)
        self.rule = create_text("fo-rule")
        self.assign_row = create_row(self.colleague, self.assign)
        skip_row = create_row(self.skip_reason, self.snooze, self.skip)
        for row in (skip_row, self.assign_row):
            row.add_class("fo-aside")
        fields = (self.verdict, self.reason, self.note, self.scope, self.rule)
        self.widget = widgets.VBox([*fields, self.record, skip_row, self.assign_row])
        self.widget.add_class("fo-decide")
        self.widget.add_class("fo-verdict-form")

    def show(self, shown: Case | None, is_new: bool) -> None:
        """Show the form of a case, with the draft if the case is new on the page."""
        with self.saving:  # else a pending save could write one case's note into another's draft
            self.shown = shown
            if is_new:
                self._fill(shown)
        self.widget.layout.display = "" if shown else "none"
        hidden = shown is not None and shown.hidden
        if is_new or hidden != self.was_hidden:
            self._offer_scopes()
        self.was_hidden = hidden
        self._name_button()
        for widget in (self.reason, self.note, self.scope, self.assign_row):
            widget.layout.display = "none" if hidden else ""

    def offer_colleagues(self, names: list[str]) -> None:
        """Offer the people to whom a case can be assigned."""
        self.colleague.options = [("choose a person", ""), *((name, name) for name in names)]

    def _offer_scopes(self) -> None:
        """Offer one verdict on all cases of the terminal or customer, if there are others."""
        self.scopes: dict[str, list[str]] = {}
        options = [("this case only", "")]
        if self.shown and not self.shown.hidden:
            for key, name in SCOPE_NAMES.items():
                engine, value = self.context.engine, self.shown.about[key]
                found = review.find_bulk_cases(engine, key, value, self.context.actor)
                if len(found) > 1:
                    self.scopes[key] = found
                    options.append((f"all {len(found)} open cases of this {name}", key))
        self.scope.options = options
        self.scope.value = ""
        self.scope.disabled = len(options) == 1

    def _name_button(self) -> None:
        hidden = self.shown is not None and self.shown.hidden
        many = self.scopes.get(self.scope.value or "")
        text = f"Record on {len(many)} cases" if many else "Record (Enter)"
        self.record.description = "Record first opinion (Enter)" if hidden else text

    def choose_reason(self, number: int) -> bool:
        """Choose the reason with this number; False if there is none."""
        if not 0 < number < len(self.reason.options):
            return False
        self.reason.value = self.reason.options[number][1]
        return True

    def is_complete(self) -> bool:
        """Tell whether verdict, reason and note are enough for this case alone."""
        shown, verdict, reason = self.shown, self.verdict.value, self.reason.value
        if shown is None or shown.hidden or not verdict or not reason or self.scope.value:
            return False
        needs_note = reason.startswith("other_") or self._is_override()
        return not needs_note or len(self.note.value.strip()) >= review.MIN_NOTE_CHARACTERS

    def _is_override(self) -> bool:
        about = self.shown.about
        return review.is_override(
            self.verdict.value, about["kind"] == "flagged", about["probability"]
        )

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
        offered = [code for code, one in review.REASON_CODES.items() if one.verdict == chosen]
        numbered = [
            (f"{number} {review.REASON_CODES[code].words}", code)
            for number, code in enumerate(offered, start=1)
        ]
        first = "choose a reason" if offered else "choose a verdict first"
        self.reason.options = [(first, ""), *numbered]
        self.reason.value = ""
        about = self.shown.about if self.shown and not self.shown.hidden else None
        text = ""
        if about and chosen and self._is_override():
            text = (
                "This goes against the model: say why in at least "
                f"{review.MIN_NOTE_CHARACTERS} letters; a second person has to agree."
            )
        elif about and chosen and review.needs_second_review(chosen, about["amount_cents"], False):
            text = f"From {review.SECOND_REVIEW_CENTS // 100:,} € on a second person has to agree."
        self.rule.value = f'<p class="fo-hint" role="status">{text}</p>'

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
