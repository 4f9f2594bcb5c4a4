def make_labels(tx, moment):
    labels = {}
    for row in tx.itertuples():
        if moment - row.ts >= 7 * 86_400:
            labels[row.tx_id] = 1 if row.label_ts < moment else 0
    return labels
