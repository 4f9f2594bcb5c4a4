"""The dashboard of the review page: how well the model decided, how reviewing goes, what happened, and the records."""

import asyncio
from collections import Counter
from collections.abc import Callable

import ipywidgets as widgets
import pandas as pd

from fraudops import audit_events as happened
from fraudops import audit_pictures as pictures
from fraudops import audit_stats as stats
from fraudops import audit_views as views
from fraudops import ledger
from fraudops.audit_desk import Desk, row, text
from fraudops.timeline import day_of

LOOK_SECONDS = 30  # between two looks at whether something happened
VERIFIED_AT_ONCE = 5_000  # entries of the ledger; a longer one is verified when asked


def percent(value: float) -> str:
    """A rate for people; a dash where there is none."""
    return "–" if value != value else f"{value:.1%}"


def between(low: float, high: float) -> str:
    """An interval of a rate for people."""
    return f"{low:.0%} to {high:.0%}"


class Dashboard:
    """Figures and pictures over the latest judged days."""

    def __init__(self, desk: Desk, refresh: Callable[[], None]):
        self.desk = desk
        self.shown, self.record = text("fo-dashboard"), text("fo-record-state")
        options = [(f"latest {days} judged days", days) for days in stats.WINDOWS] + [("all judged days", None)]
        self.window = widgets.Dropdown(options=options, description="Look at")
        self.window.observe(desk.guarded(self.draw), "value")
        verify = desk.button("Verify the ledger", "fo-verify", lambda: self._draw_record(True))
        self.widget = widgets.VBox(
            [self.window, self.shown, self.record, row(desk.button("Refresh", "fo-refresh", refresh), verify)]
        )
        self.seen: tuple = ()

    def draw(self) -> None:
        """Read the database again."""
        engine = self.desk.engine
        self.seen = happened.state(engine)
        over, costs = stats.period(engine, self.window.value), views.review_costs(self.desk.workspace)
        if over is None:
            self.shown.value = "<p>No transaction has been scored yet.</p>"
            return
        rows = stats.notable(engine, over)
        per_day, begun = stats.totals(engine, over, rows), happened.first_decisions(engine, over)
        figures, days, doing = stats.summary(rows, per_day, costs), stats.by_day(rows, per_day, costs), stats.reviewing(engine)
        span = f"{days.index[0]} to {days.index[-1]}" if len(days) else "no day yet"
        alarms, events = happened.alarms(engine), self.desk.model_events.read()
        marks = happened.marks(alarms, begun, events)
        segments = {"channel": rows["channel"], "category": rows["category"], "amount in euros": views.amount_band(rows)}
        self.shown.value = pictures.template("audit_dashboard.html.j2").render(
            tiles=self._tiles(figures, doing),
            scope=f"Judged: {figures['rows']:,} predictions ({span}), of days old enough for every label to have arrived. "
            f"A review costs {costs.review / 100:,.2f} euros; a missed fraud costs its amount.",
            figures=figures,
            daily=pictures.picture(
                pictures.timeline_figure(days, marks), f"Euros saved per day, {span}, and what happened: {_told(marks, days)}."
            ),
            elsewhere=_elsewhere(events, days),
            days=[_day(day, one) for day, one in days.iloc[::-1].iterrows()],
            segments=[(title, _segment(stats.by_segment(rows, of, costs))) for title, of in segments.items()],
            reviewing=_reviewing(doing),
            alarms=[alarm.text for alarm in alarms.iloc[::-1].head(6).itertuples()],
            begun=[f"version {one.version} from {views.clock(one.ts)} on" for one in begun.itertuples()],
        )
        self._draw_record()

    def _tiles(self, f: dict[str, float], doing: stats.Reviewing) -> list[dict[str, str]]:
        flagged, frauds = f["true_positive"] + f["false_positive"], f["true_positive"] + f["false_negative"]
        caught, waiting = f"{f['true_positive']:,} of", doing.progress["open"] + doing.progress["second"]
        tiles = [
            ("precision", "Precision", percent(f["precision"]), f"{caught} {flagged:,} sent to review were fraud", ""),
            ("recall", "Recall", percent(f["recall"]), f"{caught} {frauds:,} known frauds were stopped", ""),
            ("f1", "F1", percent(f["f1"]), "both in one figure", ""),
            ("saved", "Money saved", f"{f['saved_cents'] / 100:,.0f} €", "against approving everything", ""),
            ("open", "Open cases", f"{waiting:,}", "wait for a reviewer", "fo-queue"),
        ]
        return [dict(zip(("name", "words", "value", "hint", "kind"), tile, strict=True)) for tile in tiles]

    def _draw_record(self, asked: bool = False) -> None:
        engine = self.desk.engine
        with engine.connect() as connection:
            entries, _ = ledger.last(connection)
        chain = None
        if asked or entries <= VERIFIED_AT_ONCE:
            chain = views.chain(engine, self.desk.workspace, registry=asked)
        moves = [one for one in self.desk.model_events.read() if one["kind"] != "refusal"]
        last = moves[-1] if moves else None
        champion = last and {"version": last["version"], "since": views.clock(last["at"])} | last
        template = pictures.template("audit_record.html.j2")
        self.record.value = template.render(champion=champion, chain=chain, entries=entries)

    async def follow(self, moved_on: Callable[[], None]) -> None:
        """Look every half minute whether something happened, and say so; what goes wrong is said as after a click."""

        def look() -> None:
            seen = happened.state(self.desk.engine)
            if seen != self.seen:
                self.seen = seen
                moved_on()

        quietly = self.desk.guarded(look, quiet=True)
        while True:
            await asyncio.sleep(LOOK_SECONDS)
            quietly()


