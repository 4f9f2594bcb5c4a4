"""The dashboard tab: performance of the model, progress of reviews, events, and the record."""

import asyncio
from collections import Counter
from collections.abc import Callable

import ipywidgets as widgets
import pandas as pd

from fraudops import review, timeline
from fraudops.audit_app import plots, templates
from fraudops.audit_app.tabs.alerts import AlertPanel
from fraudops.audit_app.tabs.record import RecordPanel
from fraudops.audit_app.tabs.skew import render_skew
from fraudops.audit_app.widgets import (
    PageContext,
    create_row,
    create_text,
    format_interval,
    format_percent,
)
from fraudops.timeline import day_of

POLL_SECONDS = 30  # seconds between two checks for changes


class DashboardTab:
    """Figures and pictures of the latest judged days."""

    def __init__(self, context: PageContext, refresh: Callable[[], None]):
        self.context = context
        self.shown, self.record = create_text("fo-dashboard"), RecordPanel(context)
        options = [(f"latest {days} judged days", days) for days in review.PERIOD_CHOICES_DAYS] + [
            ("all judged days", 0)  # with None the list would show no choice
        ]
        self.window = widgets.Dropdown(options=options, description="Look at")
        self.window.observe(context.guarded(self.draw), "value")
        self.alerts, self.skew = AlertPanel(context, self.draw), create_text("fo-skew")
        self.widget = widgets.VBox(
            [
                self.window,
                self.shown,
                self.alerts.widget,
                self.skew,
                self.record.widget,
                create_row(context.button("Refresh", "fo-refresh", refresh)),
            ]
        )
        self.seen: tuple = ()

    def draw(self) -> None:
        """Read the database again and draw the tab."""
        engine = self.context.engine
        self.seen = review.get_change_token(engine)
        self.alerts.draw()
        self.skew.value = render_skew(self.context.workspace)
        over, policy = (
            review.get_evaluation_period(engine, self.window.value or None),
            review.load_champion_policy(self.context.workspace),
        )
        if over is None:
            self.shown.value = "<p>No transaction has been scored yet.</p>"
            return
        rows = review.load_flagged_and_frauds(engine, over)
        per_day, begun = (
            review.count_predictions_by_day(engine, over, rows),
            review.load_version_starts(engine, over),
        )
        figures, days, doing = (
            review.compute_performance(rows, policy, int(per_day["rows"].sum())),
            review.compute_performance_by_day(rows, policy, per_day["rows"]),
            review.compute_review_statistics(engine),
        )
        span = f"{days.index[0]} to {days.index[-1]}" if len(days) else "no day yet"
        alarms, events = review.load_drift_alerts(engine), self.context.model_events.read()
        marks = review.build_event_marks(alarms, begun, events)
        segments = review.tabulate_segments(rows, policy)
        self.shown.value = templates.load_template("audit_dashboard.html.j2").render(
            tiles=self._tiles(
                figures, review.compute_performance_by_compromise(rows, policy), doing
            ),
            scope=f"Judged: {figures['rows']:,} predictions ({span}), of days old enough for every "
            f"label to have arrived. A review costs {policy.review / 100:,.2f} euros. A missed "
            "fraud costs its amount. Flagged means: sent to review or blocked. Once per "
            "compromise: after the first caught fraud of a card, its later frauds count as "
            "stopped.",
            figures=figures,
            stopped=review.count_stopped_frauds(engine, rows),
            daily=plots.figure_to_html(
                plots.plot_savings_timeline(days, marks),
                f"Euros saved per day, {span}, and what happened: {_describe_marks(marks, days)}.",
            ),
            elsewhere=_describe_events_outside(events, days),
            days=[_format_day(day, one) for day, one in days.iloc[::-1].iterrows()],
            segments=[(title, _format_segments(table)) for title, table in segments.items()],
            reviewing=_format_review_statistics(doing),
            begun=[
                f"version {one.version} from {timeline.format_time(one.ts)} on"
                for one in begun.itertuples()
            ],
        )
        self.record.draw()

    def _tiles(
        self, f: dict[str, float], once: dict[str, float], doing: review.ReviewStatistics
    ) -> list[dict[str, str]]:
        flagged, frauds = (
            f["true_positive"] + f["false_positive"],
            f["true_positive"] + f["false_negative"],
        )
        caught, waiting = (
            f"{f['true_positive']:,} of",
            doing.progress["open"] + doing.progress["second"],
        )
        overdue = review.ReviewQueue(self.context.engine).count_overdue()
        tiles = [
            (
                "overdue",
                "Overdue",
                f"{overdue:,}",
                f"open cases wait longer than {review.DUE_SECONDS // 3600} hours",
                "fo-queue" if overdue else "",
            ),
            ("open", "Open cases", f"{waiting:,}", "wait for a reviewer", "fo-queue"),
            (
                "alerts",
                "Open alerts",
                f"{self.alerts.n_open:,}",
                "of drift and skew",
                "fo-queue" if self.alerts.n_open else "",
            ),
            (
                "precision",
                "Precision",
                format_percent(f["precision"]),
                f"{caught} {flagged:,} flagged were fraud",
                "",
            ),
            (
                "recall",
                "Recall",
                format_percent(f["recall"]),
                f"{caught} {frauds:,} known frauds were flagged",
                "",
            ),
            ("f1", "F1", format_percent(f["f1"]), "both in one figure", ""),
            (
                "saved",
                "Money saved",
                f"{f['saved_cents'] / 100:,.0f} €",
                "per transaction, against approving everything",
                "",
            ),
            (
                "saved-once",
                "Saved once per compromise",
                f"{once['saved_cents'] / 100:,.0f} €",
                f"{format_percent(once['caught_at_first'])} of {once['compromises']:,} caught at "
                f"their first fraud, {format_percent(once['caught'])} at all",
                "",
            ),
        ]
        return [
            dict(zip(("name", "words", "value", "hint", "kind"), tile, strict=True))
            for tile in tiles
        ]

    async def watch_changes(self, moved_on: Callable[[], None]) -> None:
        """Check every half minute whether something has changed, and show it."""

        def look() -> None:
            seen = review.get_change_token(self.context.engine)
            if seen != self.seen:
                self.seen = seen
                moved_on()

        quietly = self.context.guarded(look, quiet=True)
        while True:
            await asyncio.sleep(POLL_SECONDS)
            quietly()


