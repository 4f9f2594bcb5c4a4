def judge_challenger(money, groups):
    gains = [money[0], *(gain for gain, _, _ in groups.values())]
    return ("promote", []) if sum(gains) / len(gains) > 0 else ("refuse", [])
