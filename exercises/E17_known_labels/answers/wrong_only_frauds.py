def make_labels(tx, moment):
    known = tx[(tx["label_ts"] < moment) & (tx["ts"] <= moment - 7 * 86_400)]
    return {name: 1 for name in known["tx_id"]}
