"""What happens in a pager week, and when. Only the world and the score read it."""

from dataclasses import dataclass

import numpy as np

from fraudops.simulator import PlantedDrift

PAGER_DAYS = 21
WARM_UP, REFERENCE = 30, 42  # days before the first day of the game
CAUSES = (
    "broken-data",
    "season",
    "new-fraud",
    "bad-challenger",
    "insider",
    "service-fault",
    "false-alarm",
)
# kind of incident: its variants, its length in days, the actions that answer it
INCIDENT_KINDS = {
    "broken-data": (("broken_units", "nulls", "renamed_column"), 7, ("hold",)),
    "season": (("benign_season",), 6, ("costs",)),
    "new-fraud": (("leaked cards", "skimmed terminals"), PAGER_DAYS, ("promote", "reviewers")),
    "bad-challenger": (("future leak", "online only"), PAGER_DAYS, ()),
    "insider": (("alias", "verdicts"), PAGER_DAYS, ("rollback", "call security")),
    "service-fault": (("slow features", "lock"), 6, ("call platform",)),
    "false-alarm": (("newspaper", "colleague"), 1, ()),
}
# new fraud: the kind of the simulator, of which there is none before the onset
NEW_FRAUD_KINDS = {"leaked cards": "leaked_card", "skimmed terminals": "terminal"}


@dataclass(frozen=True)
class Incident:
    """One incident.

    Attributes
    ----------
    kind : str
        A cause of `CAUSES`.
    variant : str
    onset, end : int
        Day of the game, from 0; `end` is the first day after it.
    """

    kind: str
    variant: str
    onset: int
    end: int

    @property
    def remedies(self) -> tuple[str, ...]:
        """The actions that answer it; none if it is right to do nothing."""
        if self.kind == "insider":
            return ("rollback",) if self.variant == "alias" else ("call security",)
        return INCIDENT_KINDS[self.kind][2]

    def is_active(self, day: int) -> bool:
        """Whether it goes on at a day, if the player does nothing.

        Parameters
        ----------
        day : int

        Returns
        -------
        bool
        """
        return self.onset <= day < self.end


def plant_incidents(incidents: dict[str, Incident], faulty: bool) -> tuple[PlantedDrift, ...]:
    """Make the drifts of the simulated world.

    Parameters
    ----------
    incidents : dict of str to Incident
        By kind.
    faulty : bool
        With the fault of the data.

    Returns
    -------
    tuple of PlantedDrift
        A wave of leaked cards is the new fraud, or else it is there all the time, so that three
        weeks of a small world have enough fraud.
    """
    first = WARM_UP + REFERENCE
    season, fault, wave = (incidents[kind] for kind in ("season", "broken-data", "new-fraud"))
    drifts = [PlantedDrift("benign_season", first + season.onset, first + season.end)]
    begin = first + wave.onset if wave.variant == "leaked cards" else 0
    drifts.append(PlantedDrift("fraud_wave", begin, first + PAGER_DAYS))
    if faulty:
        drifts.append(PlantedDrift(fault.variant, first + fault.onset, first + fault.end))
    return tuple(drifts)


def draw_schedule(seed: int) -> dict[str, Incident]:
    """Draw the incidents of a game, one of each kind.

    Parameters
    ----------
    seed : int

    Returns
    -------
    dict of str to Incident
        By kind. New fraud begins early, because a remedy needs labels.
    """
    random = np.random.default_rng(seed)
    others = random.permutation([kind for kind in CAUSES if kind != "new-fraud"])
    onsets = dict(zip(others, range(1, 19, 3), strict=True)) | {"new-fraud": 3}
    schedule = {}
    for kind in CAUSES:
        variants, length, _ = INCIDENT_KINDS[kind]
        onset = int(onsets[kind] + random.integers(0, 3))
        variant = variants[random.integers(len(variants))]
        schedule[kind] = Incident(kind, variant, onset, min(onset + length, PAGER_DAYS))
    return schedule
