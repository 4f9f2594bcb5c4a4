def find_skewed_columns(offline, online):
    left = offline.set_index("tx_id").sort_index()
    right = online.set_index("tx_id").sort_index()
    return sorted(name for name in left.columns if (left[name] != right[name]).any())
