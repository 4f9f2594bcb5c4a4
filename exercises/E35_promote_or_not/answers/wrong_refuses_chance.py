def judge_challenger(money, groups):
    vetoes = sorted(name for name, (gain, _, _) in groups.items() if gain < 0)
    if vetoes or money[2] < 0:
        return "refuse", vetoes
    return ("promote" if money[1] > 0 else "wait"), []
