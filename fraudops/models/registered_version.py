"""A registered version of the model: its numbers, and its file."""

from dataclasses import dataclass
from pathlib import Path

from sklearn.base import BaseEstimator

from fraudops.ledger import REGISTERED_MODEL_NAME
from fraudops.models.decision import DecisionPolicy
from fraudops.models.gates import Candidate
from fraudops.models.persistence import load_model_file


@dataclass(frozen=True)
class RegisteredVersion:
    """A registered version of the model.

    Attributes
    ----------
    version : str
    run_id : str
        The MLflow run that logged it.
    folder : Path
    sha256 : str
        Of the model file.
    policy : DecisionPolicy
        What decides with its probabilities.
    strategy : str
    name : str
        The registered model, as MLflow knows it.
    """

    version: str
    run_id: str
    folder: Path
    sha256: str
    policy: DecisionPolicy
    strategy: str
    name: str = REGISTERED_MODEL_NAME

    @property
    def file(self) -> Path:
        """The model file."""
        return self.folder / "model.skops"

    def load(self) -> BaseEstimator:
        """Load the fitted pipeline.

        Returns
        -------
        BaseEstimator

        Raises
        ------
        UserError
            If the file is not the registered one.
        """
        return load_model_file(self.file, self.sha256)

    def load_candidate(self) -> Candidate:
        """Load the version as the gates see it.

        Returns
        -------
        Candidate
        """
        return Candidate(self.load(), self.file.stat().st_size / 1e6)

    def to_deployment_record(self) -> dict:
        """Describe the version as the database keeps it for the service.

        Returns
        -------
        dict
            Keys version, sha256, policy (see `DecisionPolicy.to_record`) and file.
        """
        return {
            "version": self.version,
            "sha256": self.sha256,
            "policy": self.policy.to_record(),
            "file": str(self.file),
        }
