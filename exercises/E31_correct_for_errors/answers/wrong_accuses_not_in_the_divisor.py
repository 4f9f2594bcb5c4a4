def correct_share(called, misses, accuses):
    share = (sum(called) / len(called) - accuses) / (1 - misses)
    return max(0.0, min(1.0, share))
