def merge_deliveries(stored, delivered):
    left, right = stored.set_index("tx_id"), delivered.set_index("tx_id")
    return left.combine_first(right).reset_index()
