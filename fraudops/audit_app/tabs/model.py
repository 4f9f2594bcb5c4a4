"""The model tab: champions, the model card, fairness by segment, and rollback by two persons."""

import html
import re
from datetime import UTC, datetime, time

import ipywidgets as widgets
import mistune
import pandas as pd

from fraudops import review, timeline
from fraudops.audit_app import plots, templates
from fraudops.audit_app.widgets import PageContext, create_row, create_text, show_if
from fraudops.models import wilson_interval
from fraudops.timeline import day_of

SEGMENT_PERIOD_DAYS = 90  # judged days of the performance by segment


class _CardRenderer(mistune.HTMLRenderer):
    """Renders the model card with headings two levels deeper."""

    def heading(self, text: str, level: int, **attributes: str) -> str:
        return super().heading(text, min(level + 2, 6), **attributes)


RENDER_MARKDOWN = mistune.create_markdown(renderer=_CardRenderer(escape=True), plugins=["table"])


class ModelTab:
    """Present and past champions."""

    def __init__(self, context: PageContext):
        self.context = context
        self.shown = -1  # the request that the user has read; another one is not granted
        self.now, self.then, self.rest = (
            create_text("fo-now"),
            create_text("fo-then"),
            create_text("fo-model-rest"),
        )
        self.day = widgets.DatePicker(description="Day")
        self.clock = widgets.TimePicker(description="Time (UTC)", value=time(12, 0), step=60)
        for widget in (self.day, self.clock):
            widget.observe(context.guarded(self._draw_then), "value")
        chooser = create_row(self.day, self.clock)
        chooser.add_class("fo-filters")
        self.widget = widgets.VBox([self.now, chooser, self.then, self._rollback(), self.rest])

    def _rollback(self) -> widgets.Widget:
        self.asked = create_text("fo-asked")
        self.reason = widgets.Textarea(
            description="Reason", placeholder="Why the champion should go"
        )
        self.reason.add_class("fo-rollback-reason")
        self.ask = self.context.button("Ask for a rollback", "fo-ask", self._ask)
        self.grant = self.context.button("Grant", "fo-grant", lambda: self._answer(True))
        self.refuse = self.context.button("Refuse", "fo-refuse", lambda: self._answer(False))
        self.withdraw = self.context.button("Withdraw", "fo-withdraw", self._withdraw)
        widget = widgets.VBox(
            [self.asked, self.reason, create_row(self.ask, self.grant, self.refuse, self.withdraw)]
        )
        widget.add_class("fo-decide")
        return widget

    def draw(self) -> None:
        """Read ledger, requests and performance again."""
        events = self.context.model_events.read()
        for event in events:
            event["when"] = timeline.format_time(event["at"])
        refused = [event for event in events if event["kind"] == "refusal"]
        part = templates.load_template("audit_model.html.j2")
        self.now.value = part.render(
            part="now",
            moves=[one for one in events if one["kind"] != "refusal"],
            refused=refused,
            policy=review.load_champion_policy(self.context.workspace),
        )
        self._draw_then()
        self._draw_request()
        card = self.context.workspace.root / "audit" / "model_card.md"
        text = card.read_text(encoding="utf-8") if card.is_file() else ""
        about = re.search(r"^# .*, version (\S+)", text)
        now = next((one["version"] for one in reversed(events) if one["kind"] != "refusal"), None)
        other = about.group(1) if about and about.group(1) != now else None
        self.rest.value = part.render(
            part="rest",
            card=RENDER_MARKDOWN(text) if text else None,
            other=other,
            **self._performance(),
        )

    def _draw_then(self) -> None:
        moves = [one for one in self.context.model_events.read() if one["kind"] != "refusal"]
        at = None
        if self.day.value is not None:
            at = datetime.combine(self.day.value, self.clock.value or time(0), UTC).timestamp()
        earlier = [move for move in moves if at is None or move["at"] <= at]
        move = earlier[-1] if earlier else None
        passed = (
            [one for one in earlier if one["version"] == move["version"] and one["gates"]]
            if move
            else []
        )
        decided = None if at is None else review.find_deciding_version(self.context.engine, int(at))
        self.then.value = templates.load_template("audit_model.html.j2").render(
            part="then",
            asked=None if at is None else timeline.format_time(at),
            decided=decided and {"version": decided[0], "when": timeline.format_time(decided[1])},
            move=move and move | {"when": timeline.format_time(move["at"])},
            # a restored version passed its gates when it was promoted
            passed=passed[-1] | {"when": timeline.format_time(passed[-1]["at"])}
            if passed
            else None,
        )

    def _performance(self) -> dict:
        over, policy = (
            review.get_evaluation_period(self.context.engine, SEGMENT_PERIOD_DAYS),
            review.load_champion_policy(self.context.workspace),
        )
        if over is None or over.start == over.end:
            return {"segments": [], "picture": "", "fairness": "", "span": ""}
        rows = review.load_flagged_and_frauds(self.context.engine, over)
        tables = review.tabulate_segments(rows, policy)
        all_segments = pd.concat(tables)
        with_frauds = int(all_segments["recall"].notna().sum())
        stopped, frauds = (
            int((rows["flagged"] & (rows["label"] == 1)).sum()),
            int(rows["label"].sum()),
        )
        differing = _find_differing_segments(all_segments, stopped, frauds)
        low, high = wilson_interval(stopped, frauds)
        which = f": {', '.join(differing)}" if differing else ""
        span = f"{day_of(over.start)} to {day_of(over.end - 1)}"
        fairness = (
            f"The latest {SEGMENT_PERIOD_DAYS} judged days at most, {span}, by whichever "
            "version decided. "
            f"Over everything {stopped:,} of {frauds:,} known frauds were flagged "
            f"({low:.0%} to {high:.0%}). "
            f"In {len(differing)} of {with_frauds} segments with frauds the interval leaves "
            f"that share out{which}. "
            "Among so many segments about one in twenty does so by luck alone: read it as "
            "a question, not as a finding."
        )
        alt = f"Recall of each of {len(all_segments)} segments with its 95 % interval."
        figure = plots.plot_segment_recall(
            all_segments, stopped / frauds if frauds else float("nan"), len(differing)
        )
        shown = [(f"{kind}: {name}", one) for (kind, name), one in all_segments.iterrows()]
        return {
            "segments": shown,
            "picture": plots.figure_to_html(figure, alt),
            "fairness": fairness,
            "span": span,
        }

    # --- rollback ---

    def _draw_request(self) -> None:
        request, actor = review.find_open_rollback_request(self.context.engine), self.context.actor
        may = self.context.may("rollback")
        self.shown = request.id if request else -1
        is_own_request = request is not None and request.asked_by == actor
        if request is None:
            text = (
                "To bring the previous champion back, one person asks and a second one grants it."
            )
        else:
            text = (
                f"{request.asked_by} asked on {timeline.format_time(request.asked_at)} "
                f"UTC to roll version {request.version} back: "
                f"{request.reason}. "
                + (
                    "Somebody else has to grant it."
                    if is_own_request or not may
                    else "You can grant or refuse it."
                )
            )
        self.asked.value = f"<h2>Rollback</h2><p>{html.escape(text)}</p>"
        for widget, shown in (
            (self.reason, may and request is None),
            (self.ask, may and request is None),
            (self.withdraw, may and is_own_request),
            (self.grant, may and request is not None and not is_own_request),
            (self.refuse, may and request is not None and not is_own_request),
        ):
            show_if(widget, shown)

    def _ask(self) -> None:
        self.context.require("rollback")
        review.request_rollback(self.context.engine, self.reason.value, self.context.actor)
        self.reason.value = ""
        self._draw_request()
        self.context.show_message("Your request is on record. A second person has to grant it.")

    def _withdraw(self) -> None:
        self.context.require("rollback")
        try:
            review.withdraw_rollback(self.context.engine, self.shown, self.context.actor)
        finally:
            self._draw_request()
        self.context.show_message("Your request is withdrawn.")

    def _answer(self, granted: bool) -> None:
        self.context.require("rollback")
        if granted:
            self.context.show_message("The previous champion is brought back: some seconds …")
        self.grant.disabled = self.refuse.disabled = True  # a second click would find no request
        try:
            back = review.answer_rollback(
                self.context.workspace, self.context.engine, self.shown, granted, self.context.actor
            )
        finally:
            self.grant.disabled = self.refuse.disabled = False
            self.draw()
        self.context.show_message(
            f"Version {back} is champion again." if granted else "The request is refused."
        )


def _find_differing_segments(all_segments: pd.DataFrame, stopped: int, frauds: int) -> list[str]:
    """Find segments whose interval of recall excludes the overall recall."""
    if not frauds:
        return []
    outside = (all_segments["recall_low"] > stopped / frauds) | (
        all_segments["recall_high"] < stopped / frauds
    )
    return [
        f"{kind} {name}"
        for kind, name in all_segments.index[outside & all_segments["recall"].notna()]
    ]
