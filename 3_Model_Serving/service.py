"""The scoring service: raw transactions in, decisions out. All logic is in fraudops.scoring; this file is the HTTP face."""

from typing import Annotated, Self

import bentoml
import pandas as pd
from pydantic import BaseModel, ConfigDict, Field, model_validator

from fraudops import packaging, store
from fraudops.scoring import Scorer
from fraudops.workspace import Workspace

Identifier = Field(min_length=1, max_length=200)
Time = Field(ge=0, lt=2**40, description="seconds since 1970, UTC")


class Transaction(BaseModel):
    """A raw transaction, as the payment system sends it."""

    model_config = ConfigDict(extra="forbid")
    tx_id: str = Identifier
    ts: int = Time
    customer_id: str = Identifier
    terminal_id: str = Identifier
    amount: float = Field(ge=0, le=1_000_000, allow_inf_nan=False, description="money, at most two decimals count")
    category: str = Field("unknown", min_length=1, max_length=200)
    channel: str = Field("unknown", min_length=1, max_length=200)
    lat: float | None = Field(None, ge=-90, le=90, allow_inf_nan=False, description="degrees; empty when online or unknown")
    lon: float | None = Field(None, ge=-180, le=180, allow_inf_nan=False, description="degrees; goes with lat")

    @model_validator(mode="after")
    def place_is_whole(self) -> Self:
        """Both coordinates, or none."""
        if (self.lat is None) != (self.lon is None):
            raise ValueError("lat and lon go together: give both or neither")
        return self


class Answer(BaseModel):
    """The decision on one transaction."""

    tx_id: str
    prediction_id: str
    probability: float
    threshold: float
    decision: str = Field(description="approve or review")
    model_version: str


class Label(BaseModel):
    """A chargeback that has arrived."""

    model_config = ConfigDict(extra="forbid")
    tx_id: str = Identifier
    customer_id: str = Identifier
    terminal_id: str = Identifier
    label_ts: int = Time


class Stored(BaseModel):
    """How many of the given rows were new."""

    new: int


class ModelCard(BaseModel):
    """Which model answers."""

    version: str
    sha256: str
    threshold: float


@bentoml.service(name=packaging.SERVICE, workers=1, traffic={"timeout": 60})
class FraudScoring:
    """Scores transactions with features from stored history; a prediction is in the database before its answer leaves."""

    model = bentoml.models.BentoModel(f"{packaging.MODEL}:latest")  # pinned to one version when the Bento is built

    def __init__(self) -> None:
        self.engine = store.connect(Workspace.find())
        self.sha256, version, threshold = packaging.identity(self.model)
        self.scorer = Scorer(self.engine, packaging.model_file(self.model), self.sha256, version, threshold)

    @bentoml.api(route="/score")
    def score(self, transactions: Annotated[list[Transaction], Field(min_length=1, max_length=5000)]) -> list[Answer]:
        """Score raw transactions. A tx_id that was scored before gets its first answer again."""
        rows = pd.DataFrame([transaction.model_dump() for transaction in transactions])
        rows["amount_cents"] = (rows.pop("amount") * 100).round().astype("int64")
        for name in ("lat", "lon"):
            rows[f"{name}_cdeg"] = (rows.pop(name).astype("Float64") * 100).round().astype("Int64")
        answers = self.scorer.score(rows.drop_duplicates("tx_id")).set_index("tx_id", drop=False)
        return [Answer(**row) for row in answers.loc[rows["tx_id"], list(Answer.model_fields)].to_dict("records")]

    @bentoml.api(route="/labels")
    def labels(self, labels: Annotated[list[Label], Field(max_length=100_000)]) -> Stored:
        """Take chargebacks in; a report that is already known changes nothing."""
        known = pd.DataFrame([label.model_dump() for label in labels], columns=list(Label.model_fields))
        with store.writing(self.engine) as connection:
            return Stored(new=store.insert_new(connection, store.labels, store.label_rows(known)))

    @bentoml.api(route="/model")
    def describe(self) -> ModelCard:
        """Version, file hash and threshold of the model that answers."""
        return ModelCard(version=self.scorer.version, sha256=self.sha256, threshold=self.scorer.threshold)
