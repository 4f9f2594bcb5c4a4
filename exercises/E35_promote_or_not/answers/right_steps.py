def judge_challenger(money, groups):
    harmed = []
    for name, (_gain, _low, high) in sorted(groups.items()):
        if high < 0:
            harmed.append(name)
    if harmed:
        return "refuse", harmed
    if money[2] < 0:
        return "refuse", []
    if money[1] > 0:
        return "promote", []
    return "wait", []
