"""What a world follows from: its size, its seed and the drift planted in it."""

from dataclasses import dataclass
from datetime import date

from fraudops.workspace import UserError

DAY = 86_400
SLOTS = 1000  # transaction ids: customer, day, slot

# kind of fraud: median days until the chargeback arrives
REPORT_DAYS = {
    "large_amount": 7, "terminal": 3, "card_testing": 1, "leaked_card": 4, "stolen_card": 0.5,
    "account_takeover": 2, "friendly": 10, "customer": 7,
}  # fmt: skip
UNREPORTED = 0.03


@dataclass(frozen=True)
class Drift:
    """One planned change of the world: days are counted from the first day, the end is exclusive."""

    kind: str
    onset: int
    end: int
    touches: str
    harmful: bool


@dataclass(frozen=True)
class Config:
    """Everything a world follows from."""

    preset: str = "course"
    seed: int = 7
    customers: int = 770
    terminals: int = 1540
    days: int = 150
    start: date = date(2026, 1, 1)
    drifts: tuple[Drift, ...] = ()

    def __post_init__(self) -> None:
        if self.preset not in ("course", "handbook"):
            raise UserError(f"There is no preset {self.preset!r}: choose 'course' or 'handbook'.")
        if min(self.customers, self.terminals, self.days) < 1:
            raise UserError("A world needs at least one customer, one terminal and one day.")


def preset(profile: str, seed: int = 7) -> Config:
    """The course world at the size of a profile, with an inflation and a fraud wave two weeks into its last third."""
    sizes = {"smoke": (122, 90), "course": (800, 150), "full": (4950, 183)}
    if profile not in sizes:
        raise UserError(f"There is no profile {profile!r}: choose one of {', '.join(sizes)}.")
    customers, days = sizes[profile]
    onset = days - days // 3 + 7
    drifts = (
        Drift("price_inflation", onset, days, "amount", True),
        Drift("fraud_wave", onset, days, "leaked_card", True),
    )
    return Config(seed=seed, customers=customers, terminals=2 * customers, days=days, drifts=drifts)


def kind_code(name: str) -> int:
    """The number of a kind of fraud; 0 is none."""
    return 1 + list(REPORT_DAYS).index(name)
