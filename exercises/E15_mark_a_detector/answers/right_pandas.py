import pandas as pd


def mark_detector(alarm_days, onset):
    days = pd.Series(alarm_days, dtype="int64")
    last_days = days.groupby((days.diff() != 1).cumsum()).max()
    if onset is None:
        return len(last_days), None
    after = days[days >= onset]
    return int((last_days < onset).sum()), int(after.iloc[0]) - onset if len(after) else None
