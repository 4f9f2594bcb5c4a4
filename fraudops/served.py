"""A registered model, checked and made ready to answer."""

import logging
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from fraudops.explain import Explainer
from fraudops.features import CATEGORICAL, NUMERIC
from fraudops.model_file import load_model
from fraudops.models import Compact, probability
from fraudops.workspace import UserError

log = logging.getLogger("fraudops.served")

SERVICE = "fraud_scoring"  # names in BentoML's stores
MODEL = "card_fraud"
PROBES = 50  # rows on which the compact form of a model has to agree with the model


@dataclass(frozen=True)
class Served:
    """A model that is ready to answer."""

    version: str
    sha256: str
    threshold: float
    model: Compact
    explainer: Explainer

    @classmethod
    def load(cls, file: Path, sha256: str, version: str, threshold: float) -> "Served":
        """Load a model file after its hash was compared (see `registry.load_model`).

        Raises
        ------
        UserError
            If the file is not the registered one, or does not give the same numbers in its compact form.
        """
        pipeline = load_model(file, sha256)
        model = Compact(pipeline)
        _agree(pipeline, model, file)
        explainer = Explainer(model.model)
        if not explainer.available:
            log.warning("Model %s is of a kind that SHAP cannot explain: its answers come without reasons.", version)
        return cls(version, sha256, threshold, model, explainer)


def _agree(pipeline: object, model: Compact, file: Path) -> None:
    rng = np.random.default_rng(0)
    numbers = np.where(rng.random((PROBES, len(NUMERIC))) < 0.1, np.nan, rng.lognormal(1, 2, (PROBES, len(NUMERIC))))
    texts = [rng.choice([*known, "never seen"], PROBES).tolist() for known in model.codes]
    rows = pd.DataFrame(numbers, columns=list(NUMERIC)).assign(**dict(zip(CATEGORICAL, texts, strict=True)))
    if not np.array_equal(probability(pipeline, rows), model.probability(model.encode(numbers, *texts))):
        raise UserError(f"{file} does not score alike in its compact form: its steps are not those of fraudops.models.")


def model_file(folder: Path) -> Path:
    """The skops file inside the folder of a BentoML model."""
    return next(folder.rglob("model.skops"))
