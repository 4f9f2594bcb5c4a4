def mark_detector(alarm_days, onset):
    days = set(alarm_days)
    ends = [day for day in alarm_days if day + 1 not in days]
    if onset is None:
        return len(ends), None
    delays = [day - onset for day in alarm_days if day >= onset]
    return len([day for day in ends if day < onset]), min(delays, default=None)
