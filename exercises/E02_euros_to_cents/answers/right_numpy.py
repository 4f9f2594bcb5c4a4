import numpy as np


def to_cents(amounts):
    return np.rint(np.asarray(amounts) * 100).astype(int).tolist()
