from scipy import stats


def compute_lower_bound(champion, challenger):
    errors = stats.sem(champion) ** 2 + stats.sem(challenger) ** 2
    return challenger.mean() - champion.mean() - 1.645 * errors**0.5
