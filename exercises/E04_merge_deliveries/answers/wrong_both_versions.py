def merge_deliveries(stored, delivered):
    return stored.merge(delivered, how="outer")
