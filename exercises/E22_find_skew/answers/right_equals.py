def find_skewed_columns(offline, online):
    left = offline.set_index("tx_id").astype(float)
    right = online.set_index("tx_id").astype(float).loc[left.index]
    return sorted(name for name in left if not left[name].equals(right[name]))
