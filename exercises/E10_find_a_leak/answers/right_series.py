import numpy as np
import pandas as pd


def has_leak(compute, tx, moment):
    known = tx[tx["ts"] <= moment]
    with_future = pd.Series(compute(tx), index=tx.index).loc[known.index]
    return bool((np.abs(with_future - np.asarray(compute(known))) > 1e-9).any())
