# ---
# title: Folds that keep to the calendar
# level: 2
# minutes: 20
# notebook: 4_1_experiments
# section: Validation that follows the calendar
# function: make_folds
# ---
# %% [markdown]
# A fold trains on some days and tests on later ones. Labels arrive late. On the first day of
# the test the labels of the last `delay` days had not arrived, so these days are left out
# between training and test.
#
# Repair `make_folds(end, folds, train_days, delay, test_days)`. Days are numbers. Return a
# list of `folds` tuples `(train_start, train_end, test_start, test_end)`, the earliest first;
# an end is the first day that does not belong any more. The tests follow each other without a
# gap, and the last test ends at `end`. Each training has `train_days` days and ends `delay`
# days before its test starts.
# %% tags=["starter"]
def make_folds(end: int, folds: int, train_days: int, delay: int, test_days: int) -> list[tuple]:
    result = []
    for fold in range(folds):
        test_end = end - (folds - 1 - fold) * test_days
        test_start = test_end - test_days
        train_end = test_end
        result.append((train_end - train_days, train_end, test_start, test_end))
    return result


# %% tags=["solution"]
def make_folds(end: int, folds: int, train_days: int, delay: int, test_days: int) -> list[tuple]:
    result = []
    for fold in range(folds):
        test_end = end - (folds - 1 - fold) * test_days
        test_start = test_end - test_days
        train_end = test_start - delay
        result.append((train_end - train_days, train_end, test_start, test_end))
    return result


# %% [markdown] tags=["hint"]
# May a day be in the training and in the test of one fold?
# %% [markdown] tags=["hint"]
# Draw one fold on a line of days: training, gap, test. Which end is tied to which start?
# %% [markdown] tags=["hint"]
# `train_end = test_start - delay`, and `train_start = train_end - train_days`.
