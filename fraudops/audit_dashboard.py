"""The dashboard of the review page: how well the model decided, who decides now, and whether the record holds."""

from collections.abc import Callable

import ipywidgets as widgets

from fraudops import audit_pictures as pictures
from fraudops import audit_views as views
from fraudops import cases, ledger
from fraudops.audit_desk import Desk, row, text


def percent(value: float) -> str:
    """A rate for people; a dash where there is none."""
    return "–" if value != value else f"{value:.1%}"


class Dashboard:
    """Figures, pictures, champion and ledger."""

    def __init__(self, desk: Desk, refresh: Callable[[], None]):
        self.desk, self.shown = desk, text("fo-dashboard")
        self.widget = widgets.VBox([self.shown, row(desk.button("Refresh", "fo-refresh", refresh))])

    def draw(self) -> None:
        """Read the database again."""
        frame = cases.predictions_with_labels(self.desk.engine)
        costs = views.review_costs(self.desk.workspace)
        rows = views.judged(frame)
        figures, days = views.summary(rows, costs), views.by_day(rows, costs)
        moves, versions = ledger.champion_moves(self.desk.engine), frame["model_version"].unique()
        last = moves[-1] if moves else None
        champion = last and {"version": last["version"], "since": views.clock(last["at"])} | last
        span = f"{days.index[0]} to {days.index[-1]}" if len(days) else "no day yet"
        confusion_alt = f"Confusion matrix: {figures['true_positive']} frauds stopped, {figures['false_negative']} missed, "
        confusion_alt += f"{figures['false_positive']} reviewed in vain, {figures['true_negative']} rightly approved."
        self.shown.value = pictures.template("audit_dashboard.html.j2").render(
            tiles=self._tiles(figures),
            scope=f"Judged: {figures['rows']:,} of {len(frame):,} predictions ({span}), the days old enough for every label to "
            f"have arrived. A review costs {costs.review / 100:,.2f} euros; a missed fraud costs its amount.",
            confusion=pictures.picture(pictures.confusion_figure(figures), confusion_alt),
            daily=pictures.picture(pictures.daily_figure(days), f"Euros saved per day, {span}."),
            champion=champion,
            deciders=f"version{'s' * (len(versions) > 1)} {', '.join(sorted(versions))}",
            chain=views.chain(self.desk.engine, self.desk.workspace, registry=False),
        )

    def _tiles(self, f: dict[str, float]) -> list[dict[str, str]]:
        flagged, frauds = f["true_positive"] + f["false_positive"], f["true_positive"] + f["false_negative"]
        total, _ = cases.waiting(self.desk.engine, self.desk.actor)
        caught = f"{f['true_positive']:,} of"
        tiles = [
            ("precision", "Precision", percent(f["precision"]), f"{caught} {flagged:,} sent to review were fraud", ""),
            ("recall", "Recall", percent(f["recall"]), f"{caught} {frauds:,} known frauds were stopped", ""),
            ("f1", "F1", percent(f["f1"]), "both in one figure", ""),
            ("saved", "Money saved", f"{f['saved_cents'] / 100:,.0f} €", "against approving everything", ""),
            ("open", "Open cases", f"{total:,}", "wait for a reviewer", "fo-queue"),
        ]
        return [dict(zip(("name", "words", "value", "hint", "kind"), tile, strict=True)) for tile in tiles]
