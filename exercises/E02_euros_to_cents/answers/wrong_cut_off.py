import numpy as np


def to_cents(amounts):
    return (np.asarray(amounts) * 100).astype("int64").tolist()
