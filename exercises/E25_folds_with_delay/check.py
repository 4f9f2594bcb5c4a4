"""Check of E25: training, a gap for the labels, test."""

from fraudops.exercises import Misconception, Probe


def observe(function, *arguments):
    return [tuple(int(day) for day in fold) for fold in function(*arguments)]


def make_probes(random):
    end = int(random.integers(100, 200))
    return [
        Probe((end, 1, 28, 7, 7), "one fold", observe),
        Probe((end, 3, 21, 7, 5), "three folds", observe),
        Probe((end, 2, 14, 0, 7), "labels without a delay", observe),
    ]


def make(end, folds, train_days, delay, test_days, gap=None, step=None, cut=0):
    step = test_days if step is None else step
    gap = delay if gap is None else gap
    result = []
    for place in reversed(range(folds)):
        test_end = end - place * step
        train_end = test_end - test_days - gap
        result.append((train_end - train_days + cut, train_end, test_end - test_days, test_end))
    return result


def answer(end, folds, train_days, delay, test_days):
    return make(end, folds, train_days, delay, test_days)


MISCONCEPTIONS = (
    Misconception(
        "test_days_seen",
        "The training contains the days of its own test. The model has seen the answers.",
        lambda end, folds, train, delay, test: make(end, folds, train, delay, test, gap=-test),
    ),
    Misconception(
        "no_delay",
        "The training ends where the test starts. The labels of its last days had not "
        "arrived by then.",
        lambda end, folds, train, delay, test: make(end, folds, train, delay, test, gap=0),
    ),
    Misconception(
        "training_cut",
        "The gap was taken from the training days. Each training has fewer days than "
        "asked: move its start as well.",
        lambda end, folds, train, delay, test: make(end, folds, train, delay, test, cut=delay),
    ),
    Misconception(
        "tests_overlap",
        "The tests overlap, so some days count more than once. Move each fold by the "
        "length of a test.",
        lambda end, folds, train, delay, test: make(end, folds, train, delay, test, step=1),
    ),
)