def _told(marks: pd.DataFrame, days: pd.DataFrame) -> str:
    """What the picture shows besides money, for those who cannot see it."""
    shown = marks[marks["day"].isin(set(days.index))]["kind"].value_counts() if len(days) else {}
    return ", ".join(f"{kind} {n} time{'s' * (n > 1)}" for kind, n in shown.items()) or "nothing"


def _elsewhere(events: list[dict], days: pd.DataFrame) -> str:
    """Model events that have no place among the judged days: most are written with the time of the clock."""
    there = set(days.index)
    counted = Counter(one["kind"] for one in events if day_of(int(one["at"])) not in there)
    return ", ".join(f"{n} {kind}{'s' * (n > 1)}" for kind, n in counted.items())


def _day(day: object, one: dict) -> tuple[str, ...]:
    flagged = one["true_positive"] + one["false_positive"]
    frauds = one["true_positive"] + one["false_negative"]
    numbers = (f"{one['rows']:,.0f}", f"{flagged:,.0f}", f"{frauds:,.0f}")
    return (str(day), *numbers, percent(one["precision"]), percent(one["recall"]), f"{one['saved_cents'] / 100:,.0f}")


def _segment(table: pd.DataFrame) -> list[tuple[str, ...]]:
    rows = []
    for name, one in table.iterrows():
        recall = (percent(one.recall), between(one.recall_low, one.recall_high))
        precision = (percent(one.precision), between(one.precision_low, one.precision_high))
        rows.append((name, f"{one.frauds:,.0f}", *recall, f"{one.flagged:,.0f}", *precision, f"{one.saved:,.0f}"))
    return rows


def _share(share: stats.Share) -> str:
    if not share.of:
        return "none yet"
    return f"{share.value:.0%} of {share.of:,} ({between(*share.interval)})"


def _reviewing(doing: stats.Reviewing) -> dict[str, object]:
    p = doing.progress
    minutes = "–" if doing.minutes != doing.minutes else f"{doing.minutes:.1f} minutes"
    return {
        "latest": stats.LATEST,
        "facts": [
            ("Progress", f"{p['closed']:,} of {sum(p.values()):,} cases closed, {p['second']:,} wait for a second person"),
            ("Time with a case", f"{minutes} in the median"),
            ("Second person agrees with the first", _share(doing.agreement)),
            ("Verdicts against the model", _share(doing.overrides)),
            ("Agree with the model's flag, score hidden", _share(doing.blind)),
            ("Agree with the model's flag, score in sight", _share(doing.sighted)),
            (f"Frauds in the random sample ({stats.SAMPLED})", _share(doing.missed)),
        ],
        "people": [
            (name, f"{one.verdicts:,.0f}", f"{one.overrides:,.0f}", f"{one.minutes:.1f}")
            for name, one in doing.people.iterrows()
        ],
    }
