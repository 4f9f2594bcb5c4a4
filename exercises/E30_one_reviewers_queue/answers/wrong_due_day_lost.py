def work_through(days, capacity):
    waiting, result = [], []
    for today, cases in enumerate(days):
        waiting = [case for case in waiting + cases if case["due"] > today]
        waiting.sort(key=lambda case: -case["saving"])
        result.append([case["case_id"] for case in waiting[:capacity]])
        waiting = waiting[capacity:]
    return result
