def make_folds(end, folds, train_days, delay, test_days):
    starts = [end - k * test_days for k in range(folds, 0, -1)]
    return [(start - train_days, start, start, start + test_days) for start in starts]
