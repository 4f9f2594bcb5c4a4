"""The lists of the review page: predicted frauds and non-frauds, and both kinds of error."""

import html

import ipywidgets as widgets
from itables import to_html_datatable

from fraudops import audit_views as views
from fraudops import cases
from fraudops.audit_desk import Desk, text


class Lists:
    """One of `audit_views.LISTS` at a time."""

    def __init__(self, desk: Desk, most_rows: int):
        self.desk, self.most_rows = desk, most_rows
        self.which = widgets.ToggleButtons(options=list(views.LISTS))
        self.which.add_class("fo-which")
        self.which.observe(desk.guarded(self.draw), "value")
        self.list_note, self.list_place = text("fo-list-note"), widgets.Output()
        self.list_place.add_class("fo-list")
        self.widget = widgets.VBox([self.which, self.list_note, self.list_place])

    def draw(self) -> None:
        """Read the chosen list again."""
        frame = cases.predictions_with_labels(self.desk.engine)
        rows, total = views.list_of(frame, self.which.value, self.most_rows)
        cut = f" Only the first {len(rows):,} are here." if len(rows) < total else ""
        words = f"{total:,} {self.which.value.lower()}: {views.LISTS[self.which.value][0]}.{cut}"
        self.list_note.value = f'<p class="fo-hint" role="status">{html.escape(words)}</p>'
        table = to_html_datatable(
            rows, connected=False, scrollX=True, pageLength=10, lengthMenu=[10, 25, 100], maxBytes=0, classes="display nowrap",
            style="table-layout:auto;width:100%", columnDefs=[{"className": "dt-left", "targets": [0, 1, *range(4, 11)]}],
        )  # fmt: skip
        self.list_place.outputs = ({"output_type": "display_data", "data": {"text/html": table}, "metadata": {}},)
