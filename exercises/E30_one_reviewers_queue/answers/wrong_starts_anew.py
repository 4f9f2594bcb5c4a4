def work_through(days, capacity):
    result = []
    for today, cases in enumerate(days):
        waiting = [case for case in cases if today <= case["due"]]
        waiting.sort(key=lambda case: -case["saving"])
        result.append([case["case_id"] for case in waiting][:capacity])
    return result
