def find_skewed_columns(offline, online):
    left = offline.drop(columns="tx_id").mean()
    right = online.drop(columns="tx_id").mean()
    return sorted(left.index[(left - right).abs() > 1e-6])
