"""The schemas of requests and answers."""

from typing import Annotated, Literal, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, field_validator, model_validator

from fraudops.data import IDENTIFIER_PATTERN, has_cent_fraction
from fraudops.features import GIVEN_PREFIX
from fraudops.timeline import MAX_TS

MAX_ROWS_PER_REQUEST = 5000
MAX_GIVEN_FEATURES = 500  # of a transaction

Identifier = Annotated[str, Field(min_length=1, max_length=200, pattern=IDENTIFIER_PATTERN)]
# a forest computes with single precision, which holds no more
GivenNumber = Annotated[float, Field(ge=-1e30, le=1e30)]
UnixSeconds = Annotated[int, Field(ge=0, lt=MAX_TS, description="seconds since 1970, UTC")]
ACTOR_DESCRIPTION = (
    "who wants it. The ledger records the caller by its token, and this name as stated by the "
    "caller; without a token as unverified"
)
EXAMPLE_TRANSACTION = {
    "tx_id": "X1",
    "ts": 1_775_000_000,
    "customer_id": "C1",
    "terminal_id": "M1",
    "amount": 250.0,
    "category": "travel",
    "channel": "online",
}
EXAMPLE_REFUND = {
    "tx_id": "R1",
    "ts": 1_775_300_000,
    "customer_id": "C1",
    "terminal_id": "M1",
    "amount": 250.0,
}


class StrictModel(BaseModel):
    """A part of a request. Unknown fields are refused, and text is not accepted as a number."""

    model_config = ConfigDict(extra="forbid", allow_inf_nan=False)


def refuse_cent_fraction(amount: float) -> float:
    """Refuse an amount with a fraction of a cent, as ingestion does."""
    if has_cent_fraction(amount * 100):
        raise ValueError("the amount has a fraction of a cent")
    return amount


class Transaction(StrictModel):
    """A raw transaction, as the payment system sends it."""

    model_config = ConfigDict(json_schema_extra={"examples": [EXAMPLE_TRANSACTION]})
    tx_id: Identifier
    ts: UnixSeconds
    customer_id: Identifier
    terminal_id: Identifier
    # the largest amount that any source of the ingestion accepts
    amount: float = Field(ge=0, le=100_000_000, description="money, with at most two decimals")
    category: Identifier = "unknown"
    channel: Identifier = "unknown"
    lat: float | None = Field(
        None, ge=-90, le=90, description="degrees; empty when online or unknown"
    )
    lon: float | None = Field(None, ge=-180, le=180, description="degrees; goes with lat")
    given: dict[Identifier, GivenNumber | None] = Field(
        {},
        max_length=MAX_GIVEN_FEATURES,
        description="numbers that the source has computed, by name, if the model needs some",
    )

    @field_validator("amount", mode="before")
    @classmethod
    def amount_is_no_refund(cls, amount: object) -> object:
        """Say where a negative amount belongs."""
        if isinstance(amount, int | float) and amount < 0:
            raise ValueError("a negative amount is a refund: send it to /refund")
        return amount

    @field_validator("amount")
    @classmethod
    def amount_is_whole_cents(cls, amount: float) -> float:
        """Refuse a fraction of a cent, as ingestion does."""
        return refuse_cent_fraction(amount)

    @model_validator(mode="after")
    def place_is_whole(self) -> Self:
        """Require both coordinates or none."""
        if (self.lat is None) != (self.lon is None):
            raise ValueError("lat and lon go together: give both or neither")
        return self

    def canonical(self) -> dict:
        """Convert to the columns `data.TRANSACTION_COLUMNS` and ``given_*``."""
        row = self.model_dump(exclude={"amount", "lat", "lon", "given"})
        row |= {f"{GIVEN_PREFIX}{name}": value for name, value in self.given.items()}
        place = {
            f"{name}_cdeg": None if (at := getattr(self, name)) is None else round(at * 100)
            for name in ("lat", "lon")
        }
        return row | {"amount_cents": round(self.amount * 100)} | place


class ScoreRequest(StrictModel):
    """One or many transactions."""

    transactions: list[Transaction] = Field(min_length=1, max_length=MAX_ROWS_PER_REQUEST)


class FeatureReason(BaseModel):
    """One of the strongest reasons of a score."""

    feature: str
    value: float | str | None
    contribution: float = Field(
        description="to the log-odds of fraud before calibration; positive speaks for fraud"
    )
    text: str


class ScoredTransaction(BaseModel):
    """The decision on one transaction."""

    tx_id: str
    prediction_id: str
    probability: float
    threshold: float = Field(description="probability above which this amount is not approved")
    decision: Literal["approve", "review", "block"]
    decision_reason: str = Field(description="the expected costs that led to the decision")
    expected_loss: float | None = Field(
        description="euros that the decision is expected to cost; null from plain rules"
    )
    model_version: str
    reasons: list[FeatureReason] = Field(
        description="strongest reasons of a transaction that becomes a case, or of each one with "
        "`reasons=all`; otherwise empty"
    )
    cold_start: list[Literal["customer", "terminal"]] = Field(
        description="which of them has no history of its own"
    )


