"""A registered model, checked and made ready to answer."""

import logging
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from fraudops.errors import UserError
from fraudops.features import CATEGORICAL_FEATURES, NUMERIC_FEATURES, list_model_inputs
from fraudops.models import (
    CompactPipeline,
    DecisionPolicy,
    ShapExplainer,
    build_input_frame,
    list_shap_reasons,
    load_model_file,
    predict_probability,
    split_model_inputs,
)

_logger = logging.getLogger("fraudops.served")

BENTO_SERVICE_NAME = "fraud_scoring"  # names in BentoML's stores
BENTO_MODEL_NAME = "card_fraud"
PROBE_ROWS = 50  # rows on which the compact form of a model has to agree with the model


@dataclass(frozen=True)
class LoadedModel:
    """A model that is ready to answer."""

    version: str
    sha256: str
    policy: DecisionPolicy
    model: CompactPipeline
    explainer: ShapExplainer

    @classmethod
    def load(cls, file: Path, sha256: str, version: str, policy: DecisionPolicy) -> "LoadedModel":
        """Load a model file and check that its compact form gives the same numbers.

        Raises
        ------
        UserError
            If the file is not the registered one, or was trained with other features, or the
            numbers differ.
        """
        pipeline = load_model_file(file, sha256)
        model = CompactPipeline(pipeline)
        if {*pipeline.feature_names_in_} != {*list_model_inputs(model.given_features)}:
            raise UserError(
                f"{file} was trained with other features than this version of the course has. "
                "Train a new model: `fraudops run --until 3_1_champion`."
            )
        _check_compact_agrees(pipeline, model, file)
        explainer = ShapExplainer(model.model)
        if not explainer.available:
            _logger.warning(
                "Model %s is of a kind that SHAP cannot explain: its answers come without reasons.",
                version,
            )
        return cls(version, sha256, policy, model, explainer)

    @classmethod
    def load_deployed(cls, record: dict) -> "LoadedModel":
        """Load a model as the database or the registry describes it.

        Parameters
        ----------
        record : dict
            See `RegisteredVersion.to_deployment_record`.

        Raises
        ------
        UserError
            See `load`; also if it has no decision policy.
        """
        if "policy" not in record:
            raise UserError(
                f"Model {record['version']} was deployed without a decision policy; its "
                "probabilities are not calibrated. Train a new one: "
                "`fraudops run --until 3_1_champion`."
            )
        policy = DecisionPolicy.from_record(record["policy"])
        return cls.load(Path(record["file"]), record["sha256"], record["version"], policy)

    def score_inputs(self, inputs: list[list]) -> np.ndarray:
        """Compute the probabilities of stored inputs.

        Parameters
        ----------
        inputs : list of list
            See `build_input_frame`.

        Returns
        -------
        ndarray of shape (n,)
        """
        return self.explain_inputs(inputs, with_reasons=False)[0]

    def explain_inputs(
        self, inputs: list[list], with_reasons: bool = True
    ) -> tuple[np.ndarray, list[list[dict]]]:
        """Compute the probabilities of stored inputs, and their SHAP reasons.

        Parameters
        ----------
        inputs : list of list
            See `build_input_frame`.
        with_reasons : bool, optional

        Returns
        -------
        p : ndarray of shape (n,)
        reasons : list of list of dict
            See `list_shap_reasons`; empty lists without reasons, or if SHAP cannot explain.
        """
        numbers, texts, given = split_model_inputs(build_input_frame(inputs))
        encoded = self.model.encode(numbers, *texts, given=given)
        p = self.model.probability(encoded)
        if not with_reasons or not self.explainer.available:
            return p, [[] for _ in inputs]
        contributions = self.explainer.contributions(encoded)
        return p, list_shap_reasons(contributions, numbers, *texts, given=given)


def _check_compact_agrees(pipeline: object, model: CompactPipeline, file: Path) -> None:
    rng = np.random.default_rng(0)
    numbers = np.where(
        rng.random((PROBE_ROWS, len(NUMERIC_FEATURES))) < 0.1,
        np.nan,
        rng.lognormal(1, 2, (PROBE_ROWS, len(NUMERIC_FEATURES))),
    )
    texts = [rng.choice([*known, "never seen"], PROBE_ROWS).tolist() for known in model.codes]
    rows = pd.DataFrame(numbers, columns=list(NUMERIC_FEATURES)).assign(
        **dict(zip(CATEGORICAL_FEATURES, texts, strict=True))
    )
    given = {name: rng.normal(size=PROBE_ROWS) for name in model.given_features}
    rows = rows.assign(**given)
    encoded = model.encode(numbers, *texts, given=given)
    if not np.array_equal(predict_probability(pipeline, rows), model.probability(encoded)):
        raise UserError(
            f"{file} does not score alike in its compact form: its steps are not those of "
            "fraudops.models."
        )


def find_model_file(folder: Path) -> Path:
    """Find the skops file in the folder of a BentoML model.

    Parameters
    ----------
    folder : Path

    Returns
    -------
    Path
    """
    return next(folder.rglob("model.skops"))
