def compute_lower_bound(champion, challenger):
    return (challenger.sum() - champion.sum()) / len(champion)
