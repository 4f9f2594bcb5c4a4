import pandas as pd


def merge_deliveries(stored, delivered):
    rows = {}
    for table in (stored, delivered):
        for row in table.to_dict("records"):
            rows[row["tx_id"]] = row
    return pd.DataFrame(list(rows.values()))
