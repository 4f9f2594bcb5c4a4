def compute_share_arrived(tx, now, days, complete_days):
    age = (now - tx["ts"]) / 86_400
    delay = (tx["label_ts"] - tx["ts"]) / 86_400
    delay = delay[(age >= complete_days) & delay.notna()]
    return (delay <= days).sum() / len(delay)
