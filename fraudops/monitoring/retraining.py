"""When to retrain: the policy, and whether it asks for a retraining today."""

from dataclasses import dataclass

from fraudops.errors import UserError
from fraudops.monitoring import Verdict

RETRAIN_TRIGGERS = ("verdict", "schedule", "labels")


@dataclass(frozen=True)
class RetrainPolicy:
    """When a team wants to retrain.

    Attributes
    ----------
    trigger : 'verdict' when the monitor asks, 'schedule' every `every_days`, 'labels' after
        `enough_labels` new fraud reports
    cooldown_days : so long after a training none follows, whatever asks for it
    """

    trigger: str = "verdict"
    cooldown_days: int = 5
    every_days: int = 7
    enough_labels: int = 100


def should_retrain(
    wish: RetrainPolicy, verdict: Verdict, days_since: float, new_labels: int
) -> tuple[bool, str]:
    """Whether to retrain, and why or why not, in words.

    Parameters
    ----------
    verdict : of the latest day; a model is never trained while it calls the data broken
    days_since : the last training
    new_labels : fraud reports and reviewers' words that arrived since then
    """
    if wish.trigger not in RETRAIN_TRIGGERS:
        raise UserError(
            f"There is no trigger {wish.trigger!r}: choose one of {', '.join(RETRAIN_TRIGGERS)}."
        )
    if verdict.action == "fix data":
        return False, f"the data is broken: {verdict.evidence}"
    if days_since < wish.cooldown_days:
        return (
            False,
            f"the last training is {days_since:.0f} days ago, and {wish.cooldown_days} "
            "have to lie between two",
        )
    if wish.trigger == "schedule":
        due = days_since >= wish.every_days
        return (
            due,
            f"every {wish.every_days} days"
            if due
            else f"the last training is {days_since:.0f} days ago",
        )
    if wish.trigger == "labels":
        enough = new_labels >= wish.enough_labels
        return enough, f"{new_labels} new labels, {wish.enough_labels} wanted"
    asked = verdict.action == "retrain"
    return asked, f"the monitor asked: {verdict.evidence}" if asked else "the monitor did not ask"
