def compute_share_arrived(tx, now, days, complete_days):
    delay = (tx["label_ts"] - tx["ts"]).dropna()
    return float((delay <= days * 86_400).mean())
