import pandas as pd


def merge_deliveries(stored, delivered):
    kept = stored[~stored["tx_id"].isin(delivered["tx_id"])]
    return pd.concat([kept, delivered], ignore_index=True)
