import numpy as np


def has_leak(compute, tx, moment):
    past = (tx["ts"] <= moment).to_numpy()
    before = np.asarray(compute(tx))[past]
    absurd = tx.assign(amount=np.where(past, tx["amount"], 1e6))
    for other in (absurd, tx[past]):
        keep = (other["ts"] <= moment).to_numpy()
        if not np.allclose(before, np.asarray(compute(other))[keep]):
            return True
    return False
