def mark_detector(alarm_days, onset):
    days = set(alarm_days)
    starts = [day for day in alarm_days if day - 1 not in days]
    after = [day for day in alarm_days if onset is not None and day >= onset]
    return len(starts), after[0] - onset if after else None
