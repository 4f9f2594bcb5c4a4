def correct_share(called, misses, accuses):
    found_of_frauds = 1 - misses
    share = (called.count(True) / len(called) - accuses) / (found_of_frauds - accuses)
    if share < 0:
        return 0
    return share if share < 1 else 1
