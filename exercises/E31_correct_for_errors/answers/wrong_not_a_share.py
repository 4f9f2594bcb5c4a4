def correct_share(called, misses, accuses):
    return (sum(called) / len(called) - accuses) / (1 - misses - accuses)
