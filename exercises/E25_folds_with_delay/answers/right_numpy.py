import numpy as np


def make_folds(end, folds, train_days, delay, test_days):
    test_start = end - test_days * np.arange(folds, 0, -1)
    train_end = test_start - delay
    columns = [train_end - train_days, train_end, test_start, test_start + test_days]
    return np.column_stack(columns).tolist()
