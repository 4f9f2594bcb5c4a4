def count_seven_days(ts, moment):
    return int(((ts > moment - 7 * 86_400) & (ts < moment - 60)).sum())
