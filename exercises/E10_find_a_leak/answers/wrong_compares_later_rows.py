import numpy as np


def has_leak(compute, tx, moment):
    changed = tx.copy()
    changed.loc[changed["ts"] > moment, "amount"] += 1000
    return not np.allclose(compute(tx), compute(changed))
