"""The review desk: take a case, look at it, give an opinion or decide, and go on."""

import html
import time
from collections.abc import Callable

import ipywidgets as widgets

from fraudops import ledger, review, store, timeline
from fraudops.audit_app.auth import users
from fraudops.audit_app.tabs.case_view import CaseView
from fraudops.audit_app.tabs.desk_keys import KeyChannel, KeyPress
from fraudops.audit_app.tabs.queue_panel import QueuePanel
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
EMPTY_QUEUE_MESSAGE = "The queue is empty: no case waits. New cases come with new transactions."
EMPTY_VIEW_MESSAGE = (
    "No case that you can take passes the filters. Without them you have {own}: choose the view of "
    "all cases, or change the filters in Queue and settings."
)
NO_CASE_MESSAGE = (
    "No case is left for you. Cases that wait: {waiting}. Other reviewers hold them, they were "
    "skipped until later, or they need another person than you."
)
VERDICT_KEYS = {"f": "fraud", "g": "genuine", "u": "unsure"}


class ReviewTab:
    """One case at a time. A reload finds the case that the user holds, with the draft.

    Parameters
    ----------
    context : PageContext
    recent : int
        How many earlier transactions of the customer are listed.
    changed : callable
        Called after a decision.
    may_review : bool, optional
        False for a role that reads only: it opens cases by id.
    """

    def __init__(
        self,
        context: PageContext,
        recent: int,
        changed: Callable[[], None],
        may_review: bool = True,
    ):
        self.context, self.changed, self.may_review = context, changed, may_review
        self.review_queue = review.ReviewQueue(context.engine)
        self.shown: Case | None = None
        self.is_held = False  # the case is this person's to decide, and not only looked at
        self.undoable: str | None = None
        self.lease = create_text("fo-lease")
        self.panel = QueuePanel(context, self.review_queue)
        self.view = CaseView(context, recent)
        self.keys = KeyChannel(context, self._press)
        self.take = context.button("Next case (N)", "fo-take", self._take_next)
        self.undo = context.button("Undo (Z)", "fo-undo", self._undo)
        self.id_field = widgets.Text(
            description="Open case", placeholder="id of a transaction", continuous_update=False
        )
        self.id_field.add_class("fo-open-id")
        self.id_field.observe(context.guarded(self._open_typed), "value")
        self.form = VerdictForm(context, self._record, self._skip, self._assign, self._draft_saved)
        self.claim = context.button("Take this case", "fo-claim", self._claim)
        self.comment = widgets.Text(description="Comment", placeholder="for the record")
        self.comment.add_class("fo-comment")
        self.say = context.button("Add the comment", "fo-say", self._say)
        self.comment_row = create_row(self.comment, self.say)
        self.comment_row.add_class("fo-aside")
        self.widget = self._arrange()

    def _arrange(self) -> widgets.Widget:
        texts = self.view.texts
        help_button = widgets.Button(description="Keys (?)")
        help_button.add_class("fo-help")
        buttons = (self.take, self.undo) if self.may_review else ()
        bar = create_row(*buttons, self.id_field, self.panel.chosen, self.panel.open, help_button)
        bar.add_class("fo-bar")
        state = widgets.Box([self.panel.counts, self.lease])
        state.add_class("fo-state-line")
        side = widgets.VBox(
            [self.form.widget, self.claim, texts["linked"], texts["trail"], self.comment_row]
        )
        side.add_class("fo-side")
        desk = widgets.Box([self.view.evidence, side])
        desk.add_class("fo-desk")
        return widgets.VBox([bar, state, self.panel.panel, desk, self.view.below, self.keys.widget])

    def draw(self) -> None:
        """Show the case that the user holds, if any."""
        names = [one.name for one in users.list_users(self.context.engine) if _can_review(one)]
        self.form.offer_colleagues([name for name in names if name != self.context.actor])
        self._show(self.review_queue.find_held(self.context.actor))

    # --- which case is on the desk ---

    def _take_next(self) -> None:
        self.context.require("review")
        if not self._follow():
            raise UserError(self._describe_end())

    def _describe_end(self) -> str:
        """Say why no case follows."""
        waiting = self.review_queue.count_waiting()
        own = self.review_queue.count_waiting(self.context.actor)
        if not waiting:
            return EMPTY_QUEUE_MESSAGE
        is_filtered = own and self.panel.get_view() != review.QueueView()
        return (EMPTY_VIEW_MESSAGE if is_filtered else NO_CASE_MESSAGE).format(
            waiting=waiting, own=own
        )

    def _follow(self, without: str = "") -> bool:
        """Show the next case; False if none is left."""
        view = self.panel.get_view()
        tx_id = self.review_queue.claim_next(self.context.actor, view=view, without=without)
        self._show(tx_id)
        return tx_id is not None

    def _open_typed(self) -> None:
        """Open the case whose id was typed, or chosen in a list."""
        tx_id = self.id_field.value.strip()
        if not tx_id:
            return
        self.context.require("read")
        self.id_field.value = ""
        held = self.review_queue.find_held(self.context.actor)
        self._show(tx_id, is_held=tx_id == held)

    def _claim(self) -> None:
        self.context.require("review")
        tx_id = self.shown.about["tx_id"]
        review.claim_case(self.context.engine, tx_id, self.context.actor)
        self._show(tx_id)

    def _show(self, tx_id: str | None, is_held: bool = True) -> None:
        before = (self.shown and self.shown.about["tx_id"], self.is_held)
        is_new = (tx_id, is_held) != before
        actor = self.context.actor
        shown = review.load_case(self.context.engine, tx_id, actor) if tx_id else None
        if is_new:
            self.keys.marker.value = ""
        if shown and is_new:
            ledger.log_case_read(self.context.engine, tx_id, actor, claimed=is_held)
        self.shown, self.is_held = shown, bool(shown and is_held)
        self.form.show(self.shown if self.is_held else None, is_new=is_new)
        self.panel.draw()
        self.lease.value = ""
        if self.is_held:
            self._draw_lease(shown.about["claimed_until"])
        elif held := self.review_queue.find_held(actor):
            text = f"You still hold the case of {html.escape(held)}: Next case (N) shows it again."
            self.lease.value = f'<p class="fo-hint fo-still-held">{text}</p>'
        waits = bool(shown) and shown.about["state"] in store.WAITING_STATES
        _set_shown(self.claim, waits and not self.is_held and self.may_review)
        _set_shown(self.comment_row, bool(shown) and not shown.hidden)
        self.view.show(shown, self.is_held)
        self._mark()
        self.view.draw_rest()

    def _mark(self) -> None:
        """Say which case is on the screen, now that all of it is there."""
        on_screen, undo = html.escape(self._on_screen(), quote=True), self.undoable or ""
        self.keys.marker.value = (
            f'<span data-case="{on_screen}" data-undo="{html.escape(undo, quote=True)}" '
            f'data-undo-seconds="{review.UNDO_SECONDS}"></span>'
        )

    def _on_screen(self) -> str:
        if not self.is_held or self.shown is None:
            return ""
        return self.shown.about["tx_id"] + (" blind" if self.shown.hidden else "")

    # --- keys ---

    def _press(self, press: KeyPress) -> None:
        """Do what a key says.

        A key that was pressed before the case was on the screen chooses a verdict or a reason, and
        records nothing: no person decides a case without having seen it.
        """
        is_seen = press.on_screen == self._on_screen() != ""
        if press.key == "n":
            self._take_next()
        elif press.key == "z":
            self._undo()
        elif not self.is_held:
            return
        elif press.key in VERDICT_KEYS:
            self.form.verdict.value = VERDICT_KEYS[press.key]
        elif press.key.isdigit():
            chosen = self.form.choose_reason(int(press.key))
            if chosen and is_seen and self.panel.at_once.value and self.form.is_complete():
                self._record()
        elif press.key in ("enter", "record"):
            if press.note is not None:
                self.form.note.value = press.note
            if not is_seen:
                raise UserError("The case was not on the screen yet. Look at it, and press again.")
            self._record()

    # --- the lease ---

    def _draft_saved(self, is_own: bool) -> None:
        """Show the renewed lease, or that another person has the case."""
        shown = self.shown
        if shown is None or not self.is_held:
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

    # --- what a person does with the case ---

    def _require_held(self) -> str:
        self.context.require("review")
        if self.shown is None or not self.is_held:
            raise UserError("Take a case first.")
        return self.shown.about["tx_id"]

    def _skip(self) -> None:
        tx_id, hours = self._require_held(), self.form.snooze.value
        until = time.time() + 3600 * hours if hours else 0.0
        self.form.save()
        self.review_queue.skip(tx_id, self.context.actor, self.form.skip_reason.value, until)
        when = f"not before {timeline.format_time(until)} UTC" if hours else "to others first"
        self._go_on(f"{tx_id} is skipped: the queue gives it {when}.", tx_id)

    def _assign(self) -> None:
        tx_id, to = self._require_held(), self.form.colleague.value
        if not to:
            raise UserError("Choose the person to whom you assign the case.")
        self.form.save()
        review.assign_case(self.context.engine, tx_id, self.context.actor, to)
        self._go_on(f"{tx_id} is assigned to {to}.")

    def _say(self) -> None:
        self.context.require("review")
        if self.shown is None or self.shown.hidden:
            raise UserError("Open a case first.")
        tx_id = self.shown.about["tx_id"]
        ledger.add_comment(self.context.engine, tx_id, self.comment.value, self.context.actor)
        self.comment.value = ""
        self.view.draw_trail()
        self.context.show_message("Your comment is an entry of the ledger now.")

    def _record(self) -> None:
        tx_id, form, actor = self._require_held(), self.form, self.context.actor
        verdict = form.verdict.value
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
            if form.scope.value:
                self._record_bulk(form.scope.value, verdict)
                return
            outcome = self.review_queue.record_decision(
                tx_id, verdict, actor, form.reason.value, form.note.value
            )
        except UserError as error:
            if self.review_queue.find_held(actor) == tx_id:
                raise
            self.draw()  # show the case that is held now
            raise UserError(f"{error} What you typed is kept as your draft.") from None
        text = (
            "put back for another reviewer"
            if verdict == "unsure"
            else OUTCOME_MESSAGES[outcome.stage].format(verdict=verdict)
        )
        self.undoable = tx_id
        self._go_on(f"{tx_id} is {text}. By {actor}.")

    def _record_bulk(self, key: str, verdict: str) -> None:
        form, value, cases = self.form, self.shown.about[key], self.form.scopes[key]
        outcome = review.record_bulk_decision(
            self.context.engine,
            key,
            value,
            cases,
            verdict,
            self.context.actor,
            form.reason.value,
            form.note.value,
        )
        self._go_on(
            f"{len(cases)} cases of {value}: {outcome.decided} recorded as {verdict}, "
            f"{outcome.proposed} proposed until a second person agrees."
        )

    def _go_on(self, message: str, without: str = "") -> None:
        """Show the next case, or an empty desk, and say what was done."""
        self.changed()
        if not self.panel.follow.value:
            self._show(self.review_queue.find_held(self.context.actor))
        elif not self._follow(without):
            message += f" {self._describe_end()}"
        self.context.show_message(message)

    def _undo(self) -> None:
        self.context.require("review")
        tx_id, self.undoable = self.undoable, None
        if tx_id is None:
            raise UserError("There is nothing to undo.")
        review.undo_decision(self.context.engine, tx_id, self.context.actor)
        self.changed()
        self._show(tx_id)
        self.context.show_message(f"Your verdict on {tx_id} is taken back. Decide it again.")


def _can_review(user: users.User) -> bool:
    return user.active and store.has_permission(user.role, "review")


def _set_shown(widget: widgets.Widget, is_shown: bool) -> None:
    widget.layout.display = "" if is_shown else "none"
