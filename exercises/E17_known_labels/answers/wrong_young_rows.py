def make_labels(tx, moment):
    past = tx[tx["ts"] < moment].set_index("tx_id")
    return (past["label_ts"] < moment).astype(int).to_dict()
