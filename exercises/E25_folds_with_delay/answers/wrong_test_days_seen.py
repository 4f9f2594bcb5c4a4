def make_folds(end, folds, train_days, delay, test_days):
    ends = [end - k * test_days for k in reversed(range(folds))]
    return [(last - train_days, last, last - test_days, last) for last in ends]
