def judge_challenger(money, groups):
    vetoes = sorted(name for name, (_, _, high) in groups.items() if high < 0)
    if vetoes or money[2] < 0:
        return "refuse", vetoes
    return ("promote" if money[0] > 0 else "wait"), []
