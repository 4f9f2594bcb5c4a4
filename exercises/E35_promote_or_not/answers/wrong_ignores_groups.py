def judge_challenger(money, groups):
    _, low, high = money
    if high < 0:
        return "refuse", []
    return ("promote" if low > 0 else "wait"), []