class LabelEvent(StrictModel):
    """A fraud report (chargeback). A reviewer's label comes from a decision on a case alone."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {"tx_id": "X1", "label_ts": 1_775_400_000, "is_fraud": True, "source": "chargeback"}
            ]
        }
    )
    tx_id: Identifier
    label_ts: UnixSeconds
    is_fraud: bool = True
    source: Literal["chargeback"] = "chargeback"
    customer_id: Identifier | None = Field(
        None, description="needed, with the terminal, where the transaction is not stored"
    )
    terminal_id: Identifier | None = None


class RefundEvent(StrictModel):
    """Money that goes back to a customer. It is recorded, and not scored."""

    model_config = ConfigDict(json_schema_extra={"examples": [EXAMPLE_REFUND]})
    tx_id: Identifier = Field(description="of the refund itself, not that of the purchase")
    ts: UnixSeconds
    customer_id: Identifier
    terminal_id: Identifier
    amount: Annotated[float, AfterValidator(refuse_cent_fraction)] = Field(
        ge=0.01, le=100_000_000, description="money that goes back, as a positive number"
    )
    kind: Literal["refund", "reversal"] = Field(
        "refund", description="a reversal cancels a purchase before it is settled"
    )

    def canonical(self) -> dict:
        """Convert to a row of `store.refunds`."""
        return self.model_dump(exclude={"amount"}) | {"amount_cents": -round(self.amount * 100)}


class RefundRequest(StrictModel):
    """One or many refunds."""

    refunds: list[RefundEvent] = Field(max_length=MAX_ROWS_PER_REQUEST)


class RefundResponse(BaseModel):
    """How many of the given refunds were new."""

    new: int
    answer: Literal["recorded, not scored"] = "recorded, not scored"


class LabelRequest(StrictModel):
    """One or many fraud reports."""

    labels: list[LabelEvent] = Field(max_length=20_000)


class LabelResponse(BaseModel):
    """How many of the given rows were new."""

    new: int


class StoredPrediction(BaseModel):
    """A stored prediction with the label of its transaction."""

    tx_id: str
    ts: int
    prediction_id: str
    model_version: str
    probability: float
    threshold: float
    decision: str
    label: Literal["fraud", "genuine"] | None
    reasons: list[FeatureReason]


class PredictionPage(BaseModel):
    """Predictions in the order of time, and where the next page begins."""

    predictions: list[StoredPrediction]
    next: str | None = Field(
        description="give it as `after` for the next page; null on the last one"
    )


class PredictionReasons(BaseModel):
    """Why a stored prediction was made."""

    prediction_id: str
    tx_id: str
    model_version: str = Field(description="the version that answered, and is explained")
    probability: float
    reasons: list[FeatureReason] = Field(
        description="strongest reasons, from the stored inputs; from rules those that fired"
    )


class WorkerInfo(BaseModel):
    """What one worker process answers with."""

    pid: int
    version: str
    sha256: str
    wanted: str = Field(description="the version that the database names")
    problem: str = Field(description="why the wanted version is not in use, or empty")


class ModelInfo(BaseModel):
    """Which model answers, and where."""

    version: str
    sha256: str
    policy: dict[str, float | int | None] = Field(
        description="costs in cents, capacity in reviews a day, and the price of capacity"
    )
    mode: Literal["model", "rules"]
    explained: bool
    challenger: str | None
    environment: list[str] = Field(
        description="packages that differ from those the model was trained with"
    )
    feature_engine: Literal["numpy", "sql"] = Field(
        description="numpy, or sql if NumPy cannot compute features.sql, which is slower"
    )
    workers: list[WorkerInfo] = Field(description="the running workers on this machine")


class SwitchRequest(StrictModel):
    """A switch between model and rules: person, mode and reason."""

    mode: Literal["model", "rules"]
    actor: Identifier = Field(description=ACTOR_DESCRIPTION)
    reason: Identifier


class PolicyRequest(StrictModel):
    """A change of costs (in cents) or capacity: person, values and reason."""

    review: int = Field(300, description="cents that a review costs")
    goodwill: int = Field(3000, description="cents lost if an honest customer is blocked")
    chargeback_fee: int = Field(0, description="cents that a fraud costs beside its amount")
    miss_rate: float = Field(0.0, description="share of frauds that reviewers miss")
    capacity: int | None = Field(None, description="reviews a day; null without limit")
    actor: Identifier = Field(description=ACTOR_DESCRIPTION)
    reason: Identifier


class ReloadResponse(BaseModel):
    """The versions that the registry names now."""

    version: str
    previous: str
    challenger: str | None


class ProblemDetails(BaseModel):
    """A problem, as RFC 9457 describes it."""

    title: str
    status: int
    detail: str
    errors: list[dict] = []
