import statistics


def compute_lower_bound(champion, challenger):
    gains = [float(b - a) for a, b in zip(champion, challenger, strict=True)]
    error = statistics.stdev(gains) / len(gains) ** 0.5
    return statistics.fmean(gains) - 1.645 * error
