def mark_detector(alarm_days, onset):
    days = set(alarm_days)
    starts = [day for day in alarm_days if day - 1 not in days]
    if onset is None:
        return len(starts), None
    after = [day for day in alarm_days if day >= onset]
    return len([d for d in starts if d < onset]), after[0] - onset if after else None
