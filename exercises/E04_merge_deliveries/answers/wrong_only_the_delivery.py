def merge_deliveries(stored, delivered):
    return delivered.drop_duplicates("tx_id", keep="last")
