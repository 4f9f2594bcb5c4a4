"""Check of E05: an order in which each notebook finds what it needs."""

from graphlib import TopologicalSorter

from fraudops.exercises import Misconception, Probe


def observe(function, needs):
    try:
        order = list(function(needs))
    except RecursionError:  # it calls itself until Python stops it
        raise TimeoutError("it calls itself without an end") from None
    except ValueError:
        return "a ValueError"
    too_early = [
        name
        for place, name in enumerate(order)
        if not set(needs.get(name, [])) <= set(order[:place])
    ]
    return {"each notebook once": sorted(order) == sorted(needs), "run too early": too_early}


def make_probes(random):
    first, second, third, fourth = random.permutation(list("cdef"))
    chain = {
        f"z_{first}": [],
        f"y_{second}": [f"z_{first}"],
        f"x_{third}": [f"y_{second}", f"z_{first}"],
        f"w_{fourth}": [f"x_{third}"],
    }
    backwards = dict(reversed(chain.items()))
    circle = {"a": ["c"], "b": ["a"], "c": ["b"], f"d_{first}": []}
    return [
        Probe((chain,), "the needs are listed first", observe),
        Probe((backwards,), "the needs are listed last", observe),
        Probe((circle,), "three notebooks need each other", observe),
    ]


def answer(needs):
    return list(TopologicalSorter(needs).static_order())


def sort_by_name(needs):
    return sorted(needs, key=str)


def keep_the_order(needs):
    return list(needs)


def wait_for_ever(needs):
    try:
        return answer(needs)
    except ValueError:
        raise TimeoutError from None


def leave_out_the_circle(needs):
    order = []
    for _ in needs:
        order += [n for n in needs if n not in order and set(needs[n]) <= set(order)]
    return order


MISCONCEPTIONS = (
    Misconception(
        "by_name",
        "The order of the names says nothing about the needs. A notebook runs before one "
        "that it needs.",
        sort_by_name,
    ),
    Misconception(
        "as_listed",
        "The order in which the notebooks are listed says nothing about the needs.",
        keep_the_order,
    ),
    Misconception(
        "no_circle_check",
        "In a circle no notebook can ever run. Your function waits for one for ever. "
        "Raise a ValueError when none is ready.",
        wait_for_ever,
    ),
    Misconception(
        "circle_left_out",
        "Notebooks in a circle are missing from your order, without a message. Raise a ValueError.",
        leave_out_the_circle,
    ),
)
