"""What one would write without this course: FastAPI and a model from joblib, given ready-made
features.
"""

import os

import joblib
import pandas as pd
from fastapi import FastAPI
from pydantic import BaseModel

from fraudops.features import FEATURES

app = FastAPI()
model = joblib.load(os.environ["RIVAL_MODEL"])


class Rows(BaseModel):
    """Feature rows in the order of `FEATURES`."""

    rows: list[list[float | str | None]]


@app.post("/predict")
def predict(body: Rows) -> list[float]:
    """Probabilities of fraud."""
    frame = pd.DataFrame(body.rows, columns=list(FEATURES))
    return model.predict_proba(frame)[:, 1].tolist()
