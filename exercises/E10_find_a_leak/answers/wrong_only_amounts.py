import numpy as np


def has_leak(compute, tx, moment):
    changed = tx.copy()
    changed.loc[changed["ts"] > moment, "amount"] = 10_000.0
    early = (tx["ts"] <= moment).to_numpy()
    return not np.allclose(np.asarray(compute(tx))[early], np.asarray(compute(changed))[early])
