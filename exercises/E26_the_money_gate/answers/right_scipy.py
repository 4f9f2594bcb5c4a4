from scipy import stats


def compute_lower_bound(champion, challenger):
    difference = challenger - champion
    return difference.mean() - 1.645 * stats.sem(difference)
