import pandas as pd


def find_drifted(p_values, budget):
    p = pd.Series(p_values).sort_index()
    return p[p < budget].index.tolist()
