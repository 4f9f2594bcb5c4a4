def mark_detector(alarm_days, onset):
    days = set(alarm_days)
    ends = [day for day in alarm_days if day + 1 not in days]
    if onset is None:
        return len(ends), None
    false_alarms = len([day for day in ends if day < onset])
    return false_alarms, min(alarm_days) - onset if alarm_days else None
