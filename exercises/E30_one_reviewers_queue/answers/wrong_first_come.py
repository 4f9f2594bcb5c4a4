from collections import deque


def work_through(days, capacity):
    waiting, result = deque(), []
    for today, cases in enumerate(days):
        waiting.extend(cases)
        decided = []
        while waiting and len(decided) < capacity:
            case = waiting.popleft()
            if case["due"] >= today:
                decided.append(case["case_id"])
        result.append(decided)
    return result
