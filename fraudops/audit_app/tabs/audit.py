"""The audit tab: look up the record, judge a sample of decisions, take evidence, verify."""

import ipywidgets as widgets

from fraudops.audit_app.tabs.audit_lookup import LookupPanel
from fraudops.audit_app.tabs.audit_sample import SamplePanel
from fraudops.audit_app.tabs.evidence import EvidencePanel
from fraudops.audit_app.tabs.record import RecordPanel
from fraudops.audit_app.widgets import PageContext


class AuditTab:
    """One of its sections at a time."""

    def __init__(self, context: PageContext):
        self.lookup = LookupPanel(context)
        self.sample = SamplePanel(context, self.look_up)
        self.record = RecordPanel(context, with_history=True)
        self.evidence = EvidencePanel(context)
        self.sections = {
            "Look up": self.lookup,
            "Sample of decisions": self.sample,
            "Verification": self.record,
        }
        if context.may("export"):
            self.sections["Evidence packs"] = self.evidence
        self.which = widgets.ToggleButtons(options=list(self.sections))
        self.which.add_class("fo-which")
        self.which.observe(context.guarded(self.draw), "value")
        self.widget = widgets.VBox(
            [self.which, *(section.widget for section in self.sections.values())]
        )

    def draw(self) -> None:
        """Draw the chosen section again and hide the others."""
        for name, section in self.sections.items():
            section.widget.layout.display = "" if name == self.which.value else "none"
        self.sections[self.which.value].draw()

    def look_up(self, text: str) -> None:
        """Show what the record holds about a transaction."""
        self.lookup.ask(text)
        self.which.value = "Look up"
