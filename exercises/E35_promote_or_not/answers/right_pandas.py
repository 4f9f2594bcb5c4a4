import pandas as pd


def judge_challenger(money, groups):
    table = pd.DataFrame(groups, index=["gain", "low", "high"]).T
    vetoes = sorted(table.index[table["high"] < 0])
    if vetoes:
        return "refuse", vetoes
    decisions = {True: "promote", False: "wait"}
    return ("refuse" if money[2] < 0 else decisions[money[1] > 0]), []
