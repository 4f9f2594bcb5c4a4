"""Make evidence packs and download them; only for people who may export."""

import html
import threading

import ipywidgets as widgets

from fraudops import ledger, timeline
from fraudops.audit_app import templates
from fraudops.audit_app.auth import session
from fraudops.audit_app.widgets import PageContext, create_row, create_text


class EvidencePanel:
    """The packs of this operation, latest first."""

    def __init__(self, context: PageContext):
        self.context = context
        self.make = context.button("Make an evidence pack", "fo-make-evidence", self._start)
        self.progress, self.shown = create_text("fo-packing"), create_text("fo-evidence")
        self.widget = widgets.VBox([create_row(self.make), self.progress, self.shown])

    def draw(self) -> None:
        """List the packs again."""
        self.context.require("export")
        packs = [
            {
                "name": folder.name,
                "made": timeline.format_time(folder.stat().st_mtime),
                "size": sum(file.stat().st_size for file in folder.iterdir()) / 1e6,
            }
            for folder in ledger.list_evidence_packs(self.context.workspace)
        ]
        self.shown.value = templates.load_template("audit_evidence.html.j2").render(
            packs=packs,
            base=session.get_base_url() if session.is_served_by_voila() else None,
            folder=self.context.workspace.root / "audit",
        )

    def _start(self) -> None:
        """Make a pack in the background: it verifies the whole record first."""
        self.context.require("export")
        self.make.disabled = True
        text = "The record is verified, then the pack is written …"
        self.progress.value = f'<p class="fo-hint" role="status">{html.escape(text)}</p>'
        self.packing = threading.Thread(target=self.context.guarded(self._write), daemon=True)
        self.packing.start()

    def _write(self) -> None:
        try:
            folder = ledger.write_evidence_pack(self.context.workspace, self.context.actor)
        finally:
            self.progress.value = ""
            self.make.disabled = False
        self.draw()
        self.context.show_message(
            f"{folder.name} is written. Write its name down in a place that people with access to "
            "the database cannot change."
        )