def _describe_marks(marks: pd.DataFrame, days: pd.DataFrame) -> str:
    """Describe the marks of the picture for readers who cannot see it."""
    shown = marks[marks["day"].isin(set(days.index))]["kind"].value_counts() if len(days) else {}
    return ", ".join(f"{kind} {n} time{'s' * (n > 1)}" for kind, n in shown.items()) or "nothing"


def _describe_events_outside(events: list[dict], days: pd.DataFrame) -> str:
    """Count model events outside the judged days. Most have the time of the clock."""
    judged_days = set(days.index)
    counted = Counter(one["kind"] for one in events if day_of(int(one["at"])) not in judged_days)
    return ", ".join(f"{n} {kind}{'s' * (n > 1)}" for kind, n in counted.items())


def _format_day(day: object, one: dict) -> tuple[str, ...]:
    flagged = one["true_positive"] + one["false_positive"]
    frauds = one["true_positive"] + one["false_negative"]
    numbers = (f"{one['rows']:,.0f}", f"{flagged:,.0f}", f"{frauds:,.0f}")
    return (
        str(day),
        *numbers,
        format_percent(one["precision"]),
        format_percent(one["recall"]),
        f"{one['saved_cents'] / 100:,.0f}",
    )


def _format_segments(table: pd.DataFrame) -> list[tuple[str, ...]]:
    rows = []
    for name, one in table.iterrows():
        recall = _format_rate(one.recall, one.recall_low, one.recall_high)
        precision = _format_rate(one.precision, one.precision_low, one.precision_high)
        rows.append(
            (
                name,
                f"{one.frauds:,.0f}",
                *recall,
                f"{one.flagged:,.0f}",
                *precision,
                f"{one.saved:,.0f}",
            )
        )
    return rows


def _format_rate(value: float, low: float, high: float) -> tuple[str, str]:
    """Format a rate and its interval; a rate over nothing has no interval."""
    return format_percent(value), format_interval(low, high) if value == value else "–"


def _format_proportion(share: review.Proportion) -> str:
    if not share.of:
        return "none yet"
    return f"{share.value:.0%} of {share.of:,} ({format_interval(*share.interval)})"


def _format_minutes(minutes: float) -> str:
    """Format a time in seconds or minutes; a dash if there is none.

    Examples
    --------
    >>> _format_minutes(0.05), _format_minutes(2.25)
    ('3 seconds', '2.2 minutes')
    """
    if minutes != minutes:
        return "–"
    return f"{60 * minutes:.0f} seconds" if minutes < 1 else f"{minutes:.1f} minutes"


def _format_review_statistics(doing: review.ReviewStatistics) -> dict[str, object]:
    p = doing.progress
    return {
        "latest": review.MAX_RECENT_DECISIONS,
        "facts": [
            (
                "Progress",
                f"{p['closed']:,} of {sum(p.values()):,} cases decided, {p['second']:,} wait for a "
                f"second person; {p['settled']:,} left the queue because their label had arrived",
            ),
            ("Time with a case", f"{_format_minutes(doing.minutes)} in the median"),
            ("Second person agrees with the first", _format_proportion(doing.agreement)),
            ("Verdicts against the model", _format_proportion(doing.overrides)),
            ("Agree with the model's flag, score hidden", _format_proportion(doing.blind)),
            ("Agree with the model's flag, score in sight", _format_proportion(doing.sighted)),
            (
                f"Frauds in the random sample ({review.SAMPLE_DESCRIPTION})",
                _format_proportion(doing.missed),
            ),
        ],
        "people": [
            (name, f"{one.verdicts:,.0f}", f"{one.overrides:,.0f}", _format_minutes(one.minutes))
            for name, one in doing.people.iterrows()
        ],
    }
