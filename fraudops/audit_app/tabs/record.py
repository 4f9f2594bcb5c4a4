"""The state of the record: champion, ledger, and the last full verification, which it can start."""

import html
import threading

import ipywidgets as widgets

from fraudops import ledger, timeline
from fraudops.audit_app import templates
from fraudops.audit_app.widgets import PageContext, create_row, create_text

MAX_SHOWN_VERIFICATIONS = 50


class RecordPanel:
    """Shows whether the record held, and verifies it in the background.

    Parameters
    ----------
    context : PageContext
    with_history : bool, optional
        List all verifications that were asked for.
    """

    def __init__(self, context: PageContext, with_history: bool = False):
        self.context, self.with_history = context, with_history
        self.shown, self.progress = create_text("fo-record-state"), create_text("fo-verifying")
        self.verify = context.button("Verify the record", "fo-verify", self._start)
        self.widget = widgets.VBox([self.shown, self.progress, create_row(self.verify)])

    def draw(self) -> None:
        """Read the ledger's head and the results again."""
        with self.context.engine.connect() as connection:
            entries, _ = ledger.get_head(connection)
        moves = [one for one in self.context.model_events.read() if one["kind"] != "refusal"]
        last = moves[-1] if moves else None
        champion = (
            last and {"version": last["version"], "since": timeline.format_time(last["at"])} | last
        )
        history = ledger.load_verifications(self.context.workspace)
        found, actor = history[0] if history else (None, "")
        rows = [
            {
                "when": timeline.format_time(one.at),
                "actor": by,
                "result": _describe_result(one),
                "holds": one.holds,
                "entries": one.entries,
                "head": one.head[:16],
            }
            for one, by in history[:MAX_SHOWN_VERIFICATIONS]
        ]
        self.shown.value = templates.load_template("audit_record.html.j2").render(
            champion=champion,
            entries=entries,
            found=found,
            when=timeline.format_time(found.at) if found else "",
            actor=actor,
            history=rows if self.with_history else [],
            n_history=len(history),
        )

    def _start(self) -> None:
        """Verify in the background: a large record takes minutes, and the page stays usable."""
        self.context.require("read")
        self.verify.disabled = True
        self._say("the record")
        self.verification = threading.Thread(target=self.context.guarded(self._verify), daemon=True)
        self.verification.start()

    def _verify(self) -> None:
        """Verify all parts, as `fraudops verify --read-only` does, and keep the result."""
        context = self.context
        try:
            found = ledger.verify_record(context.workspace, context.engine, on_part=self._say)
            ledger.save_verification(context.workspace, found, context.actor)
        finally:
            self.progress.value = ""
            self.verify.disabled = False
        self.draw()

    def _say(self, part: str) -> None:
        """Show which part is verified now."""
        text = f"Verifying: {part} …"
        self.progress.value = f'<p class="fo-hint" role="status">{html.escape(text)}</p>'


def _describe_result(found: ledger.Verification) -> str:
    if found.holds:
        return "holds"
    parts = [part.name for part in found.parts if part.problems]
    return f"does not hold: {', '.join(parts)}"
