def compute_share_arrived(tx, now, days, complete_days):
    old = tx[now - tx["ts"] >= complete_days * 86_400]
    return (old["label_ts"] - old["ts"] <= days * 86_400).sum() / len(old)
