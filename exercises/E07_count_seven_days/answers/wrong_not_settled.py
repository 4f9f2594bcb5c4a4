def count_seven_days(ts, moment):
    return len(ts[(ts >= moment - 7 * 86_400) & (ts < moment)])
