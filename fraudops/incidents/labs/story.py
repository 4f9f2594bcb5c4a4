"""What the prepared worlds share: their calendar, their people, and their draws."""

from datetime import date

import numpy as np

from fraudops.timeline import DAY, day_start

FIRST_MONDAY = date(2026, 1, 5)
STORY_START = day_start(FIRST_MONDAY)
COLLEAGUES = ("ann", "bea", "carl", "dora", "emil", "fay")


def draw_story(lab: str, seed: int) -> np.random.Generator:
    """Make the random numbers of one lab of one student.

    Parameters
    ----------
    lab : str
        Its id, so that two labs of a student do not share their draws.
    seed : int

    Returns
    -------
    numpy.random.Generator
    """
    return np.random.default_rng([seed, *lab.encode()])


def get_moment(day: int, hour: float = 0.0) -> int:
    """Get a moment of a story.

    Parameters
    ----------
    day : int
        Counted from `STORY_START`.
    hour : float, optional

    Returns
    -------
    int
        Seconds since 1970.
    """
    return STORY_START + day * DAY + round(hour * 3600)
