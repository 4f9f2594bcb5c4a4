import pandas as pd


def find_drifted(p_values, budget):
    p = pd.Series(p_values)
    return sorted(p.index[p < budget / p.size])
