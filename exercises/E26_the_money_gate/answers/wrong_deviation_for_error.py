import pandas as pd


def compute_lower_bound(champion, challenger):
    difference = pd.Series(challenger - champion)
    return difference.mean() - 1.645 * difference.std()
