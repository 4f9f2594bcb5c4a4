def make_folds(end, folds, train_days, delay, test_days):
    result = []
    for k in reversed(range(folds)):
        start = end - k - test_days
        result.append((start - delay - train_days, start - delay, start, end - k))
    return result
