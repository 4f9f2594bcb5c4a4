def mark_detector(alarm_days, onset):
    if onset is None:
        return len(alarm_days), None
    after = [day for day in alarm_days if day >= onset]
    return len(alarm_days) - len(after), after[0] - onset if after else None
