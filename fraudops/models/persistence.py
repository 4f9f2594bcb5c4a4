"""Load model files without pickle, and only registered ones."""

import hashlib
from pathlib import Path

import skops.io
from sklearn.base import BaseEstimator

from fraudops.errors import UserError

# Classes that a model file may hold beyond scikit-learn's public ones. Reviewed by hand; a file
# with others is refused.
TRUSTED_TYPES = [
    "fraudops.models.strategies.EmptyColumnFiller",
    "imblearn.ensemble._bagging.BalancedBaggingClassifier",
    "imblearn.ensemble._forest.BalancedRandomForestClassifier",
    "imblearn.over_sampling._smote.base.SMOTE",
    "imblearn.pipeline.Pipeline",
    "imblearn.under_sampling._prototype_selection._random_under_sampler.RandomUnderSampler",
    "numpy.dtype",
    "sklearn.calibration._CalibratedClassifier",
    "sklearn.calibration._SigmoidCalibration",
    "sklearn.compose._column_transformer.make_column_selector",
    "sklearn.ensemble._hist_gradient_boosting.predictor.TreePredictor",
    "sklearn.tree._tree.Tree",
]


def load_model_file(file: Path, sha256: str) -> BaseEstimator:
    """Load a model file without pickle, if its hash is the registered one.

    Parameters
    ----------
    file : Path
        A skops file.
    sha256 : str
        As the registry keeps it.

    Returns
    -------
    BaseEstimator

    Raises
    ------
    UserError
        If the file is not the registered one.
    """
    actual = hashlib.sha256(file.read_bytes()).hexdigest()
    if actual != sha256:
        raise UserError(
            f"{file} is not the model that was registered: SHA-256 {actual[:12]}…, "
            f"registered {sha256[:12]}…."
        )
    return skops.io.load(file, trusted=TRUSTED_TYPES)
