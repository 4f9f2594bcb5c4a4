"""What the daily comparison of online and offline features found, as a file per day."""

import hashlib

from pydantic import BaseModel, ConfigDict, Field

from fraudops.workspace import Workspace, read_json, write_json

SKEW_FOLDER = ("serving", "daily_skew")
SKEW_ALERT_PREFIX = "skew-"
MAX_NAMED_FEATURES = 4  # in the text of an alert


class FeatureSkew(BaseModel):
    """The comparison of one feature; the last three counts exclude each other."""

    model_config = ConfigDict(extra="forbid")
    compared: int = Field(description="transactions whose values were compared")
    mismatches: int = Field(description="both have a value, and another one")
    missing: int = Field(description="the service had no value, and training has one")
    extra: int = Field(description="the service had a value, and training has none")

    @property
    def differing(self) -> int:
        """Transactions with another value in training than in the service."""
        return self.mismatches + self.missing + self.extra


class SkewReport(BaseModel):
    """``serving/daily_skew/DATE.json``: the answered transactions of a day, computed again."""

    model_config = ConfigDict(extra="forbid")
    as_of: int = Field(description="end of the day, s since 1970")
    day: str = Field(description="YYYY-MM-DD")
    answered: int = Field(description="transactions of the day that have an answer")
    compared: int = Field(description="those that were drawn and computed again")
    late: int = Field(
        description="of these, how many have other values now only because transactions, fraud "
        "reports or refunds were recorded after the answer; no mismatches"
    )
    features: dict[str, FeatureSkew]

    @property
    def differing(self) -> dict[str, int]:
        """Features with skew: how many transactions differ, the most frequent first."""
        counts = {name: one.differing for name, one in self.features.items() if one.differing}
        return dict(sorted(counts.items(), key=lambda item: -item[1]))

    def make_alerts(self, before: "SkewReport | None") -> list[dict]:
        """Make the alert of the day, if features differ that did not differ before.

        Parameters
        ----------
        before : SkewReport or None
            The latest report of an earlier day. Skew that goes on is one alarm.

        Returns
        -------
        list of dict
            Rows of `store.alerts`: one, or none.
        """
        known = before.differing if before else {}
        new = sorted(set(self.differing) - set(known))
        if not new:
            return []
        named = [f"{name} ({n} of {self.compared})" for name, n in self.differing.items()]
        more = len(named) - MAX_NAMED_FEATURES
        names = ", ".join(named[:MAX_NAMED_FEATURES]) + (f" and {more} more" if more > 0 else "")
        digest = hashlib.sha256(repr(new).encode()).hexdigest()[:8]  # each new skew of a day counts
        return [
            {
                "alert_id": f"{SKEW_ALERT_PREFIX}{self.day}-{digest}",
                "as_of": self.as_of,
                "severity": "act",
                "text": f"{self.day}: training-serving skew. The service had other values than "
                f"training in {names}.",
            }
        ]

    def save(self, workspace: Workspace) -> None:
        """Write the file of the day; an earlier one of the same day is replaced.

        Parameters
        ----------
        workspace : Workspace
        """
        write_json(workspace.path(*SKEW_FOLDER, f"{self.day}.json"), self.model_dump())

    @classmethod
    def load_latest(cls, workspace: Workspace, before: str = "9999") -> "SkewReport | None":
        """Load the report of the latest day.

        Parameters
        ----------
        workspace : Workspace
        before : str, optional
            Only days before this one, YYYY-MM-DD.

        Returns
        -------
        SkewReport or None
            None if no such day was compared.
        """
        files = workspace.root.joinpath(*SKEW_FOLDER).glob("*.json")
        earlier = [file for file in files if file.stem < before]
        return cls.model_validate(read_json(max(earlier))) if earlier else None
