import pandas as pd


def find_champion(events, moment):
    table = pd.DataFrame(events, columns=["ts", "version"])
    known = table.loc[table["ts"] <= moment, "version"]
    return None if known.empty else known.iloc[-1]
