"""When to retrain: the policy, and whether it asks for a training today."""

from dataclasses import dataclass

from fraudops.errors import UserError
from fraudops.monitoring.verdict import Verdict

RETRAIN_TRIGGERS = ("verdict", "schedule", "labels")


@dataclass(frozen=True)
class RetrainPolicy:
    """When a team wants to retrain.

    Attributes
    ----------
    trigger : str
        ``verdict``: the monitor asks for it. ``schedule``: every `every_days`. ``labels``: after
        `enough_labels` new labels.
    cooldown_days : int
        Days after a training in which there is no other one.
    every_days, enough_labels : int
    """

    trigger: str = "verdict"
    cooldown_days: int = 5
    every_days: int = 7
    enough_labels: int = 100

    def should_retrain(
        self, verdict: Verdict, days_since: float, new_labels: int
    ) -> tuple[bool, str]:
        """Tell whether to retrain, and why.

        Parameters
        ----------
        verdict : Verdict
            Of the latest day. Broken data forbids a training.
        days_since : float
            Days since the last training.
        new_labels : int
            Fraud reports and reviewers' labels that have arrived since then.

        Returns
        -------
        retrain : bool
        reason : str

        Raises
        ------
        UserError
            If the trigger is unknown.
        """
        if self.trigger not in RETRAIN_TRIGGERS:
            choices = ", ".join(RETRAIN_TRIGGERS)
            raise UserError(f"There is no trigger {self.trigger!r}: choose one of {choices}.")
        since = f"the last training is {days_since:.0f} days ago"
        if verdict.action == "fix data":
            return False, f"the data is broken: {verdict.evidence}"
        if days_since < self.cooldown_days:
            return False, f"{since}, and {self.cooldown_days} have to lie between two"
        if self.trigger == "schedule":
            due = days_since >= self.every_days
            return due, f"every {self.every_days} days" if due else since
        if self.trigger == "labels":
            enough = new_labels >= self.enough_labels
            return enough, f"{new_labels} new labels, {self.enough_labels} wanted"
        asked = verdict.action == "retrain"
        return (
            asked,
            f"the monitor asked: {verdict.evidence}" if asked else "the monitor did not ask",
        )
