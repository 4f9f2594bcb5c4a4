import numpy as np


def correct_share(called, misses, accuses):
    return np.mean(called)
