def make_folds(end, folds, train_days, delay, test_days):
    result = []
    while len(result) < folds:
        start = end - test_days
        result.insert(0, (start - delay - train_days, start - delay, start, end))
        end = start
    return result
