def compute_share_arrived(tx, now, days, complete_days):
    old = tx[tx["ts"] < now - complete_days * 86_400].dropna()
    return float((old["label_ts"] - old["ts"] <= days * 86_400).mean())
