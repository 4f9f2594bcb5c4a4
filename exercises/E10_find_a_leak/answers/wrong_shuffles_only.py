import numpy as np


def has_leak(compute, tx, moment):
    backwards = tx.iloc[::-1]
    return not np.allclose(compute(tx), np.asarray(compute(backwards))[::-1])
