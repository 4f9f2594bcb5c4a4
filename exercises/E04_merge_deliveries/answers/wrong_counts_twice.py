import pandas as pd


def merge_deliveries(stored, delivered):
    return pd.concat((stored, delivered), ignore_index=True).sort_values("tx_id")
