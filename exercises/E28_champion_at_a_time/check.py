"""Check of E28: the champion at a time in the past."""

from fraudops.exercises import Misconception, Probe


def make_probes(random):
    first, second, third = sorted(int(one) for one in random.choice(range(50, 950), 3, False))
    events = [(first, "1"), (second, "2"), (third, "3"), (1_000, "2")]
    return [
        Probe((events, 2_000), "today, after a rollback"),
        Probe((events, first + 1 if first + 1 < second else first), "a payment of last year"),
        Probe((events, 999), "a payment before the rollback"),
        Probe((events, third), "in the second of the third promotion"),
        Probe((events, first - 10), "before the first promotion"),
    ]


def answer(events, moment):
    versions = [version for ts, version in events if ts <= moment]
    return versions[-1] if versions else None


def name_the_next(events, moment):
    versions = [version for ts, version in events if ts > moment]
    return versions[0] if versions else events[-1][1]


def leave_out_the_second(events, moment):
    return answer(events, moment - 1)


def take_the_first(events, moment):
    return answer(events, moment) or events[0][1]


MISCONCEPTIONS = (
    Misconception(
        "todays_alias",
        "This is the champion of today. The payment was decided by the version that was "
        "champion then.",
        lambda events, moment: events[-1][1],
    ),
    Misconception(
        "successor",
        "You name the version that was promoted next. It did not exist when the payment "
        "was decided.",
        name_the_next,
    ),
    Misconception(
        "same_second",
        "A payment in the second of a promotion belongs to the new version: an event "
        "counts from its own time on.",
        leave_out_the_second,
    ),
    Misconception(
        "before_the_first",
        "Before the first promotion no model decided. To name one would put a decision "
        "into the record that no model made.",
        take_the_first,
    ),
)
