"""The configuration of a simulated world: size, seed, difficulty, planted drift."""

import difflib
from dataclasses import dataclass
from datetime import date

import numpy as np

from fraudops.errors import UserError

TX_ID_SLOTS_PER_DAY = 1000  # transaction ids: customer, day, slot
WARM_UP_DAYS = 30  # days until the windows of the features are full

# kind of fraud: median days until the chargeback arrives
MEDIAN_REPORT_DAYS = {
    "large_amount": 7,
    "terminal": 3,
    "card_testing": 1,
    "leaked_card": 4,
    "stolen_card": 0.5,
    "account_takeover": 2,
    "friendly": 10,
    "customer": 7,
}
UNREPORTED_SHARE = 0.03

# kind of drift: columns it moves, entities it touches, whether it does harm
DRIFT_KINDS = {
    "price_inflation": ("amount_cents", "all", True),
    "fraud_wave": ("", "customers whose card leaks", True),
    "adapting_fraud": ("", "all fraudsters", True),
    "new_terminals": ("terminal_id", "terminals that open at the onset", True),
    "benign_season": ("ts, channel", "all", False),
    "broken_units": ("amount_cents", "a third of the terminals", True),
    "nulls": ("category", "six transactions in ten", True),
    "renamed_column": ("channel", "all", True),
}
DRIFT_SHAPES = ("sudden", "gradual", "recurring")
GRADUAL_RAMP_DAYS = 30  # days until a gradual drift is complete
RECURRENCE_PERIOD_DAYS, RECURRENCE_LENGTH_DAYS = 21, 7  # of a recurring drift: one week in three


@dataclass(frozen=True)
class PlantedDrift:
    """A planned change of the world.

    Attributes
    ----------
    kind : str
        A key of `DRIFT_KINDS`.
    onset : int
        First day, counted from the first day of the world.
    end : int
        Excluded.
    shape : str
    """

    kind: str
    onset: int
    end: int
    shape: str = "sudden"

    def __post_init__(self) -> None:
        for what, given, valid in (
            ("drift", self.kind, DRIFT_KINDS),
            ("shape of drift", self.shape, DRIFT_SHAPES),
        ):
            if given not in valid:
                near = difflib.get_close_matches(given, valid, 1, 0)[0]
                raise UserError(
                    f"There is no {what} {given!r}. Did you mean {near!r}? Valid: "
                    f"{', '.join(valid)}."
                )
        if not 0 <= self.onset < self.end:
            raise UserError(
                f"The drift {self.kind} ends on day {self.end}, which is not after its "
                f"onset on day {self.onset}."
            )

    def strength(self, day: np.ndarray) -> np.ndarray:
        """Get the strength of the drift on each day, from 0 to 1."""
        since = np.asarray(day) - self.onset
        if self.shape == "gradual":
            share = np.clip((since + 1) / GRADUAL_RAMP_DAYS, 0, 1)
        elif self.shape == "recurring":
            share = (since % RECURRENCE_PERIOD_DAYS < RECURRENCE_LENGTH_DAYS).astype(float)
        else:
            share = np.ones(since.shape)
        return np.where((since >= 0) & (np.asarray(day) < self.end), share, 0.0)


@dataclass(frozen=True)
class SimulatorConfig:
    """The configuration of a simulated world.

    Attributes
    ----------
    preset : str
        ``course`` or ``handbook``.
    seed : int
    customers : int
    terminals : int
    days : int
    start : date
    drifts : tuple[PlantedDrift, ...]
        Planted changes; only for the course preset.
    difficulty : float
        0: fraud is easy to see; 1: nearly all of it imitates the card holder. Only for the course
        preset.
    refunds : bool
        Whether goods come back. The purchases are the same either way. The handbook preset has no
        refunds.
    """

    preset: str = "course"
    seed: int = 7
    customers: int = 770
    terminals: int = 1540
    days: int = 150
    start: date = date(2026, 1, 1)
    drifts: tuple[PlantedDrift, ...] = ()
    difficulty: float = 0.25
    refunds: bool = True

    def __post_init__(self) -> None:
        if self.preset not in ("course", "handbook"):
            raise UserError(f"There is no preset {self.preset!r}: choose 'course' or 'handbook'.")
        if min(self.customers, self.terminals, self.days) < 1:
            raise UserError("A world needs at least one customer, one terminal and one day.")
        if not 0 <= self.difficulty <= 1:
            raise UserError(
                f"difficulty is {self.difficulty}: choose a number from 0 (easy) to 1 (hard)."
            )
        if self.preset == "handbook" and self.drifts:
            raise UserError(
                "The handbook preset follows the published law: drift is planted in the "
                "course preset only."
            )

    def strength(self, kind: str, day: np.ndarray) -> np.ndarray:
        """Get the strength of a planted drift on each day.

        Parameters
        ----------
        kind : str
        day : ndarray of int
            Day of the world.

        Returns
        -------
        ndarray of shape (n,)
            0 to 1.
        """
        parts = [drift.strength(day) for drift in self.drifts if drift.kind == kind]
        return np.max(parts, axis=0) if parts else np.zeros(np.shape(day))


# profile: customers, days
PROFILE_SIZES = {"smoke": (122, 90), "course": (800, 150), "full": (4950, 183)}
DEFAULT_DRIFTS = "price_inflation, fraud_wave, adapting_fraud"  # the drift of the course world


def make_course_config(
    profile: str,
    seed: int = 7,
    drift: str = DEFAULT_DRIFTS,
    difficulty: float = SimulatorConfig.difficulty,
) -> SimulatorConfig:
    """Make the configuration of the course world at the size of a profile.

    The drift begins two weeks after the start of the last third.

    Parameters
    ----------
    profile : str
        ``smoke``, ``course`` or ``full``.
    seed : int, optional
    drift : str, optional
        Names of `DRIFT_KINDS`, separated by commas, each with an optional shape, such as
        ``price_inflation:gradual``. Empty or ``none``: no drift.
    difficulty : float, optional

    Returns
    -------
    SimulatorConfig

    Examples
    --------
    >>> make_course_config("smoke", drift="none").drifts
    ()
    """
    if profile not in PROFILE_SIZES:
        raise UserError(
            f"There is no profile {profile!r}: choose one of {', '.join(PROFILE_SIZES)}."
        )
    customers, days = PROFILE_SIZES[profile]
    names = [] if drift.strip() in ("", "none") else [name.strip() for name in drift.split(",")]
    onset = days - days // 3 + 7
    drifts = tuple(
        PlantedDrift(kind, onset, days, shape or "sudden")
        for kind, _, shape in (name.partition(":") for name in names)
    )
    return SimulatorConfig(
        seed=seed,
        customers=customers,
        terminals=2 * customers,
        days=days,
        drifts=drifts,
        difficulty=difficulty,
    )


def encode_fraud_kind(name: str) -> int:
    """Get the number of a kind of fraud; 0 is none."""
    return 1 + list(MEDIAN_REPORT_DAYS).index(name)
