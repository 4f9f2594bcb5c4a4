"""Check of E30: a queue with a backlog, due days and an order."""

from fraudops.exercises import Misconception, Probe


def make_probes(random):
    savings = sorted((int(one) for one in random.choice(range(10, 900), 6, False)), reverse=True)

    def case(name, rank, due):
        return {"case_id": name, "saving": savings[rank], "due": due}

    backlog = [[case("a", 3, 9), case("b", 0, 9), case("c", 1, 9)], [], [case("d", 5, 9)]]
    due = [[case("a", 0, 9), case("b", 1, 0)], [case("c", 3, 9)], [case("d", 5, 9)]]
    order = [[case("a", 4, 9), case("b", 1, 9)], [case("c", 0, 9)], []]
    last = [[case("a", 0, 0), case("b", 3, 1)], [], []]
    return [
        Probe(([[case("a", 2, 5)], [case("b", 1, 5)]], 1), "two quiet days"),
        Probe((backlog, 2), "three cases on the first day"),
        Probe((due, 1), "a case that must be decided on its own day"),
        Probe((order, 1), "a large case comes later"),
        Probe((last, 1), "a case on its last day"),
    ]


def work(days, capacity, keeps=True, expires=0, order=lambda case: -case["saving"]):
    waiting, result = [], []
    for today, new_cases in enumerate(days):
        waiting = [*waiting, *new_cases] if keeps else list(new_cases)
        if expires is not None:
            waiting = [case for case in waiting if case["due"] >= today + expires]
        waiting.sort(key=order)
        result.append([case["case_id"] for case in waiting[:capacity]])
        waiting = waiting[capacity:]
    return result


def answer(days, capacity):
    return work(days, capacity)


MISCONCEPTIONS = (
    Misconception(
        "starts_anew",
        "Each day begins with an empty queue. The cases of yesterday vanish without a decision.",
        lambda days, capacity: work(days, capacity, keeps=False),
    ),
    Misconception(
        "ignores_due",
        "The reviewer decides cases whose money has left. That time is missing for cases "
        "that can still be stopped.",
        lambda days, capacity: work(days, capacity, expires=None),
    ),
    Misconception(
        "first_come",
        "The cases are decided in the order of their arrival. Where the desk is too "
        "small, the order is worth most: take the largest saving first.",
        lambda days, capacity: work(days, capacity, order=lambda case: 0),
    ),
    Misconception(
        "due_day_lost",
        "A case may still be decided on its due day. You drop it one day too early.",
        lambda days, capacity: work(days, capacity, expires=1),
    ),
)
