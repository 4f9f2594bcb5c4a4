"""The evidence of one case: transaction, profile, reasons, pictures, linked cases, trail."""

import threading
from pathlib import Path

import ipywidgets as widgets

from fraudops import review, store, timeline
from fraudops.audit_app import plots, tables, templates
from fraudops.audit_app.case_plots import (
    plot_case_places,
    plot_customer_history,
    plot_terminal_history,
)
from fraudops.audit_app.widgets import PageContext, create_text
from fraudops.review import Case

LINKED_IN_SIGHT = 4  # linked cases that stand beside the verdict; the others open below them


class CaseView:
    """Draws the evidence of a case into texts that the desk arranges.

    Parameters
    ----------
    context : PageContext
    recent : int
        How many earlier transactions of the customer are listed.
    """

    def __init__(self, context: PageContext, recent: int):
        self.context, self.recent = context, recent
        self.shown: Case | None = None
        self.model: tuple[str, object] | None = None  # version and fitted pipeline of the last case
        names = ("case", "model", "profile", "past", "linked", "changes", "history", "trail")
        self.texts = {name: create_text(f"fo-{name}") for name in names}
        shown = self.texts
        reasons = widgets.Box([shown["model"], shown["profile"]])
        reasons.add_class("fo-columns")
        self.evidence = widgets.VBox([shown["case"], reasons, shown["past"]])
        self.evidence.add_class("fo-evidence")
        self.below = widgets.VBox([shown["changes"], shown["history"]])

    def show(self, shown: Case | None, is_held: bool) -> None:
        """Draw the evidence of a case, or nothing; `draw_rest` draws what stands below."""
        before, self.shown = self.shown, shown
        if shown is None or before is None or before.about["tx_id"] != shown.about["tx_id"]:
            for text in self.texts.values():  # never the evidence of two cases side by side
                text.value = ""
        if shown is None:
            return
        about, hidden = shown.about, shown.hidden
        part = templates.load_template("audit_case.html.j2")
        facts = {"about": about, "hidden": hidden, "is_held": is_held} | _describe_times(about)
        self.texts["case"].value = part.render(
            facts, part="facts", earlier_decisions=shown.earlier_decisions
        )
        self._draw_reasons(shown, part, facts)
        self._draw_linked(shown, part)
        n_customer, n_terminal = len(shown.customer), len(shown.terminal)
        pictures = (
            (plot_customer_history, f"{n_customer} transactions of the customer before this one."),
            (plot_terminal_history, f"{n_terminal} transactions of the terminal before this one."),
            (plot_case_places, "Places of the customer's transactions before this one."),
        )
        self.texts["past"].value = part.render(
            part="pictures",
            pictures=[plots.figure_to_html(draw(shown), alt) for draw, alt in pictures],
        )

    def draw_rest(self) -> None:
        """Draw what stands below the evidence."""
        shown = self.shown
        if shown is None:
            return
        past = tables.format_history(shown.customer.head(self.recent))
        self.texts["history"].value = templates.load_template("audit_case.html.j2").render(
            part="history", columns=list(past), history=past.to_numpy().tolist()
        )
        self.draw_trail()
        self._start_explanation(shown)

    def _draw_reasons(self, shown: Case, part: templates.jinja2.Template, facts: dict) -> None:
        heaviest = max((abs(one["contribution"]) for one in shown.reasons), default=1.0) or 1.0
        share = [(one["text"], 100 * one["contribution"] / heaviest) for one in shown.reasons]
        since, why = shown.about["since"], shown.about["decision_reason"]
        self.texts["model"].value = part.render(
            facts,
            part="model",
            since=f"{timeline.format_time(since)} UTC" if since else "",
            why=why.removeprefix(f"{shown.about['decision']}: "),
            reasons=[
                {"text": text, "for": round(max(weight, 0)), "against": round(max(-weight, 0))}
                for text, weight in share
            ],
        )
        self.texts["profile"].value = part.render(
            part="profile",
            lines=review.describe_customer(shown.customer, shown.about),
            verdicts=shown.customer_verdicts,
            reported=int(shown.customer["reported"].sum()),
        )

    def _draw_linked(self, shown: Case, part: templates.jinja2.Template) -> None:
        rows = tables.format_linked_cases(shown.linked).to_numpy().tolist()
        self.texts["linked"].value = part.render(
            part="linked", near=rows[:LINKED_IN_SIGHT], far=rows[LINKED_IN_SIGHT:]
        )

    def draw_trail(self) -> None:
        """Draw who did what with the case, from the ledger."""
        if self.shown is None:
            return
        tx_id, state = self.shown.about["tx_id"], self.shown.about["state"]
        found = review.load_trail(self.context.engine, tx_id, self.context.actor)
        self.texts["trail"].value = templates.load_template("audit_case.html.j2").render(
            part="trail",
            is_open=state not in store.WAITING_STATES,
            entries=[(one, timeline.format_time(one.at)) for one in found],
        )

    # --- what would have changed the decision ---

    def _start_explanation(self, shown: Case) -> None:
        self.texts["changes"].value = ""
        # the fallback rules have no inputs to change
        if not shown.hidden and shown.about["model_version"].isdigit():
            self.texts[
                "changes"
            ].value = '<p class="fo-hint">Working out what would have changed the decision …</p>'
            threading.Thread(
                target=self.context.guarded(lambda: self._explain(shown), quiet=True), daemon=True
            ).start()

    def _explain(self, shown: Case) -> None:
        """Explain in a thread, because a model loads for a second."""
        from fraudops import review  # imports scikit-learn, which is slow

        with self.context.engine.connect() as connection:
            inputs = review.load_prediction_inputs(connection, shown.about["prediction_id"])
            usually = review.load_baseline_inputs(connection)
            policy = review.load_decision_policy(connection, shown.about["prediction_id"])
            champion = store.read_deployment(connection).get("champion", ({}, 0.0))[0]
        found = None
        if inputs and policy:
            model = self._model(shown.about["model_version"], champion)
            found = review.find_counterfactual_changes(model, policy, inputs, usually)
        if self.shown is shown:
            self.texts["changes"].value = templates.load_template("audit_case.html.j2").render(
                part="changes", changes=found
            )

    def _model(self, version: str, champion: dict) -> object:
        if self.model is None or self.model[0] != version:
            if champion.get("version") == version:
                from fraudops.models import load_model_file

                self.model = version, load_model_file(Path(champion["file"]), champion["sha256"])
            else:  # the registry has the file of an earlier champion
                from fraudops import models

                registry = models.ModelRegistry(self.context.workspace)
                self.model = version, registry.find(version).load()
        return self.model[1]


def _describe_times(about: dict) -> dict[str, object]:
    reported = about["reported_ts"]
    return {
        "when": timeline.format_time(about["ts"]),
        "age": _format_duration(about["age"]),
        "overdue": about["age"] > review.DUE_SECONDS,
        "due": _format_duration(review.DUE_SECONDS - about["age"]),
        "waits": about["state"] in store.WAITING_STATES,
        "reported": timeline.format_time(reported) if reported else "",
    }


def _format_duration(seconds: float) -> str:
    """Format a time in the largest unit that fits."""
    hours = max(seconds, 0) / 3600
    return f"{hours:.0f} h" if hours < 72 else f"{hours / 24:.0f} days"
