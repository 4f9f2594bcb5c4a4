import heapq


def work_through(days, capacity):
    heap, result = [], []
    for today, new_cases in enumerate(days):
        for case in new_cases:
            heapq.heappush(heap, (-case["saving"], case["case_id"], case["due"]))
        decided = []
        while heap and len(decided) < capacity:
            _, name, due = heapq.heappop(heap)
            if due >= today:
                decided.append(name)
        result.append(decided)
    return result
