import numpy as np


def correct_share(called, misses, accuses):
    return float(np.clip(np.mean(called) - accuses, 0, 1))
