def work_through(days, capacity):
    waiting, result = [], []
    for cases in days:
        waiting += cases
        waiting.sort(key=lambda case: case["saving"])
        decided = [waiting.pop() for _ in range(min(capacity, len(waiting)))]
        result.append([case["case_id"] for case in decided])
    return result
